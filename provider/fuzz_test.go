package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever is asked, nobody is sent to an address that is not registered, and
// nothing fails.
func FuzzAuthorize(f *testing.F) {
	w, signer := newWorld(f), newClientSigner(f)
	w.signing(signer)
	query := func(address string) string { return address[strings.Index(address, "?")+1:] }
	for _, address := range []string{
		w.authorizeURL("portal"), w.authorizeURL("high", "prompt", "none"), w.authorizeURL("native", "redirect_uri", "http://127.0.0.1:99999/cb"),
		w.authorizeURL("portal", "redirect_uri", "https://portal.example.test@evil.test/cb"),
		w.authorizeURL("portal", "claims", `{"id_token":{"acr":{"essential":true,"values":["x"]}},"userinfo":{"sub":null}}`),
		w.authorizeURL("portal", "response_mode", "form_post", "max_age", "0", "login_hint", "sealed.AAAA"),
		w.authorizeURL("portal", "id_token_hint", "e30.e30.e30", "acr_values", "1 2 x"),
		w.authorizeURL("portal", "request", signer.es256(w.requestObject())),
		w.authorizeURL("portal", "request", signer.es256(w.requestObject().with("redirect_uri", "https://evil.test/cb"))),
		w.authorizeURL("portal", "request", signer.sign(members{"alg": "none"}, `{"aud":[1]}`)),
		w.authorizeURL("portal") + "&scope=openid&state=%ff%00",
	} {
		f.Add(query(address))
	}
	f.Fuzz(func(t *testing.T, query string) {
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/authorize", nil)
		r.URL.RawQuery = query
		w.server.Config.Handler.ServeHTTP(rec, r)
		if rec.Code >= http.StatusInternalServerError {
			t.Fatalf("%q: status %d", query, rec.Code)
		}
		to, err := url.Parse(rec.Header().Get("Location"))
		if err != nil {
			t.Fatalf("%q: went to no address: %v", query, err)
		}
		switch {
		case to.User != nil:
			t.Fatalf("%q: went to %s", query, to)
		case to.Host == "" && to.Path == "", to.Host == "" && to.Path == "/login":
		case to.Scheme == "https" && (to.Host == "portal.example.test" || to.Host == "high.example.test") && to.Path == "/cb":
		case to.Scheme == "http" && to.Hostname() == "127.0.0.1" && to.Path == "/cb":
		default:
			t.Fatalf("%q: went to %s", query, to)
		}
	})
}

// Whatever is sent as an assertion, nobody is let in who has not signed it.
func FuzzClientAssertion(f *testing.F) {
	w, signer, stranger := newWorld(f), newClientSigner(f), newClientSigner(f)
	w.signing(signer)
	for _, claims := range []string{w.assertion().json(f), `{"aud":[1]}`, `{"sub":"portal"}`, `null`, `[]`, ``} {
		for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA", "HS256", "none"} {
			f.Add(stranger.sign(members{"alg": alg, "kid": alg}, claims))
		}
	}
	f.Add(stranger.sign(members{"alg": "ES256", "crit": []string{"b64"}, "b64": false}, "x"))
	f.Fuzz(func(t *testing.T, assertion string) {
		form := asserting(assertion)
		form.Set("grant_type", "authorization_code")
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w.server.Config.Handler.ServeHTTP(rec, r)
		if len(form.Encode()) < 60<<10 && rec.Code != http.StatusUnauthorized {
			t.Fatalf("status %d, want 401", rec.Code)
		}
	})
}
