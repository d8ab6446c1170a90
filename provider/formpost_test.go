package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// formAnswer reads the answer that a page posts to the portal.
func formAnswer(t *testing.T, p page, action string) url.Values {
	t.Helper()
	if p.status != http.StatusOK || p.back != nil || !strings.Contains(p.body, `action="`+action+`"`) {
		t.Fatalf("status %d, redirect %v, want a form that posts to %s:\n%s", p.status, p.back, action, p.body)
	}
	params := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		params.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return params
}

// Answers and refusals go in the form, all of them, and nothing in the address
// (OAuth 2.0 Form Post Response Mode).
func TestFormPost(t *testing.T) {
	w := newWorld(t)
	const cb = "https://portal.example.test/cb"
	state := `a"b<c>&'+ ☃`
	p := w.browser().signIn(w.authorizeURL("portal", "response_mode", "form_post", "state", state), numberLevel1)
	params := formAnswer(t, p, cb)
	if params.Get("state") != state || params.Get("iss") != w.server.URL || params.Get("code") == "" || len(params) != 3 {
		t.Errorf("the form carries %v, want code, state and iss", params)
	}
	if got := w.redeem(params.Get("code")); got.status != http.StatusOK {
		t.Errorf("code of the form: %d %s", got.status, got.Error)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if p.header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, p.header.Get(name), want)
		}
	}
	csp := p.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action https://portal.example.test") || strings.Contains(csp, "unsafe-inline") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	for want, change := range map[string][]string{
		"login_required":            {"prompt", "none"},
		"unsupported_response_type": {"response_type", "token"},
		"invalid_request":           {"code_challenge_method", "plain"},
	} {
		p := w.browser().get(w.authorizeURL("portal", append(change, "response_mode", "form_post")...))
		if params := formAnswer(t, p, cb); params.Get("error") != want || params.Get("state") != "st" || params.Get("iss") != w.server.URL {
			t.Errorf("the form carries %v, want error %s, state and iss", params, want)
		}
	}
	a := w.browser()
	p = a.submit(a.get(w.authorizeURL("portal", "response_mode", "form_post")), "action", "cancel")
	if params := formAnswer(t, p, cb); params.Get("error") != "access_denied" {
		t.Errorf("the form carries %v, want access_denied", params)
	}
	p = w.browser().get(w.authorizeURL("portal", "response_mode", "form_post", "state", "one\ntwo"))
	if params := formAnswer(t, p, cb); params.Get("error") != "invalid_request" {
		t.Errorf("a state that a form would change: %v, want invalid_request", params)
	}
}
