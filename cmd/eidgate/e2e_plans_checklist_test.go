package main_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestProtocolChecklist runs what no module of the plans asks, one test a line.
func TestProtocolChecklist(t *testing.T) {
	t.Parallel()
	r := startPlans(t)
	for _, m := range checklist {
		t.Run(m.name, func(t *testing.T) { m.run(r.user(t, "")) })
	}
}

var checklist = []module{
	{"authorize: unknown client is a page", func(u *user) {
		u.page(u.get(u.issuer+"/authorize?"+u.asking("nobody").Encode()), http.StatusBadRequest)
	}},
	{"authorize: redirect URI is compared byte for byte", func(u *user) {
		for _, uri := range []string{
			u.at("callback") + "/", u.at("callback") + "?a=b", u.at("callback") + "#f", u.at("%63allback"), u.at("x/../callback"),
			strings.ToUpper(u.at("callback")), "https://localhost/*", "",
		} {
			u.page(u.get(u.issuer+"/authorize?"+u.asking(basic, "redirect_uri", uri).Encode()), http.StatusBadRequest)
		}
	}},
	{"authorize: a parameter given twice", func(u *user) {
		for _, name := range []string{"scope", "nonce", "prompt", "response_type"} {
			q := u.asking(basic)
			q[name] = []string{"openid", "openid"}
			if got := u.answer(q, u.get(u.issuer+"/authorize?"+q.Encode())).Get("error"); got != "invalid_request" {
				u.t.Errorf("%s twice: %q, want invalid_request", name, got)
			}
		}
		for _, name := range []string{"client_id", "redirect_uri"} {
			q := u.asking(basic)
			q.Add(name, q.Get(name))
			u.page(u.get(u.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
		}
	}},
	{"authorize: state and nonce of 1 KB come back byte for byte", func(u *user) {
		long := strings.Repeat(`+% &=?#"<>'\`+"đ", 79)[:1024]
		for _, mode := range []string{"", "form_post"} {
			v := u.plansRun.user(u.t, mode)
			if got := v.signIn(basic, "state", long[:1000], "nonce", long[:1000]).id["nonce"]; got != long[:1000] {
				u.t.Errorf("%q: nonce came back as %q", mode, got)
			}
		}
	}},
	{"authorize: hint of somebody else", func(u *user) {
		g := u.signIn(basic)
		u.refused("conformance-key", []string{"invalid_request"}, "prompt", "none", "id_token_hint", g.idToken)
	}},
	{"token: GET", func(u *user) {
		got := u.do(u.t, u.plansRun.client, http.MethodGet, u.issuer+"/token?grant_type=authorization_code&code=x", nil)
		if got.status != http.StatusMethodNotAllowed && got.status != http.StatusNotFound {
			u.t.Errorf("GET /token = %d", got.status)
		}
	}},
	{"token: parameters in the query", func(u *user) {
		code := u.authorize(basic).Get("code")
		u.error(u.call(u.t, "/token?code="+url.QueryEscape(code), basic, "grant_type", "authorization_code", "redirect_uri", u.at("callback")),
			http.StatusBadRequest, "invalid_request")
		u.plansRun.redeem(u.t, basic, code) // and it was not used up
	}},
	{"token: wrong secret, with the challenge", func(u *user) {
		got := u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}},
			"Authorization", "Basic Y29uZm9ybWFuY2UtMTp3cm9uZw==")
		u.error(got, http.StatusUnauthorized, "invalid_client")
		if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic ") {
			u.t.Errorf("WWW-Authenticate = %q", got.header.Get("WWW-Authenticate"))
		}
	}},
	{"token: another method than the registered one", func(u *user) {
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": {"x"}, "client_id": {basic}, "client_secret": {u.secret(u.t, "client-1")},
		}
		u.error(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/token", form), http.StatusUnauthorized, "invalid_client")
	}},
	{"token: an assertion counts once", func(u *user) {
		form := url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {u.assertion(u.t, "conformance-key", "ES256")}, "grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {u.at("callback")},
		}
		u.error(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/token", form), http.StatusBadRequest, "invalid_grant")
		u.error(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/token", form), http.StatusUnauthorized, "invalid_client")
	}},
	{"token: a code belongs to client, address and verifier", func(u *user) {
		for name, try := range map[string]func(code string) reply{
			"client": func(code string) reply {
				return u.token(u.t, "conformance-2", "grant_type", "authorization_code", "code", code, "redirect_uri", u.at("callback"))
			},
			"address": func(code string) reply {
				return u.token(u.t, basic, "grant_type", "authorization_code", "code", code, "redirect_uri", u.at("other"))
			},
			"verifier": func(code string) reply {
				return u.token(u.t, basic, "grant_type", "authorization_code", "code", code, "redirect_uri", u.at("callback"),
					"code_verifier", strings.Repeat("x", 43))
			},
		} {
			_, params := challengeOf()
			got := try(u.authorize(basic, params...).Get("code"))
			if got.json["error"] != "invalid_grant" {
				u.t.Errorf("%s: %d %s, want invalid_grant", name, got.status, got.body)
			}
		}
	}},
	{"token: a refresh token rotates, and its reuse ends the family", func(u *user) {
		g := u.signIn(basic, "scope", "openid email")
		next := u.granted(u.t, basic, u.token(u.t, basic, "grant_type", "refresh_token", "refresh_token", g.refresh))
		if next.refresh == g.refresh {
			u.t.Error("the refresh token did not change")
		}
		u.error(u.token(u.t, basic, "grant_type", "refresh_token", "refresh_token", next.refresh, "scope", "openid email phone"),
			http.StatusBadRequest, "invalid_scope")
		u.error(u.token(u.t, basic, "grant_type", "refresh_token", "refresh_token", g.refresh), http.StatusBadRequest, "invalid_grant")
		u.error(u.token(u.t, basic, "grant_type", "refresh_token", "refresh_token", next.refresh), http.StatusBadRequest, "invalid_grant")
		if got := u.userinfo(u.t, next.access); got.status != http.StatusUnauthorized {
			u.t.Errorf("userinfo of the ended family = %d", got.status)
		}
	}},
	{"userinfo: one answer to every bad token", func(u *user) {
		g := u.signIn(basic)
		answers := map[string]bool{}
		for _, bad := range []string{"x", g.idToken, g.refresh, unsigned(map[string]any{"aud": []int{1}}), g.access + "x"} {
			got := u.userinfo(u.t, bad)
			answers[got.body+got.header.Get("WWW-Authenticate")] = true
			if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				u.t.Errorf("bad token: %d %s", got.status, got.body)
			}
		}
		if len(answers) != 1 {
			u.t.Errorf("%d answers, want one: %v", len(answers), answers)
		}
		got := u.do(u.t, u.plansRun.client, http.MethodGet, u.issuer+"/userinfo?access_token="+url.QueryEscape(g.access), nil)
		u.error(got, http.StatusBadRequest, "invalid_request")
	}},
	{"introspection: own tokens only", func(u *user) {
		g := u.signIn(basic)
		for _, token := range []string{g.access, g.refresh} {
			if got := u.call(u.t, "/introspect", basic, "token", token); got.json["active"] != true || got.json["sub"] != g.sub() {
				u.t.Errorf("own token: %d %s", got.status, got.body)
			}
			if got := u.call(u.t, "/introspect", "conformance-2", "token", token); got.status != http.StatusOK || got.body != `{"active":false}` {
				u.t.Errorf("another's token: %d %s", got.status, got.body)
			}
		}
		u.error(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/introspect", url.Values{"token": {g.access}}),
			http.StatusUnauthorized, "invalid_client")
	}},
	{"revocation: another's token stays, one's own ends the family", func(u *user) {
		g := u.signIn(basic)
		if got := u.call(u.t, "/revoke", "conformance-2", "token", g.refresh); got.status != http.StatusOK {
			u.t.Errorf("another's token: %d", got.status)
		}
		if got := u.userinfo(u.t, g.access); got.status != http.StatusOK {
			u.t.Errorf("userinfo after another's revocation = %d", got.status)
		}
		if got := u.call(u.t, "/revoke", basic, "token", g.refresh); got.status != http.StatusOK {
			u.t.Errorf("own token: %d", got.status)
		}
		if got := u.userinfo(u.t, g.access); got.status != http.StatusUnauthorized {
			u.t.Errorf("userinfo after the revocation = %d", got.status)
		}
	}},
	{"logout: ends the tokens of the session", func(u *user) {
		g := u.signIn(basic)
		u.leaves(u.logout("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect")), u.at("post_logout_redirect"))
		if got := u.userinfo(u.t, g.access); got.status != http.StatusUnauthorized {
			u.t.Errorf("userinfo after the logout = %d", got.status)
		}
	}},
	{"token: of 16 uses of a code one wins", func(u *user) {
		code := u.authorize(basic).Get("code")
		var start, calls sync.WaitGroup
		var mu sync.Mutex
		winners := 0
		start.Add(1)
		for range 16 {
			calls.Go(func() {
				start.Wait()
				got := u.token(u.t, basic, "grant_type", "authorization_code", "code", code, "redirect_uri", u.at("callback"))
				mu.Lock()
				defer mu.Unlock()
				if got.status == http.StatusOK {
					winners++
				}
			})
		}
		start.Done()
		calls.Wait()
		if winners > 1 {
			u.t.Errorf("%d winners, want at most one", winners)
		}
	}},
}
