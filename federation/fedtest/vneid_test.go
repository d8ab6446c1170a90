package fedtest_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"eidgate/federation/fedtest"
)

// vneidBrowser walks a VNeID by hand.
type vneidBrowser struct {
	*fedtest.VNeID
	t *testing.T
}

func startVNeID(t *testing.T) vneidBrowser {
	t.Helper()
	return vneidBrowser{fedtest.StartVNeID(t, fedtest.VNeIDConfig{
		Clients: []fedtest.Client{
			{ID: "a", Secret: "s", RedirectURIs: []string{"http://127.0.0.1:1/cb"}, PostLogoutURIs: []string{"http://127.0.0.1:1/out"}},
			{ID: "b", Secret: "s", RedirectURIs: []string{"http://127.0.0.1:1/cb"}},
		},
		People: []fedtest.Citizen{{Login: "001203900001", Password: "pw", TechID: "t", Level: 2}},
	}), t}
}

func (v vneidBrowser) send(r *http.Request) (*http.Response, string) {
	v.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(body)
}

func (v vneidBrowser) get(address string, params ...string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, address+"?"+form(params).Encode(), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.send(r)
}

func (v vneidBrowser) post(address string, params ...string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, address, strings.NewReader(form(params).Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.send(r)
}

func form(params []string) url.Values {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	return values
}

func (v vneidBrowser) ask(dialect string, more ...string) (*http.Response, string) {
	v.t.Helper()
	return v.get(v.Endpoints(dialect).Authorize, append([]string{
		"client_id", "a", "redirect_uri", "http://127.0.0.1:1/cb", "response_type", "code", "scope", "openid", "state", "x"}, more...)...)
}

var vneidHandle = regexp.MustCompile(`name="request" value="([A-Z0-9]+)"`)

// code signs the person in.
func (v vneidBrowser) code(dialect string, more ...string) string {
	v.t.Helper()
	_, page := v.ask(dialect, more...)
	found := vneidHandle.FindStringSubmatch(page)
	if found == nil {
		v.t.Fatalf("no page to sign in at: %q", page)
	}
	res, _ := v.post(v.Base()+fedtest.PathLogin, "request", found[1], "username", "001203900001", "password", "pw")
	back, err := res.Location()
	if err != nil || back.Query().Get("state") != "x" {
		v.t.Fatalf("signing in answered %d, %v", res.StatusCode, err)
	}
	return back.Query().Get("code")
}

func TestVNeIDSaysWhatItIs(t *testing.T) {
	v := startVNeID(t)
	res, page := v.ask(fedtest.DialectSSO)
	if res.StatusCode != http.StatusOK || !strings.Contains(page, "không phải VNeID thật") || !strings.Contains(page, `lang="vi"`) {
		t.Errorf("page = %d %q, want one that says that it is a stand-in", res.StatusCode, page)
	}
	if len(res.Cookies()) > 0 {
		t.Errorf("cookies = %v, want none", res.Cookies())
	}
	handle := vneidHandle.FindStringSubmatch(page)[1]
	res, page = v.post(v.Base()+fedtest.PathLogin, "request", handle, "username", "001203900001", "password", "no")
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "chưa đúng") {
		t.Errorf("wrong password answers %d, want the page again", res.StatusCode)
	}
}

func TestVNeIDAuthorizeRefuses(t *testing.T) {
	v := startVNeID(t)
	for name, tt := range map[string]struct {
		dialect string
		params  []string
		want    string // error that goes back; empty: a page
	}{
		"client":            {fedtest.DialectWSO2, []string{"client_id", "c"}, ""},
		"redirect":          {fedtest.DialectWSO2, []string{"redirect_uri", "http://evil.example/"}, ""},
		"response type":     {fedtest.DialectWSO2, []string{"response_type", "token"}, "unsupported_response_type"},
		"scope":             {fedtest.DialectSSO, []string{"scope", "profile"}, "invalid_scope"},
		"challenge":         {fedtest.DialectSSO, []string{"code_challenge", "x", "code_challenge_method", "plain"}, "invalid_request"},
		"encrypted, no key": {fedtest.DialectEncrypted, nil, "unsupported_response_type"},
	} {
		res, _ := v.ask(tt.dialect, tt.params...)
		back, err := res.Location()
		switch {
		case tt.want == "" && (err == nil || res.StatusCode != http.StatusBadRequest):
			t.Errorf("%s: answer = %d to %v, want a page", name, res.StatusCode, back)
		case tt.want != "" && (err != nil || back.Query().Get("error") != tt.want):
			t.Errorf("%s: answer = %d to %v, want %s", name, res.StatusCode, back, tt.want)
		}
	}
}

func TestVNeIDTokenRefuses(t *testing.T) {
	v := startVNeID(t)
	token := v.Endpoints(fedtest.DialectSSO).Token
	redeem := func(address, code string, more ...string) int {
		res, _ := v.post(address, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", "http://127.0.0.1:1/cb",
			"client_id", "a", "client_secret", "s"}, more...)...)
		return res.StatusCode
	}
	for name, tt := range map[string]struct {
		address string
		more    []string
		want    int
	}{
		"grant":        {token, []string{"grant_type", "password"}, http.StatusBadRequest},
		"secret":       {token, []string{"client_secret", "no"}, http.StatusUnauthorized},
		"other client": {token, []string{"client_id", "b"}, http.StatusBadRequest},
		"redirect":     {token, []string{"redirect_uri", "http://127.0.0.1:1/other"}, http.StatusBadRequest},
		"dialect":      {v.Endpoints(fedtest.DialectWSO2).Token, nil, http.StatusBadRequest},
	} {
		if got := redeem(tt.address, v.code(fedtest.DialectSSO), tt.more...); got != tt.want {
			t.Errorf("%s: status = %d, want %d", name, got, tt.want)
		}
	}
	code := v.code(fedtest.DialectSSO)
	if got := redeem(token, code); got != http.StatusOK {
		t.Errorf("status = %d, want 200", got)
	}
	if got := redeem(token, code); got != http.StatusBadRequest {
		t.Errorf("status of a code used = %d, want 400", got)
	}
	code = v.code(fedtest.DialectSSO, "code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S256")
	if got := redeem(token, code, "code_verifier", "wrong"); got != http.StatusBadRequest {
		t.Errorf("status of a wrong verifier = %d, want 400", got)
	}
	if res, _ := v.get(v.Endpoints(fedtest.DialectSSO).UserInfo); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo without a token = %d, want 401", res.StatusCode)
	}
}

func TestVNeIDLogoutRefuses(t *testing.T) {
	v := startVNeID(t)
	for _, params := range [][]string{
		nil, {"client_id", "a"}, {"client_id", "c", "post_logout_redirect_uri", "http://127.0.0.1:1/out"},
		{"client_id", "a", "post_logout_redirect_uri", "http://evil.example/"}, {"client_id", "b", "post_logout_redirect_uri", "http://127.0.0.1:1/out"},
	} {
		if res, _ := v.get(v.Base()+fedtest.PathLogout, params...); res.StatusCode != http.StatusBadRequest {
			t.Errorf("logout with %v = %d, want 400", params, res.StatusCode)
		}
	}
}
