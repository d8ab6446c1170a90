package fedtest_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"eidgate/federation/fedtest"
)

const (
	callback  = "http://127.0.0.1:1/cb"
	signedOut = "http://127.0.0.1:1/out?a=b"
)

func start(t *testing.T) (*fedtest.OpenID, *http.Client) {
	t.Helper()
	p := fedtest.StartOpenID(t, fedtest.Config{
		Alg: jose.ES256, Title: "Bưu điện <thử>",
		Clients: []fedtest.Client{{ID: "c", Secret: "s+/ %", RedirectURIs: []string{callback}, PostLogoutURIs: []string{signedOut}}},
		People:  []fedtest.Person{{Subject: "u-1", Login: "one", Password: "pw", ACR: "low", Name: "Người Giả Định", Email: "one@example.vn"}},
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func read(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var hidden = regexp.MustCompile(`name="request" value="([A-Z0-9]+)"`)

func submit(t *testing.T, p *fedtest.OpenID, browser *http.Client, page string, form url.Values) (*http.Response, string) {
	t.Helper()
	found := hidden.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no login form in: %s", page)
	}
	form.Set("request", found[1])
	res, err := browser.PostForm(p.Issuer()+fedtest.PathLogin, form)
	return res, read(t, res, err)
}

// An independent client and verifier takes the provider for one.
func TestStandardClient(t *testing.T) {
	p, browser := start(t)
	provider, err := oidc.NewProvider(t.Context(), p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		endpoint := provider.Endpoint()
		endpoint.AuthStyle = style
		client := oauth2.Config{ClientID: "c", ClientSecret: "s+/ %", Endpoint: endpoint, RedirectURL: callback,
			Scopes: []string{"openid", "profile", "email"}}
		verifier := oauth2.GenerateVerifier()
		res, err := browser.Get(client.AuthCodeURL("st&te", oauth2.S256ChallengeOption(verifier), oidc.Nonce("n"),
			oauth2.SetAuthURLParam("prompt", "login")))
		page := read(t, res, err)
		res, _ = submit(t, p, browser, page, url.Values{"username": {" ONE "}, "password": {"pw"}, "action": {"login"}})
		back, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		q := back.Query()
		if q.Get("state") != "st&te" || q.Get("iss") != p.Issuer() {
			t.Errorf("answer = %v, want state and issuer", q)
		}
		token, err := client.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := provider.Verifier(&oidc.Config{ClientID: "c", SupportedSigningAlgs: []string{oidc.ES256}}).Verify(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if id.Subject != "u-1" || id.Nonce != "n" || id.VerifyAccessToken(token.AccessToken) != nil {
			t.Errorf("ID token = %+v, want u-1, the nonce and a right at_hash", id)
		}
		info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != "u-1" || info.Email != "one@example.vn" {
			t.Errorf("UserInfo() = %+v, %v, want u-1", info, err)
		}
		if _, err := client.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
			t.Error("a code counted twice")
		}
	}
}

func authorizeURL(p *fedtest.OpenID, change url.Values) string {
	q := url.Values{"client_id": {"c"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("a", 43)}}
	for name, values := range change {
		q[name] = values
	}
	return p.Issuer() + fedtest.PathAuthorize + "?" + q.Encode()
}

func TestAuthorize(t *testing.T) {
	p, browser := start(t)
	for name, tt := range map[string]struct {
		change url.Values
		status int
		err    string
	}{
		"sound":             {nil, 200, ""},
		"unknown client":    {url.Values{"client_id": {"x"}}, 400, ""},
		"another redirect":  {url.Values{"redirect_uri": {"https://evil.example"}}, 400, ""},
		"implicit":          {url.Values{"response_type": {"token"}}, 303, "unsupported_response_type"},
		"no openid":         {url.Values{"scope": {"profile"}}, 303, "invalid_scope"},
		"no PKCE":           {url.Values{"code_challenge": nil, "code_challenge_method": nil}, 303, "invalid_request"},
		"plain":             {url.Values{"code_challenge_method": {"plain"}}, 303, "invalid_request"},
		"none, not in":      {url.Values{"prompt": {"none"}}, 303, "login_required"},
		"max_age malformed": {url.Values{"max_age": {"x"}}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := browser.Get(authorizeURL(p, tt.change))
			read(t, res, err)
			var got string
			if back, err := res.Location(); err == nil {
				got = back.Query().Get("error")
			}
			if res.StatusCode != tt.status || got != tt.err {
				t.Errorf("authorize = %d, %q, want %d, %q", res.StatusCode, got, tt.status, tt.err)
			}
		})
	}
}

func TestLoginPage(t *testing.T) {
	p, browser := start(t)
	res, err := browser.Get(authorizeURL(p, nil))
	page := read(t, res, err)
	for _, want := range []string{
		`lang="vi"`, `name="viewport"`, "Nhà cung cấp thử nghiệm, dữ liệu giả định", "Bưu điện &lt;thử&gt;",
		`name="username"`, `name="password"`, `value="cancel"`, `<label for="username">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	for _, unwanted := range []string{"<script", "style=", "<style"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("page has %q", unwanted)
		}
	}
	res, page = submit(t, p, browser, page, url.Values{"username": {`"><b>`}, "password": {"wrong"}, "action": {"login"}})
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "chưa đúng") ||
		strings.Contains(page, `"><b>`) || strings.Contains(page, "wrong") {
		t.Errorf("wrong password: %d, want 422, the reason, and what was typed escaped", res.StatusCode)
	}
	before := page
	res, _ = submit(t, p, browser, page, url.Values{"action": {"cancel"}})
	if back, err := res.Location(); err != nil || back.Query().Get("error") != "access_denied" || back.Query().Get("state") != "s" {
		t.Errorf("cancel = %v, %v, want access_denied with state", back, err)
	}
	if res, _ := submit(t, p, browser, before, url.Values{"username": {"one"}, "password": {"pw"}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a form sent twice = %d, want 400", res.StatusCode)
	}
	if res, err := browser.Get(p.Issuer() + "/style.css"); err != nil || res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style sheet = %v, %v, want text/css", res.Header, err)
	} else {
		_ = res.Body.Close()
	}
}

func TestOwnSession(t *testing.T) {
	p, browser := start(t)
	res, err := browser.Get(authorizeURL(p, nil))
	res, _ = submit(t, p, browser, read(t, res, err), url.Values{"username": {"one"}, "password": {"pw"}})
	cookies := res.Cookies()
	if len(cookies) != 1 || cookies[0].Name != fedtest.SessionCookie || !cookies[0].HttpOnly {
		t.Fatalf("cookies = %v, want %s, HttpOnly", cookies, fedtest.SessionCookie)
	}
	for name, tt := range map[string]struct {
		change url.Values
		asks   bool
	}{
		"remembered":   {nil, false},
		"prompt=none":  {url.Values{"prompt": {"none"}}, false},
		"prompt=login": {url.Values{"prompt": {"login"}}, true},
		"max_age=0":    {url.Values{"max_age": {"0"}}, true},
		"max_age=3600": {url.Values{"max_age": {"3600"}}, false},
	} {
		res, err := browser.Get(authorizeURL(p, tt.change))
		if asks := hidden.MatchString(read(t, res, err)); asks != tt.asks {
			t.Errorf("%s: asks to sign in = %v, want %v", name, asks, tt.asks)
		}
	}
}

func TestTokenRefused(t *testing.T) {
	p, _ := start(t)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_id": {"c"}, "client_secret": {"s+/ %"}}
	post := func(path string, form url.Values) int {
		res, err := http.PostForm(p.Issuer()+path, form)
		read(t, res, err)
		return res.StatusCode
	}
	if got := post(fedtest.PathToken, form); got != 400 {
		t.Errorf("unknown code = %d, want 400", got)
	}
	form.Set("client_secret", "wrong")
	if got := post(fedtest.PathToken, form); got != 401 {
		t.Errorf("wrong secret = %d, want 401", got)
	}
	if got := post(fedtest.PathToken+"?code=x", form); got != 400 {
		t.Errorf("code in the URL = %d, want 400", got)
	}
	res, err := http.Get(p.Issuer() + fedtest.PathToken)
	read(t, res, err)
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET = %d, want 405", res.StatusCode)
	}
}

func TestNewOpenIDRefuses(t *testing.T) {
	sound := fedtest.Config{Issuer: "http://127.0.0.1:1", Alg: jose.ES256,
		Clients: []fedtest.Client{{ID: "c"}}, People: []fedtest.Person{{Subject: "u"}}}
	for name, change := range map[string]func(*fedtest.Config){
		"issuer with a slash": func(c *fedtest.Config) { c.Issuer += "/" },
		"no issuer":           func(c *fedtest.Config) { c.Issuer = "" },
		"nobody":              func(c *fedtest.Config) { c.People = nil },
		"no clients":          func(c *fedtest.Config) { c.Clients = nil },
		"HS256":               func(c *fedtest.Config) { c.Alg = jose.HS256 },
	} {
		cfg := sound
		change(&cfg)
		if _, err := fedtest.NewOpenID(cfg); err == nil {
			t.Errorf("%s: NewOpenID() = nil, want an error", name)
		}
	}
}
