package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

const portalOrigin = "https://app.portal.example.test"

// crossOrigin sends a request as a page of an origin does.
func (w *world) crossOrigin(method, path, origin string, form url.Values, change func(*http.Request)) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Origin", origin)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	change(r)
	res, err := http.DefaultClient.Do(r)
	must(w.t, err)
	must(w.t, res.Body.Close())
	if got := res.Header.Get("Access-Control-Allow-Credentials"); got != "" {
		w.t.Errorf("%s %s from %s: Access-Control-Allow-Credentials = %q, want none", method, path, origin, got)
	}
	return res
}

func asPreflight(r *http.Request) { r.Header.Set("Access-Control-Request-Method", http.MethodPost) }
func unchanged(*http.Request)     {}

func TestAnyoneReadsDiscovery(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/keys"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			res := w.crossOrigin(method, path, "https://anybody.test", nil, asPreflight)
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != "*" || res.StatusCode >= 300 {
				t.Errorf("%s %s: %d, Access-Control-Allow-Origin = %q, want *", method, path, res.StatusCode, got)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t)
	preflight := func(origin string) *http.Response {
		return w.crossOrigin(http.MethodOptions, "/token", origin, nil, asPreflight)
	}
	if res := preflight(portalOrigin); res.Header.Get("Access-Control-Allow-Origin") != "" || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("preflight before the registration = %d %v, want 405 and no origin", res.StatusCode, res.Header)
	}
	w.registerWith(func(p *eid.RelyingParty) { p.Origins = []string{portalOrigin} })
	w.pass(5 * time.Second) // the registered origins are kept for so long

	res := preflight(portalOrigin)
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != portalOrigin || res.StatusCode != http.StatusNoContent {
		t.Errorf("preflight = %d, Access-Control-Allow-Origin %q, want 204 and the origin", res.StatusCode, got)
	}
	if got := res.Header.Get("Access-Control-Allow-Headers"); got != "Authorization, Content-Type" {
		t.Errorf("Access-Control-Allow-Headers = %q", got)
	}
	if got := res.Header.Get("Access-Control-Allow-Methods"); got != "POST" {
		t.Errorf("Access-Control-Allow-Methods = %q, want POST", got)
	}
	if !slices.Contains(res.Header.Values("Vary"), "Origin") {
		t.Errorf("Vary = %q, want Origin among them", res.Header.Values("Vary"))
	}
	for _, origin := range []string{
		"null", "https://evil.test", portalOrigin + ".evil.test", strings.ToUpper(portalOrigin), portalOrigin + "/", portalOrigin + ":443",
		strings.Replace(portalOrigin, "https", "http", 1), "https://portal.example.test", "*",
	} {
		if got := preflight(origin).Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("preflight from %s: Access-Control-Allow-Origin = %q, want none", origin, got)
		}
	}
	// OPTIONS without a preflight's headers is an unknown method like any other.
	if res := w.crossOrigin(http.MethodOptions, "/token", portalOrigin, nil, unchanged); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS without Access-Control-Request-Method = %d, want 405", res.StatusCode)
	}
	// Taken back, it is gone as soon.
	w.register()
	w.pass(5 * time.Second)
	if got := preflight(portalOrigin).Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("preflight after the registration ended: Access-Control-Allow-Origin = %q, want none", got)
	}
}

// TestOnlyTheClientsOwnOrigin: being registered by somebody does not open the
// answers to another client.
func TestOnlyTheClientsOwnOrigin(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Origins = []string{portalOrigin} })
	code := url.Values{
		"grant_type": {"authorization_code"}, "code": {w.codeFor(numberLevel1)}, "redirect_uri": {"https://portal.example.test/cb"}, "code_verifier": {verifier},
	}
	asPortal := func(r *http.Request) { r.SetBasicAuth("portal", url.QueryEscape(clientSecret)) }

	res := w.crossOrigin(http.MethodPost, "/token", portalOrigin, code, asPortal)
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != portalOrigin || res.StatusCode != http.StatusOK {
		t.Errorf("token from the client's origin = %d, Access-Control-Allow-Origin %q, want 200 and the origin", res.StatusCode, got)
	}
	if !slices.Contains(res.Header.Values("Vary"), "Origin") {
		t.Errorf("token: Vary = %q, want Origin among them", res.Header.Values("Vary"))
	}
	// A refusal after authentication is for the client to read.
	res = w.crossOrigin(http.MethodPost, "/token", portalOrigin, code, asPortal)
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != portalOrigin || res.StatusCode != http.StatusBadRequest {
		t.Errorf("token with a used code = %d, Access-Control-Allow-Origin %q, want 400 and the origin", res.StatusCode, got)
	}
	// Another client, a client that failed, another origin: nothing.
	other := url.Values{"grant_type": {"authorization_code"}, "client_id": {"high"}, "code": {"x"}}
	for name, res := range map[string]*http.Response{
		"another client":        w.crossOrigin(http.MethodPost, "/token", portalOrigin, other, unchanged),
		"failed authentication": w.crossOrigin(http.MethodPost, "/token", portalOrigin, code, func(r *http.Request) { r.SetBasicAuth("portal", "wrong") }),
		"another origin":        w.crossOrigin(http.MethodPost, "/token", "https://evil.test", code, asPortal),
	} {
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Origin = %q, want none", name, got)
		}
	}

	access := w.redeem(w.codeFor(numberLevel1)).AccessToken
	withToken := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }
	for origin, want := range map[string]string{portalOrigin: portalOrigin, "https://evil.test": "", "null": ""} {
		res := w.crossOrigin(http.MethodGet, "/userinfo", origin, nil, withToken)
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want || res.StatusCode != http.StatusOK {
			t.Errorf("userinfo from %s = %d, Access-Control-Allow-Origin %q, want 200 and %q", origin, res.StatusCode, got, want)
		}
	}
	res = w.crossOrigin(http.MethodGet, "/userinfo", portalOrigin, nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+randomHandle()) })
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo with nobody's token = %d, Access-Control-Allow-Origin %q, want 401 and none", res.StatusCode, got)
	}
}
