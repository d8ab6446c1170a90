package provider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
)

// members is a JSON object of a test.
type members map[string]any

// with is the object with changes: name, value, … A nil value removes the member.
func (m members) with(changes ...any) members {
	changed := maps.Clone(m)
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(changed, changes[i].(string))
		} else {
			changed[changes[i].(string)] = changes[i+1]
		}
	}
	return changed
}

func (m members) json(t testing.TB) string {
	t.Helper()
	raw, err := json.Marshal(m)
	must(t, err)
	return string(raw)
}

// clientSigner is a party's set of keys, one for each algorithm.
type clientSigner struct {
	t    testing.TB
	keys map[string]any
}

func newClientSigner(t testing.TB) *clientSigner {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return &clientSigner{t, map[string]any{"RS256": rsaKey, "PS256": rsaKey, "ES256": ecKey, "EdDSA": edKey}}
}

// jwks is the set of public keys; change may alter each.
func (s *clientSigner) jwks(change func(*jose.JSONWebKey)) []byte {
	s.t.Helper()
	var set jose.JSONWebKeySet
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		key := jose.JSONWebKey{KeyID: alg, Key: s.keys[alg].(crypto.Signer).Public()}
		change(&key)
		set.Keys = append(set.Keys, key)
	}
	raw, err := json.Marshal(set)
	must(s.t, err)
	return raw
}

func asItIs(*jose.JSONWebKey) {}

// sign makes a compact JWS with any header, whether or not it makes sense.
func (s *clientSigner) sign(header members, payload string) string {
	s.t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header.json(s.t))) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch header["alg"] {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.keys["RS256"].(*rsa.PrivateKey), crypto.SHA256, sum[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, s.keys["RS256"].(*rsa.PrivateKey), crypto.SHA256, sum[:], nil)
	case "ES256":
		r, v, signErr := ecdsa.Sign(rand.Reader, s.keys["ES256"].(*ecdsa.PrivateKey), sum[:])
		must(s.t, signErr)
		signature = append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		signature = ed25519.Sign(s.keys["EdDSA"].(ed25519.PrivateKey), []byte(input))
	case "HS256": // under the public key, as a verifier of any algorithm would check it
		public, marshalErr := x509.MarshalPKIXPublicKey(s.keys["RS256"].(crypto.Signer).Public())
		must(s.t, marshalErr)
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	}
	must(s.t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// es256 signs with the ordinary header.
func (s *clientSigner) es256(payload members) string {
	s.t.Helper()
	return s.sign(members{"alg": "ES256", "kid": "ES256"}, payload.json(s.t))
}

// keyServer publishes a party's keys and counts how often it is asked.
type keyServer struct {
	server *httptest.Server

	mu      sync.Mutex
	body    []byte
	fetches int
}

func startKeyServer(t testing.TB) *keyServer {
	t.Helper()
	k := &keyServer{}
	k.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.fetches++
		_, _ = w.Write(k.body)
	}))
	t.Cleanup(k.server.Close)
	return k
}

func (k *keyServer) publish(body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.body = body
}

func (k *keyServer) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetches
}

// signing registers the portal with keys and private_key_jwt.
func (w *world) signing(s *clientSigner) {
	w.t.Helper()
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.AuthMethod, portal.SecretHashes, portal.JWKS = eid.AuthPrivateKeyJWT, nil, s.jwks(asItIs)
		portal.Resources = []string{"https://a.example.test", "https://b.example.test"}
	})
}

// assertion is a good client assertion of the portal.
func (w *world) assertion() members {
	now := w.clock()
	return members{
		"iss": "portal", "sub": "portal", "aud": w.server.URL, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

// requestObject is a good request object of the portal; nobody is to be asked.
func (w *world) requestObject() members {
	now := w.clock()
	return members{
		"iss": "portal", "aud": w.server.URL, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"client_id": "portal", "redirect_uri": "https://portal.example.test/cb", "response_type": "code", "scope": "openid",
		"state": "inside", "nonce": "inside", "code_challenge": challenge(), "code_challenge_method": "S256", "prompt": "none",
	}
}
