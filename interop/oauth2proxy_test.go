//go:build interop

package interop_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOAuth2Proxy puts oauth2-proxy in front of an application. The proxy does not
// look at acr: it asks for the level, and the application checks the ID token
// that the proxy verified and passes on.
func TestOAuth2Proxy(t *testing.T) {
	rp, row := gw.clients["oauth2-proxy"], rowOf("oauth2-proxy")
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/signed-out" {
			fmt.Fprint(w, `{"signed_out":true}`)
			return
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			http.Error(w, "no ID token", http.StatusUnauthorized)
			return
		}
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			http.Error(w, "no ID token", http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Token", token)
		_, _ = w.Write(claims)
	}))
	t.Cleanup(application.Close)

	endSession := gw.issuer // unused where there is none
	if gw.offers.logout() {
		endSession = gw.offers.EndSession
	}
	env := environment("OAUTH2_PROXY_CLIENT_SECRET="+rp.secret, "OAUTH2_PROXY_COOKIE_SECRET="+randomText()[:32])
	startParty(t, rp.addr(), env, filepath.Join(root, "bin", "oauth2-proxy"),
		"--provider=oidc", "--oidc-issuer-url="+gw.issuer, "--client-id="+rp.id, "--redirect-url="+rp.origin+rp.callback,
		"--scope="+gw.scope(), "--acr-values="+acr2, "--code-challenge-method=S256",
		"--oidc-email-claim=sub", "--email-domain=*", // users are subjects: no address is verified
		"--http-address="+rp.addr(), "--upstream="+application.URL, "--skip-provider-button",
		"--pass-authorization-header", "--cookie-secure=false", "--cookie-refresh=1s",
		"--whitelist-domain="+strings.TrimPrefix(gw.issuer, "http://"), "--skip-auth-route=GET=^/signed-out$",
	)
	b, who := newBrowser(t), gw.somebody()

	var first page
	var subject string
	row.step(t, &row.signIn, true, func(t *testing.T) {
		first = b.through(b.get(rp.origin+"/"), who)
		a := first.answer(t, rp.origin, http.StatusOK)
		if a.ACR != acr2 || a.Subject == "" {
			t.Fatalf("signed in with %+v, want acr %s and a subject", a, acr2)
		}
		subject = a.Subject
	})
	row.step(t, &row.userinfo, true, func(t *testing.T) {
		// What it keeps of a person, from the ID token and the userinfo endpoint.
		p := b.get(rp.origin + "/oauth2/userinfo")
		if p.status != http.StatusOK || !strings.Contains(p.body, subject) {
			t.Errorf("/oauth2/userinfo = %d %.300s, want %s", p.status, p.body, subject)
		}
	})
	row.step(t, &row.refresh, gw.offers.refresh(), func(t *testing.T) {
		time.Sleep(2100 * time.Millisecond) // past --cookie-refresh=1s, which counts whole seconds
		p := b.get(rp.origin + "/")
		a := p.answer(t, rp.origin, http.StatusOK)
		if p.body == first.body || a.ACR != acr2 || a.Subject != subject {
			t.Errorf("after --cookie-refresh the application sees %s, want another ID token of %s at %s", p.body, subject, acr2)
		}
	})
	row.step(t, &row.logout, gw.offers.logout(), func(t *testing.T) {
		// The proxy has no ID token to hint with here, so the gateway asks first.
		end := endSession + "?" + url.Values{"client_id": {rp.id}, "post_logout_redirect_uri": {rp.origin + rp.signedOut}}.Encode()
		p := b.through(b.get(rp.origin+"/oauth2/sign_out?"+url.Values{"rd": {end}}.Encode()), nil)
		if len(p.way) == 0 {
			t.Errorf("the gateway ends a session without asking and without an ID token")
		}
		if p := b.get(rp.origin + "/"); !p.asksToSignIn() {
			t.Errorf("the application after the logout = %d at %s, want the gateway's login", p.status, p.address.Redacted())
		}
	})
}
