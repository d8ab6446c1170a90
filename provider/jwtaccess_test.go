package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation/fedtest"
)

const (
	resourceTax  = "https://tax.example.test"
	resourceLand = "https://land.example.test"
)

// verifyJWT checks a JWT with the published keys and gives its header and claims.
func (w *world) verifyJWT(text string) (header, claims map[string]any) {
	w.t.Helper()
	var set jose.JSONWebKeySet
	must(w.t, json.Unmarshal([]byte(w.browser().get(w.server.URL+"/keys").body), &set))
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	must(w.t, err)
	payload, err := jws.Verify(set)
	must(w.t, err)
	must(w.t, json.Unmarshal(payload, &claims))
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
	must(w.t, err)
	must(w.t, json.Unmarshal(raw, &header))
	return header, claims
}

func withResources(portal *eid.RelyingParty) { portal.Resources = []string{resourceTax, resourceLand} }

func TestJWTAccessToken(t *testing.T) {
	w := refreshing(t, withResources)
	got := w.redeem(w.codeFor(numberLevel2, "acr_values", "LoA2", "resource", resourceTax, "scope", "openid email"))
	if got.status != http.StatusOK || got.TokenType != "Bearer" || got.ExpiresIn != 300 {
		t.Fatalf("status %d %s, expires_in %d", got.status, got.Error, got.ExpiresIn)
	}
	header, claims := w.verifyJWT(got.AccessToken)
	if header["typ"] != "at+jwt" || header["alg"] != "RS256" || header["kid"] == nil {
		t.Errorf("header %v", header)
	}
	now := float64(w.clock().Unix())
	want := map[string]any{
		"iss": w.server.URL, "aud": resourceTax, "sub": got.claims["sub"], "client_id": "portal", "acr": "LoA2", "scope": "openid email",
		"auth_time": got.claims["auth_time"], "iat": now, "exp": now + 300, "jti": claims["jti"],
	}
	for name := range claims {
		if claims[name] != want[name] || claims[name] == nil {
			t.Errorf("%s = %v, want %v", name, claims[name], want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("claims missing: %v", want)
	}
	// It is for the resource: not for userinfo, and its jti opens nothing.
	status, h, body := w.userinfo("Bearer " + got.AccessToken)
	_, plainHeader, plain := w.userinfo("Bearer x")
	if status != http.StatusUnauthorized || h.Get("WWW-Authenticate") != plainHeader.Get("WWW-Authenticate") || body["error"] != plain["error"] {
		t.Errorf("userinfo with it: %d %v, want the uniform 401", status, body)
	}
	if jti, _ := claims["jti"].(string); w.active(jti) || w.refresh(jti).Error != "invalid_grant" {
		t.Error("the jti passes as a token")
	}
	// A refresh gives another of the same kind.
	next := w.refresh(got.RefreshToken)
	_, again := w.verifyJWT(next.AccessToken)
	if again["aud"] != resourceTax || again["acr"] != "LoA2" || again["jti"] == claims["jti"] || next.ExpiresIn != 300 {
		t.Errorf("refreshed: %v", again)
	}
}

func TestResourceParameter(t *testing.T) {
	w := refreshing(t, withResources)
	a := w.browser()
	for name, resource := range map[string]string{
		"unknown": "https://evil.example.test", "prefix": resourceTax + "/x", "fragment": resourceTax + "#a", "case": "HTTPS://TAX.example.test", "garbage": "x",
	} {
		p := a.get(w.authorizeURL("portal", "resource", resource))
		if p.back == nil || p.back.Query().Get("error") != "invalid_target" || p.back.Query().Get("iss") != w.server.URL {
			t.Errorf("authorize %s: %d %v, want invalid_target", name, p.status, p.back)
		}
		if got := w.redeem(w.codeFor(numberLevel1), "resource", resource); got.status != http.StatusBadRequest || got.Error != "invalid_target" || got.AccessToken != "" {
			t.Errorf("token %s: %d %s, want 400 invalid_target", name, got.status, got.Error)
		}
	}
	if p := a.get(w.authorizeURL("high", "resource", resourceTax)); p.back == nil || p.back.Query().Get("error") != "invalid_target" {
		t.Errorf("another party's resource: %v, want invalid_target", p.back)
	}
	// Several are one token with several audiences; the token request may choose
	// among them, never beyond.
	both := w.authorizeURL("portal") + "&" + url.Values{"resource": {resourceTax, resourceLand}}.Encode()
	code := func(address string) string { return w.browser().signIn(address, numberLevel1).back.Query().Get("code") }
	got := w.redeem(code(both))
	if _, claims := w.verifyJWT(got.AccessToken); !slices.Equal(claims["aud"].([]any), []any{resourceTax, resourceLand}) {
		t.Errorf("aud = %v, want both", claims["aud"])
	}
	if got = w.redeem(code(both), "resource", resourceLand); got.status != http.StatusOK {
		t.Fatalf("one of two: %d %s", got.status, got.Error)
	}
	if _, claims := w.verifyJWT(got.AccessToken); claims["aud"] != resourceLand {
		t.Errorf("aud = %v, want one", claims["aud"])
	}
	one := w.authorizeURL("portal", "resource", resourceTax)
	if got := w.redeem(code(one), "resource", resourceLand); got.Error != "invalid_target" {
		t.Errorf("beyond the authorization: %d %s, want invalid_target", got.status, got.Error)
	}
	first := w.redeem(code(one))
	if got := w.refresh(first.RefreshToken, "resource", resourceLand); got.Error != "invalid_target" {
		t.Errorf("refresh beyond the authorization: %d %s, want invalid_target", got.status, got.Error)
	}
	// A resource that is registered no longer is not served.
	w.registerWith(func(p *eid.RelyingParty) { p.Refresh = true })
	if got := w.refresh(first.RefreshToken); got.Error != "invalid_target" {
		t.Errorf("registration withdrawn: %d %s, want invalid_target", got.status, got.Error)
	}
	// Any other parameter stands alone.
	if p := a.get(w.authorizeURL("portal") + "&scope=openid"); p.back == nil || p.back.Query().Get("error") != "invalid_request" {
		t.Errorf("scope twice: %v, want invalid_request", p.back)
	}
}

// Who is named in aud may introspect, the client may, and nobody else.
func TestIntrospectionByTheResource(t *testing.T) {
	w := refreshing(t, withResources)
	w.addParty(resourceTax, func(p *eid.RelyingParty) { p.Resources = nil })
	w.addParty("other", func(p *eid.RelyingParty) { p.Resources = []string{resourceTax} })
	got := w.redeem(w.codeFor(numberLevel1, "resource", resourceTax))
	for id, active := range map[string]bool{"portal": true, resourceTax: true, "other": false} {
		a := w.backChannel("/introspect", tokenForm(got.AccessToken), as(id))
		if a.json["active"] != active || active && (a.json["aud"] != resourceTax || a.json["sub"] != got.claims["sub"]) {
			t.Errorf("%s asks: %s, want active %v", id, a.body, active)
		}
	}
	if a := w.backChannel("/introspect", tokenForm(got.RefreshToken), as(resourceTax)); a.json["active"] != false {
		t.Error("a resource may introspect refresh tokens")
	}
	// The resource cannot end the client's tokens; the client can.
	w.backChannel("/revoke", tokenForm(got.AccessToken), as(resourceTax))
	if a := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal); a.json["active"] != true {
		t.Errorf("after a foreign revocation: %s", a.body)
	}
	w.backChannel("/revoke", tokenForm(got.AccessToken), asPortal)
	if a := w.backChannel("/introspect", tokenForm(got.AccessToken), as(resourceTax)); a.json["active"] != false {
		t.Errorf("after the revocation: %s", a.body)
	}
	if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
		t.Errorf("refresh after the revocation: %d %s", again.status, again.Error)
	}
}

// One that names this gateway among its audiences opens userinfo, for as long as it
// and its family live.
func TestJWTAccessTokenForUserinfo(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Resources = []string{w.server.URL} })
	got := w.redeem(w.codeFor(numberLevel1, "resource", w.server.URL))
	if _, _, claims := w.userinfo("Bearer " + got.AccessToken); claims["sub"] == nil || claims["sub"] != got.claims["sub"] {
		t.Errorf("userinfo = %v", claims)
	}
	parts := strings.Split(got.AccessToken, ".")
	for name, header := range map[string]string{"none": `{"alg":"none","typ":"at+jwt"}`, "HS256": `{"alg":"HS256","typ":"at+jwt"}`} {
		if w.active(base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "." + parts[2]) {
			t.Errorf("alg %s is accepted", name)
		}
	}
	w.pass(5*time.Minute + time.Second)
	if w.active(got.AccessToken) {
		t.Error("it outlives its exp")
	}
}

func TestSignedUserinfo(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256"} {
		w := newWorld(t)
		w.registerWith(func(p *eid.RelyingParty) { p.UserinfoAlg = alg })
		got := w.redeem(w.codeFor(numberLevel1))
		p := w.browser().post(w.server.URL+"/userinfo", url.Values{"access_token": {got.AccessToken}})
		if p.status != http.StatusOK || p.header.Get("Content-Type") != "application/jwt" || p.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("status %d, type %q", p.status, p.header.Get("Content-Type"))
		}
		header, claims := w.verifyJWT(p.body)
		if header["alg"] != alg || claims["iss"] != w.server.URL || claims["aud"] != "portal" || claims["sub"] != got.claims["sub"] || claims["name"] != "Trần Văn Mẫu" {
			t.Errorf("%s: header %v claims %v", alg, header, claims)
		}
		if w.active(p.body) {
			t.Error("a signed answer passes as an access token")
		}
		wantError(t, w.browser().get(w.authorizeURL("portal", "id_token_hint", p.body)), "invalid_request")
	}
}

func TestAddressAndStrength(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(p *eid.RelyingParty) { p.Scopes = append(p.Scopes, "address") })
	for number, want := range map[string]struct{ acr, aal string }{numberLevel2: {"LoA2", "02"}, numberLevel1: {"LoA1", "01"}} {
		got := w.redeem(w.codeFor(number, "acr_values", want.acr, "scope", "openid address", "claims", `{"id_token":{"aal":null},"userinfo":{"aal":{"essential":true}}}`))
		_, _, claims := w.userinfo("Bearer " + got.AccessToken)
		if got.claims["aal"] != want.aal || claims["aal"] != want.aal {
			t.Errorf("aal = %v and %v, want %s", got.claims["aal"], claims["aal"], want.aal)
		}
		if address, ok := claims["address"].(map[string]any); !ok || address["formatted"] != "Số 1 phố Thử Nghiệm" || len(address) != 1 {
			t.Errorf("address = %v", claims["address"])
		}
	}
	plain := w.redeem(w.codeFor(numberLevel1))
	_, _, claims := w.userinfo("Bearer " + plain.AccessToken)
	if plain.claims["aal"] != nil || claims["aal"] != nil || claims["address"] != nil {
		t.Error("aal or address came without being asked for")
	}
}

func TestDiscoveryListsTheTokenEndpoints(t *testing.T) {
	w := newWorld(t)
	var m map[string]any
	must(t, json.Unmarshal([]byte(w.browser().get(w.server.URL+"/.well-known/openid-configuration").body), &m))
	lists := func(name, value string) bool {
		values, _ := m[name].([]any)
		return slices.Contains(values, any(value))
	}
	if m["revocation_endpoint"] != w.server.URL+"/revoke" || m["introspection_endpoint"] != w.server.URL+"/introspect" {
		t.Errorf("endpoints %v, %v", m["revocation_endpoint"], m["introspection_endpoint"])
	}
	for _, tt := range []struct {
		name, value string
		want        bool
	}{
		{"grant_types_supported", "authorization_code", true},
		{"grant_types_supported", "refresh_token", true},
		{"grant_types_supported", "implicit", false},
		{"revocation_endpoint_auth_methods_supported", "client_secret_basic", true},
		{"revocation_endpoint_auth_methods_supported", "none", true},
		{"introspection_endpoint_auth_methods_supported", "client_secret_basic", true},
		{"introspection_endpoint_auth_methods_supported", "none", false},
		{"introspection_signing_alg_values_supported", "RS256", true},
		{"userinfo_signing_alg_values_supported", "RS256", true},
		{"userinfo_signing_alg_values_supported", "ES256", true},
		{"userinfo_signing_alg_values_supported", "none", false},
		{"scopes_supported", "address", true},
		{"scopes_supported", "aal", false},
		{"claims_supported", "address", true},
		{"claims_supported", "aal", true},
	} {
		if lists(tt.name, tt.value) != tt.want {
			t.Errorf("%s = %v, has %s: want %v", tt.name, m[tt.name], tt.value, tt.want)
		}
	}
}

// What an upstream says of its methods is no strength that the gateway vouches for.
func TestNoStrengthFromUpstream(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"upstream"} })
	_, err := w.accounts.Link(t.Context(), eid.Link{Account: w.people[numberLevel2], Source: "upstream", Cap: eid.Level2},
		"synthetic", "synthetic evidence", "operator:test")
	must(t, err)
	a := w.browser()
	a.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Host, ".example.test") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	p := a.get(w.authorizeURL("portal", "claims", `{"id_token":{"aal":{"essential":true}},"userinfo":{"aal":null}}`))
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if field[2] != "cancel" {
			form.Set(field[1], field[2])
		}
	}
	form.Set("username", "nguoi-thu")
	form.Set("password", password)
	p = a.share(a.post(w.upstream.Issuer()+fedtest.PathLogin, form))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("status %d, went to %v: %s", p.status, p.back, p.body)
	}
	got := w.redeem(p.back.Query().Get("code"))
	_, _, claims := w.userinfo("Bearer " + got.AccessToken)
	if got.status != http.StatusOK || claims["sub"] == nil || got.claims["aal"] != nil || claims["aal"] != nil {
		t.Errorf("status %d, aal %v and %v, want none", got.status, got.claims["aal"], claims["aal"])
	}
}
