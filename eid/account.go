package eid

import (
	"errors"
	"slices"
	"time"
)

// Errors of accounts, for callers to test with errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrExists       = errors.New("exists already")
	ErrLocked       = errors.New("account locked")
	ErrNotActivated = errors.New("account not activated")
)

// AccountID names an account inside the gateway. It is random and never leaves
// it: portals see pairwise subjects.
type AccountID string

// SubjectType says who a holder is (Decision 34/2021, Arts. 5 and 6).
type SubjectType string

// The subject types.
const (
	Citizen   SubjectType = "citizen"
	Foreigner SubjectType = "foreigner"
)

// Status is where an account stands. The zero value cannot sign in.
type Status string

// The states of an account.
const (
	PendingActivation Status = "pending_activation" // made, not yet activated by the holder
	Active            Status = "active"
	Closed            Status = "closed"
)

// Factor is a means of sign-in at the built-in account system, named as in amr
// (RFC 8176).
type Factor string

// The factors.
const (
	Password    Factor = "pwd"
	OneTimeCode Factor = "otp" // TOTP, RFC 6238
	// FirstPassword was sent to the holder and only opens the choice of a password of
	// their own (Decision 34/2021, Art. 10). It is no method of a sign-in.
	FirstPassword Factor = "first_pwd"
	// Passkey is one passkey at least (WebAuthn); amr says how it is kept.
	Passkey Factor = "passkey"
)

// Person is the core identity data. Registries own it; it is never edited here.
type Person struct {
	Type        SubjectType
	Identifier  Identifier
	Name        string // NFC, family name first
	BirthDate   string // 2006-01-02
	Gender      string // male or female, as OpenID Connect Core §5.1 writes it
	Nationality string // ISO 3166-1 alpha-3
	Address     string
}

// Contact is an address that a holder declared.
type Contact struct {
	Value    string
	Verified bool // proved by a code; else self-declared
}

// Declared is what a holder says of themselves (OpenID Connect Core §5.1). All of
// it is optional, and none of it is ever compared with a registry.
type Declared struct {
	Nickname          string
	PreferredUsername string // never a personal or passport number
	Profile           string // https URL of a page about the holder
	Picture           string // https URL of an image
	Website           string // https URL
}

// Account is one person's account: at most one active per identifier.
type Account struct {
	ID       AccountID
	Person   Person
	Level    Level
	Status   Status
	OwnFloor Level // the least level the holder allows; LevelNone when never set
	Phone    Contact
	Email    Contact
	Declared Declared
	Factors  []Factor // enrolled means of sign-in
	Locks    []Lock   // those in force, oldest first
	Linked   bool     // it has links that have not been ended
	// ManagedBy is the national source that the account was made through and whose
	// word its level follows; empty where an operator made it.
	ManagedBy string
	// SessionsFrom is when the account was last locked, or its credentials were changed:
	// what was proved before does not count, though the lock was lifted since.
	SessionsFrom time.Time
	// UpdatedAt is when the row last changed.
	UpdatedAt time.Time
}

// Usable returns nil when the account may sign in, else an error that wraps
// ErrLocked or ErrNotActivated.
func (a *Account) Usable() error {
	switch {
	case len(a.Locks) > 0:
		return &LockedError{Lock: a.barringLock()}
	case a.Status != Active:
		return ErrNotActivated
	}
	return nil
}

// Counts reports whether what was proved, granted or begun at t still says who the
// holder is.
func (a *Account) Counts(t time.Time) bool {
	return a.SessionsFrom.IsZero() || t.After(a.SessionsFrom)
}

// barringLock is the lock to tell the holder of: a terminal one before those that
// can be undone, else the oldest.
func (a *Account) barringLock() Lock {
	if i := slices.IndexFunc(a.Locks, func(l Lock) bool { return l.Reason.Terminal() }); i >= 0 {
		return a.Locks[i]
	}
	return a.Locks[0]
}

// Has reports whether a factor is enrolled.
func (a *Account) Has(f Factor) bool {
	return slices.Contains(a.Factors, f)
}

// Link ties what a source calls a person to an account. It is written only
// after both sides were proved in one sign-in, or by an operator with evidence.
type Link struct {
	ID      string
	Account AccountID
	Source  string
	Cap     Level     // grants through this link never exceed it
	Expires time.Time // zero: none
}

// Alive reports whether the link still counts at t.
func (l Link) Alive(t time.Time) bool {
	return l.ID != "" && (l.Expires.IsZero() || t.Before(l.Expires))
}
