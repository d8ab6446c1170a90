package eid

import (
	"slices"
	"time"
)

// LockReason is why an account is locked (Decision 34/2021, Art. 11; Decree
// 69/2024, Art. 17).
type LockReason string

// The five kinds of lock.
const (
	LockSelf      LockReason = "self"      // the holder asked
	LockAuthority LockReason = "authority" // a procedural or competent authority, or a service user, asked
	LockTerms     LockReason = "terms"     // the terms of service were breached
	LockNumber    LockReason = "number"    // the number was re-established or cancelled
	LockDeath     LockReason = "death"
)

// LockReasons lists all five.
func LockReasons() []LockReason {
	return []LockReason{LockSelf, LockAuthority, LockTerms, LockNumber, LockDeath}
}

// Terminal reports whether only an authority that corrects an error may undo it.
// A reason that is not known counts as one.
func (r LockReason) Terminal() bool {
	return r != LockSelf && r != LockAuthority && r != LockTerms
}

// Lock is a lock in force or lifted. Requester and Document stay on record and
// are shown to nobody but operators and officers.
type Lock struct {
	ID        string
	Reason    LockReason
	SetBy     LockParty
	Requester string
	Client    string // the service user that asked, where it did so itself
	Document  string
	SetAt     time.Time
}

// SelfLocked reports whether nothing but the holder's own locks keeps an active account
// from signing in.
func (a *Account) SelfLocked() bool {
	return a.Status == Active && len(a.Locks) > 0 && !slices.ContainsFunc(a.Locks, func(l Lock) bool { return l.Reason != LockSelf })
}

// LockedError carries the lock that bars a sign-in. It wraps ErrLocked.
type LockedError struct{ Lock Lock }

func (e *LockedError) Error() string { return "account locked: " + string(e.Lock.Reason) }
func (e *LockedError) Unwrap() error { return ErrLocked }

// LockParty is who may ask for a lock or its end.
type LockParty string

// The parties.
const (
	ByHolder      LockParty = "holder"
	ByAuthority   LockParty = "authority"    // a procedural or competent authority
	ByServiceUser LockParty = "service_user" // an officer decides on it
	ByOperator    LockParty = "operator"     // of the electronic identity system
	ByRegistry    LockParty = "registry"     // a change in the population database
)

// LockParties lists all five.
func LockParties() []LockParty {
	return []LockParty{ByHolder, ByAuthority, ByServiceUser, ByOperator, ByRegistry}
}

// LockRule is who may set and undo a lock, and what has to be on record.
type LockRule struct {
	Reason   LockReason  `json:"reason"`
	SetBy    []LockParty `json:"set_by"`
	UndoneBy []LockParty `json:"undone_by"` // empty: by nobody but an authority that corrects an error
	// Document: setting it needs the number of a document; UndoDocument: so does undoing.
	Document     bool `json:"document,omitempty"`
	UndoDocument bool `json:"undo_document,omitempty"`
	// OwnRequester: undone only for whom it was set for.
	OwnRequester bool `json:"own_requester,omitempty"`
	// Remedy: what was breached has to be remedied first, which is noted.
	Remedy bool `json:"remedy,omitempty"`
	// WorkingDays is within how many a request of a service user is decided.
	WorkingDays int `json:"working_days,omitempty"`
}

// Terminal reports that nobody undoes it but an authority that corrects an error.
func (r LockRule) Terminal() bool { return len(r.UndoneBy) == 0 }

// MaySet reports whether a party may set it.
func (r LockRule) MaySet(p LockParty) bool { return slices.Contains(r.SetBy, p) }

// MayUndo reports whether a party may undo it.
func (r LockRule) MayUndo(p LockParty) bool { return slices.Contains(r.UndoneBy, p) }

// HolderUndoes reports whether a lock is one that its holder set, and that its holder may
// undo with nothing but proof.
func (r *RuleSet) HolderUndoes(l Lock) bool {
	rule := r.Lock(l.Reason)
	return l.SetBy == ByHolder && rule.MayUndo(ByHolder) && !rule.UndoDocument && !rule.Remedy
}

// Lock gives the rule of a reason; the zero rule lets nobody set it or undo it.
func (r *RuleSet) Lock(reason LockReason) LockRule {
	for _, rule := range r.Locks {
		if rule.Reason == reason {
			return rule
		}
	}
	return LockRule{Reason: reason}
}

// RequestStatus is where a request of a service user stands.
type RequestStatus string

// The states of a request. A decision stands.
const (
	RequestWaiting  RequestStatus = "waiting"
	RequestAccepted RequestStatus = "accepted"
	RequestRejected RequestStatus = "rejected"
)

// LockRequest is a service user's wish that an account be locked, or that a lock of its
// own end. An officer decides on it (Decree 59/2022).
type LockRequest struct {
	ID        string
	Ref       string // that people read out, such as K7QF-2M9D
	Client    string // who asks; empty: on paper, by Requester
	Requester string // its name
	Account   AccountID
	Document  string // number of the document that it rests on
	Reason    string // in its own words; shown to officers only
	Undo      string // the lock that shall end; empty: one shall begin
	Status    RequestStatus
	Rules     string // the rule set of that day
	DueAt     time.Time
	CreatedAt time.Time
	DecidedAt time.Time
	DecidedBy string // actor, as in the audit
	Why       string // in the officer's words
	Lock      string // that was set or lifted; empty while it waits, and where it was rejected
}

// Overdue reports that it still waits after its term.
func (r *LockRequest) Overdue(now time.Time) bool {
	return r.Status == RequestWaiting && now.After(r.DueAt)
}
