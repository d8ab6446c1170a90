package openid

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
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a provider's key set.
const (
	maxKeys      = 100
	minRSABits   = 2048
	maxRSABits   = 8192
	unknownEvery = time.Minute // between fetches that an unknown kid causes
)

// keySet finds the keys that a provider signs with.
type keySet struct {
	cache *cached[[]jose.JSONWebKey]

	mu       sync.Mutex
	searched time.Time     // when an unknown kid last caused a fetch
	search   chan struct{} // closed when that fetch is over
}

// find returns the published keys that a token's kid and alg may mean, none when
// there is no such key. An unknown kid causes a fetch, at most one a minute:
// whoever comes with another unknown one meanwhile waits for that fetch only.
func (k *keySet) find(ctx context.Context, kid string, alg jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	keys, err := k.cache.get(ctx)
	if err != nil {
		return nil, err
	}
	if found := matching(keys, kid, alg); len(found) > 0 {
		return found, nil
	}
	select {
	case <-k.searching(ctx):
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the provider's keys: %w", ctx.Err())
	}
	keys, _, _ = k.cache.peek()
	return matching(keys, kid, alg), nil
}

// searching starts a fetch unless one was started within the minute, and returns
// the end of the last one.
func (k *keySet) searching(ctx context.Context) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cache.now()
	if k.search != nil && now.Sub(k.searched) < unknownEvery {
		return k.search
	}
	over := make(chan struct{})
	k.search, k.searched = over, now
	go func() {
		defer close(over)
		// The fetch has its own deadline and leaves its result in the cache; an
		// error leaves the keys known so far.
		_, _ = k.cache.refresh(context.WithoutCancel(ctx))
	}()
	return over
}

// matching filters keys by kid and algorithm. Without a kid the key must be the
// only one of its kind (OpenID Connect Core §10.1).
func matching(keys []jose.JSONWebKey, kid string, alg jose.SignatureAlgorithm) []jose.JSONWebKey {
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

// fetchKeys reads a JWK set. Members that are not public keys of a known kind
// are left out (RFC 7517 §5).
func fetchKeys(ctx context.Context, client *http.Client, uri string) ([]jose.JSONWebKey, error) {
	body, err := fetchJSON(ctx, client, uri)
	if err != nil {
		return nil, fmt.Errorf("fetching the provider's keys: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("reading the provider's keys: malformed JSON")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("reading the provider's keys: %d, want at most %d", len(set.Keys), maxKeys)
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
		return nil, errors.New("reading the provider's keys: none that is usable")
	}
	return keys, nil
}
