package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"eidgate/eid"
)

// startPortal serves a portal that is registered at the fake provider.
func startPortal(t *testing.T, f *fakeProvider, edit func(*Config)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	cfg := Config{
		Name: "8401", Title: "Cổng thử", BaseURL: "http://" + server.Listener.Addr().String(),
		Issuer: f.url, ClientID: testClient, ClientSecret: eid.NewSecret(testSecret),
		MinLevel: eid.Level1, ACR: eid.StandardVocabulary(), Now: func() time.Time { return f.now() },
	}
	if edit != nil {
		edit(&cfg)
	}
	portal, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = portal.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return cfg.BaseURL
}

// browser is a person's browser: it keeps cookies, and stops at each redirect.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is one answer, read to its end.
type page struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (b *browser) do(method, address string, header map[string]string) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header.Get("Location"), resp.Header, string(body)}
}

func (b *browser) get(address string) page {
	b.t.Helper()
	return b.do(http.MethodGet, address, nil)
}

// redirected follows one address that must answer 303.
func (b *browser) redirected(address string) string {
	b.t.Helper()
	got := b.get(address)
	if got.status != http.StatusSeeOther {
		b.t.Fatalf("GET %s = %d, want 303: %s", address, got.status, got.body)
	}
	return got.location
}

// begin goes through the portal's /login and the provider, up to the callback.
func (b *browser) begin(portal, query string) (callback string) {
	b.t.Helper()
	return b.redirected(b.redirected(portal + "/login" + query))
}

// signIn goes all the way and returns what the portal made of it.
func (b *browser) signIn(portal, query string) Result {
	b.t.Helper()
	if home := b.redirected(b.begin(portal, query)); home != "/" {
		b.t.Fatalf("callback led to %q, want /", home)
	}
	return b.result(portal)
}

// result is the machine-readable home page.
func (b *browser) result(portal string) Result {
	b.t.Helper()
	got := b.do(http.MethodGet, portal+"/", map[string]string{"Accept": "application/json"})
	var r Result
	if err := json.Unmarshal([]byte(got.body), &r); err != nil {
		b.t.Fatalf("home page as JSON: %v in %s", err, got.body)
	}
	return r
}

// cookieOf is the value of a cookie at a portal.
func (b *browser) cookieOf(portal, name string) string {
	b.t.Helper()
	u, err := url.Parse(portal)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}
