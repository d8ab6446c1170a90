package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestJWKSHoldsPublicMembersOnly(t *testing.T) {
	r, _, c := loaded(t, DefaultConfig())
	c.advance(r.cfg.standbyAge())
	rotate(t, r, ES256)
	rotate(t, r, RS256)
	var doc struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(r.Snapshot().JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Keys) != 10 {
		t.Fatalf("%d keys, want 10: signing, published and verifying of two algorithms, signing and published for logout tokens", len(doc.Keys))
	}
	members := map[string][]string{
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
	}
	kids := map[string]bool{}
	for _, key := range doc.Keys {
		var got []string
		for name := range key {
			got = append(got, name)
		}
		slices.Sort(got)
		if want := members[key["kty"]]; !slices.Equal(got, want) {
			t.Errorf("members of a %s key = %v, want %v", key["kty"], got, want)
		}
		if key["use"] != "sig" || kids[key["kid"]] || key["kid"] == "" {
			t.Errorf("key %v: want use sig and a kid of its own", key)
		}
		kids[key["kid"]] = true
	}
	for i, alg := range []Algorithm{ES256, RS256} {
		if got, want := doc.Keys[i]["kid"], r.Snapshot().signingID(Line{Tokens, alg}); got != want {
			t.Errorf("key %d is %s, want the %s key that signs first: %s", i, got, alg, want)
		}
	}
}

func TestETagFollowsJWKS(t *testing.T) {
	r, _, c := loaded(t, es256())
	before := r.Snapshot()
	load(t, r)
	if got := r.Snapshot().ETag(); got != before.ETag() {
		t.Errorf("ETag() = %s with no change, want %s", got, before.ETag())
	}
	c.advance(r.cfg.standbyAge())
	rotate(t, r, ES256)
	if got := r.Snapshot().ETag(); got == before.ETag() {
		t.Error("ETag() stayed after a rotation")
	}
	if tag := before.ETag(); len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Errorf("ETag() = %s, want a quoted tag", tag)
	}
	taken := before.JWKS()
	clear(taken)
	if string(before.JWKS()) == string(taken) {
		t.Error("a caller can change the JWKS of a snapshot")
	}
}

func TestSnapshotNeverChanges(t *testing.T) {
	r, _, c := loaded(t, es256())
	old := r.Snapshot()
	kid := kidOf(t, sign(t, old, ES256))
	c.advance(r.cfg.standbyAge())
	rotate(t, r, ES256)
	if got := kidOf(t, sign(t, old, ES256)); got != kid {
		t.Errorf("an old snapshot signs with %s, want %s", got, kid)
	}
}

func TestSignAndVerify(t *testing.T) {
	r, _, _ := loaded(t, DefaultConfig())
	s := r.Snapshot()
	for _, alg := range []Algorithm{ES256, RS256} {
		token, err := s.Sign(Tokens, alg, "at+jwt", []byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Verify(Tokens, token, "at+jwt"); err != nil || string(got) != `{"a":1}` {
			t.Errorf("Verify(%s) = %s, %v, want the payload", alg, got, err)
		}
		if !verifies(token, parseJWKS(t, s.JWKS())) {
			t.Errorf("a verifier with the JWKS refuses %s", alg)
		}
	}
	for _, tt := range []struct {
		name, typ string
		alg       Algorithm
		want      error
	}{
		{"no algorithm", "JWT", "", ErrNoKey},
		{"none", "JWT", "none", ErrNoKey},
		{"HMAC", "JWT", "HS256", ErrNoKey},
		{"no typ", "", ES256, nil},
	} {
		if token, err := s.Sign(Tokens, tt.alg, tt.typ, nil); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: Sign() = %q, %v, want error %v", tt.name, token, err, tt.want)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	r, store, _ := loaded(t, DefaultConfig())
	s := r.Snapshot()
	good := sign(t, s, ES256)
	if _, err := s.Verify(Tokens, good, "JWT"); err != nil {
		t.Fatalf("Verify() = %v, want nil", err)
	}
	kid := s.signingID(Line{Tokens, ES256})
	rsaKid := s.signingID(Line{Tokens, RS256})
	rsaPublic, err := x509.MarshalPKIXPublicKey(s.set.known[rsaKid].private.Public())
	if err != nil {
		t.Fatal(err)
	}
	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any) string {
		t.Helper()
		js, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: headers})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := js.Sign([]byte(`{"sub":"synthetic"}`))
		if err != nil {
			t.Fatal(err)
		}
		token, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	type h = map[jose.HeaderKey]any
	b64 := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(good, ".")
	attackerJWK := jose.JSONWebKey{Key: attacker.Public(), KeyID: kid, Algorithm: "ES256"}
	swapped := strings.Split(sign(t, s, RS256), ".")
	tests := map[string]string{
		"empty":                 "",
		"dots":                  "..",
		"not a token":           "opaque",
		"too long":              good + strings.Repeat("A", maxToken),
		"none":                  b64([]byte(`{"alg":"none","kid":"`+kid+`","typ":"JWT"}`)) + "." + parts[1] + ".",
		"none, old signature":   b64([]byte(`{"alg":"none","kid":"`+kid+`","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"HMAC with public key":  forge(jose.HS256, rsaPublic, h{"kid": rsaKid, "typ": "JWT"}),
		"own key, our kid":      forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT"}),
		"own key, RSA kid":      forge(jose.ES256, attacker, h{"kid": rsaKid, "typ": "JWT"}),
		"no kid":                forge(jose.ES256, attacker, h{"typ": "JWT"}),
		"empty kid":             forge(jose.ES256, attacker, h{"kid": "", "typ": "JWT"}),
		"kid traversal":         forge(jose.ES256, attacker, h{"kid": "../../etc/passwd", "typ": "JWT"}),
		"SQL in kid":            forge(jose.ES256, attacker, h{"kid": "' OR 1=1 --", "typ": "JWT"}),
		"kid a number":          forge(jose.ES256, attacker, h{"kid": 1, "typ": "JWT"}),
		"unknown kid":           forge(jose.ES256, attacker, h{"kid": strings.Repeat("A", 43), "typ": "JWT"}),
		"jwk":                   forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT", "jwk": attackerJWK}),
		"jwk alone":             forge(jose.ES256, attacker, h{"typ": "JWT", "jwk": attackerJWK}),
		"jku":                   forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT", "jku": "https://attacker.example/jwks"}),
		"x5u":                   forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT", "x5u": "https://attacker.example/x5c"}),
		"x5c":                   forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT", "x5c": []string{"AAAA"}}),
		"crit":                  forge(jose.ES256, attacker, h{"kid": kid, "typ": "JWT", "crit": []string{"exp"}}),
		"payload changed":       parts[0] + "." + b64([]byte(`{"sub":"other"}`)) + "." + parts[2],
		"header changed":        b64([]byte(`{"alg":"ES256","kid":"`+kid+`","typ":"JWT","x":1}`)) + "." + parts[1] + "." + parts[2],
		"signature cut":         parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-4],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"zero signature":        parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"other key's signature": parts[0] + "." + parts[1] + "." + swapped[2],
		"line break":            parts[0] + "." + parts[1] + ".\n" + parts[2],
		"stray bits":            good[:len(good)-1] + string(stray(good[len(good)-1])),
		"padding":               good + "==",
		"fourth part":           good + ".AAAA",
		"JSON serialisation":    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"array as header":       b64([]byte(`["ES256"]`)) + "." + parts[1] + "." + parts[2],
		"NUL in header":         b64([]byte("{\"alg\":\"ES256\x00\"}")) + "." + parts[1] + "." + parts[2],
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			payload, err := s.Verify(Tokens, token, "JWT")
			if payload != nil || err != ErrToken { //nolint:errorlint // the same bare error for all
				t.Errorf("Verify() = %q, %v, want nil and exactly ErrToken", payload, err)
			}
		})
	}
	for _, typ := range []string{"", "jwt", "at+jwt", "application/JWT", "JWT "} {
		if payload, err := s.Verify(Tokens, good, typ); payload != nil || err != ErrToken { //nolint:errorlint // as above
			t.Errorf("Verify() of a JWT as %q = %q, %v, want ErrToken", typ, payload, err)
		}
	}
	untyped := forge(jose.ES256, s.set.known[kid].private, h{"kid": kid})
	for _, typ := range []string{"", "JWT"} {
		if _, err := s.Verify(Tokens, untyped, typ); !errors.Is(err, ErrToken) {
			t.Errorf("Verify() of a token without typ as %q = %v, want ErrToken", typ, err)
		}
	}
	if store.updates != 1 {
		t.Errorf("%d updates, want 1: verifying touched the store", store.updates)
	}
}

// stray returns the base64url letter that decodes alike in last place of a
// 64-byte value, where four of its bits are unused.
func stray(last byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, last)^1]
}

func FuzzVerify(f *testing.F) {
	r, _, _ := loaded(f, es256())
	s := r.Snapshot()
	good := sign(f, s, ES256)
	for _, seed := range []string{good, "", "..", "eyJhbGciOiJub25lIn0..", `{"payload":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if payload, err := s.Verify(Tokens, token, "JWT"); err == nil && token != good {
			t.Errorf("Verify(%q) = %q, nil, want an error", token, payload)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	r, _, _ := loaded(b, DefaultConfig())
	s := r.Snapshot()
	payload := []byte(`{"iss":"https://id.example","sub":"synthetic","aud":"portal","exp":1,"iat":0,"acr":"urn:vn:eid:level:2"}`)
	for _, alg := range []Algorithm{ES256, RS256} {
		b.Run(string(alg), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Sign(Tokens, alg, "JWT", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	r, _, _ := loaded(b, DefaultConfig())
	s := r.Snapshot()
	for _, alg := range []Algorithm{ES256, RS256} {
		token := sign(b, s, alg)
		b.Run(string(alg), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Verify(Tokens, token, "JWT"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
