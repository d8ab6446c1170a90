package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
)

// clientKeys finds the keys that parties registered, inline or by address. What
// stands at an address is kept, one set per party.
type clientKeys struct {
	http *http.Client
	now  func() time.Time

	mu     sync.Mutex
	remote map[string]publishedKeys // by client; the registry bounds it
}

// publishedKeys are the keys at an address. Another address means other keys.
type publishedKeys struct {
	address string
	keys    *federation.RemoteKeys
}

func newClientKeys(client *http.Client, now func() time.Time) *clientKeys {
	return &clientKeys{http: client, now: now, remote: map[string]publishedKeys{}}
}

// registeredKeys reports whether a party can sign at all.
func registeredKeys(rp *eid.RelyingParty) bool { return len(rp.JWKS) > 0 || rp.JWKSURI != "" }

// find returns the keys that a kid and alg of a party's signature may mean. Its
// error says that the keys cannot be had.
func (k *clientKeys) find(ctx context.Context, rp *eid.RelyingParty, kid string, alg jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	switch {
	case len(rp.JWKS) > 0:
		keys, err := federation.ParseKeys(rp.JWKS)
		if err != nil {
			return nil, err
		}
		return federation.MatchKeys(keys, kid, alg), nil
	case rp.JWKSURI != "":
		return k.at(rp.ID, rp.JWKSURI).Find(ctx, kid, alg)
	}
	return nil, errors.New("no keys are registered")
}

func (k *clientKeys) at(client, address string) *federation.RemoteKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	published, ok := k.remote[client]
	if !ok || published.address != address {
		locate := func(context.Context) (string, error) { return address, nil }
		published = publishedKeys{address: address, keys: federation.NewRemoteKeys(k.http, locate, k.now)}
		k.remote[client] = published
	}
	return published.keys
}

// Bounds of what parties sign.
const (
	// maxAhead is how far ahead of ours a party's clock may be: 8 s are to be
	// accepted, more than 60 s refused.
	maxAhead = 30 * time.Second
	// maxSignedLife is how far away the end of a signed text may be.
	maxSignedLife = time.Hour
)

// clientAlgs are the algorithms that parties may sign with.
func clientAlgs() []string {
	var names []string
	for _, alg := range federation.SigningAlgs() {
		names = append(names, string(alg))
	}
	return names
}

// signedByClient is a JWT that a party made. Until verify it is what a stranger
// says.
type signedByClient struct {
	jws    *jose.JSONWebSignature
	header jose.Header
}

// parseSigned reads a JWT in the compact form, of at most limit bytes, whose typ
// is one of types or absent. Keys that a header brings along, and headers that
// must be understood, are refused: the registered keys alone count
// (RFC 8725 §§3.10, 3.11).
func parseSigned(text string, limit int, types ...string) (signedByClient, error) {
	if len(text) > limit {
		return signedByClient{}, errors.New("too long")
	}
	jws, err := jose.ParseSignedCompact(text, federation.SigningAlgs())
	if err != nil || len(jws.Signatures) != 1 {
		return signedByClient{}, errors.New("malformed, or signed by another algorithm")
	}
	s := signedByClient{jws: jws, header: jws.Signatures[0].Protected}
	for _, name := range []jose.HeaderKey{"crit", "b64", "jku", "x5u"} {
		if _, ok := s.header.ExtraHeaders[name]; ok {
			return signedByClient{}, fmt.Errorf("header %s is not accepted", name)
		}
	}
	if s.header.JSONWebKey != nil {
		return signedByClient{}, errors.New("header jwk is not accepted")
	}
	typ, ok := s.header.ExtraHeaders[jose.HeaderType]
	if !ok {
		return s, nil
	}
	for _, accepted := range types {
		if text, ok := typ.(string); ok && strings.EqualFold(strings.TrimPrefix(text, "application/"), accepted) {
			return s, nil
		}
	}
	return signedByClient{}, errors.New("of another type")
}

// unverified is the payload before anybody vouches for it.
func (s signedByClient) unverified() []byte { return s.jws.UnsafePayloadWithoutVerification() }

// verify returns the payload if one of the party's keys signed it.
func (s signedByClient) verify(ctx context.Context, keys *clientKeys, rp *eid.RelyingParty) ([]byte, error) {
	found, err := keys.find(ctx, rp, s.header.KeyID, jose.SignatureAlgorithm(s.header.Algorithm))
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		if payload, err := s.jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("signature is not the party's")
}
