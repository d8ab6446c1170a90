package provider

import (
	"testing"
	"time"

	"eidgate/eid"
)

// A grant stays on its session's list until its last token has ended, of either
// form: a logout finds it there.
func TestLongestToken(t *testing.T) {
	l := Lifetimes{
		Code: time.Minute, AccessToken: 2 * time.Minute, JWTAccess: 5 * time.Minute,
		RefreshAbsolute: 24 * time.Hour, RefreshLevel2: time.Hour,
	}
	opaque := l
	opaque.AccessToken = 10 * time.Minute
	tests := map[string]struct {
		lifetimes Lifetimes
		refresh   bool
		level     eid.Level
		want      time.Duration
	}{
		"a JWT outlives the opaque token": {l, false, eid.Level1, 6 * time.Minute},
		"the opaque token outlives a JWT": {opaque, false, eid.Level2, 11 * time.Minute},
		"refreshed to the end":            {l, true, eid.Level1, 24*time.Hour + 5*time.Minute},
		"refreshed to the end, Level 2":   {opaque, true, eid.Level2, time.Hour + 10*time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Provider{cfg: Config{Lifetimes: tt.lifetimes}}
			if got := p.longestToken(&eid.RelyingParty{Refresh: tt.refresh}, tt.level); got != tt.want {
				t.Errorf("longestToken() = %v, want %v", got, tt.want)
			}
		})
	}
}
