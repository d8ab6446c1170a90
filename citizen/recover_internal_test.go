package citizen

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/web"
)

// marked knows the browser that brings one text.
type marked string

func (m marked) Familiar(marks string, _ eid.Identifier, _ time.Time) bool {
	return marks == string(m)
}

// The mark of a browser is read from the cookie that the sign-in sets, of this scheme.
func TestRecoverKnowsABrowser(t *testing.T) {
	for _, tt := range []struct {
		cookie, value string
		secure, want  bool
	}{
		{"eidgate-device", "mark", false, true},
		{"__Host-eidgate-device", "mark", true, true},
		{"eidgate-device", "mark", true, false}, // a neighbour can plant it
		{"eidgate-device", "another", false, false},
		{"eidgate-guest", "mark", false, false},
	} {
		p := &recovering{devices: marked("mark"), now: time.Now}
		r := web.WithVisit(httptest.NewRequest(http.MethodPost, "/recover", nil), web.Visit{Secure: tt.secure, Language: "vi"})
		r.AddCookie(&http.Cookie{Name: tt.cookie, Value: tt.value})
		if got := p.visitor(r, eid.Identifier{}); got.Familiar != tt.want || got.Language != "vi" {
			t.Errorf("visitor() with %s=%s, secure %v = %+v, want familiar %v", tt.cookie, tt.value, tt.secure, got, tt.want)
		}
	}
}
