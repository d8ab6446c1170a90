//go:build interop

package interop_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// openIDProvider is node/provider.mjs.
type openIDProvider struct {
	*upstream
	addr   string
	client map[string]any // what it registers of the gateway
}

// loa is what the provider calls a level.
func loa(level int) string { return fmt.Sprintf("urn:example:loa:%d", level) }

func newOpenIDProvider(gateway string) (*openIDProvider, error) {
	addr, err := freeAddr(1)
	if err != nil {
		return nil, err
	}
	const id = "oidc-provider"
	secret := randomText()
	p := &openIDProvider{
		upstream: &upstream{
			id: id, name: "Nhà cung cấp thử nghiệm " + id, kind: "openid", origin: "http://" + addr, calls: addr,
			settings: map[string]any{
				"issuer": "http://" + addr, "client_id": "eidgate", "client_secret": secret, "scopes": []string{"profile", "eid"},
				"acr": map[string]int{loa(1): 1, loa(2): 2}, "request_acr": map[int]string{1: loa(1), 2: loa(2)},
			},
		},
		addr: addr,
		client: map[string]any{
			"client_id": "eidgate", "client_secret": secret, "redirect_uris": []string{gateway + "/callback/" + id},
			"grant_types": []string{"authorization_code"}, "response_types": []string{"code"},
			"id_token_signed_response_alg": "ES256",
			"post_logout_redirect_uris":    []string{gateway + "/logout/done"},
		},
	}
	return p, nil
}

func TestOIDCProvider(t *testing.T) {
	p := gw.oidcProvider
	startOIDCProvider(t, p)
	known := subjects{}
	for _, who := range residents() {
		known = append(known, "sub-"+who.Login)
	}
	gw.link(t, p.upstream, known)
	driveSource(t, p.upstream)
}

func startOIDCProvider(t *testing.T, p *openIDProvider) {
	t.Helper()
	people := []map[string]string{}
	for _, who := range residents() {
		acr := ""
		if who.Level > 0 {
			acr = loa(who.Level)
		}
		people = append(people, map[string]string{
			"sub": "sub-" + who.Login, "login": who.Login, "password": who.Password,
			"number": who.Number, "name": who.Name, "born": who.Born, "acr": acr,
		})
	}
	knows, err := json.Marshal(people)
	must(t, err)
	client, err := json.Marshal(p.client)
	must(t, err)
	env := environment("OP_ISSUER="+p.origin, "OP_PEOPLE="+string(knows), "OP_CLIENT="+string(client))
	startParty(t, p.addr, env, node("provider.mjs")...)
}
