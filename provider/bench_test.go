package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"eidgate/eid"
)

// BenchmarkFlow is one sign-in in a living session, from authorize to the tokens,
// without the network between.
func BenchmarkFlow(b *testing.B) {
	for _, alg := range []string{"ES256", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			d := newDriver(b, alg)
			b.ReportAllocs()
			for b.Loop() {
				d.flow()
			}
		})
	}
}

// BenchmarkUserinfo and its kin ask about one token again and again.
func BenchmarkUserinfo(b *testing.B) {
	d := newDriver(b, "ES256")
	token := d.flow()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, d.w.server.URL+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		d.do(r, http.StatusOK)
	}
}

func BenchmarkIntrospect(b *testing.B) {
	d := newDriver(b, "ES256")
	token := d.flow()
	b.ReportAllocs()
	for b.Loop() {
		d.do(d.post("/introspect", url.Values{"token": {token}}), http.StatusOK)
	}
}

func BenchmarkDiscovery(b *testing.B) {
	d := newDriver(b, "ES256")
	for _, path := range []string{"/.well-known/openid-configuration", "/keys"} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.do(httptest.NewRequestWithContext(b.Context(), http.MethodGet, d.w.server.URL+path, nil), http.StatusOK)
			}
		})
	}
}

// driver calls the handler itself, as a browser with a session and as a party.
type driver struct {
	b       *testing.B
	w       *world
	handler http.Handler
	cookie  string
	url     string
}

func newDriver(b *testing.B, alg string) *driver {
	b.Helper()
	w := newWorld(b)
	w.registerWith(func(portal *eid.RelyingParty) { portal.IDTokenAlg = alg })
	a := w.browser()
	address := w.authorizeURL("portal")
	if p := a.signIn(address, numberLevel1); p.back == nil || p.back.Query().Get("code") == "" {
		b.Fatalf("no sign-in: %d\n%s", p.status, p.body)
	}
	here, err := url.Parse(w.server.URL)
	must(b, err)
	var pairs []string
	for _, c := range a.client.Jar.Cookies(here) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return &driver{b: b, w: w, handler: w.provider.Handler(), cookie: strings.Join(pairs, "; "), url: address}
}

// flow asks for a code and redeems it. It gives the access token.
func (d *driver) flow() string {
	r := httptest.NewRequestWithContext(d.b.Context(), http.MethodGet, d.url, nil)
	r.Header.Set("Cookie", d.cookie)
	back, err := url.Parse(d.do(r, http.StatusFound, http.StatusSeeOther).Header().Get("Location"))
	must(d.b, err)
	answer := d.do(d.post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"https://portal.example.test/cb"}, "code_verifier": {verifier},
	}), http.StatusOK)
	var got struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	must(d.b, json.Unmarshal(answer.Body.Bytes(), &got))
	if got.AccessToken == "" || got.IDToken == "" {
		d.b.Fatalf("no tokens: %s", answer.Body)
	}
	return got.AccessToken
}

func (d *driver) post(path string, form url.Values) *http.Request {
	r := httptest.NewRequestWithContext(d.b.Context(), http.MethodPost, d.w.server.URL+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("portal", url.QueryEscape(clientSecret))
	return r
}

func (d *driver) do(r *http.Request, want ...int) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, r)
	for _, status := range want {
		if rec.Code == status {
			return rec
		}
	}
	d.b.Fatalf("%s = %d, want %v\n%s", r.URL.Path, rec.Code, want, rec.Body)
	return nil
}
