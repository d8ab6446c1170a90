package main_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

var configModules = []module{{"oidcc-discovery-endpoint-verification", discoveryModule(map[string]any{
	"claims_parameter_supported": true, "request_parameter_supported": true, "request_uri_parameter_supported": false,
	"authorization_response_iss_parameter_supported": true,
})}}

var logoutModules = []module{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", func(u *user) {
		if got := u.meta["end_session_endpoint"]; got != u.issuer+"/logout" {
			u.t.Errorf("end_session_endpoint = %v", got)
		}
	}},
	{"oidcc-rp-initiated-logout", func(u *user) {
		g := u.signIn(basic)
		u.leaves(u.logout("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s"),
			u.at("post_logout_redirect")+"?state=s")
	}},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", func(u *user) {
		g := u.signIn(basic)
		u.confirms("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("other"), "state", "s")
	}},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", func(u *user) {
		g := u.signIn(basic)
		u.confirms("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect")+"?foo=bar", "state", "s")
	}},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", func(u *user) {
		u.signIn(basic)
		u.confirms("id_token_hint", "nonsense", "post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s")
	}},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", func(u *user) {
		g := u.signIn(basic)
		i := strings.LastIndexByte(g.idToken, '.') + 3
		other := "A"
		if g.idToken[i] == 'A' {
			other = "B"
		}
		u.confirms("id_token_hint", g.idToken[:i]+other+g.idToken[i+1:], "post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s")
	}},
	{"oidcc-rp-initiated-logout-no-id-token-hint", func(u *user) {
		u.signIn(basic)
		u.confirms("post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s")
	}},
	{"oidcc-rp-initiated-logout-no-params", func(u *user) {
		u.signIn(basic)
		u.confirms()
	}},
	{"oidcc-rp-initiated-logout-only-state", func(u *user) {
		u.signIn(basic)
		u.confirms("state", "s")
	}},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(u *user) {
		g := u.signIn(basic)
		p := u.logout("id_token_hint", g.idToken, "state", "s")
		if p.status != http.StatusOK || p.url.Path != "/logout/done" || p.next != "" {
			u.t.Errorf("got %d %s, redirect %q, want the page of a logout", p.status, p.url.Path, p.next)
		}
		u.signedOut()
	}},
	{"oidcc-rp-initiated-logout-no-state", func(u *user) {
		g := u.signIn(basic)
		u.leaves(u.logout("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect")), u.at("post_logout_redirect"))
	}},
	{"with POST", func(u *user) {
		g := u.signIn(basic)
		form := url.Values{"id_token_hint": {g.idToken}, "post_logout_redirect_uri": {u.at("post_logout_redirect")}, "state": {"s"}}
		u.leaves(u.do(u.t, u.client, http.MethodPost, u.issuer+"/logout", form), u.at("post_logout_redirect")+"?state=s")
	}},
	{"hint with alg none", func(u *user) {
		g := u.signIn(basic)
		u.confirms("id_token_hint", unsigned(g.id), "post_logout_redirect_uri", u.at("post_logout_redirect"))
	}},
	{"hint of another session", func(u *user) {
		other := u.plansRun.user(u.t, "").signIn(basic)
		u.signIn(basic)
		u.confirms("id_token_hint", other.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect"))
	}},
}

var backchannelModules = []module{
	{"oidcc-backchannel-logout-discovery-endpoint-verification",
		discoveryModule(map[string]any{"backchannel_logout_supported": true, "backchannel_logout_session_supported": true})},
	{"oidcc-backchannel-rp-initiated-logout", func(u *user) {
		g := u.signIn("conformance-back")
		u.leaves(u.logout("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s"),
			u.at("post_logout_redirect")+"?state=s")
		verifier := u.provider.VerifierContext(u.ctx, &oidc.Config{ClientID: "conformance-back"})
		var claims map[string]any
		call := u.heard(u.t, "backchannel_logout", func(c url.Values) bool {
			token, err := verifier.Verify(u.ctx, c.Get("logout_token"))
			return err == nil && token.Claims(&claims) == nil && claims["sid"] == g.id["sid"]
		})
		if head := jwtHead(u.t, call.Get("logout_token")); head["typ"] != "logout+jwt" || head["alg"] != "RS256" {
			u.t.Errorf("header = %v", head)
		}
		if claims["sub"] != g.sub() || claims["jti"] == nil || claims["iat"] == nil || claims["nonce"] != nil {
			u.t.Errorf("logout token = %v", claims)
		}
		if raw, err := json.Marshal(claims["events"]); err != nil || string(raw) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
			u.t.Errorf("events = %s, %v", raw, err)
		}
	}},
}

var frontchannelModules = []module{
	{"oidcc-frontchannel-logout-discovery-endpoint-verification",
		discoveryModule(map[string]any{"frontchannel_logout_supported": true, "frontchannel_logout_session_supported": true})},
	{"oidcc-frontchannel-rp-initiated-logout", func(u *user) {
		g := u.signIn("conformance-front")
		p := u.logout("id_token_hint", g.idToken, "post_logout_redirect_uri", u.at("post_logout_redirect"), "state", "s")
		sid, _ := g.id["sid"].(string)
		frame := u.at("frontchannel_logout") + "?" + url.Values{"iss": {u.issuer}, "sid": {sid}}.Encode()
		m := iframe.FindStringSubmatch(p.body)
		if m == nil || html.UnescapeString(m[1]) != frame {
			u.t.Fatalf("frame %q, want %s\n%s", m, frame, p.body)
		}
		if want := "frame-src " + u.suite.URL; !strings.Contains(p.header.Get("Content-Security-Policy"), want) {
			u.t.Errorf("policy %q, want %q", p.header.Get("Content-Security-Policy"), want)
		}
		// The page waits, so that the frame has loaded before it moves on.
		if want := "3;url=" + u.at("post_logout_redirect") + "?state=s"; p.header.Get("Refresh") != want {
			u.t.Errorf("Refresh %q, want %q", p.header.Get("Refresh"), want)
		}
		u.refused("conformance-front", []string{"login_required"}, "prompt", "none")
	}},
}

var (
	iframe    = regexp.MustCompile(`<iframe src="([^"]+)"`)
	formParam = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)"`)
)

// discoveryModule wants these members.
func discoveryModule(want map[string]any) func(*user) {
	return func(u *user) {
		for name, value := range want {
			if u.meta[name] != value {
				u.t.Errorf("%s = %v, want %v", name, u.meta[name], value)
			}
		}
	}
}

func (u *user) logout(params ...string) reply {
	u.t.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return u.get(u.issuer + "/logout?" + q.Encode())
}

// leaves wants a redirect to an address, and nobody signed in any more.
func (u *user) leaves(p reply, address string) {
	u.t.Helper()
	if p.next != address {
		u.t.Errorf("got %d, redirect %q, want %q\n%s", p.status, p.next, address, p.body)
	}
	u.signedOut()
}

func (u *user) signedOut() {
	u.t.Helper()
	u.refused(basic, []string{"login_required"}, "prompt", "none")
}

// confirms wants the page that asks; the session lives until it is answered.
func (u *user) confirms(params ...string) {
	u.t.Helper()
	p := u.logout(params...)
	if p.status != http.StatusOK || p.next != "" || !strings.Contains(p.body, `value="logout"`) {
		u.t.Fatalf("got %d, redirect %q, want the page that asks\n%s", p.status, p.next, p.body)
	}
	if got := u.authorize(basic, "prompt", "none"); !got.Has("code") {
		u.t.Errorf("before the answer prompt=none gives %v, want a code", got)
	}
	p = u.post("/logout/confirm", fields(u.t, p.body, "action", "logout"))
	if strings.HasPrefix(p.next, u.at("other")) || strings.Contains(p.next, "foo=bar") {
		u.t.Errorf("redirect to %q, which is not registered", p.next)
	}
	u.signedOut()
}
