package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// KeySet is the JSON text of a client's public keys (RFC 7517 §5). The file
// writes it as JSON text or as the same structure in YAML.
type KeySet string

const (
	maxKeys   = 20       // of one client
	maxKeySet = 64 << 10 // bytes
	minRSA    = 2048     // bits (RFC 7518 §3.3)
)

// secretMembers are those that only private and symmetric keys have (RFC 7518
// §6.2.2, §6.3.2, §6.4).
var secretMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// signingAlgs are those that a client's key may be registered for (RFC 7518 §3.1,
// RFC 8037 §3.1): asymmetric, and none on SHA-1.
var signingAlgs = []string{"RS256", "PS256", "ES256", "EdDSA"}

func (d decoder) keySet(path string, value any, target *KeySet) {
	switch v := value.(type) {
	case string:
		*target = KeySet(v)
	case map[string]any:
		raw, err := json.Marshal(v)
		if err != nil {
			d.faults.unreadable(path, "not a key set", "a JWK set (RFC 7517 §5)")
			return
		}
		*target = KeySet(raw)
	default:
		d.faults.unreadable(path, "is "+describe(value), "want a JWK set, as a block of keys or as JSON text")
	}
}

// readKeySets reads the files that key sets stand in.
func (c *Config) readKeySets(f *faults) {
	for i := range c.Clients {
		at, cl := item("clients", i), &c.Clients[i]
		switch {
		case cl.JWKSFile == "":
		case cl.JWKS != "":
			f.unreadable(member(at, "jwks"), "given beside jwks_file", "keep one of the two")
		default:
			raw, err := readFile(cl.JWKSFile, maxKeySet)
			if err != nil {
				f.unreadable(member(at, "jwks_file"), err.Error(), "name a readable file that holds a JWK set")
				continue
			}
			cl.JWKS = KeySet(raw)
		}
	}
}

func (cl *Client) hasKeys() bool { return cl.JWKS != "" || cl.JWKSFile != "" || cl.JWKSURI != "" }

func (cl *Client) checkKeySet(f *faults, at string, allow []string) {
	set := member(at, "jwks")
	if cl.JWKSFile != "" {
		set = member(at, "jwks_file")
	}
	if cl.JWKSURI != "" {
		uri := member(at, "jwks_uri")
		if cl.JWKS != "" {
			f.add(uri, "given beside a key set", "keep one of the two")
		}
		checkAddress(f, uri, cl.JWKSURI, address{query: true})
		checkReachable(f, uri, cl.JWKSURI, allow)
	}
	if cl.JWKS != "" && !f.isBroken(set) {
		cl.JWKS.check(f, set)
	}
}

// check names what is wrong with the set and its keys, never what they hold.
func (s KeySet) check(f *faults, path string) {
	list, ok := s.list()
	if !ok {
		f.add(path, "not a key set", "a JWK set (RFC 7517 §5): {\"keys\": […]}")
		return
	}
	if len(list) < 1 || len(list) > maxKeys {
		f.add(path, "no keys, or too many", fmt.Sprintf("from 1 to %d", maxKeys))
		return
	}
	var kids []string
	for i, raw := range list {
		at := item(member(path, "keys"), i)
		key, problem, remedy := parseKey(raw)
		if problem != "" {
			f.add(at, problem, remedy)
			continue
		}
		switch {
		case key.KeyID == "" && len(list) > 1:
			f.add(member(at, "kid"), "missing beside other keys", "a name of its own for each key")
		case slices.Contains(kids, key.KeyID):
			f.add(member(at, "kid"), "given twice", "a name of its own for each key")
		}
		kids = append(kids, key.KeyID)
	}
}

// list splits the set into the JSON of its keys.
func (s KeySet) list() ([]json.RawMessage, bool) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(s) > maxKeySet || json.Unmarshal([]byte(s), &set) != nil {
		return nil, false
	}
	return set.Keys, true
}

// parseKey reads a public key, or says what is wrong with it.
func parseKey(raw json.RawMessage) (key jose.JSONWebKey, problem, remedy string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return key, "not a key", "a JWK (RFC 7517 §4)"
	}
	for _, name := range secretMembers {
		if _, found := members[name]; found {
			return key, "a private or symmetric key", "its public members only; replace the key, it has been shown"
		}
	}
	// The certificates of a key are not used here.
	for _, name := range []string{"x5c", "x5u", "x5t", "x5t#S256"} {
		delete(members, name)
	}
	if bytes.Equal(members["kty"], []byte(`"oct"`)) {
		return key, "a private or symmetric key", "an RSA, EC or Ed25519 public key"
	}
	plain, err := json.Marshal(members)
	if err != nil || json.Unmarshal(plain, &key) != nil || !key.Valid() {
		return key, "not a public key", "an RSA, EC or Ed25519 key with all its members"
	}
	if key.Use != "" && key.Use != "sig" {
		return key, "not for signatures", "use: sig, or leave it out"
	}
	if key.Algorithm != "" && !slices.Contains(signingAlgs, key.Algorithm) {
		return key, "of an algorithm that signs nothing here", "alg: one of " + strings.Join(signingAlgs, ", ") + ", or leave it out"
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return key, "too short", fmt.Sprintf("RSA of at least %d bits", minRSA)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return key, "not a public key", "an RSA, EC or Ed25519 key"
	}
	return key, "", ""
}

// canonical gives the set with the members that count and no others; nil for a
// set that is empty or was not checked.
func (s KeySet) canonical() json.RawMessage {
	list, ok := s.list()
	if s == "" || !ok {
		return nil
	}
	var set jose.JSONWebKeySet
	for _, raw := range list {
		key, problem, _ := parseKey(raw)
		if problem != "" {
			return nil
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil // no public key fails to marshal
	}
	return text
}
