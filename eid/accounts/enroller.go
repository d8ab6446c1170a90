package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// Errors of an enrolment that meets an account which it may not touch. The app has one
// answer for all of them; a counter says which.
var (
	// ErrManaged: the account's level follows the word of a national source, and is
	// raised there.
	ErrManaged = errors.New("account is managed by a national source")
	// ErrClosed: the account of the number was closed. Nothing here opens it again.
	ErrClosed = errors.New("account closed")
	// ErrLower: the account has a higher level than what was brought gives.
	ErrLower = errors.New("account has a higher level")
)

// EnrolStore writes enrolments.
type EnrolStore interface {
	// Enrol reads the account that uses an identifier, asks decide about it (the zero
	// Account where there is none) and writes what it gives, in one transaction. An
	// error of decide is returned and nothing is written.
	Enrol(ctx context.Context, who eid.Identifier, decide func(held eid.Account) (EnrolmentRecord, error)) error
}

// Enrolment is a person to whom the account system gives an account, and what its level
// rests on.
type Enrolment struct {
	// Person is the core identity data as the registry holds it, not as it was typed.
	Person eid.Person
	// Phone and Email are declared: one at least. They are proved when the account is
	// activated, whatever they say here.
	Phone, Email eid.Contact
	Level        eid.Level
	Evidence     []eid.Evidence
	Documents    []eid.Document // their IDs are given here
	// FirstPasswordHash is of a password that is sent to the holder, and that counts
	// until a time; a counter's. Empty in the app, where the holder chooses one.
	FirstPasswordHash  string
	FirstPasswordUntil time.Time
	// Replace: the person stands at a counter. An account that is in use becomes theirs
	// alone: credentials, passkeys, sessions, links, consents and contacts of before end.
	Replace bool
	// Unlock ends the locks that the holder set, with Replace; nil: none.
	Unlock *Unlocking
	Rules  string // id of the rule set of the day
	Actor  string
	Ref    string
}

// EnrolmentRecord is what to write. The account waits for its activation.
type EnrolmentRecord struct {
	Record
	// Before is the account that is there, as it stood: it keeps its ID and is renewed,
	// and whatever opened it opens it no more. Zero: one is made.
	Before eid.Account
	// Reset: it may have been in use. What was proved before Record.SessionsFrom does not
	// count any more, and an eid.EventCredentialsReset commits.
	Reset bool
	// Lifts end locks of the account before it is renewed.
	Lifts              []LockLift
	FirstPasswordHash  string
	FirstPasswordUntil time.Time
	Evidence           []EvidenceRecord
	Documents          []eid.Document
	Entries            []eid.AuditEntry
}

// EvidenceRecord is evidence as it is stored.
type EvidenceRecord struct {
	ID string
	eid.Evidence
	Rules string
}

// Enrolled is how an enrolment ended.
type Enrolled struct {
	Account eid.AccountID
	Raised  bool // the account was there, at a lower level
	// Before is the account as it stood; zero where there was none. Who is told of a
	// change that an impostor could want is told on its contacts too.
	Before eid.Account
}

// Enrolled says how the enrolment of a record ends once it is written.
func (r *EnrolmentRecord) Enrolled() Enrolled {
	return Enrolled{Account: r.ID, Raised: r.Before.ID != "" && r.Before.Level < r.Level, Before: r.Before}
}

// Enroller makes the accounts of the built-in account system, and raises them.
type Enroller struct {
	store EnrolStore
	now   func() time.Time
}

// NewEnroller makes an enroller. It starts nothing.
func NewEnroller(store EnrolStore, now func() time.Time) *Enroller {
	return &Enroller{store: store, now: now}
}

// Enrol makes a pending account for the person's identifier, or renews the one that is
// there, which keeps its ID and with it what portals call its holder. Of several at once
// one makes the account and the others find it. It returns ErrInvalid where a rule is
// broken; eid.ErrExists where an account is there that the app must not touch: only one
// that was never activated, at level 1, is taken over, and its activation dies. With
// Replace it returns an *eid.LockedError of a lock that stays, ErrManaged, ErrClosed and ErrLower.
func (e *Enroller) Enrol(ctx context.Context, n Enrolment) (Enrolled, error) {
	decide, err := e.Prepare(n)
	if err != nil {
		return Enrolled{}, err
	}
	var got Enrolled
	err = e.store.Enrol(ctx, n.Person.Identifier, func(held eid.Account) (EnrolmentRecord, error) {
		r, err := decide(held)
		got = r.Enrolled()
		return r, err
	})
	if err != nil {
		return Enrolled{}, fmt.Errorf("enrolling: %w", err)
	}
	return got, nil
}

// Prepare checks an enrolment and gives the decision about the account of its
// identifier, for who commits more with it than Enrol does.
func (e *Enroller) Prepare(n Enrolment) (func(held eid.Account) (EnrolmentRecord, error), error) {
	now := e.now().UTC().Truncate(time.Microsecond)
	if err := n.check(now); err != nil {
		return nil, fmt.Errorf("enrolling: %w", err)
	}
	return func(held eid.Account) (EnrolmentRecord, error) {
		if err := n.may(held); err != nil {
			return EnrolmentRecord{}, err
		}
		lifts, err := n.unlocking(held, now)
		if err != nil {
			return EnrolmentRecord{}, err
		}
		r, err := n.record(held, now)
		r.Lifts = lifts
		return r, err
	}, nil
}

// may says whether an account that is there may be renewed.
func (e Enrolment) may(held eid.Account) error {
	if held.ID == "" {
		return nil
	}
	if !e.Replace {
		// An account that somebody has used, or that rests on more than the app asks for,
		// is not taken over by who knows a few data of its holder.
		if held.Status != eid.PendingActivation || len(held.Locks) > 0 || held.Level > e.Level ||
			held.ManagedBy != "" || held.Linked || !held.SessionsFrom.IsZero() {
			return eid.ErrExists
		}
		return nil
	}
	switch {
	case held.Status == eid.Closed:
		return ErrClosed
	case held.ManagedBy != "":
		return ErrManaged
	case held.Level > e.Level:
		return ErrLower
	}
	return nil
}

// account is what the enrolled account is made from.
func (e Enrolment) account() NewAccount {
	return NewAccount{
		Person: e.Person, Level: e.Level, Status: eid.PendingActivation,
		Phone: eid.Contact{Value: e.Phone.Value}, Email: eid.Contact{Value: e.Email.Value},
	}.normal()
}

// record is what to write where the account of the identifier stands so.
func (e Enrolment) record(held eid.Account, now time.Time) (EnrolmentRecord, error) {
	id := held.ID
	if id == "" {
		id = eid.AccountID(newID())
	}
	r := EnrolmentRecord{
		Record: e.account().record(id, now), Before: held, Reset: e.Replace && held.ID != "",
		FirstPasswordHash: e.FirstPasswordHash, FirstPasswordUntil: e.FirstPasswordUntil.UTC().Truncate(time.Microsecond),
	}
	if r.Reset {
		r.SessionsFrom = now
	}
	detail := enrolledDetail{SubjectType: e.Person.Type, Level: e.Level, Status: eid.PendingActivation, Replaced: r.Reset, Rules: e.Rules}
	for _, ev := range e.Evidence {
		ev.At = ev.At.UTC().Truncate(time.Microsecond)
		r.Evidence = append(r.Evidence, EvidenceRecord{ID: newID(), Evidence: ev, Rules: e.Rules})
		detail.Evidence = append(detail.Evidence, ev.Kind)
	}
	for _, d := range e.Documents {
		d.ID, d.VerifiedAt = newID(), d.VerifiedAt.UTC().Truncate(time.Microsecond)
		r.Documents = append(r.Documents, d)
		detail.Documents = append(detail.Documents, d.Kind)
	}
	action := eid.ActionAccountCreated
	if held.ID != "" {
		action = eid.ActionAccountRenewed
	}
	if err := r.add(now, e, action, detail); err != nil {
		return EnrolmentRecord{}, err
	}
	if held.ID != "" && held.Level != e.Level {
		if err := r.add(now, e, eid.ActionLevelChanged, levelDetail{Old: held.Level, New: e.Level}); err != nil {
			return EnrolmentRecord{}, err
		}
	}
	return r, nil
}

// enrolledDetail is the detail of eid.ActionAccountCreated and ActionAccountRenewed.
type enrolledDetail struct {
	SubjectType eid.SubjectType    `json:"subject_type"`
	Level       eid.Level          `json:"level"`
	Status      eid.Status         `json:"status"`
	Replaced    bool               `json:"replaced,omitempty"` // all that opened it before ended
	Rules       string             `json:"rules"`
	Evidence    []eid.EvidenceKind `json:"evidence"`
	Documents   []eid.DocumentKind `json:"documents,omitempty"`
}

func (r *EnrolmentRecord) add(at time.Time, e Enrolment, action string, detail any) error {
	entry, err := entryOf(at, e.Actor, action, r.ID, detail)
	entry.Ref = e.Ref
	r.Entries = append(r.Entries, entry)
	return err
}

// LinkEnded is the audit row of a link that ends with the enrolment.
func (r *EnrolmentRecord) LinkEnded(l eid.Link) (eid.AuditEntry, error) {
	first := r.Entries[0]
	entry, err := entryOf(first.At, first.Actor, ActionLinkEnded, r.ID, linkDetail{Link: l.ID, Source: l.Source, Cap: l.Cap})
	entry.Ref = first.Ref
	return entry, err
}

// ConsentEnded is the audit row of a consent that ends with the enrolment; the store
// adds which.
func (r *EnrolmentRecord) ConsentEnded() eid.AuditEntry {
	first := r.Entries[0]
	return eid.AuditEntry{At: first.At, Actor: first.Actor, Action: eid.ActionConsentEnded, Account: r.ID, Ref: first.Ref}
}
