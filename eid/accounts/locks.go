package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// Errors of locks, for callers to test with errors.Is. Besides them there are
// ErrInvalid, eid.ErrNotFound and eid.ErrExists.
var (
	// ErrNotAllowed: the rules in force do not let this party do it.
	ErrNotAllowed = errors.New("the rules do not allow it")
	// ErrTerminal: the lock is lifted by an authority that corrects an error, and
	// by nothing else (Decision 34/2021, Art. 11).
	ErrTerminal = errors.New("lock is terminal")
	// ErrOtherRequester: only who asked for the lock can have it lifted.
	ErrOtherRequester = errors.New("somebody else asked for the lock")
	// ErrOwnAccount: nobody decides as an officer on an account of their own.
	ErrOwnAccount = errors.New("the account is the officer's own")
	// ErrNoRoom: so many locks are in force, or so many requests wait, that there is no
	// room for more.
	ErrNoRoom = errors.New("no room for more")
)

// maxLocks is how many locks an account may have in force.
const maxLocks = 50

// Rules gives the rules in force at a time. *rules.Book fills it.
type Rules interface {
	At(t time.Time) (eid.RuleSet, error)
}

// LockStore keeps locks. Each change is one transaction with its audit entry.
type LockStore interface {
	// AddLock reads an account, asks decide and puts the lock in force; an
	// eid.EventLocked commits with it, and what was proved before eid.Lock.SetAt does
	// not count any more (eid.Account.SessionsFrom). An error of decide is returned and
	// nothing is written. eid.ErrNotFound when there is no such account.
	AddLock(ctx context.Context, id eid.AccountID, decide func(eid.Account) (LockSetting, error)) error
	// LiftLock reads a lock in force, asks decide about it and lifts it. An error
	// of decide is returned and nothing is written. eid.ErrNotFound when the
	// account has no such lock in force.
	LiftLock(ctx context.Context, id eid.AccountID, lockID string, decide func(eid.Lock) (Lift, error)) error
	// LocksOf lists the locks that an account has and had, the newest first, at most so
	// many.
	LocksOf(ctx context.Context, id eid.AccountID, most int) ([]LockRecord, error)
}

// LockAct is who asks for a lock or its end, and what that rests on.
type LockAct struct {
	By        eid.LockParty
	Requester string // its name; empty for the holder
	Client    string // the service user, where it asked at the gateway itself
	Document  string // number of the document it rests on
	// Proof is how the holder proved to be it, such as "pwd otp", or the record of a counter.
	Proof string
	// Remedy is how a breach was remedied, and who then asked for the end.
	Remedy string
	// Correction: an authority says that a terminal lock was set in error; Document is
	// the number of its decision.
	Correction bool
	// Officer is who decided; empty for an operator, or the holder.
	Officer eid.AccountID
	Actor   string // as in the audit
	Ref     string // of the request

	// request is the accepted request of a service user; LockRequests alone sets it.
	request string
}

// LockSetting is a lock to put in force.
type LockSetting struct {
	Lock  eid.Lock
	Entry eid.AuditEntry
}

// Lift is how a lock ends.
type Lift struct {
	At        time.Time
	By        eid.LockParty
	Requester string
	Document  string
	Remedy    string
	Entry     eid.AuditEntry
}

// LockRecord is a lock and how it ended; LiftedAt is zero while it is in force.
type LockRecord struct {
	eid.Lock
	LiftedAt     time.Time
	LiftedBy     eid.LockParty
	LiftedFor    string // requester of the end
	LiftDocument string
	Remedy       string
}

// Locks puts locks in force and lifts them, as the rules of the day let.
type Locks struct {
	store LockStore
	rules Rules
	now   func() time.Time
}

// NewLocks makes the writer of locks. It starts nothing.
func NewLocks(store LockStore, rules Rules, now func() time.Time) *Locks {
	return &Locks{store: store, rules: rules, now: now}
}

// Set puts a lock in force (Decision 34/2021, Art. 11). Locks add up: each is lifted on
// its own. It returns ErrNotAllowed where the rules do not let the party set it,
// ErrInvalid where something is not on record that has to be, eid.ErrExists where the
// same lock is in force.
func (l *Locks) Set(ctx context.Context, id eid.AccountID, reason eid.LockReason, act LockAct) (eid.Lock, error) {
	now, rules, err := l.today()
	if err != nil {
		return eid.Lock{}, fmt.Errorf("locking account: %w", err)
	}
	var set LockSetting
	err = l.store.AddLock(ctx, id, func(a eid.Account) (LockSetting, error) {
		var err error
		set, err = setting(rules, a, reason, act, now)
		return set, err
	})
	if err != nil {
		return eid.Lock{}, fmt.Errorf("locking account: %w", err)
	}
	return set.Lock, nil
}

// Lift ends one lock. It returns ErrNotAllowed, ErrTerminal or ErrOtherRequester where
// the rules do not let the party do so, ErrInvalid where something is not on record that
// has to be.
func (l *Locks) Lift(ctx context.Context, id eid.AccountID, lockID string, act LockAct) error {
	now, rules, err := l.today()
	if err != nil {
		return fmt.Errorf("unlocking account: %w", err)
	}
	err = l.store.LiftLock(ctx, id, lockID, func(lock eid.Lock) (Lift, error) { return lifting(rules, id, lock, act, now) })
	if err != nil {
		return fmt.Errorf("unlocking account: %w", err)
	}
	return nil
}

// maxLockRecords is how many locks of an account are listed.
const maxLockRecords = 200

// Of lists the locks that an account has and had, the newest first.
func (l *Locks) Of(ctx context.Context, id eid.AccountID) ([]LockRecord, error) {
	list, err := l.store.LocksOf(ctx, id, maxLockRecords)
	if err != nil {
		return nil, fmt.Errorf("listing locks: %w", err)
	}
	return list, nil
}

// today is now as stores keep it, and the rules in force.
func (l *Locks) today() (time.Time, *eid.RuleSet, error) {
	now := l.now().UTC().Truncate(time.Microsecond)
	rules, err := l.rules.At(now)
	return now, &rules, err
}
