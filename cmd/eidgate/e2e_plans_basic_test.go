package main_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// module is one of the suite's modules in one of its plans. Their names here are
// the suite's own.
type module struct {
	name string
	run  func(*user)
}

// TestPlans runs what the modules of the six certification plans do, against the
// configuration that deploy/conformance gives to the suite.
func TestPlans(t *testing.T) {
	t.Parallel()
	r := startPlans(t)
	replay := r.beginReplay(t)
	plans := []struct {
		name, mode string
		modules    []module
	}{
		{"oidcc-config-certification-test-plan", "", configModules},
		{"oidcc-basic-certification-test-plan", "", basicModules},
		{"oidcc-formpost-basic-certification-test-plan", "form_post", basicModules},
		{"oidcc-rp-initiated-logout-certification-test-plan", "", logoutModules},
		{"oidcc-backchannel-rp-initiated-logout-certification-test-plan", "", backchannelModules},
		{"oidcc-frontchannel-rp-initiated-logout-certification-test-plan", "", frontchannelModules},
		{"private_key_jwt", "", keyModules},
	}
	for _, plan := range plans {
		t.Run(plan.name, func(t *testing.T) {
			for _, m := range plan.modules {
				t.Run(m.name, func(t *testing.T) { m.run(r.user(t, plan.mode)) })
			}
		})
	}
	t.Run("oidcc-codereuse-30seconds", replay)
}

const basic = "conformance-1"

var basicModules = []module{
	{"oidcc-server", func(u *user) {
		g := u.signIn(basic, "nonce", "n")
		want := []string{"acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"}
		if got := slices.Sorted(maps.Keys(g.id)); !slices.Equal(got, want) {
			u.t.Errorf("ID token has %q, want %q", got, want)
		}
		if g.id["nonce"] != "n" || g.id["acr"] != acr1 {
			u.t.Errorf("nonce %v, acr %v, want n, %s", g.id["nonce"], g.id["acr"], acr1)
		}
	}},
	{"oidcc-response-type-missing", func(u *user) {
		u.refused(basic, []string{"invalid_request", "unsupported_response_type"}, "response_type", "-")
	}},
	{"oidcc-idtoken-signature", func(u *user) {
		g := u.signIn(basic)
		header := jwtHead(u.t, g.idToken)
		var keys jose.JSONWebKeySet
		must(u.t, json.Unmarshal([]byte(u.get(u.issuer+"/keys").body), &keys))
		kid, _ := header["kid"].(string)
		if header["alg"] != "RS256" || len(keys.Key(kid)) != 1 {
			u.t.Errorf("header %v, want RS256 and one key of that kid", header)
		}
	}},
	{"oidcc-userinfo-get", func(u *user) {
		g := u.signIn(basic)
		u.wantSub(u.userinfo(u.t, g.access), g)
	}},
	{"oidcc-userinfo-post-header", func(u *user) {
		g := u.signIn(basic)
		u.wantSub(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/userinfo", nil, "Authorization", "Bearer "+g.access), g)
	}},
	{"oidcc-userinfo-post-body", func(u *user) {
		g := u.signIn(basic)
		u.wantSub(u.do(u.t, u.plansRun.client, http.MethodPost, u.issuer+"/userinfo", url.Values{"access_token": {g.access}}), g)
	}},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(u *user) {
		if nonce, ok := u.signIn(basic, "nonce", "-").id["nonce"]; ok {
			u.t.Errorf("nonce = %v, want none", nonce)
		}
	}},
	{"oidcc-scope-profile", scopeModule("profile")},
	{"oidcc-scope-email", scopeModule("email")},
	{"oidcc-scope-address", scopeModule("address")},
	{"oidcc-scope-phone", scopeModule("phone")},
	{"oidcc-scope-all", scopeModule("profile", "email", "address", "phone")},
	{"oidcc-ensure-other-scope-order-succeeds", func(u *user) {
		g := u.signIn(basic, "scope", "email openid")
		if got := u.userinfo(u.t, g.access); got.json["email"] != "tuan-thu@example.test" {
			u.t.Errorf("userinfo = %s", got.body)
		}
	}},
	{"oidcc-display-page", succeeds("display", "page")},
	{"oidcc-display-popup", succeeds("display", "popup")},
	{"oidcc-prompt-login", func(u *user) {
		first := u.signIn(basic)
		nextSecond(u.t, first.authTime())
		second := u.signIn(basic, "prompt", "login")
		u.signedInAnew(first, second)
	}},
	{"oidcc-prompt-none-not-logged-in", func(u *user) {
		u.refused(basic, []string{"login_required", "interaction_required"}, "prompt", "none")
	}},
	{"oidcc-prompt-none-logged-in", func(u *user) {
		first := u.signIn(basic)
		u.sameSignIn(first, u.signIn(basic, "prompt", "none"))
	}},
	{"oidcc-max-age-1", func(u *user) {
		first := u.signIn(basic)
		nextSecond(u.t, first.authTime()+1)
		u.signedInAnew(first, u.signIn(basic, "max_age", "1"))
	}},
	{"oidcc-max-age-10000", func(u *user) {
		first := u.signIn(basic)
		u.sameSignIn(first, u.signIn(basic, "max_age", "10000"))
	}},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", succeeds("extra", "foobar")},
	{"oidcc-id-token-hint", func(u *user) {
		first := u.signIn(basic)
		u.sameSignIn(first, u.signIn(basic, "prompt", "none", "id_token_hint", first.idToken))
	}},
	{"oidcc-login-hint", succeeds("login_hint", "bob@example.com")},
	{"oidcc-ui-locales", succeeds("ui_locales", "se")},
	{"oidcc-claims-locales", succeeds("claims_locales", "se")},
	{"oidcc-ensure-request-with-acr-values-succeeds", func(u *user) {
		if got := u.signIn(basic, "acr_values", acr1+" "+acr2).id["acr"]; got != acr1 {
			u.t.Errorf("acr = %v, want %s", got, acr1)
		}
		u.signIn(basic, "acr_values", "1 2")
	}},
	{"oidcc-codereuse", func(u *user) {
		code := u.authorize(basic).Get("code")
		g := u.redeem(u.t, basic, code)
		u.replayed(u.t, code, g)
	}},
	{"oidcc-ensure-registered-redirect-uri", func(u *user) {
		u.page(u.get(u.issuer+"/authorize?"+u.asking(basic, "redirect_uri", u.at("callback/other")).Encode()), http.StatusBadRequest)
	}},
	{"oidcc-server-client-secret-post", func(u *user) { u.signIn("conformance-post") }},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(u *user) {
		u.refused(basic, []string{"request_not_supported"}, "request", unsigned(map[string]any{"client_id": basic, "redirect_uri": u.at("callback")}))
	}},
	{"oidcc-claims-essential", func(u *user) {
		g := u.signIn(basic, "claims", `{"userinfo":{"name":{"essential":true}}}`)
		if got := u.userinfo(u.t, g.access); got.json["name"] != "Nguyễn Thị Tuân Thủ" {
			u.t.Errorf("userinfo = %s", got.body)
		}
	}},
	{"oidcc-ensure-request-object-with-redirect-uri", func(u *user) {
		q := u.asking("conformance-key")
		inside := map[string]any{"aud": u.issuer, "iss": "conformance-key"}
		for name := range q {
			inside[name] = q.Get(name)
		}
		outer := url.Values{
			"client_id": {"conformance-key"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"https://elsewhere.example/cb"},
			"request": {u.sign(u.t, jose.ES256, "oauth-authz-req+jwt", inside)},
		}
		code := u.answer(q, u.through(u.get(u.issuer+"/authorize?"+outer.Encode()))).Get("code")
		u.redeem(u.t, "conformance-key", code)
	}},
	{"oidcc-refresh-token", func(u *user) {
		g := u.signIn(basic)
		next := u.granted(u.t, basic, u.token(u.t, basic, "grant_type", "refresh_token", "refresh_token", g.refresh))
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid"} {
			if next.id[name] != g.id[name] {
				u.t.Errorf("%s = %v after the refresh, want %v", name, next.id[name], g.id[name])
			}
		}
		u.wantSub(u.userinfo(u.t, next.access), g)
		// The suite's second client tries the first one's token.
		got := u.token(u.t, "conformance-2", "grant_type", "refresh_token", "refresh_token", next.refresh)
		u.error(got, http.StatusBadRequest, "invalid_grant")
	}},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", func(u *user) {
		verifier, params := challengeOf()
		u.redeem(u.t, basic, u.authorize(basic, params...).Get("code"), "code_verifier", verifier)
	}},
	{"oidcc-ensure-post-request-succeeds", func(u *user) {
		q := u.asking(basic)
		p := u.do(u.t, u.client, http.MethodPost, u.issuer+"/authorize", q)
		u.redeem(u.t, basic, u.answer(q, u.through(p)).Get("code"))
	}},
}

var keyModules = []module{
	{"oidcc-server", func(u *user) {
		g := u.signIn("conformance-key")
		if alg := jwtHead(u.t, g.idToken)["alg"]; alg != "ES256" {
			u.t.Errorf("alg = %v, want ES256", alg)
		}
	}},
	{"oidcc-refresh-token", func(u *user) {
		g := u.signIn("conformance-key")
		u.granted(u.t, "conformance-key", u.token(u.t, "conformance-key", "grant_type", "refresh_token", "refresh_token", g.refresh))
	}},
}

// beginReplay redeems a code, which the function that it gives redeems again 30
// seconds later.
func (r *plansRun) beginReplay(t *testing.T) func(*testing.T) {
	t.Helper()
	u := r.user(t, "")
	code := u.authorize(basic).Get("code")
	g := r.redeem(t, basic, code)
	redeemed := time.Now()
	return func(t *testing.T) {
		time.Sleep(time.Until(redeemed.Add(30 * time.Second))) // as the suite does
		r.replayed(t, code, g)
	}
}

// replayed uses a code again: it is refused, and its tokens die.
func (r *plansRun) replayed(t *testing.T, code string, g grant) {
	t.Helper()
	if got := r.userinfo(t, g.access); got.status != http.StatusOK {
		t.Errorf("userinfo before the replay = %d", got.status)
	}
	got := r.token(t, basic, "grant_type", "authorization_code", "code", code, "redirect_uri", r.at("callback"))
	if got.status != http.StatusBadRequest || got.json["error"] != "invalid_grant" {
		t.Errorf("code again: %d %s, want invalid_grant", got.status, got.body)
	}
	if got := r.userinfo(t, g.access); got.status != http.StatusUnauthorized {
		t.Errorf("userinfo after the replay = %d, want 401", got.status)
	}
	got = r.token(t, basic, "grant_type", "refresh_token", "refresh_token", g.refresh)
	if got.status != http.StatusBadRequest || got.json["error"] != "invalid_grant" {
		t.Errorf("refresh after the replay: %d %s, want invalid_grant", got.status, got.body)
	}
}

// scopeModule wants every claim of the scopes at userinfo, none more, and none of
// them in the ID token.
func scopeModule(scopes ...string) func(*user) {
	return func(u *user) {
		g := u.signIn(basic, "scope", "openid "+strings.Join(scopes, " "))
		got := u.userinfo(u.t, g.access)
		want := []string{"sub"}
		for _, scope := range scopes {
			want = append(want, scopeClaims[scope]...)
		}
		slices.Sort(want)
		if names := slices.Sorted(maps.Keys(got.json)); !slices.Equal(names, want) {
			u.t.Errorf("userinfo has %q, want %q", names, want)
		}
		for name := range got.json {
			if _, ok := g.id[name]; ok && name != "sub" {
				u.t.Errorf("%s is in the ID token, where nobody asked for it", name)
			}
		}
	}
}

// scopeClaims are the claims of each scope that are known of the person.
var scopeClaims = map[string][]string{
	"profile": {"name", "family_name", "middle_name", "given_name", "nickname", "preferred_username", "profile", "picture", "website",
		"gender", "birthdate", "locale", "zoneinfo", "updated_at"},
	"email":   {"email", "email_verified"},
	"phone":   {"phone_number", "phone_number_verified"},
	"address": {"address"},
	"eid":     {"eid_personal_number", "eid_subject_type", "eid_source", "nationalities"},
}

// succeeds wants a sign-in with a parameter that may change nothing.
func succeeds(params ...string) func(*user) {
	return func(u *user) { u.t.Helper(); u.signIn(basic, params...) }
}

func (u *user) wantSub(got reply, g grant) {
	u.t.Helper()
	if got.status != http.StatusOK || got.json["sub"] != g.sub() || got.header.Get("Cache-Control") != "no-store" {
		u.t.Errorf("userinfo: %d %s, Cache-Control %q, want sub %s", got.status, got.body, got.header.Get("Cache-Control"), g.sub())
	}
}

func (u *user) signedInAnew(first, second grant) {
	u.t.Helper()
	if u.typed != 2 || second.authTime() <= first.authTime() || second.sub() != first.sub() {
		u.t.Errorf("asked %d times, auth_time %d then %d, sub %s then %s, want a sign-in of the same person anew",
			u.typed, first.authTime(), second.authTime(), first.sub(), second.sub())
	}
}

func (u *user) sameSignIn(first, second grant) {
	u.t.Helper()
	if u.typed != 1 || second.authTime() != first.authTime() || second.sub() != first.sub() {
		u.t.Errorf("asked %d times, auth_time %d then %d, sub %s then %s, want the same sign-in",
			u.typed, first.authTime(), second.authTime(), first.sub(), second.sub())
	}
}

// page wants an error page and no redirect.
func (u *user) page(p reply, status int) {
	u.t.Helper()
	if p.status != status || p.next != "" || !strings.Contains(p.body, "Mã tra cứu") || strings.Contains(p.body, u.suite.URL) {
		u.t.Errorf("got %d, redirect %q, want page %d that leads nowhere\n%s", p.status, p.next, status, p.body)
	}
}

// error wants an error of the token endpoint's kind (RFC 6749 §5.2).
func (r *plansRun) wantError(t *testing.T, got reply, status int, code string) {
	t.Helper()
	if got.status != status || got.json["error"] != code || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %s, Cache-Control %q, want %d %s", got.status, got.body, got.header.Get("Cache-Control"), status, code)
	}
}

func (u *user) error(got reply, status int, code string) {
	u.t.Helper()
	u.wantError(u.t, got, status, code)
}

func jwtHead(t *testing.T, raw string) map[string]any {
	t.Helper()
	head, err := base64.RawURLEncoding.DecodeString(raw[:strings.IndexByte(raw, '.')])
	must(t, err)
	var header map[string]any
	must(t, json.Unmarshal(head, &header))
	return header
}

// unsigned is a JWT of alg none.
func unsigned(claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(raw) + "."
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
