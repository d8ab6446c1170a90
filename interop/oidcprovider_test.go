//go:build interop

package interop_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestOIDCProvider(t *testing.T) {
	startOIDCProvider(t)
	u := upstreamOf("oidc-provider")
	u.proves(t)
	u.told(t, func(_ *testing.T, b *browser) page { return b.get(gw.servers.oidcProvider.origin + "/session/end") })
}

func oidcProvider(g *gateway) *provider { return g.servers.oidcProvider }

// loa is what node/provider.mjs calls a level.
func loa(level int) string { return fmt.Sprintf("urn:example:loa:%d", level) }

func oidcProviderSettings(g *gateway) map[string]any {
	return map[string]any{
		"issuer": g.servers.oidcProvider.origin, "client_id": "eidgate", "scopes": []string{"profile", "eid"},
		"signing_key_files": g.servers.keys[:1], "encryption_key_files": g.servers.keys[1:],
		"userinfo": true, "person": map[string]string{"number": "personal_number", "name": "name", "birth_date": "birthdate"},
		"acr": map[string]int{loa(1): 1, loa(2): 2}, "request_acr": map[int]string{1: loa(1), 2: loa(2)},
	}
}

// startOIDCProvider runs node/provider.mjs.
func startOIDCProvider(t *testing.T) {
	t.Helper()
	p := gw.servers.oidcProvider
	var people []map[string]string
	for _, who := range residents() {
		one := map[string]string{
			"sub": who.Login, "login": who.Login, "password": who.Password, "number": who.Number, "name": who.Name, "born": who.Born,
		}
		if who.Level > 0 {
			one["acr"] = loa(who.Level)
		}
		people = append(people, one)
	}
	known, err := json.Marshal(people)
	must(t, err)
	client, err := json.Marshal(map[string]any{
		"client_id":                           "eidgate",
		"redirect_uris":                       []string{gw.issuer + "/callback/oidc-provider"},
		"post_logout_redirect_uris":           []string{gw.issuer + "/logout/done"},
		"backchannel_logout_uri":              gw.issuer + "/source/oidc-provider/logout",
		"backchannel_logout_session_required": true,
		"jwks_uri":                            gw.issuer + "/source/oidc-provider/metadata",
		"token_endpoint_auth_method":          "private_key_jwt",
		"token_endpoint_auth_signing_alg":     "ES256",
		"grant_types":                         []string{"authorization_code"},
		"id_token_signed_response_alg":        "ES256",
		"userinfo_signed_response_alg":        "ES256",
		"userinfo_encrypted_response_alg":     "ECDH-ES",
		"userinfo_encrypted_response_enc":     "A256GCM",
	})
	must(t, err)
	env := environment("OP_ISSUER="+p.origin, "OP_PEOPLE="+string(known), "OP_CLIENT="+string(client))
	startParty(t, p.addr(), env, node("provider.mjs")...)
}
