package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
)

const portalCallback = "https://portal.example.test/cb"

// Only what stands in the object counts (RFC 9101 §5).
func TestRequestObject(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	w.signing(signer)
	now := w.clock()
	for name, object := range map[string]members{
		"complete":           w.requestObject(),
		"no times":           w.requestObject().with("iat", nil, "nbf", nil, "exp", nil),
		"no issuer":          w.requestObject().with("iss", nil, "aud", nil),
		"aud in a list":      w.requestObject().with("aud", []string{"https://other.example.test", w.server.URL}),
		"nbf 8 s ahead":      w.requestObject().with("nbf", now.Add(8*time.Second).Unix()),
		"max_age as number":  w.requestObject().with("max_age", 300),
		"max_age as text":    w.requestObject().with("max_age", "300"),
		"claims as object":   w.requestObject().with("claims", members{"userinfo": members{"name": nil}}),
		"claims as text":     w.requestObject().with("claims", `{"userinfo":{"name":null}}`),
		"resources":          w.requestObject().with("resource", []string{"https://a.example.test", "https://b.example.test"}),
		"null":               w.requestObject().with("login_hint", json.RawMessage("null")),
		"unknown parameters": w.requestObject().with("made_up", members{"a": []int{1}}, "jti", "x", "sub", "portal"),
	} {
		p := w.browser().get(w.authorizeURL("portal", "request", signer.es256(object), "state", "outside", "scope", "nothing", "max_age", "wrong"))
		if p.back == nil || p.back.Query().Get("error") != "login_required" || p.back.Query().Get("state") != "inside" || p.back.Query().Get("iss") != w.server.URL {
			t.Errorf("%s: status %d, went to %v, want login_required with the state inside", name, p.status, p.back)
		}
	}
	for name, header := range map[string]members{
		"RS256": {"alg": "RS256", "kid": "RS256"}, "PS256": {"alg": "PS256", "kid": "RS256"}, "EdDSA": {"alg": "EdDSA"},
		"JWT": {"alg": "ES256", "typ": "JWT"}, "typed": {"alg": "ES256", "typ": "oauth-authz-req+jwt"}, "long type": {"alg": "ES256", "typ": "application/oauth-authz-req+jwt"},
	} {
		p := w.browser().get(w.authorizeURL("portal", "request", signer.sign(header, w.requestObject().json(t))))
		if p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%s: status %d, went to %v, want login_required", name, p.status, p.back)
		}
	}
	object := signer.es256(w.requestObject().with("prompt", nil))
	p := w.browser().signIn(w.server.URL+"/authorize?client_id=portal&request="+object, numberLevel1)
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Fatalf("nothing beside the object: status %d, went to %v, want a code", p.status, p.back)
	}
	form := asserting(signer.es256(w.assertion()))
	form.Set("code", p.back.Query().Get("code"))
	if got := w.authenticate(form, byForm); got.claims["nonce"] != "inside" {
		t.Errorf("nonce = %v, want the one inside (%s)", got.claims["nonce"], got.Error)
	}
}

func TestRequestObjectsThatAreRefused(t *testing.T) {
	w, signer, stranger := newWorld(t), newClientSigner(t), newClientSigner(t)
	w.signing(signer)
	now, es256 := w.clock(), members{"alg": "ES256", "kid": "ES256"}
	good := w.requestObject().json(t)
	objects := map[string]string{
		"none":                signer.sign(members{"alg": "none"}, good),
		"none with signature": signer.sign(members{"alg": "none"}, good) + "AAAA",
		"HS256":               signer.sign(members{"alg": "HS256", "kid": "RS256"}, good),
		"another key":         stranger.sign(es256, good),
		"unknown kid":         signer.sign(es256.with("kid", "new"), good),
		"typ of another":      signer.sign(es256.with("typ", "at+jwt"), good),
		"crit":                signer.sign(es256.with("crit", []string{"exp"}), good),
		"jku":                 signer.sign(es256.with("jku", w.keys.server.URL), good),
		"encrypted":           "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA",
		"garbage":             "garbage",
		"empty":               "",
		"a client assertion":  signer.es256(w.assertion()),
		"aud alone":           signer.sign(es256, `{"aud":[1]}`),
		"a list":              signer.sign(es256, `[]`),
		"null":                signer.sign(es256, `null`),
		"a member twice":      signer.sign(es256, strings.Replace(good, "{", `{"scope":"openid",`, 1)),
	}
	for name, object := range map[string]members{
		"wrong aud":               w.requestObject().with("aud", "https://other.example.test"),
		"aud of numbers":          w.requestObject().with("aud", []int{1}),
		"expired":                 w.requestObject().with("exp", now.Add(-time.Second).Unix()),
		"exp in two hours":        w.requestObject().with("exp", now.Add(2*time.Hour).Unix()),
		"exp of another type":     w.requestObject().with("exp", "soon"),
		"nbf 61 s ahead":          w.requestObject().with("nbf", now.Add(61*time.Second).Unix()),
		"iat 61 s ahead":          w.requestObject().with("iat", now.Add(61*time.Second).Unix()),
		"foreign client":          w.requestObject().with("client_id", "high"),
		"no client":               w.requestObject().with("client_id", nil),
		"foreign issuer":          w.requestObject().with("iss", "high"),
		"no redirect_uri":         w.requestObject().with("redirect_uri", nil),
		"nested request":          w.requestObject().with("request", "x"),
		"nested request_uri":      w.requestObject().with("request_uri", "https://portal.example.test/r"),
		"scope in a list":         w.requestObject().with("scope", []string{"openid"}),
		"state is a number":       w.requestObject().with("state", 5),
		"max_age is an object":    w.requestObject().with("max_age", members{}),
		"claims is a list":        w.requestObject().with("claims", []int{1}),
		"resource is a number":    w.requestObject().with("resource", 1),
		"response_type is a list": w.requestObject().with("response_type", []string{"code"}),
	} {
		objects[name] = signer.es256(object)
	}
	for name, object := range objects {
		p := w.browser().get(w.authorizeURL("portal") + "&request=" + url.QueryEscape(object))
		if p.back == nil || !strings.HasPrefix(p.back.String(), portalCallback+"?") {
			t.Errorf("%s: status %d, went to %v, want the portal", name, p.status, p.back)
			continue
		}
		if q := p.back.Query(); q.Get("error") != "invalid_request_object" || q.Get("state") != "st" || q.Get("iss") != w.server.URL {
			t.Errorf("%s: answer %v, want invalid_request_object with the state beside it", name, q)
		}
		p = w.browser().get(w.authorizeURL("portal", "redirect_uri", "https://evil.test/cb") + "&request=" + url.QueryEscape(object))
		if p.back != nil || p.status != http.StatusBadRequest {
			t.Errorf("%s, unregistered address: status %d, went to %v, want a page", name, p.status, p.back)
		}
	}
	if got := w.keys.asked(); got != 0 {
		t.Errorf("keys were fetched %d times, want never", got)
	}
}

// The errors of what stands in a good object, and of what stands beside it.
func TestRequestObjectErrors(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	w.signing(signer)
	object := func(changes ...any) string {
		return "&request=" + signer.es256(w.requestObject().with(changes...))
	}
	for name, tt := range map[string]struct{ query, want string }{
		"implicit inside":      {object("response_type", "token"), "unsupported_response_type"},
		"no type inside":       {object("response_type", nil), "invalid_request"},
		"no openid inside":     {object("scope", "profile"), "invalid_scope"},
		"no challenge inside":  {object("code_challenge", nil), "invalid_request"},
		"max_age of fractions": {object("max_age", 1.5), "invalid_request"},
		"registration inside":  {object("registration", "{}"), "registration_not_supported"},
		"long state inside":    {object("state", strings.Repeat("s", 4000)), "invalid_request"},
		"request_uri beside":   {object() + "&request_uri=https%3A%2F%2Fportal.example.test%2Fr", "request_uri_not_supported"},
		"request twice":        {object() + object(), "invalid_request"},
		"scope twice beside":   {object() + "&scope=openid", "invalid_request"},
	} {
		p := w.browser().get(w.authorizeURL("portal") + tt.query)
		if p.back == nil || p.back.Query().Get("error") != tt.want {
			t.Errorf("%s: status %d, went to %v, want %s", name, p.status, p.back, tt.want)
		}
	}
	// The address inside wins, and is compared like any other.
	for name, tt := range map[string]struct {
		inside, outside string
		wantPage        bool
	}{
		"good inside, bad outside":     {portalCallback, "https://evil.test/cb", false},
		"good inside, nothing outside": {portalCallback, "", false},
		"bad inside, good outside":     {"https://evil.test/cb", portalCallback, true},
		"suffix inside, good outside":  {portalCallback + "/more", portalCallback, true},
	} {
		p := w.browser().get(w.authorizeURL("portal", "redirect_uri", tt.outside) + object("redirect_uri", tt.inside))
		if tt.wantPage != (p.back == nil) || p.back != nil && !strings.HasPrefix(p.back.String(), portalCallback+"?") {
			t.Errorf("%s: status %d, went to %v", name, p.status, p.back)
		}
	}
	// A key of one party signs nothing for another.
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.JWKS = newClientSigner(t).jwks(func(k *jose.JSONWebKey) { k.Use = "sig" })
	})
	if p := w.browser().get(w.authorizeURL("portal") + object()); p.back == nil || p.back.Query().Get("error") != "invalid_request_object" {
		t.Errorf("another party's key: went to %v, want invalid_request_object", p.back)
	}
}

// A parameter that is not UTF-8 can be in no token.
func TestParametersAreUTF8(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"nonce", "scope", "claims", "acr_values", "login_hint", "made_up"} {
		p := w.browser().get(w.authorizeURL("portal", name, "openid \xff", "prompt", "none"))
		if p.back == nil || p.back.Query().Get("error") != "invalid_request" {
			t.Errorf("%s: went to %v, want invalid_request", name, p.back)
		}
	}
	p := w.browser().get(w.authorizeURL("portal", "state", "\xff\xfe", "prompt", "none"))
	if p.back == nil || p.back.Query().Get("error") != "login_required" || p.back.Query().Get("state") != "\xff\xfe" {
		t.Errorf("state: went to %v, want it as it came", p.back)
	}
}

// What only advises is accepted (OpenID Connect Core §15.1); resource may repeat.
func TestAdviceIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.Resources = []string{"https://a.example.test", "https://b.example.test"}
	})
	for _, advice := range []string{
		"display=page", "display=popup", "display=touch", "display=wap", "display=other", "ui_locales=fr-CA+vi+en", "claims_locales=de",
		"login_hint=somebody", "login_hint=" + strings.Repeat("x", 3000), "made_up=1", "response_mode=query",
		"resource=https%3A%2F%2Fa.example.test&resource=https%3A%2F%2Fb.example.test",
	} {
		p := w.browser().get(w.authorizeURL("portal", "prompt", "none") + "&" + advice)
		if p.back == nil || p.back.Query().Get("error") != "login_required" {
			t.Errorf("%.40s: status %d, went to %v, want login_required", advice, p.status, p.back)
		}
	}
}

// A hint reaches the source, and passing state, the log and addresses hold
// nothing of it that can be read.
func TestLoginHint(t *testing.T) {
	w := newWorld(t)
	filled := `value="` + numberLevel2[:3] + " " + numberLevel2[3:6] + " " + numberLevel2[6:9] + " " + numberLevel2[9:] + `"`
	if p := w.browser().get(w.authorizeURL("portal", "login_hint", numberLevel2)); !strings.Contains(p.body, filled) {
		t.Error("the number is not on the form")
	}
	u, err := url.Parse(w.authorizeURL("portal", "login_hint", numberLevel2))
	must(t, err)
	a := w.browser()
	if p := a.post(w.server.URL+"/authorize", u.Query()); !strings.Contains(p.body, filled) {
		t.Error("after a POST the number is not on the form")
	}
	a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := a.post(w.server.URL+"/authorize", u.Query())
	if p.back == nil || strings.Contains(p.back.String(), numberLevel2) || !p.back.Query().Has("login_hint") {
		t.Errorf("a POST went to %v, want a hint that cannot be read", p.back)
	}
	for _, hint := range []string{"sealed.", "sealed.AAAA", "sealed.!!", "sealed." + strings.Repeat("A", 3000)} {
		if p := w.browser().get(w.authorizeURL("portal", "login_hint", hint)); p.status != http.StatusOK || !strings.Contains(p.body, `name="personal_number"`) {
			t.Errorf("hint %.20q: status %d, want the form", hint, p.status)
		}
	}
	// One that an address carried counts for one redirect and no longer.
	w.pass(61 * time.Second)
	late := w.browser().get(w.authorizeURL("portal", "login_hint", p.back.Query().Get("login_hint")))
	if strings.Contains(late.body, filled) || late.status != http.StatusOK {
		t.Errorf("a hint of a minute ago: status %d, want a form without it", late.status)
	}
	// A hint sealed for one party opens for no other.
	moved := w.authorizeURL("high", "login_hint", p.back.Query().Get("login_hint"))
	if p := w.browser().get(moved); strings.Contains(p.body, filled) || p.status != http.StatusOK {
		t.Errorf("another party's hint: status %d, want a form without it", p.status)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "state.db*"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no state was written")
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		must(t, err)
		if strings.Contains(string(raw), numberLevel2) {
			t.Errorf("%s holds the number", filepath.Base(name))
		}
	}
	if strings.Contains(w.log.String(), numberLevel2) {
		t.Error("the log holds the number")
	}
}

func TestDiscoveryOfRequestsAndClients(t *testing.T) {
	w := newWorld(t)
	var got map[string]any
	must(t, json.Unmarshal([]byte(w.browser().get(w.server.URL+"/.well-known/openid-configuration").body), &got))
	for name, want := range map[string][]any{
		"token_endpoint_auth_methods_supported":            {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": {"RS256", "PS256", "ES256", "EdDSA"},
		"request_object_signing_alg_values_supported":      {"RS256", "PS256", "ES256", "EdDSA"},
		"response_modes_supported":                         {"query", "form_post"},
	} {
		if list, _ := got[name].([]any); !slices.Equal(list, want) {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if got["request_parameter_supported"] != true || got["request_uri_parameter_supported"] != false {
		t.Errorf("request %v, request_uri %v, want true, false", got["request_parameter_supported"], got["request_uri_parameter_supported"])
	}
	if _, ok := got["require_request_uri_registration"]; ok {
		t.Error("require_request_uri_registration is there")
	}
}
