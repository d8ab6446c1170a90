package accounts

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
)

// LockRequestStore keeps requests of service users. Each change is one transaction with
// its audit entries.
type LockRequestStore interface {
	// AddLockRequest reads what stands beside a wish, asks decide and inserts what it
	// gives. Where the same party waits with the same wish that request is returned, and
	// nothing is written. ErrNoRoom where so many of the client's, or of all, wait.
	AddLockRequest(ctx context.Context, r eid.LockRequest, room RequestRoom, entry eid.AuditEntry) (eid.LockRequest, error)
	// LockRequests lists those that a filter chooses, the one due first before others.
	LockRequests(ctx context.Context, f LockRequestFilter) ([]eid.LockRequest, error)
	// LockRequest finds one as it stands now, or eid.ErrNotFound.
	LockRequest(ctx context.Context, id string) (LockRequestStanding, error)
	// RuleLockRequest reads where a request stands, asks decide and writes what it gives
	// in the same transaction. An error of decide is returned and nothing is written.
	// eid.ErrNotFound when there is no such request.
	RuleLockRequest(ctx context.Context, id string, decide func(LockRequestStanding) (LockRequestRuling, error)) error
}

// RequestRoom is how many requests may wait.
type RequestRoom struct{ OfClient, OfAll int }

// LockRequestFilter chooses requests. The zero value chooses the first that wait.
type LockRequestFilter struct {
	Decided bool              // those that were decided as well
	Status  eid.RequestStatus // only these; empty: as Decided says
	Client  string            // of this client; empty: of any
	After   string            // id of the last one seen
	Most    int               // 500 at most, which zero means too
}

// LockRequestStanding is a request and what it is about now.
type LockRequestStanding struct {
	eid.LockRequest
	Holder eid.Account // the account with its locks in force
	// Undone is the lock that shall end, while it is in force; its zero value is none.
	Undone eid.Lock
}

// LockRequestRuling is what to write.
type LockRequestRuling struct {
	Request eid.LockRequest
	Set     *LockSetting // a lock to put in force
	Lift    *Lift        // the end of Request.Undo
	Entries []eid.AuditEntry
}

// LockWish is what a service user asks for.
type LockWish struct {
	Client    string // empty: on paper
	Requester string // its name
	Account   eid.AccountID
	Document  string
	Reason    string // in its own words
	// Undo is the service user's accepted request, whose lock shall end; empty: a lock
	// shall begin.
	Undo  string
	Actor string
	Ref   string // of the request; people read it out
}

// LockDecision is an officer's word on a request.
type LockDecision struct {
	Why     string
	Officer eid.AccountID // empty: an operator
	Actor   string        // as in the audit
	Ref     string        // of the HTTP request
}

// LockRequests is the queue of what service users ask for. Officers decide.
type LockRequests struct {
	store LockRequestStore
	rules Rules
	now   func() time.Time
}

// Room for requests that wait.
const (
	maxWaitingOfClient = 200
	maxWaitingOfAll    = 10_000
)

// NewLockRequests makes the queue. It starts nothing.
func NewLockRequests(store LockRequestStore, rules Rules, now func() time.Time) *LockRequests {
	return &LockRequests{store: store, rules: rules, now: now}
}

// Ask puts a wish into the queue; one that waits already is returned as it is. The term
// is that of the rules in force. ErrNoRoom where too many wait; eid.ErrNotFound where
// there is no such account, or no lock of the service user's own to end.
func (q *LockRequests) Ask(ctx context.Context, w LockWish) (eid.LockRequest, error) {
	now, rules, err := q.today()
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("asking for a lock: %w", err)
	}
	rule := rules.Lock(eid.LockAuthority)
	if !rule.MaySet(eid.ByServiceUser) {
		return eid.LockRequest{}, fmt.Errorf("asking for a lock: %w: service users do not ask for locks", ErrNotAllowed)
	}
	var f faults
	f.add(w.Actor == holderActor, "a holder is no service user")
	f.text("requester", w.Requester, 1, maxText)
	f.text("document", w.Document, 1, maxLong)
	f.text("reason", w.Reason, 1, maxLong)
	if err := f.err(); err != nil {
		return eid.LockRequest{}, fmt.Errorf("asking for a lock: %w", err)
	}
	r := eid.LockRequest{
		ID: newID(), Ref: w.Ref, Client: w.Client, Requester: w.Requester, Account: w.Account, Document: w.Document, Reason: w.Reason,
		Status: eid.RequestWaiting, Rules: rules.ID, CreatedAt: now, DueAt: rules.Due(now, rule.WorkingDays).UTC(),
	}
	if w.Undo != "" {
		before, err := q.store.LockRequest(ctx, w.Undo)
		switch {
		case err != nil:
			return eid.LockRequest{}, fmt.Errorf("asking for the end of a lock: %w", err)
		case before.Client != w.Client || before.Client == "" && fold(before.Requester) != fold(w.Requester),
			before.Status != eid.RequestAccepted, before.Undo != "", w.Account != "" && w.Account != before.Account:
			return eid.LockRequest{}, fmt.Errorf("asking for the end of a lock: %w", eid.ErrNotFound)
		}
		r.Account, r.Undo = before.Account, before.Lock
	}
	entry, err := q.entry(now, w.Actor, eid.ActionLockRequested, &r, w.Ref)
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("asking for a lock: %w", err)
	}
	made, err := q.store.AddLockRequest(ctx, r, RequestRoom{OfClient: maxWaitingOfClient, OfAll: maxWaitingOfAll}, entry)
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("asking for a lock: %w", err)
	}
	return made, nil
}

// Of finds a request of a client, or eid.ErrNotFound: another's is not there for it.
func (q *LockRequests) Of(ctx context.Context, client, id string) (eid.LockRequest, error) {
	s, err := q.store.LockRequest(ctx, id)
	if err == nil && (client == "" || s.Client != client) {
		err = eid.ErrNotFound
	}
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("finding a request: %w", err)
	}
	return s.LockRequest, nil
}

// List lists requests, the one due first before others.
func (q *LockRequests) List(ctx context.Context, f LockRequestFilter) ([]eid.LockRequest, error) {
	return q.store.LockRequests(ctx, f)
}

// Show finds a request as it stands now, or eid.ErrNotFound. Whoever calls it puts it on
// record that a person was looked at.
func (q *LockRequests) Show(ctx context.Context, id string) (LockRequestStanding, error) {
	return q.store.LockRequest(ctx, id)
}

// Accept does what a service user asked for: the lock is in force, or ends, with the
// decision. It returns ErrDecided, ErrOwnAccount, and what Locks.Set and Locks.Lift
// return; eid.ErrNotFound also where the lock that shall end has ended.
func (q *LockRequests) Accept(ctx context.Context, id string, d LockDecision) (eid.LockRequest, error) {
	return q.rule(ctx, id, d, eid.RequestAccepted)
}

// Reject refuses a request, with the reason. Nothing is locked and nothing unlocked.
func (q *LockRequests) Reject(ctx context.Context, id string, d LockDecision) (eid.LockRequest, error) {
	return q.rule(ctx, id, d, eid.RequestRejected)
}

func (q *LockRequests) rule(ctx context.Context, id string, d LockDecision, to eid.RequestStatus) (eid.LockRequest, error) {
	var f faults
	f.add(d.Actor == holderActor, "a holder decides on no request")
	f.text("reason", d.Why, 1, maxLong)
	if err := f.err(); err != nil {
		return eid.LockRequest{}, fmt.Errorf("deciding on a request: %w", err)
	}
	now, rules, err := q.today()
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("deciding on a request: %w", err)
	}
	var r LockRequestRuling
	err = q.store.RuleLockRequest(ctx, id, func(s LockRequestStanding) (LockRequestRuling, error) {
		switch {
		case s.Status != eid.RequestWaiting:
			return LockRequestRuling{}, ErrDecided
		case d.Officer != "" && d.Officer == s.Account:
			return LockRequestRuling{}, ErrOwnAccount
		}
		r = LockRequestRuling{Request: s.LockRequest}
		r.Request.Status, r.Request.DecidedAt, r.Request.DecidedBy, r.Request.Why = to, now, d.Actor, d.Why
		if to == eid.RequestAccepted {
			if err := r.perform(rules, s, d, now); err != nil {
				return LockRequestRuling{}, err
			}
		}
		entry, err := q.entry(now, d.Actor, eid.ActionLockDecided, &r.Request, d.Ref)
		r.Entries = append(r.Entries, entry)
		return r, err
	})
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("deciding on a request: %w", err)
	}
	return r.Request, nil
}

// perform adds what was asked for, by the same rules as every other lock.
func (r *LockRequestRuling) perform(rules *eid.RuleSet, s LockRequestStanding, d LockDecision, now time.Time) error {
	act := LockAct{
		By: eid.ByServiceUser, Requester: s.Requester, Client: s.Client, Document: s.Document,
		Officer: d.Officer, Actor: d.Actor, Ref: d.Ref, request: s.ID,
	}
	if s.Undo == "" {
		set, err := setting(rules, s.Holder, eid.LockAuthority, act, now)
		r.Set, r.Request.Lock = &set, set.Lock.ID
		return err
	}
	if s.Undone.ID == "" {
		return fmt.Errorf("the lock has ended: %w", eid.ErrNotFound)
	}
	lift, err := lifting(rules, s.Account, s.Undone, act, now)
	r.Lift, r.Request.Lock = &lift, s.Undo
	return err
}

// requestDetail is the detail of an audit row on a request.
type requestDetail struct {
	Request string            `json:"request"`
	Undo    string            `json:"undo,omitempty"`
	Status  eid.RequestStatus `json:"status"`
	Lock    string            `json:"lock,omitempty"`
}

func (q *LockRequests) entry(now time.Time, actor, action string, r *eid.LockRequest, ref string) (eid.AuditEntry, error) {
	e, err := entryOf(now, actor, action, r.Account, requestDetail{Request: r.ID, Undo: r.Undo, Status: r.Status, Lock: r.Lock})
	e.Client, e.Ref = r.Client, ref
	return e, err
}

func (q *LockRequests) today() (time.Time, *eid.RuleSet, error) {
	now := q.now().UTC().Truncate(time.Microsecond)
	rules, err := q.rules.At(now)
	return now, &rules, err
}
