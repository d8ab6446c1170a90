// Package keys owns the life of keys: making, sealing, publishing, signing, rotating,
// revoking and archiving them.
package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Algorithm is what a key is used with: a JWS signature algorithm (RFC 7518 §3.1), or
// RSA. A key is never used with two. The zero value is none.
type Algorithm string

// The algorithms that the gateway signs with, and RSA, which opens what others
// encrypt by whatever padding they agreed on, and signs nothing.
const (
	RS256 Algorithm = "RS256"
	PS256 Algorithm = "PS256"
	ES256 Algorithm = "ES256"
	RSA   Algorithm = "RSA"
)

// Valid reports whether the gateway can sign with a.
func (a Algorithm) Valid() bool { return a == RS256 || a == PS256 || a == ES256 }

// State is where a key stands in its life. It only moves forward. The zero value
// is none of the states.
type State string

// The states, in order of life.
const (
	Published State = "published" // in the JWKS, waiting until every cache holds it
	Signing   State = "signing"   // signs; one per line
	Verifying State = "verifying" // in the JWKS until the last token it signed has expired
	Retired   State = "retired"   // out of the JWKS; its private part is dropped
)

// live reports whether a key of this state stands in the JWKS.
func (s State) live() bool { return s == Published || s == Signing || s == Verifying }

// Record is a key as the store keeps it. Times are UTC in whole microseconds;
// zero means not yet.
type Record struct {
	// ID is the kid: the RFC 7638 thumbprint of the public key.
	ID        string
	Purpose   Purpose
	Algorithm Algorithm
	State     State
	// Custody names where the private key lives; empty is the store itself.
	Custody string
	// Sealed is what the custody finds the private key by, sealed for this ID: the
	// key itself in PKCS #8 where the store keeps it. When Retired it is the public
	// JWK, sealed for the archive: see Context.
	Sealed []byte
	// Public is the public JWK (RFC 7517), kept for the record. It is never
	// trusted: the JWKS is derived from what Sealed opens to, so that a row
	// written by somebody without the master key publishes nothing.
	Public json.RawMessage
	// Certificate is the X.509 certificate of the key in DER, where its purpose has one.
	Certificate []byte

	PublishedAt time.Time
	ActivateAt  time.Time // when an operator's rotation makes this standby sign
	SigningAt   time.Time
	VerifyingAt time.Time
	RetireAt    time.Time // set with VerifyingAt: from when the key may retire
	RetiredAt   time.Time
	RevokedAt   time.Time // with RetiredAt: nothing it signed is believed any more
}

// Line is the line that a record belongs to.
func (r Record) Line() Line { return Line{r.Purpose, r.Algorithm} }

// Context is what Sealed is sealed for: everything of the row that must not be
// exchanged. What is archived is bound to its dates too.
func (r Record) Context() string {
	switch {
	case r.State == Retired:
		return fmt.Sprintf("archived key %q %s %s in %q: %d %d %d %d %d", r.Purpose, r.Algorithm, r.ID, r.Custody,
			micros(r.PublishedAt), micros(r.SigningAt), micros(r.VerifyingAt), micros(r.RetiredAt), micros(r.RevokedAt))
	case r.Purpose == Tokens && r.Custody == "":
		return "signing key " + string(r.Algorithm) + " " + r.ID // as ever, so that every version opens it
	}
	return fmt.Sprintf("key %q %s %s in %q", r.Purpose, r.Algorithm, r.ID, r.Custody)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Store keeps the records. It is the truth that all processes agree through.
type Store interface {
	// Keys returns all records, retired ones too, in any order.
	Keys(ctx context.Context) ([]Record, error)
	// UpdateKeys runs change on the current records and writes what it returns,
	// events included, in one transaction. Two updates never interleave: the
	// second sees what the first wrote. An error of change is returned so that
	// errors.Is finds it, and nothing is written. change may run more than once
	// and does no I/O.
	UpdateKeys(ctx context.Context, change func(current []Record) (Update, error)) error
}

// Update is what a change writes.
type Update struct {
	Put     []Record     // inserted or replaced whole, by ID, in this order
	Events  []Event      // one audit row each
	Revoked []RevokedKey // whose parties are to be told
}

// RevokedKey is a key of tokens that is believed no more.
type RevokedKey struct {
	ID    string
	Since time.Time // when it began to sign: parties that got tokens from then on are told
}

// Actions of events, as audit rows name them.
const (
	ActionPublished = "key.published"
	ActionScheduled = "key.scheduled" // an operator asked; the standby signs at ActivateAt
	ActionSigning   = "key.signing"
	ActionVerifying = "key.verifying"
	ActionRetired   = "key.retired"
	ActionRevoked   = "key.revoked"   // an emergency: nothing that it signed is believed
	ActionDestroyed = "key.destroyed" // its custody forgot the private key of a retired one
)

// Event is one step in the life of a key, for the audit.
type Event struct {
	Action  string
	KeyID   string
	Purpose Purpose
	Actor   string // operator:NAME or system
	Reason  string
	// Forced tells that an operator did not wait: for caches before Ready (UTC; zero
	// where they had it), nor for the fetches of the parties in Lacking.
	Forced  bool
	Ready   time.Time
	Lacking []string
}
