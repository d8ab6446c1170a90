//go:build interop

package interop_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// LemonLDAP::NG is an OpenID provider, a SAML identity provider and a CAS server
// in one program. Its levels of authentication are the residents' identity levels.

func TestLemonOpenID(t *testing.T) {
	startLemon(t, "")
	upstreamOf("lemon-oidc").proves(t)
}

func lemon(g *gateway) *provider { return g.lemon }

// lemonOpenID is LemonLDAP::NG as an OpenID provider.
func lemonOpenID(g *gateway) map[string]any {
	return map[string]any{
		"issuer": g.lemon.origin, "client_id": "eidgate", "client_secret": g.lemon.secret, "scopes": []string{"profile"},
		"acr": map[string]int{"loa-1": 1, "loa-2": 2},
	}
}

// startLemon runs the portal of LemonLDAP::NG, everything of it in one folder.
// metadata is the gateway's as a SAML service provider, if it is to know it.
func startLemon(t *testing.T, metadata string) {
	t.Helper()
	p := gw.lemon
	must(t, os.RemoveAll(filepath.Join(p.dir, "cache"))) // another configuration may lie there
	for _, d := range []string{"cache", "sessions/lock", "psessions/lock"} {
		must(t, os.MkdirAll(filepath.Join(p.dir, d), 0o700))
	}
	p.render(t, filepath.Join("lemonldap", "lemonldap-ng.ini"), "lemonldap-ng.ini", map[string]any{"Dir": p.dir})
	p.render(t, filepath.Join("lemonldap", "lmConf-1.json"), filepath.Join("conf", "lmConf-1.json"), map[string]any{
		"Dir": p.dir, "Origin": p.origin, "Issuer": gw.issuer, "Metadata": metadata, "Key": randomText()[:32],
		"ClientSecret": p.secret, "SigningKey": p.key, "VerifyingKey": p.public, "Certificate": p.certificate,
	})
	people := map[string]any{}
	for _, r := range residents() {
		one := map[string]any{"uid": r.Login, "cn": r.Name, "personalNumber": r.Number, "birthDate": r.Born}
		if r.Level > 0 {
			one["identityLevel"], one["authenticationLevel"] = r.Level, r.Level
		}
		people[r.Login] = one
	}
	raw, err := json.Marshal(people)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(p.dir, "people.json"), raw, 0o600))
	startParty(t, p.addr(), environment(
		"LLNG_DEFAULTCONFFILE="+filepath.Join(p.dir, "lemonldap-ng.ini"), "LEMONLDAP_PEOPLE="+filepath.Join(p.dir, "people.json"),
	), "starman", "--listen", p.addr(), "--workers", "3", "--preload-app", "--disable-keepalive", filepath.Join("lemonldap", "app.psgi"))
}
