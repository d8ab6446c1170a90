package keys

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Errors of signing and verifying.
var (
	// ErrToken is the one error for every token that does not verify.
	ErrToken = errors.New("token not valid")
	// ErrNoKey reports that no key of the line signs.
	ErrNoKey = errors.New("no signing key")
	// ErrStale reports that the store was out of reach for so long that other
	// processes may have retired the keys known here.
	ErrStale = errors.New("signing keys expired: the store has not confirmed them")

	errAlgorithm = errors.New("algorithm")
)

// maxToken bounds a token to verify, in bytes.
const maxToken = 16 << 10

// Snapshot is the ring at one moment. It never changes and does no I/O: take one
// per request and make all tokens of the answer with it. It is safe for
// concurrent use.
type Snapshot struct {
	set    *keySet
	loaded bool // from the store
	// stale reports whether its keys may be retired elsewhere by now: then it verifies
	// and does not sign. It is asked at each signature, since whoever reads the store
	// may hang, and a process that slept wakes with requests before it reads.
	stale func() bool
	now   func() time.Time
	meter Meter
}

// Sign makes a compact JWS (RFC 7515 §3.1) of payload with the signing key of a line;
// its header names the kid and typ, such as JWT or at+jwt (RFC 8725 §3.11). A logout
// token is signed by the key of tokens where the line has none that signs yet. The error
// wraps ErrNoKey, ErrStale or ErrCustody where there is no key to sign with.
func (s *Snapshot) Sign(purpose Purpose, alg Algorithm, typ string, payload []byte) (string, error) {
	start := s.now()
	token, err := s.sign(Line{purpose, alg}, typ, payload)
	s.meter.Signed(string(alg), typ, s.now().Sub(start), err)
	return token, err
}

func (s *Snapshot) sign(l Line, typ string, payload []byte) (string, error) {
	if s.stale() {
		return "", ErrStale
	}
	key := s.set.signing[l]
	if key == nil && l.Purpose == LogoutTokens {
		key = s.set.signing[Line{Tokens, l.Algorithm}] // every cache has it: see cached
	}
	if key == nil || !l.Algorithm.Valid() {
		return "", fmt.Errorf("%w for %s", ErrNoKey, l)
	}
	if typ == "" {
		return "", errors.New("signing: no typ given")
	}
	token, err := key.jws(typ, payload)
	if err != nil {
		return "", fmt.Errorf("signing with %s: %w", key.id, err)
	}
	return token, nil
}

// Verify returns the payload of a compact JWS that a key of the purpose signed as typ.
// Keys come from the snapshot alone: jwk, jku, x5c and x5u headers are never
// followed. Every failure is ErrToken. The claims are the caller's to check.
func (s *Snapshot) Verify(purpose Purpose, token, typ string) ([]byte, error) {
	if len(token) > maxToken || len(s.set.accepted) == 0 || !wellSpelt(token) {
		return nil, ErrToken
	}
	jws, err := jose.ParseSignedCompact(token, s.set.accepted)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrToken
	}
	header := jws.Signatures[0].Protected
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); got == "" || got != typ {
		return nil, ErrToken
	}
	key := s.set.known[header.KeyID]
	if key == nil || key.line.Purpose != purpose || header.Algorithm != string(key.line.Algorithm) {
		return nil, ErrToken
	}
	payload, err := jws.Verify(key.public)
	if err != nil {
		return nil, ErrToken
	}
	return payload, nil
}

// wellSpelt reports whether each part of a token is base64url as RFC 7515 §2
// demands. The decoder is laxer: it skips line breaks and ignores stray bits.
func wellSpelt(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
			return false
		}
	}
	return true
}

// Key is a key for what is not a JWS of the gateway's: XML signatures, assertions to
// sources, decryption.
type Key struct {
	ID          string // kid
	Algorithm   Algorithm
	State       State
	PublishedAt time.Time // UTC
	Certificate []byte    // X.509, DER; empty where the plan asks for none
	// Signer signs, or refuses wrapping ErrCustody or ErrStale. Nil where keys of the
	// purpose decrypt.
	Signer crypto.Signer
	// Decrypter opens what was encrypted to the key. Nil where keys of the purpose sign.
	Decrypter crypto.Decrypter
}

// Keys gives the live keys of a purpose: the one that signs, or that others should
// encrypt to, first; then the standby; then those that gave way.
func (s *Snapshot) Keys(purpose Purpose) []Key {
	var list []Key
	for _, rec := range s.set.records {
		if rec.Purpose != purpose {
			continue
		}
		key := s.set.known[rec.ID]
		k := Key{ID: rec.ID, Algorithm: rec.Algorithm, State: rec.State, PublishedAt: rec.PublishedAt, Certificate: bytes.Clone(rec.Certificate)}
		switch private, opens := key.private.(crypto.Decrypter); {
		case purpose.decrypts() && opens:
			k.Decrypter = private
		case key.private == nil:
			k.Signer = refusing{key.public, fmt.Errorf("%w: %s has not opened the key", ErrCustody, key.custody)}
		case s.stale():
			k.Signer = refusing{key.public, ErrStale}
		case key.custody == "":
			k.Signer = key.private // the plain kind, which libraries know
		default:
			k.Signer = forAlgorithm(rec.Algorithm, key.private)
		}
		list = append(list, k)
	}
	return list
}

// signingID is the kid that signs for a line, or empty.
func (s *Snapshot) signingID(l Line) string {
	if key := s.set.signing[l]; key != nil {
		return key.id
	}
	return ""
}

// Stale reports whether the store has not confirmed the keys for JWKSMaxAge: another
// process may have published others by now, so a cache must not keep this key set.
func (s *Snapshot) Stale() bool { return s.stale() }

// JWKS is the JSON of the key set (RFC 7517 §5) with the keys of tokens and logout
// tokens: public members only.
func (s *Snapshot) JWKS() []byte { return []byte(s.set.jwks) }

// ETag is the entity tag of JWKS, quotes included (RFC 9110 §8.8.3).
func (s *Snapshot) ETag() string { return s.set.etag }
