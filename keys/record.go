// Package keys owns the life of signing keys: making, sealing, publishing,
// signing, rotating and retiring them.
package keys

import (
	"context"
	"encoding/json"
	"time"
)

// Algorithm is a JWS signature algorithm (RFC 7518 §3.1). The zero value is none.
type Algorithm string

// The algorithms that the gateway signs with.
const (
	RS256 Algorithm = "RS256"
	ES256 Algorithm = "ES256"
)

// Valid reports whether the gateway can sign with a.
func (a Algorithm) Valid() bool { return a == RS256 || a == ES256 }

// State is where a key stands in its life. It only moves forward. The zero value
// is none of the states.
type State string

// The states, in order of life.
const (
	Published State = "published" // in the JWKS, waiting until every cache holds it
	Signing   State = "signing"   // signs; one per algorithm
	Verifying State = "verifying" // in the JWKS until the last token it signed has expired
	Retired   State = "retired"   // out of the JWKS; its private part is dropped
)

// live reports whether a key of this state stands in the JWKS.
func (s State) live() bool { return s == Published || s == Signing || s == Verifying }

// Purpose is what a key is for. Each has keys of its own, and a plan of its own. The
// zero value is none.
type Purpose string

// The purposes of every gateway. Those of sources are made by SourceSigning and
// SourceDecryption.
const (
	Tokens       Purpose = "tokens" // ID tokens, access tokens, answers: in the JWKS
	LogoutTokens Purpose = "logout" // logout tokens: in the JWKS
	Checkpoints  Purpose = "audit"  // checkpoints of the audit: in the archive alone
)

// SourceSigning is the purpose of keys that sign for one source: SAML requests, or the
// client assertions of an OpenID provider.
func SourceSigning(source string) Purpose { return Purpose("source/" + source + "/sign") }

// SourceDecryption is the purpose of keys that open what one source encrypts: SAML
// assertions, userinfo, the wrapped keys of VNeID.
func SourceDecryption(source string) Purpose { return Purpose("source/" + source + "/decrypt") }

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
	// JWK, sealed for the archive.
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

// Context is what Sealed is sealed for: everything of the row that must not be
// exchanged.
func (r Record) Context() string { return sealContext(r.Algorithm, r.ID) }

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
	Put    []Record // inserted or replaced whole, by ID, in this order
	Events []Event  // one audit row each
}

// Actions of events, as audit rows name them.
const (
	ActionPublished = "key.published"
	ActionScheduled = "key.scheduled" // an operator asked; the standby signs at ActivateAt
	ActionSigning   = "key.signing"
	ActionVerifying = "key.verifying"
	ActionRetired   = "key.retired"
)

// Event is one step in the life of a key, for the audit.
type Event struct {
	Action string
	KeyID  string
	Actor  string // operator:NAME or system
	Reason string
}
