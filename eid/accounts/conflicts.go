package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// Errors of decisions on conflicts, for callers to test with errors.Is. Besides them
// there are ErrInvalid, ErrDecided and eid.ErrNotFound.
var (
	// ErrSameOfficer: who proposed to accept cannot be the second to accept.
	ErrSameOfficer = errors.New("a second officer accepts what the first proposed")
	// ErrNotProposed: there is no proposal of this officer to withdraw.
	ErrNotProposed = errors.New("there is no proposal of this officer")
	// ErrBarred: the national side cannot sign in now, so no link could be made.
	ErrBarred = errors.New("the account cannot sign in now")
	// ErrChanged: the old account is somebody else's by now than when the conflict was
	// opened; what an officer saw is not what there is.
	ErrChanged = errors.New("the old account is linked to another person than when the conflict was opened")
	// ErrLinkedMeanwhile: the very link is there, so it cannot be refused any more.
	ErrLinkedMeanwhile = errors.New("the link has been made meanwhile")
)

// ConflictStore keeps links that wait for officers.
type ConflictStore interface {
	// Conflicts lists those that a filter chooses, the oldest first.
	Conflicts(ctx context.Context, f ConflictFilter) ([]eid.Conflict, error)
	// Conflict finds one as it stands now, or eid.ErrNotFound.
	Conflict(ctx context.Context, id string) (ConflictStanding, error)
	// RuleConflict reads where a conflict stands, asks decide and writes what it gives
	// in the same transaction. An error of decide is returned and nothing is written.
	// eid.ErrNotFound when there is no such conflict.
	RuleConflict(ctx context.Context, id string, decide func(ConflictStanding) (ConflictRuling, error)) error
}

// ConflictFilter chooses conflicts. The zero value chooses the first that wait.
type ConflictFilter struct {
	Decided bool     // those that were decided as well
	Sources []string // of these sources; nil: of any
	After   string   // id of the last one seen
	Most    int      // 500 at most, which zero means too
}

// ConflictStanding is a conflict and what its parts are now.
type ConflictStanding struct {
	eid.Conflict
	Sides []byte // as they were sealed
	// Account is the national side; its zero value is none.
	Account eid.Account
	// Link is the living link of the old account; its zero value is none.
	Link eid.Link
	// StandIn: Link is not a person's, but that of an account which stands for the old
	// one until it is verified.
	StandIn bool
	// Imported is the old account where a portal brought it; its zero value is none.
	Imported Imported
	// MoreRows is how many more conflicts between rows of the old account wait.
	MoreRows int
}

// ConflictRuling is what to write.
type ConflictRuling struct {
	Conflict eid.Conflict
	At       time.Time
	EndLink  string            // a link to end, with its event; empty: none
	State    eid.ImportedState // of the imported account; empty leaves it
	Entries  []eid.AuditEntry
}

// Conflicts is the queue of links that officers let be or refuse, one by one.
type Conflicts struct {
	store ConflictStore
	now   func() time.Time
}

// NewConflicts makes the queue. It starts nothing.
func NewConflicts(store ConflictStore, now func() time.Time) *Conflicts {
	return &Conflicts{store: store, now: now}
}

// List lists conflicts, the oldest first.
func (q *Conflicts) List(ctx context.Context, f ConflictFilter) ([]eid.Conflict, error) {
	return q.store.Conflicts(ctx, f)
}

// Show finds a conflict as it stands now, or eid.ErrNotFound.
func (q *Conflicts) Show(ctx context.Context, id string) (ConflictStanding, error) {
	return q.store.Conflict(ctx, id)
}

// Accept lets a link be, with two officers: the first proposes, another accepts. What
// it returns is proposed or accepted. No link is made: its holder proves both sides
// once more. Where the old account is linked to another person, that link ends.
func (q *Conflicts) Accept(ctx context.Context, id, why, actor string) (eid.Conflict, error) {
	return q.rule(ctx, "accepting conflict", id, why, actor, (*ruling).accept)
}

// Withdraw takes back a proposal of the same officer.
func (q *Conflicts) Withdraw(ctx context.Context, id, why, actor string) (eid.Conflict, error) {
	return q.rule(ctx, "withdrawing proposal", id, why, actor, (*ruling).withdraw)
}

// Reject refuses a link for good, whoever proposed it.
func (q *Conflicts) Reject(ctx context.Context, id, why, actor string) (eid.Conflict, error) {
	return q.rule(ctx, "rejecting conflict", id, why, actor, (*ruling).reject)
}

func (q *Conflicts) rule(ctx context.Context, doing, id, why, actor string, decide func(*ruling, ConflictStanding) error) (eid.Conflict, error) {
	var f faults
	f.text("reason", why, 1, maxLong)
	f.add(actor == "", "actor is missing")
	if err := f.err(); err != nil {
		return eid.Conflict{}, fmt.Errorf("%s: %w", doing, err)
	}
	r := ruling{why: why, actor: actor}
	r.At = q.now().UTC().Truncate(time.Microsecond)
	err := q.store.RuleConflict(ctx, id, func(s ConflictStanding) (ConflictRuling, error) {
		r.ConflictRuling = ConflictRuling{Conflict: s.Conflict, At: r.At}
		if s.Decision != eid.Undecided {
			return ConflictRuling{}, ErrDecided
		}
		err := decide(&r, s)
		return r.ConflictRuling, err
	})
	if err != nil {
		return eid.Conflict{}, fmt.Errorf("%s: %w", doing, err)
	}
	return r.Conflict, nil
}

// ruling is one decision in the making.
type ruling struct {
	ConflictRuling
	why, actor string
}

func (r *ruling) accept(s ConflictStanding) error {
	switch {
	case s.Kind != eid.ConflictRows && s.Account.Usable() != nil:
		return ErrBarred
	case s.Elsewhere() && !s.Loses():
		return ErrChanged
	case s.ProposedBy == "":
		r.Conflict.ProposedBy, r.Conflict.ProposedAt, r.Conflict.ProposedWhy = r.actor, r.At, r.why
		return r.add(eid.ActionConflictOffered, conflictDetail{})
	case s.ProposedBy == r.actor:
		return ErrSameOfficer
	}
	return r.decide(s, eid.Accepted)
}

func (r *ruling) withdraw(s ConflictStanding) error {
	if s.ProposedBy != r.actor {
		return ErrNotProposed
	}
	r.Conflict.ProposedBy, r.Conflict.ProposedAt, r.Conflict.ProposedWhy = "", time.Time{}, ""
	return r.add(eid.ActionOfferWithdrawn, conflictDetail{})
}

func (r *ruling) reject(s ConflictStanding) error {
	if s.Conflict.Account != "" && s.Link.Account == s.Conflict.Account {
		return ErrLinkedMeanwhile
	}
	return r.decide(s, eid.Rejected)
}

// decide keeps a decision, and has what hangs on it follow.
func (r *ruling) decide(s ConflictStanding, decision eid.Ruling) error {
	c := &r.Conflict
	c.Decision, c.DecidedAt, c.DecidedBy, c.Why = decision, r.At, r.actor, r.why
	if s.Kind == eid.ConflictRows && s.Imported.State == eid.ImportedContested {
		switch {
		case decision == eid.Rejected:
			r.State = eid.ImportedRejected
		case s.MoreRows == 0:
			r.State = eid.ImportedWaiting
		}
	}
	if err := r.add(eid.ActionConflictDecided, conflictDetail{Decision: decision, Proposed: c.ProposedBy}); err != nil {
		return err
	}
	if decision == eid.Accepted && s.Loses() {
		r.EndLink = s.Link.ID
		return r.entry(ActionLinkEnded, s.Other, takenDetail{linkDetail{Link: s.Link.ID, Source: s.Link.Source, Cap: s.Link.Cap}, s.ID})
	}
	return nil
}

// Elsewhere reports that the old account is linked to a person other than the one
// who would be linked.
func (s *ConflictStanding) Elsewhere() bool {
	return s.Link.ID != "" && !s.StandIn && s.Link.Account != s.Conflict.Account
}

// Loses reports that accepting takes the old account from the other person.
func (s *ConflictStanding) Loses() bool {
	return s.Kind == eid.ConflictLinked && s.Elsewhere() && s.Link.Account == s.Other
}

// takenDetail is the detail of a link that a decision ended.
type takenDetail struct {
	linkDetail
	Conflict string `json:"conflict"`
}

func (r *ruling) add(action string, d conflictDetail) error {
	c := &r.Conflict
	d.Conflict, d.Kind, d.Source, d.Reason = c.ID, c.Kind, c.Source, r.why
	return r.entry(action, c.Account, d)
}

func (r *ruling) entry(action string, id eid.AccountID, detail any) error {
	e, err := entryOf(r.At, r.actor, action, id, detail)
	e.Ref = r.Conflict.Ref
	r.Entries = append(r.Entries, e)
	return err
}
