package main_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/eid"
)

// TestDiscoveryIsTrue holds each member of the discovery document against what
// the gateway does: what it lists works, and what it does not list is refused. A
// member without a check here fails.
func TestDiscoveryIsTrue(t *testing.T) {
	t.Parallel()
	d := &discovery{plansRun: startPlans(t)}
	checks := map[string]func(*testing.T, string){
		"issuer":                 d.issuerIs,
		"authorization_endpoint": d.endpoint, "token_endpoint": d.endpoint, "userinfo_endpoint": d.endpoint, "jwks_uri": d.endpoint,
		"revocation_endpoint": d.endpoint, "introspection_endpoint": d.endpoint, "end_session_endpoint": d.endpoint, "eidgate_subjects_endpoint": d.endpoint, "eidgate_lock_requests_endpoint": d.endpoint,
		"scopes_supported": d.scopes, "claims_supported": d.claims, "claim_types_supported": d.only("normal"),
		"response_types_supported": d.responseTypes, "response_modes_supported": d.responseModes, "grant_types_supported": d.grantTypes,
		"acr_values_supported": d.acrValues, "subject_types_supported": d.pairwise, "prompt_values_supported": d.prompts,
		"ui_locales_supported": d.locales, "code_challenge_methods_supported": d.challengeMethods,
		"claims_parameter_supported": d.claimsParameter, "request_parameter_supported": d.requestParameter,
		"request_uri_parameter_supported": d.requestURI, "authorization_response_iss_parameter_supported": d.isTrue, // each answer is checked for it
		"id_token_signing_alg_values_supported":            d.idTokenAlgs,
		"userinfo_signing_alg_values_supported":            d.userinfoAlgs,
		"introspection_signing_alg_values_supported":       d.introspectionAlgs,
		"request_object_signing_alg_values_supported":      d.requestObjectAlgs,
		"token_endpoint_auth_methods_supported":            d.authMethods("/token"),
		"revocation_endpoint_auth_methods_supported":       d.authMethods("/revoke"),
		"introspection_endpoint_auth_methods_supported":    d.authMethods("/introspect"),
		"token_endpoint_auth_signing_alg_values_supported": d.authAlgs("/token"),
		// RFC 8414 §2: these must be there where private_key_jwt is.
		"revocation_endpoint_auth_signing_alg_values_supported":    d.authAlgs("/revoke"),
		"introspection_endpoint_auth_signing_alg_values_supported": d.authAlgs("/introspect"),
		// TestPlans signs out in both channels, with the sid.
		"backchannel_logout_supported": d.isTrue, "backchannel_logout_session_supported": d.isTrue,
		"frontchannel_logout_supported": d.isTrue, "frontchannel_logout_session_supported": d.isTrue,
	}
	for name := range d.meta {
		if checks[name] == nil {
			t.Errorf("%s is advertised and nothing checks it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		t.Run(name, func(t *testing.T) {
			if _, ok := d.meta[name]; !ok {
				t.Fatal("not in the document")
			}
			checks[name](t, name)
		})
	}
}

// documentClaims are those of documents, each in a scope of its own.
func documentClaims() []string {
	var list []string
	for _, kind := range eid.DocumentKinds() {
		list = append(list, kind.Claim())
	}
	return list
}

// discovery compares the document with behaviour.
type discovery struct{ *plansRun }

// list is a member that lists texts.
func (d *discovery) list(t *testing.T, name string) []string {
	t.Helper()
	values, _ := d.meta[name].([]any)
	var texts []string
	for _, v := range values {
		text, ok := v.(string)
		if !ok || slices.Contains(texts, text) {
			t.Errorf("%s holds %v, which is no text or there twice", name, v)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		t.Errorf("%s = %v, want a list", name, d.meta[name])
	}
	return texts
}

func (d *discovery) isTrue(t *testing.T, name string) {
	if d.meta[name] != true {
		t.Errorf("%s = %v, want true", name, d.meta[name])
	}
}

func (d *discovery) only(want string) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		if got := d.list(t, name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func (d *discovery) issuerIs(t *testing.T, name string) {
	if d.meta[name] != d.issuer {
		t.Errorf("issuer = %v, want %s", d.meta[name], d.issuer)
	}
}

func (d *discovery) endpoint(t *testing.T, name string) {
	address, _ := d.meta[name].(string)
	if !strings.HasPrefix(address, d.issuer+"/") {
		t.Fatalf("%s = %v, want an https address of the issuer", name, d.meta[name])
	}
	method := http.MethodGet
	if strings.HasPrefix(name, "token") || strings.HasPrefix(name, "revocation") || strings.HasPrefix(name, "introspection") || strings.HasPrefix(name, "eidgate_") {
		method = http.MethodPost
	}
	if got := d.do(t, d.client, method, address, nil); got.status == http.StatusNotFound || got.status == http.StatusMethodNotAllowed {
		t.Errorf("%s answers %d", address, got.status)
	}
}

func (d *discovery) scopes(t *testing.T, name string) {
	listed := d.list(t, name)
	want := append(slices.Collect(maps.Keys(scopeClaims)), append(documentClaims(), "openid")...)
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(listed)), want) {
		t.Errorf("scopes = %q, want %q", listed, want)
	}
	u := d.user(t, "")
	for _, scope := range listed {
		verifier, params := challengeOf()
		code := u.authorize("public", append(params, "scope", "openid "+scope+" offline_access other")...).Get("code")
		g := d.redeem(t, "public", code, "code_verifier", verifier)
		granted := slices.Compact([]string{"openid", scope})
		if slices.Contains(documentClaims(), scope) {
			granted = granted[:1] // the person has none to share
		}
		if got, want := g.json["scope"], strings.Join(granted, " "); got != want {
			t.Errorf("granted %q, want %q", got, want)
		}
		got := slices.Sorted(maps.Keys(d.userinfo(t, g.access).json))
		claims := slices.Sorted(slices.Values(append([]string{"sub"}, scopeClaims[scope]...)))
		if !slices.Equal(got, claims) {
			t.Errorf("scope %s gives %q, want %q", scope, got, claims)
		}
	}
}

func (d *discovery) claims(t *testing.T, name string) {
	verifier, params := challengeOf()
	code := d.user(t, "").authorize("public", append(params,
		"scope", "openid profile email phone address eid", "claims", `{"id_token":{"aal":null}}`)...).Get("code")
	g := d.redeem(t, "public", code, "code_verifier", verifier)
	known := map[string]any{}
	maps.Copy(known, g.id)
	maps.Copy(known, d.userinfo(t, g.access).json)
	for _, claim := range documentClaims() {
		known[claim] = "of who has one"
	}
	if got, want := slices.Sorted(slices.Values(d.list(t, name))), slices.Sorted(maps.Keys(known)); !slices.Equal(got, want) {
		t.Errorf("advertised %q,\n     given %q", got, want)
	}
}

func (d *discovery) responseTypes(t *testing.T, name string) {
	d.only("code")(t, name)
	for _, other := range []string{"token", "id_token", "id_token token", "code id_token", "code token", "code id_token token", "none"} {
		d.user(t, "").refused(basic, []string{"unsupported_response_type"}, "response_type", other)
	}
}

func (d *discovery) responseModes(t *testing.T, name string) {
	for _, mode := range d.list(t, name) {
		d.user(t, mode).signIn(basic)
	}
	for _, other := range []string{"fragment", "web_message", "jwt", "query.jwt", "form_post.jwt", "FORM_POST"} {
		d.user(t, "").refused(basic, []string{"invalid_request"}, "response_mode", other)
	}
}

func (d *discovery) grantTypes(t *testing.T, name string) {
	if got := d.list(t, name); !slices.Equal(got, []string{"authorization_code", "refresh_token"}) {
		t.Errorf("%s = %q", name, got)
	}
	g := d.user(t, "").signIn(basic)
	d.granted(t, basic, d.token(t, basic, "grant_type", "refresh_token", "refresh_token", g.refresh))
	for _, other := range []string{
		"implicit", "password", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code",
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
	} {
		d.wantError(t, d.token(t, basic, "grant_type", other), http.StatusBadRequest, "unsupported_grant_type")
	}
	// conformance-back is not registered for refresh tokens.
	if back := d.user(t, "").signIn("conformance-back"); back.refresh != "" {
		t.Error("a client that is not registered for refresh tokens got one")
	}
	d.wantError(t, d.token(t, "conformance-back", "grant_type", "refresh_token", "refresh_token", g.refresh), http.StatusBadRequest, "unauthorized_client")
}

func (d *discovery) acrValues(t *testing.T, name string) {
	if got := d.list(t, name); !slices.Equal(slices.Sorted(slices.Values(got)), []string{acr1, acr2}) {
		t.Errorf("%s = %q", name, got)
	}
	u := d.user(t, "")
	if got := u.signIn(basic, "acr_values", acr1).id["acr"]; got != acr1 {
		t.Errorf("acr = %v, want %s", got, acr1)
	}
	// The person has a password only: level 2 is known, and out of reach. What is
	// not listed is in nobody's reach. Each refusal is a page first.
	const unknown = `{"id_token":{"acr":{"essential":true,"value":"urn:other:level"}}}`
	for _, params := range [][]string{{"acr_values", acr2}, {"claims", unknown}} {
		q := u.asking(basic, params...)
		p := u.through(u.get(u.issuer + "/authorize?" + q.Encode()))
		if got := u.answer(q, u.post("/login", fields(t, p.body, "action", "cancel"))).Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("%q: page %d, then error %q", params, p.status, got)
		}
		u.refused(basic, []string{"login_required", "interaction_required", "unmet_authentication_requirements"}, append(params, "prompt", "none")...)
	}
}

func (d *discovery) pairwise(t *testing.T, name string) {
	d.only("pairwise")(t, name)
	u := d.user(t, "")
	one, two := u.signIn(basic), u.signIn("conformance-2")
	verifier, params := challengeOf()
	three := d.redeem(t, "signed-userinfo", u.authorize("signed-userinfo", params...).Get("code"), "code_verifier", verifier)
	if one.sub() != two.sub() || one.sub() == three.sub() {
		t.Errorf("subjects %q and %q of one sector, %q of another", one.sub(), two.sub(), three.sub())
	}
}

func (d *discovery) prompts(t *testing.T, name string) {
	for _, prompt := range d.list(t, name) {
		u := d.user(t, "")
		u.signIn(basic, "scope", "openid email")
		u.signIn(basic, "scope", "openid email", "prompt", prompt)
		typed := map[string]int{"none": 1, "login": 2, "consent": 1, "select_account": 2}[prompt]
		agreed := map[string]int{"none": 0, "login": 0, "consent": 1, "select_account": 0}[prompt]
		// Whether the first sign-in asked for consent depends on the tests before.
		if u.typed != typed || u.agreed < agreed {
			t.Errorf("prompt %s: password asked %d times, consent %d, want %d, at least %d", prompt, u.typed, u.agreed, typed, agreed)
		}
	}
	for _, other := range []string{"create", "NONE", "none login"} {
		d.user(t, "").refused(basic, []string{"invalid_request"}, "prompt", other)
	}
}

func (d *discovery) locales(t *testing.T, name string) {
	for _, locale := range d.list(t, name) {
		u := d.user(t, "")
		p := u.get(u.issuer + "/authorize?" + u.asking(basic, "ui_locales", locale).Encode())
		if !strings.Contains(p.body, `<html lang="`+locale+`"`) {
			t.Errorf("ui_locales %s is not the page's language", locale)
		}
	}
}

func (d *discovery) challengeMethods(t *testing.T, name string) {
	d.only("S256")(t, name)
	verifier, params := challengeOf()
	u := d.user(t, "")
	d.redeem(t, "public", u.authorize("public", params...).Get("code"), "code_verifier", verifier)
	for _, other := range []string{"plain", "s256", "S512", "-"} {
		u.refused("public", []string{"invalid_request"}, "code_challenge", verifier[:43], "code_challenge_method", other)
	}
	u.refused("public", []string{"invalid_request"})
}

func (d *discovery) claimsParameter(t *testing.T, name string) {
	d.isTrue(t, name)
	g := d.user(t, "").signIn(basic, "claims", `{"id_token":{"birthdate":null},"userinfo":{"email":{"essential":true}}}`)
	info := d.userinfo(t, g.access)
	if g.id["birthdate"] != "1988-03-08" || info.json["email"] != "tuan-thu@example.test" || len(info.json) != 2 {
		t.Errorf("ID token has birthdate %v, userinfo %s", g.id["birthdate"], info.body)
	}
}

func (d *discovery) requestParameter(t *testing.T, name string) {
	d.isTrue(t, name)
	d.user(t, "").refused(basic, []string{"request_not_supported"}, "request", "x.y.z") // no keys registered
}

func (d *discovery) requestURI(t *testing.T, name string) {
	if d.meta[name] != false {
		t.Errorf("%s = %v, want false: its default is true", name, d.meta[name])
	}
	for _, client := range []string{basic, "conformance-key"} {
		d.user(t, "").refused(client, []string{"request_uri_not_supported"}, "request_uri", "https://127.0.0.1/object")
	}
}

func (d *discovery) idTokenAlgs(t *testing.T, name string) {
	used := map[string]bool{}
	for _, client := range []string{basic, "conformance-key"} {
		alg, _ := jwtHead(t, d.user(t, "").signIn(client).idToken)["alg"].(string)
		used[alg] = true
	}
	d.same(t, name, used)
}

func (d *discovery) userinfoAlgs(t *testing.T, name string) {
	used := map[string]bool{}
	for _, client := range []string{"signed-userinfo", "many-keys"} {
		verifier, params := challengeOf()
		code := d.user(t, "").authorize(client, append(params, "scope", "openid profile")...).Get("code")
		g := d.redeem(t, client, code, "code_verifier", verifier)
		got := d.userinfo(t, g.access)
		if got.header.Get("Content-Type") != "application/jwt" {
			t.Fatalf("userinfo is %s", got.header.Get("Content-Type"))
		}
		claims := d.verified(t, got.body, used)
		if claims["sub"] != g.sub() || claims["aud"] != client || claims["iss"] != d.issuer {
			t.Errorf("signed userinfo = %v", claims)
		}
	}
	d.same(t, name, used)
}

func (d *discovery) introspectionAlgs(t *testing.T, name string) {
	g := d.user(t, "").signIn(basic)
	got := d.do(t, d.client, http.MethodPost, d.issuer+"/introspect", url.Values{"token": {g.access}},
		"Accept", "application/token-introspection+jwt", "Authorization", d.basicAuth(t, basic))
	used := map[string]bool{}
	claims := d.verified(t, got.body, used)
	inner, _ := claims["token_introspection"].(map[string]any)
	if inner["active"] != true || claims["aud"] != basic || jwtHead(t, got.body)["typ"] != "token-introspection+jwt" {
		t.Errorf("introspection = %v", claims)
	}
	d.same(t, name, used)
}

func (d *discovery) basicAuth(t *testing.T, client string) string {
	t.Helper()
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(client, d.secret(t, "client-"+strings.TrimPrefix(client, "conformance-")))
	return req.Header.Get("Authorization")
}

// verified gives the claims of a JWT that a published key signed, and notes its
// algorithm.
func (d *discovery) verified(t *testing.T, raw string, used map[string]bool) map[string]any {
	t.Helper()
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	must(t, err)
	var keys jose.JSONWebKeySet
	must(t, json.Unmarshal([]byte(d.do(t, d.client, http.MethodGet, d.issuer+"/keys", nil).body), &keys))
	var claims map[string]any
	must(t, token.Claims(keys, &claims))
	used[token.Headers[0].Algorithm] = true
	return claims
}

func (d *discovery) same(t *testing.T, name string, used map[string]bool) {
	t.Helper()
	if got, want := slices.Sorted(slices.Values(d.list(t, name))), slices.Sorted(maps.Keys(used)); !slices.Equal(got, want) {
		t.Errorf("%s = %q, used are %q", name, got, want)
	}
}

func (d *discovery) requestObjectAlgs(t *testing.T, name string) {
	listed := d.list(t, name)
	for alg := range d.keys {
		_, params := challengeOf()
		u := d.user(t, "")
		q := u.asking("many-keys", params...)
		inside := map[string]any{"aud": d.issuer, "iss": "many-keys", "exp": time.Now().Add(time.Minute).Unix()}
		for param := range q {
			inside[param] = q.Get(param)
		}
		q.Set("request", d.sign(t, alg, "oauth-authz-req+jwt", inside))
		want := !slices.Contains(listed, string(alg))
		p := u.through(u.get(d.issuer + "/authorize?" + q.Encode()))
		if got := u.answer(q, p).Get("error") == "invalid_request_object"; got != want {
			t.Errorf("%s: refused is %v, want %v", alg, got, want)
		}
	}
	u := d.user(t, "")
	u.refused("many-keys", []string{"invalid_request_object"}, "request", unsigned(map[string]any{"client_id": "many-keys", "redirect_uri": u.at("callback")}))
}

// authMethods wants each method that is listed to work, for the client that is
// registered with it, and every other to be refused.
func (d *discovery) authMethods(path string) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		listed := d.list(t, name)
		clients := map[string]string{
			"client_secret_basic": basic, "client_secret_post": "conformance-post", "private_key_jwt": "conformance-key", "none": "public",
		}
		for method, client := range clients {
			got := d.call(t, path, client, "token", "unknown", "grant_type", "authorization_code", "code", "unknown")
			if ok := got.json["error"] != "invalid_client"; ok != slices.Contains(listed, method) {
				t.Errorf("%s: %d %s, listed %q", method, got.status, got.body, listed)
			}
		}
		for _, method := range listed {
			if clients[method] == "" {
				t.Errorf("%s is listed and not tried", method)
			}
		}
		// client_secret_jwt
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(d.secret(t, "client-1"))}, nil)
		must(t, err)
		raw, err := jwt.Signed(signer).Claims(map[string]any{
			"iss": basic, "sub": basic, "aud": d.issuer, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
		}).Serialize()
		must(t, err)
		d.wantError(t, d.asserting(t, path, raw), http.StatusUnauthorized, "invalid_client")
	}
}

func (d *discovery) asserting(t *testing.T, path, assertion string) reply {
	t.Helper()
	return d.do(t, d.client, http.MethodPost, d.issuer+path, url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
		"token": {"unknown"}, "grant_type": {"authorization_code"}, "code": {"unknown"},
	})
}

func (d *discovery) authAlgs(path string) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		listed := d.list(t, name)
		for alg := range d.keys {
			got := d.asserting(t, path, d.assertion(t, "many-keys", alg))
			if ok := got.json["error"] != "invalid_client"; ok != slices.Contains(listed, string(alg)) {
				t.Errorf("%s: %d %s, listed %q", alg, got.status, got.body, listed)
			}
		}
		for _, alg := range listed {
			if d.keys[jose.SignatureAlgorithm(alg)] == nil {
				t.Errorf("%s is listed and not tried", alg)
			}
		}
		d.wantError(t, d.asserting(t, path, unsigned(map[string]any{"iss": "many-keys", "sub": "many-keys", "aud": d.issuer})),
			http.StatusUnauthorized, "invalid_client")
	}
}

// TestDiscoveryDocuments checks how the documents are served.
func TestDiscoveryDocuments(t *testing.T) {
	t.Parallel()
	r := startPlans(t)
	get := func(path string, header ...string) reply {
		t.Helper()
		return r.do(t, r.client, http.MethodGet, r.issuer+path, nil, append([]string{"Accept-Encoding", "identity"}, header...)...)
	}
	const path, other = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	document := get(path)
	if got := get(other); got.body != document.body || got.status != http.StatusOK || got.header.Get("ETag") != document.header.Get("ETag") {
		t.Errorf("%s differs: %d %s", other, got.status, got.body)
	}
	for _, path := range []string{path, other, "/keys"} {
		plain := get(path)
		if plain.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(plain.header.Get("Cache-Control"), "public, max-age=") ||
			plain.header.Get("ETag") == "" || plain.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s has headers %v", path, plain.header)
		}
		again := get(path, "If-None-Match", plain.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.body != "" || again.header.Get("ETag") != plain.header.Get("ETag") {
			t.Errorf("%s again: %d, %d bytes", path, again.status, len(again.body))
		}
		if changed := get(path, "If-None-Match", `"other"`); changed.status != http.StatusOK {
			t.Errorf("%s with another ETag: %d", path, changed.status)
		}
	}
	zipped := get(path, "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(bytes.NewReader([]byte(zipped.body)))
	must(t, err)
	if raw, err := io.ReadAll(z); err != nil || string(raw) != document.body || zipped.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("gzip gives %s, %v, Vary %q", raw, err, zipped.header.Get("Vary"))
	}
	if refused := get(path, "Accept-Encoding", "gzip;q=0"); refused.header.Get("Content-Encoding") != "" {
		t.Error("gzip to a client that refuses it")
	}

	var keys struct{ Keys []map[string]any }
	must(t, json.Unmarshal([]byte(get("/keys").body), &keys))
	kids := map[any]bool{}
	for _, key := range keys.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if _, ok := key[private]; ok {
				t.Errorf("key %v has member %s", key["kid"], private)
			}
		}
		if key["use"] != "sig" || key["alg"] == nil || key["kid"] == nil || kids[key["kid"]] {
			t.Errorf("key %v: want kid of its own, use and alg", key)
		}
		kids[key["kid"]] = true
	}
	if len(kids) < 2 {
		t.Errorf("%d keys, want one for each algorithm", len(kids))
	}
}
