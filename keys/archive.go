package keys

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Archive is every key that was ever public, by age. It can be exported as JSON and
// used where there is no gateway.
type Archive []Archived

// Archived is one key of the archive. Times are UTC; zero means never.
type Archived struct {
	ID        string          `json:"kid"`
	Purpose   Purpose         `json:"purpose"`
	Algorithm Algorithm       `json:"alg"`
	State     State           `json:"state"`
	Public    json.RawMessage `json:"jwk"` // RFC 7517
	// Authentic tells that the row was written by somebody who has the master key. Dates
	// of a key that has not retired yet are not covered. A key that a gateway of before
	// 0008_key_purposes retired is never authentic.
	Authentic bool `json:"authentic"`
	// Certificate is in DER, made by the key; only where Authentic.
	Certificate []byte    `json:"certificate,omitempty"`
	PublishedAt time.Time `json:"published_at,omitzero"`
	SignedFrom  time.Time `json:"signed_from,omitzero"`
	SignedUntil time.Time `json:"signed_until,omitzero"` // zero: it signs still, or never did
	RetiredAt   time.Time `json:"retired_at,omitzero"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
}

// Archive reads every key that was ever public, and tells of each whether its row
// could be authenticated.
func (r *Ring) Archive(ctx context.Context) (Archive, error) {
	records, err := r.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading archive: %w", err)
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(a.PublishedAt.Compare(b.PublishedAt), cmp.Compare(a.ID, b.ID))
	})
	list := make(Archive, 0, len(records))
	for _, rec := range records {
		a := Archived{
			ID: rec.ID, Purpose: rec.Purpose, Algorithm: rec.Algorithm, State: rec.State, Public: rec.Public,
			PublishedAt: rec.PublishedAt, SignedFrom: rec.SigningAt, SignedUntil: rec.VerifyingAt, RetiredAt: rec.RetiredAt, RevokedAt: rec.RevokedAt,
		}
		if a.SignedUntil.IsZero() && !a.SignedFrom.IsZero() {
			a.SignedUntil = rec.RetiredAt // revoked while it signed
		}
		if key, err := open(rec, r.box); err == nil {
			if a.Public, err = key.jwk().MarshalJSON(); err != nil {
				return nil, fmt.Errorf("encoding key %s: %w", rec.ID, err)
			}
			a.Authentic, a.Certificate = true, rec.Certificate
		}
		list = append(list, a)
	}
	return list, nil
}

// Verdict is what the archive says of a token whose signature is right.
type Verdict struct {
	Key      Archived
	Type     string    // typ of the header
	IssuedAt time.Time // iat, UTC; zero where the token has none
	Payload  []byte
}

// Good reports whether the token can be believed: by an authentic key that was not
// revoked, and issued while the key signed, clocks being off by at most skew.
func (v Verdict) Good(skew time.Duration) bool { return v.Why(skew) == "" }

// Why says what speaks against the token; empty: nothing.
func (v Verdict) Why(skew time.Duration) string {
	k := v.Key
	switch {
	case !k.RevokedAt.IsZero():
		return "its key was revoked"
	case !k.Authentic:
		return "the row of its key is not authentic"
	case v.IssuedAt.IsZero():
		return "it does not say when it was issued"
	case k.SignedFrom.IsZero() || v.IssuedAt.Before(k.SignedFrom.Add(-skew-time.Second)): // iat is in whole seconds
		return "it was issued before its key signed"
	case !k.SignedUntil.IsZero() && v.IssuedAt.After(k.SignedUntil.Add(skew)):
		return "it was issued after its key signed"
	}
	return ""
}

// Verify finds the key that signed a compact JWS and checks the signature, whether the
// token is still valid or not. The error is ErrToken where no key of the archive
// signed it. Whether to believe it is for Verdict.Good.
func (a Archive) Verify(token string) (Verdict, error) {
	if len(token) > maxToken || !wellSpelt(token) {
		return Verdict{}, ErrToken
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil || len(jws.Signatures) != 1 {
		return Verdict{}, ErrToken
	}
	header := jws.Signatures[0].Protected
	i := slices.IndexFunc(a, func(k Archived) bool { return k.ID == header.KeyID && string(k.Algorithm) == header.Algorithm })
	if i < 0 {
		return Verdict{}, ErrToken
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(a[i].Public, &jwk); err != nil || !jwk.IsPublic() || fits(a[i].Algorithm, jwk.Key) != nil {
		return Verdict{}, ErrToken
	}
	if id, err := thumbprint(jwk.Key); err != nil || id != a[i].ID {
		return Verdict{}, ErrToken
	}
	payload, err := jws.Verify(jwk.Key)
	if err != nil {
		return Verdict{}, ErrToken
	}
	v := Verdict{Key: a[i], Payload: payload}
	v.Type, _ = header.ExtraHeaders[jose.HeaderType].(string)
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if json.Unmarshal(payload, &claims) == nil && claims.IssuedAt > 0 {
		v.IssuedAt = time.Unix(claims.IssuedAt, 0).UTC()
	}
	return v, nil
}

// archived seals what an update retires for the archive. What it is sealed from is
// what the row holds, never the column beside it.
func (r *Ring) archived(u Update, current []Record) (Update, error) {
	for i, rec := range u.Put {
		if rec.State != Retired {
			continue
		}
		j := slices.IndexFunc(current, func(have Record) bool { return have.ID == rec.ID })
		if j < 0 || len(current[j].Sealed) == 0 { // retired by a gateway that kept nothing sealed
			continue
		}
		key, err := open(current[j], r.box)
		if err != nil && !rec.RevokedAt.IsZero() {
			continue // whatever its row holds, it is believed no more
		}
		if err != nil {
			return Update{}, fmt.Errorf("archiving key %s: %w", rec.ID, err)
		}
		if u.Put[i], err = archive(rec, key, rec.Custody != "", r.box); err != nil {
			return Update{}, err
		}
	}
	return u, nil
}
