package federation

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a published key set.
const (
	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 8192
)

// SigningAlgs are the algorithms that others may sign with, whatever they offer:
// asymmetric ones only, so that none and HS256 under a public key never come into
// question (RFC 8725 §3.1).
func SigningAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
}

// RemoteKeys finds the keys that a provider or a relying party publishes and
// signs with. It is safe for concurrent use.
type RemoteKeys struct {
	cache *Cached[[]jose.JSONWebKey]
}

// NewRemoteKeys makes the finder of the key set at the address that locate gives.
// It calls nobody yet.
func NewRemoteKeys(client *http.Client, locate func(ctx context.Context) (string, error), now func() time.Time) *RemoteKeys {
	return &RemoteKeys{cache: NewCached(func(ctx context.Context) ([]jose.JSONWebKey, error) {
		address, err := locate(ctx)
		if err != nil {
			return nil, err
		}
		body, err := FetchJSON(ctx, client, address)
		if err != nil {
			return nil, fmt.Errorf("fetching keys: %w", err)
		}
		return ParseKeys(body)
	}, now)}
}

// Find returns the published keys that a token's kid and alg may mean, none when
// there is no such key. An unknown kid causes a fetch, at most one a minute:
// whoever comes with another unknown one meanwhile waits for that fetch only.
func (k *RemoteKeys) Find(ctx context.Context, kid string, alg jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	keys, err := k.cache.Get(ctx)
	if err != nil {
		return nil, err
	}
	if found := MatchKeys(keys, kid, alg); len(found) > 0 {
		return found, nil
	}
	if keys, err = k.cache.Renew(ctx); err != nil {
		return nil, err
	}
	return MatchKeys(keys, kid, alg), nil
}

// MatchKeys filters keys by kid and algorithm. Without a kid the key must be the
// only one of its kind (OpenID Connect Core §10.1).
func MatchKeys(keys []jose.JSONWebKey, kid string, alg jose.SignatureAlgorithm) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, key := range keys {
		if (kid == "" || key.KeyID == kid) && signs(key, alg) {
			found = append(found, key)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil
	}
	return found
}

// signs reports whether a key is one for signatures by alg. The key's type is
// what binds it to an algorithm (RFC 8725 §3.1).
func signs(key jose.JSONWebKey, alg jose.SignatureAlgorithm) bool {
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(alg) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return (alg == jose.RS256 || alg == jose.PS256) && bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey:
		return alg == jose.ES256 && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// ParseKeys reads a JWK set. Members that are not public keys of a known kind are
// left out (RFC 7517 §5); without any other it is an error.
func ParseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("reading keys: malformed JSON")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("reading keys: %d, want at most %d", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var members struct {
			D json.RawMessage `json:"d"`
			K json.RawMessage `json:"k"`
		}
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &members) != nil || members.D != nil || members.K != nil || key.UnmarshalJSON(raw) != nil {
			continue
		}
		if key.Valid() && key.IsPublic() {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("reading keys: none that is usable")
	}
	return keys, nil
}
