package openid_test

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

func TestExamine(t *testing.T) {
	b := newBench(t, jose.ES256)
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(b.provider.Issuer(), "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	b.settings.UserInfo = true
	for _, tt := range []struct {
		name  string
		spoil func()
		ok    bool
	}{
		{"well", func() {}, true},
		{"another issuer", func() { b.provider.TamperDiscovery(fedtest.Set("issuer", "https://other.example.vn")) }, false},
		{"algorithms that are not its keys'", func() {
			b.provider.TamperDiscovery(fedtest.Set("id_token_signing_alg_values_supported", []string{"RS256"}))
		}, false},
		{"no metadata", func() { b.provider.Break(fedtest.PathDiscovery, fedtest.Garbage) }, false},
		{"no keys", func() { b.provider.Break(fedtest.PathKeys, fedtest.Garbage) }, false},
		{"failing", func() { b.provider.Break(fedtest.PathKeys, fedtest.Failing) }, false},
		{"no userinfo endpoint", func() { b.provider.TamperDiscovery(fedtest.Without("userinfo_endpoint")) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.provider.Behave()
			tt.spoil()
			if err := openid.Examine(t.Context(), client, b.settings); (err == nil) != tt.ok {
				t.Errorf("Examine() = %v, want ok %v", err, tt.ok)
			}
		})
	}
}
