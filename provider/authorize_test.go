package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Refusals before the return address is known to be right are pages.
func TestAuthorizePageNotRedirect(t *testing.T) {
	w := newWorld(t)
	const cb = "https://portal.example.test/cb"
	for name, change := range map[string][]string{
		"unknown client":        {"client_id", "nobody"},
		"no client":             {"client_id", ""},
		"no redirect":           {"redirect_uri", ""},
		"userinfo":              {"redirect_uri", "https://portal.example.test@evil.test/cb"},
		"port":                  {"redirect_uri", "https://portal.example.test:444/cb"},
		"case":                  {"redirect_uri", "https://Portal.example.test/cb"},
		"dot segments":          {"redirect_uri", "https://portal.example.test/x/..;/cb"},
		"dots":                  {"redirect_uri", "https://portal.example.test/x/../cb"},
		"backslash":             {"redirect_uri", `https://portal.example.test\@evil.test/cb`},
		"suffix":                {"redirect_uri", cb + "/more"},
		"query":                 {"redirect_uri", cb + "?x=1"},
		"fragment":              {"redirect_uri", cb + "#x"},
		"second decoding":       {"redirect_uri", "https://portal.example.test/%63b"},
		"decoded query":         {"redirect_uri", "https://portal.example.test/cb?a=/b&c"},
		"glob":                  {"redirect_uri", "https://portal.example.test/*"},
		"look-alike of native":  {"client_id", "native", "redirect_uri", "http://127.0.0.1.evil.test/cb"},
		"native, userinfo":      {"client_id", "native", "redirect_uri", "http://127.0.0.1:80@evil.test/cb"},
		"native, name":          {"client_id", "native", "redirect_uri", "http://localhost:5555/cb"},
		"native, https":         {"client_id", "native", "redirect_uri", "https://127.0.0.1:5555/cb"},
		"native, path":          {"client_id", "native", "redirect_uri", "http://127.0.0.1:5555/cb2"},
		"native, odd port":      {"client_id", "native", "redirect_uri", "http://127.0.0.1:5a/cb"},
		"native, empty port":    {"client_id", "native", "redirect_uri", "http://127.0.0.1:/cb"},
		"another client's":      {"redirect_uri", "https://high.example.test/cb"},
		"script":                {"redirect_uri", "javascript:alert(1)"},
		"relative":              {"redirect_uri", "/cb"},
		"line break":            {"redirect_uri", cb + "\r\nSet-Cookie: a=b"},
		"client with a newline": {"client_id", "portal\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.browser().get(w.authorizeURL("portal", change...))
			if p.status != http.StatusBadRequest || p.back != nil {
				t.Errorf("got status %d, redirect %v, want 400 without redirect", p.status, p.back)
			}
			if !strings.Contains(p.body, "Yêu cầu không hợp lệ") {
				t.Error("page does not say that the request is invalid")
			}
			if p.header.Get("Set-Cookie") != "" {
				t.Error("a cookie was set")
			}
		})
	}
	for name, query := range map[string]string{
		"client twice":   "&client_id=portal",
		"redirect twice": "&redirect_uri=https%3A%2F%2Fportal.example.test%2Fcb",
	} {
		if p := w.browser().get(w.authorizeURL("portal") + query); p.status != http.StatusBadRequest || p.back != nil {
			t.Errorf("%s: status %d, redirect %v, want 400 without redirect", name, p.status, p.back)
		}
	}
}

// Every other refusal goes back with the error, iss and the state as it came.
func TestAuthorizeRedirectsErrors(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		change []string
		want   string
	}{
		{"no response_type", []string{"response_type", ""}, "invalid_request"},
		{"implicit", []string{"response_type", "id_token token"}, "unsupported_response_type"},
		{"hybrid", []string{"response_type", "code id_token"}, "unsupported_response_type"},
		{"none", []string{"response_type", "none"}, "unsupported_response_type"},
		{"fragment", []string{"response_mode", "fragment"}, "invalid_request"},
		{"unknown mode", []string{"response_mode", "carrier_pigeon"}, "invalid_request"},
		{"no scope", []string{"scope", ""}, "invalid_scope"},
		{"no openid", []string{"scope", "profile"}, "invalid_scope"},
		{"no challenge", []string{"code_challenge", ""}, "invalid_request"},
		{"no challenge at all", []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		{"no method means plain", []string{"code_challenge_method", ""}, "invalid_request"},
		{"plain", []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"bogus method", []string{"code_challenge_method", "s256"}, "invalid_request"},
		{"short challenge", []string{"code_challenge", "abc"}, "invalid_request"},
		{"request object", []string{"request", "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
		{"request_uri", []string{"request_uri", "https://portal.example.test/r"}, "request_uri_not_supported"},
		{"registration", []string{"registration", "{}"}, "registration_not_supported"},
		{"none with login", []string{"prompt", "none login"}, "invalid_request"},
		{"bogus prompt", []string{"prompt", "maybe"}, "invalid_request"},
		{"negative max_age", []string{"max_age", "-1"}, "invalid_request"},
		{"max_age in words", []string{"max_age", "soon"}, "invalid_request"},
		{"claims not JSON", []string{"claims", "{"}, "invalid_request"},
		{"claims not an object", []string{"claims", `["acr"]`}, "invalid_request"},
		{"claims with a tail", []string{"claims", `{} {}`}, "invalid_request"},
		{"acr of another type", []string{"claims", `{"id_token":{"acr":{"value":2}}}`}, "invalid_request"},
		{"essential acr unknown", []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"x"}}}`, "prompt", "none"}, "unmet_authentication_requirements"},
		{"nobody is signed in", []string{"prompt", "none"}, "login_required"},
		{"too many acr values", []string{"acr_values", strings.Repeat("x ", 40)}, "invalid_request"},
		{"long nonce", []string{"nonce", strings.Repeat("n", 4000)}, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.browser().get(w.authorizeURL("portal", tt.change...))
			if p.back == nil {
				t.Fatalf("status %d, want a redirect", p.status)
			}
			q := p.back.Query()
			if got := q.Get("error"); got != tt.want {
				t.Errorf("error = %q, want %q", got, tt.want)
			}
			if q.Get("iss") != w.server.URL || q.Get("state") != "st" || q.Has("code") {
				t.Errorf("answer %v, want iss, state and no code", q)
			}
			if !strings.HasPrefix(p.back.String(), "https://portal.example.test/cb?") {
				t.Errorf("went to %s", p.back)
			}
		})
	}
	for _, name := range []string{"state", "nonce", "scope", "response_type", "prompt", "acr_values", "made_up"} {
		p := w.browser().get(w.authorizeURL("portal", name, "st") + "&" + name + "=again")
		if p.back == nil || p.back.Query().Get("error") != "invalid_request" {
			t.Errorf("%s twice: %v, want invalid_request", name, p.back)
		}
	}
}

// state and nonce come back byte for byte.
func TestStateIsExact(t *testing.T) {
	w := newWorld(t)
	for _, state := range []string{
		"a b+c%20d", "\r\nSet-Cookie: a=b", `<script>alert(1)</script>"'`, "trạng thái ☃", strings.Repeat("x", 1024), "a&code=stolen#f", "\x00\x01",
	} {
		p := w.browser().get(w.authorizeURL("portal", "state", state, "prompt", "none"))
		if p.back == nil || p.back.Query().Get("state") != state {
			t.Errorf("state %q came back as %v", state, p.back)
		}
	}
	code := w.codeFor(numberLevel1, "nonce", "n <\"'> ☃")
	if got := w.redeem(code); got.claims["nonce"] != "n <\"'> ☃" {
		t.Errorf("nonce = %q", got.claims["nonce"])
	}
}

// The registered query of a redirect URI stays as it is.
func TestRedirectKeepsItsQuery(t *testing.T) {
	w := newWorld(t)
	p := w.browser().get(w.authorizeURL("portal", "redirect_uri", "https://portal.example.test/cb?a=%2Fb&c", "prompt", "none"))
	if p.back == nil || !strings.HasPrefix(p.back.String(), "https://portal.example.test/cb?a=%2Fb&c&error=login_required") {
		t.Errorf("went to %v", p.back)
	}
}

func TestNativeRedirectTakesAnyPort(t *testing.T) {
	w := newWorld(t)
	for _, port := range []string{":1", ":49152", ""} {
		p := w.browser().get(w.authorizeURL("native", "redirect_uri", "http://127.0.0.1"+port+"/cb", "prompt", "none"))
		if p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("port %q: status %d, went to %v", port, p.status, p.back)
		}
	}
}

// A POST is asked again as a GET, for its cookies are missing when it comes from
// another site.
func TestAuthorizePost(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	u, err := url.Parse(w.authorizeURL("portal"))
	must(t, err)
	p := a.post(w.server.URL+"/authorize", u.Query())
	if p.status != http.StatusOK || !strings.Contains(p.body, `name="personal_number"`) {
		t.Fatalf("status %d, want the sign-in form", p.status)
	}
	if p := a.post(w.server.URL+"/authorize?client_id=portal", u.Query()); p.status != http.StatusBadRequest {
		t.Errorf("client_id in body and query: status %d, want 400", p.status)
	}
	u.RawQuery += "&pad=" + strings.Repeat("x", 20000)
	if p := a.post(w.server.URL+"/authorize", u.Query()); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("large form: status %d, want 413", p.status)
	}
}

func TestSizesAreBounded(t *testing.T) {
	w := newWorld(t)
	if p := w.browser().get(w.authorizeURL("portal", "pad", strings.Repeat("x", 20000))); p.status != http.StatusRequestURITooLong {
		t.Errorf("query of 20 kB: status %d, want 414", p.status)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/token", strings.NewReader(strings.Repeat("x", 200000)))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("body of 200 kB: status %d, want 413", res.StatusCode)
	}
}

// Browsers of other origins are told nothing.
func TestNoCORS(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/token", "/userinfo", "/authorize", "/login"} {
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
			r, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, nil)
			must(t, err)
			r.Header.Set("Origin", "https://evil.test")
			r.Header.Set("Access-Control-Request-Method", "POST")
			res, err := http.DefaultClient.Do(r)
			must(t, err)
			must(t, res.Body.Close())
			for name := range res.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s answers %s", method, path, name)
				}
			}
		}
	}
}
