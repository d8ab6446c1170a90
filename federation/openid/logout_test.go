package openid_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/federation"
	"eidgate/federation/fedtest"
)

const afterLogout = "http://127.0.0.1:1/logout/done"

func TestLogout(t *testing.T) {
	b := newBench(t, jose.ES256)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	issuer, err := url.Parse(b.provider.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	target, err := b.Logout(t.Context(), federation.LogoutRequest{Return: afterLogout, State: "s&t"})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.browser.Jar.Cookies(issuer)) == 0 || b.provider.Calls(fedtest.PathLogout) != 0 {
		t.Fatal("Logout() itself ended the session, want the browser to")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if got := res.Header.Get("Location"); got != afterLogout+"?state=s%26t" {
		t.Errorf("the provider returned to %q, want %s with state", got, afterLogout)
	}
	if cookies := b.browser.Jar.Cookies(issuer); len(cookies) != 0 {
		t.Errorf("cookies = %v after the logout, want none", cookies)
	}
}

func TestLogoutEndpoint(t *testing.T) {
	for name, tt := range map[string]struct {
		change fedtest.Tampering
		want   string // before the question mark
		fails  bool
	}{
		"none":           {fedtest.Without("end_session_endpoint"), "", false},
		"empty":          {fedtest.Set("end_session_endpoint", ""), "", false},
		"https":          {fedtest.Set("end_session_endpoint", "https://id.example/out"), "https://id.example/out", false},
		"loopback":       {fedtest.Set("end_session_endpoint", "http://127.0.0.1:9/out"), "http://127.0.0.1:9/out", false},
		"with a query":   {fedtest.Set("end_session_endpoint", "https://id.example/out?state=x&id_token_hint=y"), "https://id.example/out", false},
		"plain http":     {fedtest.Set("end_session_endpoint", "http://id.example/out"), "", true},
		"relative":       {fedtest.Set("end_session_endpoint", "/out"), "", true},
		"script":         {fedtest.Set("end_session_endpoint", "javascript:alert(1)"), "", true},
		"with user":      {fedtest.Set("end_session_endpoint", "https://a:b@id.example/out"), "", true},
		"with fragment":  {fedtest.Set("end_session_endpoint", "https://id.example/out#x"), "", true},
		"another issuer": {fedtest.Set("issuer", "https://id.example"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, jose.ES256)
			b.provider.TamperDiscovery(tt.change)
			got, err := b.Logout(t.Context(), federation.LogoutRequest{Return: afterLogout, State: "s"})
			if address, _, _ := strings.Cut(got, "?"); address != tt.want || (err != nil) != tt.fails {
				t.Fatalf("Logout() = %q, %v, want %q, an error: %v", got, err, tt.want, tt.fails)
			}
			u, err := url.Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			want := url.Values{"client_id": {clientID}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}
			if got != "" && u.RawQuery != want.Encode() {
				t.Errorf("parameters = %q, want %q", u.RawQuery, want.Encode())
			}
		})
	}
}

// A wrong end_session_endpoint keeps nobody from signing in.
func TestSignInDespiteLogoutEndpoint(t *testing.T) {
	b := newBench(t, jose.ES256)
	b.provider.TamperDiscovery(fedtest.Set("end_session_endpoint", "javascript:alert(1)"))
	if step, err := b.signIn(t, federation.Request{}); err != nil || step.Assertion == nil {
		t.Errorf("sign-in = %+v, %v, want an assertion", step, err)
	}
}

func TestLogoutWhileAway(t *testing.T) {
	b := newBench(t, jose.ES256)
	if _, err := b.signIn(t, federation.Request{}); err != nil {
		t.Fatal(err)
	}
	b.provider.Break(fedtest.PathDiscovery, fedtest.Failing)
	req := federation.LogoutRequest{Return: afterLogout, State: "s"}
	b.clock.advance(11 * time.Minute)
	if got, err := b.Logout(t.Context(), req); err != nil || got == "" {
		t.Errorf("Logout() = %q, %v, want the address known from before", got, err)
	}
	b.clock.advance(time.Hour)
	if got, err := b.Logout(t.Context(), req); err == nil || got != "" {
		t.Errorf("Logout() = %q, %v, want an error", got, err)
	}
}
