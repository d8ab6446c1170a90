package keys

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// keySet is the opened keys that have not retired.
type keySet struct {
	records  []Record // the live ones that the set was made of
	signing  map[Line]*signer
	known    map[string]*signer        // by kid
	accepted []jose.SignatureAlgorithm // those of known
	closed   []Record                  // those whose custody has not opened them
	jwks     string
	etag     string
}

// newKeySet opens the live ones of records, those of custodies with what they have
// opened so far; old spares it opening again what has not changed.
func newKeySet(records []Record, box SealOpener, opened map[string]crypto.Signer, old *keySet) (*keySet, error) {
	live := slices.DeleteFunc(slices.Clone(records), func(rec Record) bool { return rec.State == Retired })
	// Signing keys first: some verifiers take the first key that fits.
	rank := []State{Signing, Published, Verifying}
	first := []Purpose{Tokens, LogoutTokens}
	slices.SortFunc(live, func(a, b Record) int {
		return cmp.Or(cmp.Compare(slices.Index(rank, a.State), slices.Index(rank, b.State)),
			cmp.Compare(slices.Index(first, a.Purpose), slices.Index(first, b.Purpose)),
			cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.ID, b.ID))
	})
	if old != nil && slices.EqualFunc(live, old.records, sameKey) && !old.opens(opened) {
		return old, nil
	}
	set := &keySet{records: live, signing: map[Line]*signer{}, known: map[string]*signer{}}
	for _, rec := range live {
		if err := set.add(rec, box, opened[rec.ID], old); err != nil {
			return nil, err
		}
	}
	return set, set.publish()
}

// opens reports whether a custody has opened a key that the set has not.
func (set *keySet) opens(opened map[string]crypto.Signer) bool {
	return slices.ContainsFunc(set.closed, func(rec Record) bool { return opened[rec.ID] != nil })
}

// add opens one record.
func (set *keySet) add(rec Record, box SealOpener, private crypto.Signer, old *keySet) error {
	if !rec.State.live() {
		return fmt.Errorf("key %s: unknown state %q", rec.ID, rec.State)
	}
	if !rec.RevokedAt.IsZero() {
		return fmt.Errorf("key %s was revoked and is %s: restore the tables of keys from a newer backup", rec.ID, rec.State)
	}
	if set.known[rec.ID] != nil {
		return fmt.Errorf("key %s: stored twice", rec.ID)
	}
	key := old.opened(rec)
	if key == nil {
		var err error
		if key, err = open(rec, box); err != nil {
			return fmt.Errorf("opening %s key %s: %w", rec.Line(), rec.ID, err)
		}
	}
	if key.private == nil && private != nil {
		whole := *key
		whole.private = private
		key = &whole
	}
	if key.private == nil {
		set.closed = append(set.closed, rec)
	}
	set.known[rec.ID] = key
	if rec.State == Signing {
		if set.signing[rec.Line()] != nil {
			return fmt.Errorf("key %s: a second one signs %s", rec.ID, rec.Line())
		}
		set.signing[rec.Line()] = key
	}
	return nil
}

// publish writes the JWKS.
func (set *keySet) publish() error {
	doc := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	algs := map[jose.SignatureAlgorithm]bool{}
	for _, rec := range set.records {
		if rec.Algorithm.Valid() {
			algs[jose.SignatureAlgorithm(rec.Algorithm)] = true
		}
		if !rec.Purpose.inJWKS() {
			continue
		}
		jwk := set.known[rec.ID].jwk()
		if !jwk.IsPublic() {
			return fmt.Errorf("key %s: not public", rec.ID)
		}
		doc.Keys = append(doc.Keys, jwk)
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
	i := slices.IndexFunc(set.records, func(have Record) bool { return have.ID == rec.ID })
	if i < 0 || !sameRow(set.records[i], rec) {
		return nil
	}
	return set.known[rec.ID]
}

// sameRow reports whether two records open to the same.
func sameRow(a, b Record) bool {
	return a.ID == b.ID && a.Line() == b.Line() && a.Custody == b.Custody &&
		string(a.Sealed) == string(b.Sealed) && string(a.Certificate) == string(b.Certificate)
}

// sameKey reports whether two records publish and sign alike.
func sameKey(a, b Record) bool {
	return sameRow(a, b) && a.State == b.State && a.PublishedAt.Equal(b.PublishedAt) && a.ActivateAt.Equal(b.ActivateAt) &&
		a.SigningAt.Equal(b.SigningAt) && a.RetireAt.Equal(b.RetireAt) && a.RevokedAt.Equal(b.RevokedAt)
}
