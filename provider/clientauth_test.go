package provider_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate sends a token request whose code is none, so that the answer says
// whether the client was let in: invalid_grant if it was.
func (w *world) authenticate(form url.Values, change func(*http.Request)) tokens {
	w.t.Helper()
	sent := url.Values{"grant_type": {"authorization_code"}, "code": {randomHandle()}, "redirect_uri": {"https://portal.example.test/cb"}, "code_verifier": {verifier}}
	for name, values := range form {
		sent[name] = values
	}
	return w.token(sent, change)
}

func byForm(*http.Request) {}

func byBasic(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func asserting(assertion string) url.Values {
	return url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion}}
}

// letIn reports whether the client was authenticated, and fails the test for an
// answer that is neither yes nor the uniform no.
func letIn(t *testing.T, got tokens) bool {
	t.Helper()
	switch {
	case got.status == http.StatusBadRequest && got.Error == "invalid_grant":
		return true
	case got.status == http.StatusUnauthorized && got.Error == "invalid_client":
		return false
	}
	t.Errorf("status %d, error %q: want 400 invalid_grant or 401 invalid_client", got.status, got.Error)
	return false
}

// Only the registered method is taken (OpenID Connect Core §9).
func TestRegisteredMethodAlone(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	tries := map[eid.AuthMethod]func() tokens{
		eid.AuthSecretBasic: func() tokens { return w.authenticate(nil, byBasic("portal", clientSecret)) },
		eid.AuthSecretPost: func() tokens {
			return w.authenticate(url.Values{"client_id": {"portal"}, "client_secret": {clientSecret}}, byForm)
		},
		eid.AuthPrivateKeyJWT: func() tokens { return w.authenticate(asserting(signer.es256(w.assertion())), byForm) },
		eid.AuthNone:          func() tokens { return w.authenticate(url.Values{"client_id": {"portal"}}, byForm) },
	}
	for registered := range tries {
		w.registerWith(func(portal *eid.RelyingParty) { portal.AuthMethod, portal.JWKS = registered, signer.jwks(asItIs) })
		for used, try := range tries {
			if got, want := letIn(t, try()), used == registered; got != want {
				t.Errorf("registered %s, used %s: let in = %v, want %v", registered, used, got, want)
			}
		}
	}
}

func TestSecretsInForce(t *testing.T) {
	w := newWorld(t)
	const second = "another synthetic secret of more than thirty-two characters"
	hash := func(secret string) string {
		sum := sha256.Sum256([]byte(secret))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.AuthMethod, portal.SecretHashes = eid.AuthSecretPost, []string{hash(clientSecret), hash(second)}
	})
	for secret, want := range map[string]bool{clientSecret: true, second: true, "": false, hash(second): false, second + " ": false} {
		got := letIn(t, w.authenticate(url.Values{"client_id": {"portal"}, "client_secret": {secret}}, byForm))
		if got != want {
			t.Errorf("secret %q: let in = %v, want %v", secret, got, want)
		}
	}
	if letIn(t, w.authenticate(url.Values{"client_secret": {clientSecret}}, byForm)) {
		t.Error("a secret without client_id was taken")
	}
	if letIn(t, w.authenticate(url.Values{"client_id": {"nobody"}, "client_secret": {clientSecret}}, byForm)) {
		t.Error("an unknown client was let in")
	}
}

// One request authenticates in one way (RFC 6749 §2.3).
func TestOneWayOfAuthentication(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	secret := url.Values{"client_id": {"portal"}, "client_secret": {clientSecret}}
	both := asserting(signer.es256(w.assertion()))
	both.Set("client_secret", clientSecret)
	for name, got := range map[string]tokens{
		"basic and post":      w.authenticate(secret, byBasic("portal", clientSecret)),
		"basic and assertion": w.authenticate(asserting(signer.es256(w.assertion())), byBasic("portal", clientSecret)),
		"post and assertion":  w.authenticate(both, byForm),
		"secret twice":        w.authenticate(url.Values{"client_id": {"portal"}, "client_secret": {clientSecret, clientSecret}}, byForm),
	} {
		if got.status != http.StatusBadRequest || got.Error != "invalid_request" {
			t.Errorf("%s: status %d, error %q, want 400 invalid_request", name, got.status, got.Error)
		}
	}
	got := w.authenticate(nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })
	if letIn(t, got) || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("another scheme: WWW-Authenticate %q, want Basic", got.header.Get("WWW-Authenticate"))
	}
}

func TestAssertionsThatAuthenticate(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	w.signing(signer)
	now := w.clock()
	for name, claims := range map[string]members{
		"issuer":               w.assertion(),
		"token endpoint":       w.assertion().with("aud", w.server.URL+"/token"),
		"one of the audiences": w.assertion().with("aud", []string{"https://other.example.test", w.server.URL}),
		"iat 8 s ahead":        w.assertion().with("iat", now.Add(8*time.Second).Unix()),
		"nbf 8 s ahead":        w.assertion().with("nbf", now.Add(8*time.Second).Unix()),
		"no iat":               w.assertion().with("iat", nil),
		"fractions of seconds": w.assertion().with("exp", float64(now.Unix())+59.5),
		"unknown claims":       w.assertion().with("made_up", []any{1, "two"}),
	} {
		if !letIn(t, w.authenticate(asserting(signer.es256(claims)), byForm)) {
			t.Errorf("%s: refused", name)
		}
	}
	for name, header := range map[string]members{
		"RS256": {"alg": "RS256", "kid": "RS256"}, "PS256": {"alg": "PS256", "kid": "RS256"},
		"ES256": {"alg": "ES256", "kid": "ES256"}, "EdDSA": {"alg": "EdDSA", "kid": "EdDSA"},
		"no kid": {"alg": "ES256"}, "JWT": {"alg": "ES256", "typ": "JWT"}, "explicit type": {"alg": "ES256", "typ": "client-authentication+jwt"},
	} {
		if !letIn(t, w.authenticate(asserting(signer.sign(header, w.assertion().json(t))), byForm)) {
			t.Errorf("%s: refused", name)
		}
	}
	form := asserting(signer.es256(w.assertion()))
	form.Set("client_id", "portal")
	if !letIn(t, w.authenticate(form, byForm)) {
		t.Error("with client_id: refused")
	}
	code := w.codeFor(numberLevel1)
	form = asserting(signer.es256(w.assertion()))
	form.Set("code", code)
	if got := w.authenticate(form, byForm); got.status != http.StatusOK || got.AccessToken == "" {
		t.Errorf("redeeming a code: status %d, error %q", got.status, got.Error)
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	w, signer, stranger := newWorld(t), newClientSigner(t), newClientSigner(t)
	w.signing(signer)
	now, es256 := w.clock(), members{"alg": "ES256", "kid": "ES256"}
	for name, claims := range map[string]members{
		"wrong aud":                w.assertion().with("aud", "https://other.example.test"),
		"aud is a longer address":  w.assertion().with("aud", w.server.URL+"/token/more"),
		"aud of numbers":           w.assertion().with("aud", []int{1}),
		"aud is an object":         w.assertion().with("aud", members{"a": 1}),
		"no aud":                   w.assertion().with("aud", nil),
		"no aud in the list":       w.assertion().with("aud", []string{}),
		"another iss":              w.assertion().with("iss", "high"),
		"no iss":                   w.assertion().with("iss", nil),
		"another sub":              w.assertion().with("sub", "high"),
		"unknown sub":              w.assertion().with("iss", "nobody", "sub", "nobody"),
		"no sub":                   w.assertion().with("sub", nil),
		"no exp":                   w.assertion().with("exp", nil),
		"expired":                  w.assertion().with("exp", now.Add(-time.Second).Unix()),
		"expires now":              w.assertion().with("exp", now.Unix()),
		"exp in two hours":         w.assertion().with("exp", now.Add(2*time.Hour).Unix()),
		"exp of another type":      w.assertion().with("exp", "soon"),
		"exp beyond all numbers":   w.assertion().with("exp", 1e300),
		"iat 61 s ahead":           w.assertion().with("iat", now.Add(61*time.Second).Unix()),
		"nbf 61 s ahead":           w.assertion().with("nbf", now.Add(61*time.Second).Unix()),
		"negative iat":             w.assertion().with("iat", -1),
		"no jti":                   w.assertion().with("jti", nil),
		"jti is a number":          w.assertion().with("jti", 7),
		"long jti":                 w.assertion().with("jti", strings.Repeat("j", 2000)),
		"a request object":         w.assertion().with("response_type", "code"),
		"longer than 8 KB":         w.assertion().with("pad", strings.Repeat("x", 9000)),
		"another client's, own id": w.assertion().with("iss", "high", "sub", "high"),
	} {
		if letIn(t, w.authenticate(asserting(signer.es256(claims)), byForm)) {
			t.Errorf("%s: let in", name)
		}
	}
	good := func() string { return w.assertion().json(t) }
	for name, assertion := range map[string]string{
		"none":             signer.sign(members{"alg": "none"}, good()),
		"HS256":            signer.sign(members{"alg": "HS256", "kid": "RS256"}, good()),
		"another key":      stranger.sign(es256, good()),
		"unknown kid":      signer.sign(es256.with("kid", "new"), good()),
		"kid traversal":    signer.sign(es256.with("kid", "../../etc/passwd"), good()),
		"SQL in kid":       signer.sign(es256.with("kid", "' OR 1=1 --"), good()),
		"kid of another":   signer.sign(es256.with("kid", "RS256"), good()),
		"crit":             signer.sign(es256.with("crit", []string{"exp"}), good()),
		"crit b64":         signer.sign(es256.with("crit", []string{"b64"}, "b64", true), good()),
		"jku":              signer.sign(es256.with("jku", w.keys.server.URL), good()),
		"x5u":              signer.sign(es256.with("x5u", w.keys.server.URL), good()),
		"jwk":              stranger.sign(es256.with("jwk", jose.JSONWebKey{Key: stranger.keys["ES256"].(crypto.Signer).Public()}), good()),
		"typ of another":   signer.sign(es256.with("typ", "oauth-authz-req+jwt"), good()),
		"typ no text":      signer.sign(es256.with("typ", 1), good()),
		"not JSON":         signer.sign(es256, "{"),
		"not an object":    signer.sign(es256, "[]"),
		"null":             signer.sign(es256, "null"),
		"aud alone":        signer.sign(es256, `{"aud":[1]}`),
		"a member twice":   signer.sign(es256, strings.Replace(good(), "{", `{"sub":"portal",`, 1)),
		"another's case":   signer.sign(es256, strings.Replace(good(), `"aud"`, `"AUD"`, 1)),
		"cut off":          strings.TrimSuffix(signer.sign(es256, good()), "A")[:200],
		"empty":            "",
		"dots":             "..",
		"JSON instead":     `{"payload":"e30","signatures":[]}`,
		"signature absent": signer.sign(es256, good())[:strings.LastIndex(signer.sign(es256, good()), ".")] + ".",
	} {
		if letIn(t, w.authenticate(asserting(assertion), byForm)) {
			t.Errorf("%s: let in", name)
		}
	}
	for name, change := range map[string][2]string{
		"another client_id": {"client_id", "high"}, "no type": {"client_assertion_type", ""},
		"another type": {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
	} {
		form := asserting(signer.es256(w.assertion()))
		form.Set(change[0], change[1])
		if letIn(t, w.authenticate(form, byForm)) {
			t.Errorf("%s: let in", name)
		}
	}
	if got := w.keys.asked(); got != 0 {
		t.Errorf("keys were fetched %d times, want never", got)
	}
	for name, change := range map[string]func(*jose.JSONWebKey){
		"keys for encryption":        func(k *jose.JSONWebKey) { k.Use = "enc" },
		"keys for another algorithm": func(k *jose.JSONWebKey) { k.Algorithm = "ES384" },
	} {
		w.registerWith(func(portal *eid.RelyingParty) {
			portal.AuthMethod, portal.JWKS = eid.AuthPrivateKeyJWT, signer.jwks(change)
		})
		if letIn(t, w.authenticate(asserting(signer.es256(w.assertion())), byForm)) {
			t.Errorf("%s: let in", name)
		}
	}
}

// An assertion counts once, also when it is sent sixteen times at once.
func TestAssertionCountsOnce(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	w.signing(signer)
	assertion := signer.es256(w.assertion())
	var in atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if letIn(t, w.authenticate(asserting(assertion), byForm)) {
				in.Add(1)
			}
		})
	}
	group.Wait()
	if got := in.Load(); got != 1 {
		t.Errorf("one assertion ×16 let in %d times, want 1", got)
	}
	jti := w.assertion().with("jti", "once", "exp", w.clock().Add(2*time.Minute).Unix())
	for i, want := range []bool{true, false, false} {
		// Signed anew, and used a minute later: the jti is what counts.
		if got := letIn(t, w.authenticate(asserting(signer.es256(jti)), byForm)); got != want {
			t.Errorf("use %d: let in = %v, want %v", i+1, got, want)
		}
		w.pass(50 * time.Second)
	}
}

// A portal that publishes its keys may change them; unknown kids cost one fetch a
// minute.
func TestKeysAtAnAddress(t *testing.T) {
	w, signer, next := newWorld(t), newClientSigner(t), newClientSigner(t)
	w.keys.publish(signer.jwks(asItIs))
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.AuthMethod, portal.SecretHashes, portal.JWKSURI = eid.AuthPrivateKeyJWT, nil, w.keys.server.URL+"/jwks"
	})
	if !letIn(t, w.authenticate(asserting(signer.es256(w.assertion())), byForm)) {
		t.Fatal("a published key was refused")
	}
	flood := func() {
		for range 20 {
			header := members{"alg": "ES256", "kid": rand.Text()}
			if letIn(t, w.authenticate(asserting(next.sign(header, w.assertion().json(t))), byForm)) {
				t.Error("an unknown kid was let in")
			}
		}
	}
	flood()
	if got := w.keys.asked(); got != 2 {
		t.Errorf("keys were fetched %d times, want 2", got)
	}
	w.keys.publish(next.jwks(func(k *jose.JSONWebKey) { k.KeyID += " next" }))
	w.pass(61 * time.Second)
	rolled := next.sign(members{"alg": "ES256", "kid": "ES256 next"}, w.assertion().json(t))
	if !letIn(t, w.authenticate(asserting(rolled), byForm)) {
		t.Error("the next key was refused")
	}
	flood()
	if got := w.keys.asked(); got != 3 {
		t.Errorf("keys were fetched %d times, want 3", got)
	}
}

// Keys are not fetched from inner addresses, and an address without keys lets
// nobody in.
func TestKeysThatCannotBeHad(t *testing.T) {
	w, signer := newWorld(t), newClientSigner(t)
	for name, address := range map[string]string{
		"inner": "http://127.0.0.1:1/jwks", "metadata service": "http://169.254.169.254/jwks", "no keys": w.keys.server.URL, "no address": "::",
	} {
		w.registerWith(func(portal *eid.RelyingParty) {
			portal.AuthMethod, portal.SecretHashes, portal.JWKSURI = eid.AuthPrivateKeyJWT, nil, address
		})
		if letIn(t, w.authenticate(asserting(signer.es256(w.assertion())), byForm)) {
			t.Errorf("%s: let in", name)
		}
	}
	w.registerWith(func(portal *eid.RelyingParty) { portal.AuthMethod, portal.SecretHashes = eid.AuthPrivateKeyJWT, nil })
	if letIn(t, w.authenticate(asserting(signer.es256(w.assertion())), byForm)) {
		t.Error("no keys at all: let in")
	}
}
