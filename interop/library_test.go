//go:build interop

package interop_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
)

// Relying parties written on a library share their pages: /login, /callback,
// /userinfo, /refresh, /logout and /signed-out answer JSON.
func library(id, method, mode, alg string) *registration {
	return &registration{id: id, method: method, mode: mode, alg: alg, callback: "/callback", signedOut: "/signed-out"}
}

// parties are all registrations, in the order of the report.
var parties = func() func() []*registration {
	list := []*registration{
		library("openid-client-basic", "client_secret_basic", "query", "ES256"),
		library("openid-client-key", "private_key_jwt", "form_post", "RS256"),
		library("oauth4webapi-public", "none", "query", "ES256"),
		library("oauth4webapi-post", "client_secret_post", "query", "RS256"),
		library("authlib-basic", "client_secret_basic", "query", "RS256"),
		library("authlib-post", "client_secret_post", "form_post", "ES256"),
		{
			id: "mod-auth-openidc", method: "client_secret_basic", mode: "query", alg: "RS256",
			callback: apacheCallback, signedOut: apacheSignedOut, told: apacheCallback + "?logout=backchannel",
		},
		{
			id: "oauth2-proxy", method: "client_secret_basic", mode: "query", alg: "RS256",
			callback: "/oauth2/callback", signedOut: "/signed-out",
		},
	}
	return func() []*registration { return list }
}()

func TestOpenIDClient(t *testing.T) {
	for _, id := range []string{"openid-client-basic", "openid-client-key"} {
		t.Run(id, func(t *testing.T) { driveLibrary(t, id, node("openid-client.mjs")) })
	}
}

func TestOAuth4WebAPI(t *testing.T) {
	for _, id := range []string{"oauth4webapi-public", "oauth4webapi-post"} {
		t.Run(id, func(t *testing.T) { driveLibrary(t, id, node("oauth4webapi.mjs")) })
	}
}

func TestAuthlib(t *testing.T) {
	for _, id := range []string{"authlib-basic", "authlib-post"} {
		t.Run(id, func(t *testing.T) {
			driveLibrary(t, id, []string{"/usr/bin/python3", filepath.Join("authlib", "app.py")})
		})
	}
}

func node(script string) []string { return []string{"node", filepath.Join("node", script)} }

// answer is what a page of these relying parties says.
type answer struct {
	Subject   string `json:"sub"`
	ACR       string `json:"acr"`
	Refresh   bool   `json:"refresh"`
	Fresh     bool   `json:"fresh"`
	Rotated   bool   `json:"rotated"`
	SignedOut bool   `json:"signed_out"`
	Error     string `json:"error"`
}

func (p page) answer(t *testing.T, origin string, status int) answer {
	t.Helper()
	var a answer
	if !p.at(origin) || p.status != status {
		t.Fatalf("%s answers %d, want %d at %s; pages before it: %q\n%.600s", p.address.Redacted(), p.status, status, origin, p.way, p.body)
	}
	if err := json.Unmarshal([]byte(p.body), &a); err != nil {
		t.Fatalf("%s: %v\n%.600s", p.address.Path, err, p.body)
	}
	return a
}

// environment tells the relying party what it is, and which level to ask for.
func (r *registration) environment(acr string) []string {
	return environment(
		"RP_ORIGIN="+r.origin, "RP_ISSUER="+gw.issuer, "RP_CLIENT_ID="+r.id, "RP_CLIENT_SECRET="+r.secret,
		"RP_KEY_FILE="+r.keyFile, "RP_AUTH_METHOD="+r.method, "RP_RESPONSE_MODE="+r.mode, "RP_ID_TOKEN_ALG="+r.alg,
		"RP_SCOPE="+gw.scope(), "RP_ACR="+acr, "RP_COOKIE_KEY="+randomText(), "PYTHONDONTWRITEBYTECODE=1",
	)
}

// driveLibrary goes with one relying party through a sign-in, userinfo, refresh
// and logout.
func driveLibrary(t *testing.T, id string, command []string) {
	rp, row := gw.clients[id], rowOf(id)
	if !gw.offers.supports(rp) {
		row.notOffered()
		return
	}
	startParty(t, rp.addr(), rp.environment(acr2), command...)
	b, who := newBrowser(t), gw.somebody()

	var subject string
	row.step(t, &row.signIn, true, func(t *testing.T) {
		a := b.through(b.get(rp.origin+"/login"), who).answer(t, rp.origin, http.StatusOK)
		if a.ACR != acr2 || a.Subject == "" {
			t.Fatalf("signed in with %+v, want acr %s and a subject", a, acr2)
		}
		if a.Refresh != gw.offers.refresh() {
			t.Errorf("refresh token given: %v, want %v", a.Refresh, gw.offers.refresh())
		}
		subject = a.Subject
	})
	row.step(t, &row.userinfo, true, func(t *testing.T) {
		if a := b.get(rp.origin+"/userinfo").answer(t, rp.origin, http.StatusOK); a.Subject != subject {
			t.Errorf("userinfo is of %q, want %q", a.Subject, subject)
		}
	})
	row.step(t, &row.refresh, gw.offers.refresh(), func(t *testing.T) {
		for range 2 { // the second use is of the successor
			a := b.get(rp.origin+"/refresh").answer(t, rp.origin, http.StatusOK)
			if !a.Fresh || !a.Rotated || a.ACR != acr2 {
				t.Errorf("refresh gives %+v, want a fresh access token, another refresh token and acr %s", a, acr2)
			}
		}
		if a := b.get(rp.origin+"/userinfo").answer(t, rp.origin, http.StatusOK); a.Subject != subject {
			t.Errorf("userinfo after a refresh is of %q, want %q", a.Subject, subject)
		}
	})
	row.step(t, &row.again, true, func(t *testing.T) {
		if a := b.through(b.get(rp.origin+"/login?prompt=none"), nil).answer(t, rp.origin, http.StatusOK); a.Subject != subject {
			t.Errorf("prompt=none signs in %q, want %q", a.Subject, subject)
		}
	})
	row.step(t, &row.logout, gw.offers.logout(), func(t *testing.T) {
		if a := b.through(b.get(rp.origin+"/logout"), nil).answer(t, rp.origin, http.StatusOK); !a.SignedOut {
			t.Errorf("after the logout = %+v, want the return with its state", a)
		}
		if a := b.through(b.get(rp.origin+"/login?prompt=none"), nil).answer(t, rp.origin, http.StatusBadRequest); a.Error != "login_required" {
			t.Errorf("prompt=none after the logout = %+v, want login_required", a)
		}
	})
}
