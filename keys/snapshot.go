package keys

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Errors of signing and verifying.
var (
	// ErrToken is the one error for every token that does not verify.
	ErrToken = errors.New("token not valid")
	// ErrNoKey reports that no key of the algorithm signs.
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
	set   *keySet
	stale bool // its keys may be retired elsewhere: verify, do not sign
	now   func() time.Time
	meter Meter
}

// keySet is the opened keys that stand in the JWKS.
type keySet struct {
	records  []Record // the live ones that the set was made of
	signing  map[Algorithm]*signer
	known    map[string]*signer        // by kid
	accepted []jose.SignatureAlgorithm // those of known
	jwks     string
	etag     string
}

// newKeySet opens the records that stand in the JWKS; old spares it opening
// again what has not changed.
func newKeySet(records []Record, box SealOpener, old *keySet) (*keySet, error) {
	live := slices.DeleteFunc(slices.Clone(records), func(rec Record) bool { return rec.State == Retired })
	// Signing keys first: some verifiers take the first key that fits.
	rank := []State{Signing, Published, Verifying}
	slices.SortFunc(live, func(a, b Record) int {
		return cmp.Or(cmp.Compare(slices.Index(rank, a.State), slices.Index(rank, b.State)),
			cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.ID, b.ID))
	})
	if old != nil && slices.EqualFunc(live, old.records, sameKey) {
		return old, nil
	}
	set := &keySet{records: live, signing: map[Algorithm]*signer{}, known: map[string]*signer{}}
	for _, rec := range live {
		if err := set.add(rec, box, old); err != nil {
			return nil, err
		}
	}
	return set, set.publish()
}

// add opens one record.
func (set *keySet) add(rec Record, box SealOpener, old *keySet) error {
	if !rec.State.live() {
		return fmt.Errorf("key %s: unknown state %q", rec.ID, rec.State)
	}
	if set.known[rec.ID] != nil {
		return fmt.Errorf("key %s: stored twice", rec.ID)
	}
	key := old.opened(rec)
	if key == nil {
		var err error
		if key, err = open(rec, box); err != nil {
			return fmt.Errorf("opening %s key %s: %w", rec.Algorithm, rec.ID, err)
		}
	}
	set.known[rec.ID] = key
	if rec.State == Signing {
		if set.signing[rec.Algorithm] != nil {
			return fmt.Errorf("key %s: a second one signs %s", rec.ID, rec.Algorithm)
		}
		set.signing[rec.Algorithm] = key
	}
	return nil
}

// publish writes the JWKS.
func (set *keySet) publish() error {
	doc := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	algs := map[jose.SignatureAlgorithm]bool{}
	for _, rec := range set.records {
		jwk := set.known[rec.ID].public()
		if !jwk.IsPublic() {
			return fmt.Errorf("key %s: not public", rec.ID)
		}
		doc.Keys = append(doc.Keys, jwk)
		algs[jose.SignatureAlgorithm(rec.Algorithm)] = true
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encoding JWKS: %w", err)
	}
	sum := sha256.Sum256(raw)
	set.jwks = string(raw)
	set.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	set.accepted = slices.Sorted(maps.Keys(algs))
	return nil
}

// opened returns the key of a record if the set has it open.
func (set *keySet) opened(rec Record) *signer {
	if set == nil {
		return nil
	}
	if key := set.known[rec.ID]; key != nil && key.alg == rec.Algorithm && string(key.sealed) == string(rec.Sealed) {
		return key
	}
	return nil
}

// sameKey reports whether two records publish and sign alike.
func sameKey(a, b Record) bool {
	return a.ID == b.ID && a.Algorithm == b.Algorithm && a.State == b.State && string(a.Sealed) == string(b.Sealed)
}

// Sign makes a compact JWS (RFC 7515 §3.1) of payload with the signing key of
// alg; its header names the kid and typ, such as JWT or at+jwt (RFC 8725 §3.11).
// The error wraps ErrNoKey or ErrStale where there is no key to sign with.
func (s *Snapshot) Sign(alg Algorithm, typ string, payload []byte) (string, error) {
	start := s.now()
	token, err := s.sign(alg, typ, payload)
	s.meter.Signed(string(alg), typ, s.now().Sub(start), err)
	return token, err
}

func (s *Snapshot) sign(alg Algorithm, typ string, payload []byte) (string, error) {
	if s.stale {
		return "", ErrStale
	}
	key := s.set.signing[alg]
	if key == nil {
		return "", fmt.Errorf("%w for %q", ErrNoKey, alg)
	}
	if typ == "" {
		return "", errors.New("signing: no typ given")
	}
	// Made anew each time: it costs half a microsecond, and go-jose does not
	// promise that a signer may be shared.
	signingKey := jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(alg),
		Key:       jose.JSONWebKey{Key: key.private, KeyID: key.id},
	}
	js, err := jose.NewSigner(signingKey, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("signing with %s: %w", key.id, err)
	}
	jws, err := js.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing with %s: %w", key.id, err)
	}
	return jws.CompactSerialize()
}

// Verify returns the payload of a compact JWS that one of the keys in the JWKS
// signed as typ. Keys come from the snapshot alone: jwk, jku, x5c and x5u headers
// are never followed. Every failure is ErrToken. The claims are the caller's to
// check.
func (s *Snapshot) Verify(token, typ string) ([]byte, error) {
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
	if key == nil || header.Algorithm != string(key.alg) {
		return nil, ErrToken
	}
	payload, err := jws.Verify(key.private.Public())
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

// signingID is the kid that signs alg, or empty.
func (s *Snapshot) signingID(alg Algorithm) string {
	if key := s.set.signing[alg]; key != nil {
		return key.id
	}
	return ""
}

// JWKS is the JSON of the key set (RFC 7517 §5): public members only.
func (s *Snapshot) JWKS() []byte { return []byte(s.set.jwks) }

// ETag is the entity tag of JWKS, quotes included (RFC 9110 §8.8.3).
func (s *Snapshot) ETag() string { return s.set.etag }
