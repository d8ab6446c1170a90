// Package transittest imitates the Transit engine of OpenBao and Vault over HTTP, for
// tests: neither of the two can be installed where these tests run. It is a fake that
// really signs and encrypts. It answers as the documented API does
// (openbao.org/api-docs/secret/transit), keeps its keys in memory, and can misbehave.
package transittest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Mood is how a Server answers.
type Mood int

// The moods.
const (
	Well    Mood = iota
	Sealed       // 503, as after a restart before it is unsealed
	Silent       // takes requests and answers none
	Garbage      // 200 with something else
	Liar         // signs with another key
)

// Server is a Transit engine mounted at /v1/transit. It fills http.Handler.
type Server struct {
	mu        sync.Mutex
	mood      Mood
	token     string
	namespace string
	ttl       int64 // seconds left of the token, of 3600
	keys      map[string]*key
	renewed   int
	signed    int
}

var _ http.Handler = (*Server)(nil)

type key struct {
	kind      string
	private   crypto.Signer // or
	symmetric []byte
	deletable bool
	exported  bool
}

// New makes a server that takes one token.
func New(token string) *Server {
	return &Server{token: token, ttl: 3600, keys: map[string]*key{}}
}

// Be sets the mood.
func (s *Server) Be(m Mood) { s.locked(func() { s.mood = m }) }

// SetToken makes another token the one that counts, with so many seconds left.
func (s *Server) SetToken(token string, ttl int64) { s.locked(func() { s.token, s.ttl = token, ttl }) }

// SetNamespace wants requests to name it.
func (s *Server) SetNamespace(name string) { s.locked(func() { s.namespace = name }) }

// Forget loses every key, as a restore of an old snapshot would.
func (s *Server) Forget() { s.locked(func() { s.keys = map[string]*key{} }) }

// Export marks every key as exportable, as an administrator of the server may.
func (s *Server) Export() {
	s.locked(func() {
		for _, k := range s.keys {
			k.exported = true
		}
	})
}

// Counts tells how many keys there are, how often a token was renewed and how many
// signatures were made.
func (s *Server) Counts() (keys, renewed, signed int) {
	s.locked(func() { keys, renewed, signed = len(s.keys), s.renewed, s.signed })
	return keys, renewed, signed
}

func (s *Server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var mood Mood
	s.locked(func() { mood = s.mood })
	switch mood {
	case Sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		return
	case Silent:
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // else the end of the connection is not noticed
		<-r.Context().Done()
		return
	case Garbage:
		_, _ = w.Write([]byte(`<html>welcome</html>`))
		return
	case Well, Liar:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("X-Vault-Token") != s.token || r.Header.Get("X-Vault-Namespace") != s.namespace {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	var body map[string]any
	if r.ContentLength > 0 && json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	s.route(w, r.Method, strings.TrimPrefix(r.URL.Path, "/v1/"), body)
}

func (s *Server) route(w http.ResponseWriter, method, path string, body map[string]any) {
	verb, name, _ := strings.Cut(strings.TrimPrefix(path, "transit/"), "/")
	name, config := strings.CutSuffix(name, "/config")
	k := s.keys[name]
	switch {
	case path == "auth/token/lookup-self" && method == http.MethodGet:
		answer(w, map[string]any{"ttl": s.ttl, "creation_ttl": 3600, "renewable": true})
	case path == "auth/token/renew-self" && method == http.MethodPost:
		s.ttl, s.renewed = 3600, s.renewed+1
		answer(w, nil)
	case !strings.HasPrefix(path, "transit/"):
		refuse(w, http.StatusNotFound, "no handler for route")
	case verb == "keys" && method == http.MethodPost && !config:
		s.make(w, name, body)
	case k == nil && (config || verb != "keys"):
		refuse(w, http.StatusBadRequest, "signing key not found")
	case k == nil:
		refuse(w, http.StatusNotFound)
	case config:
		k.deletable = body["deletion_allowed"] == true
		answer(w, nil)
	case verb == "keys" && method == http.MethodGet:
		s.tell(w, name, k)
	case verb == "keys" && method == http.MethodDelete && k.deletable:
		delete(s.keys, name)
		w.WriteHeader(http.StatusNoContent)
	case verb == "sign" && method == http.MethodPost && k.private != nil:
		s.sign(w, k, body)
	case verb == "encrypt" && k.symmetric != nil:
		s.encrypt(w, k, body)
	case verb == "decrypt" && k.symmetric != nil:
		s.decrypt(w, k, body)
	default:
		refuse(w, http.StatusBadRequest, "unsupported operation")
	}
}

// make makes a key; one that is there stays.
func (s *Server) make(w http.ResponseWriter, name string, body map[string]any) {
	if s.keys[name] == nil {
		kind, _ := body["type"].(string)
		k, err := newKey(kind)
		if err != nil {
			refuse(w, http.StatusBadRequest, "unknown key type")
			return
		}
		k.exported = body["exportable"] == true
		s.keys[name] = k
	}
	answer(w, nil)
}

func newKey(kind string) (k *key, err error) {
	k = &key{kind: kind}
	var bits int
	switch {
	case kind == "ecdsa-p256":
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case kind == "aes256-gcm96":
		k.symmetric = make([]byte, 32)
		_, err = rand.Read(k.symmetric)
	default:
		if _, err = fmt.Sscanf(kind, "rsa-%d", &bits); err == nil {
			k.private, err = rsa.GenerateKey(rand.Reader, bits)
		}
	}
	return k, err
}

func (s *Server) tell(w http.ResponseWriter, name string, k *key) {
	var version any = 1700000000
	if k.private != nil {
		der, err := x509.MarshalPKIXPublicKey(k.private.Public())
		if err != nil {
			refuse(w, http.StatusInternalServerError, "internal error")
			return
		}
		version = map[string]any{"name": k.kind, "public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	}
	answer(w, map[string]any{
		"name": name, "type": k.kind, "exportable": k.exported, "allow_plaintext_backup": false,
		"deletion_allowed": k.deletable, "latest_version": 1, "keys": map[string]any{"1": version},
	})
}

func (s *Server) sign(w http.ResponseWriter, k *key, body map[string]any) {
	digest, err := base64.StdEncoding.DecodeString(fmt.Sprint(body["input"]))
	if err != nil || body["prehashed"] != true || body["hash_algorithm"] != "sha2-256" || body["key_version"] != 1.0 {
		refuse(w, http.StatusBadRequest, "invalid request")
		return
	}
	private := k.private
	if s.mood == Liar {
		if other, err := newKey(k.kind); err == nil {
			private = other.private
		}
	}
	var opts crypto.SignerOpts = crypto.SHA256
	if _, isRSA := private.(*rsa.PrivateKey); isRSA && body["signature_algorithm"] != "pkcs1v15" {
		salt := rsa.PSSSaltLengthAuto
		if body["salt_length"] == "hash" {
			salt = rsa.PSSSaltLengthEqualsHash
		}
		opts = &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
	}
	signature, err := private.Sign(rand.Reader, digest, opts)
	if err != nil {
		refuse(w, http.StatusBadRequest, "cannot sign")
		return
	}
	s.signed++
	answer(w, map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(signature), "key_version": 1})
}

func (s *Server) encrypt(w http.ResponseWriter, k *key, body map[string]any) {
	plain, err := base64.StdEncoding.DecodeString(fmt.Sprint(body["plaintext"]))
	gcm, context, bad := gcmOf(k, body)
	if err != nil || bad != nil {
		refuse(w, http.StatusBadRequest, "invalid request")
		return
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	answer(w, map[string]any{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(gcm.Seal(nonce, nonce, plain, context)), "key_version": 1})
}

func (s *Server) decrypt(w http.ResponseWriter, k *key, body map[string]any) {
	sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fmt.Sprint(body["ciphertext"]), "vault:v1:"))
	gcm, context, bad := gcmOf(k, body)
	if err != nil || bad != nil || len(sealed) < gcm.NonceSize() {
		refuse(w, http.StatusBadRequest, "invalid ciphertext")
		return
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], context)
	if err != nil {
		refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
		return
	}
	answer(w, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)})
}

func gcmOf(k *key, body map[string]any) (cipher.AEAD, []byte, error) {
	text, _ := body["associated_data"].(string)
	context, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(k.symmetric)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, context, err
}

func answer(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "fake", "data": data})
}

func refuse(w http.ResponseWriter, status int, errors ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": append([]string{}, errors...)})
}
