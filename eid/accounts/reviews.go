package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// ErrDecided reports that a review or a conflict has been decided: a decision stands.
var ErrDecided = errors.New("it has been decided")

// ReviewStore keeps reviews. Each change is one transaction with its audit entry.
type ReviewStore interface {
	// OpenReview inserts a review, unless one of the same canonical text is there:
	// then that one is returned and nothing is written. eid.ErrNotFound when there
	// is no such account.
	OpenReview(ctx context.Context, r ReviewRecord, entry eid.AuditEntry) (eid.Review, error)
	// Reviews lists reviews, oldest first, at most so many: those that wait, or all.
	Reviews(ctx context.Context, waiting bool, most int) ([]eid.Review, error)
	// Review finds one with both sides, as OpenReview was given them, or
	// eid.ErrNotFound.
	Review(ctx context.Context, id string) (eid.Review, []byte, error)
	// DecideReview keeps a decision. ErrDecided when there is one, eid.ErrNotFound
	// when there is no such review.
	DecideReview(ctx context.Context, r eid.Review, entry eid.AuditEntry) error
}

// ReviewRecord is a new review as it is stored. Canonical is kept as a keyed
// index only, Sides is sealed.
type ReviewRecord struct {
	eid.Review
	Canonical string
	Sides     []byte
}

// Reviews is the queue of comparisons that an officer decides on, one by one.
type Reviews struct {
	store ReviewStore
	now   func() time.Time
}

// NewReviews makes the queue. It starts nothing.
func NewReviews(store ReviewStore, now func() time.Time) *Reviews {
	return &Reviews{store: store, now: now}
}

// Consider returns what was decided on a difference, and queues one that nobody
// has seen yet.
func (q *Reviews) Consider(ctx context.Context, d civil.Difference, ref string) (eid.Ruling, error) {
	sides, err := json.Marshal(sidesOf(d))
	if err != nil {
		return eid.Undecided, fmt.Errorf("opening review: %w", err)
	}
	now := q.now().UTC().Truncate(time.Microsecond)
	r := ReviewRecord{Review: eid.Review{ID: newID(), Account: d.Account, Source: d.Source, OpenedAt: now}, Canonical: d.Canonical(), Sides: sides}
	entry, err := entryOf(now, "system", eid.ActionReviewOpened, d.Account, reviewDetail{Review: r.ID, Source: d.Source})
	if err != nil {
		return eid.Undecided, fmt.Errorf("opening review: %w", err)
	}
	entry.Ref = ref
	found, err := q.store.OpenReview(ctx, r, entry)
	if err != nil {
		return eid.Undecided, fmt.Errorf("opening review: %w", err)
	}
	return found.Decision, nil
}

// Decide keeps an officer's decision on one review, with the reason.
func (q *Reviews) Decide(ctx context.Context, id string, decision eid.Ruling, why, actor string) error {
	var f faults
	f.add(decision != eid.Accepted && decision != eid.Rejected, "decision is neither accepted nor rejected")
	f.text("reason", why, 1, maxLong)
	if err := f.err(); err != nil {
		return fmt.Errorf("deciding review: %w", err)
	}
	r, _, err := q.store.Review(ctx, id)
	if err != nil {
		return fmt.Errorf("deciding review: %w", err)
	}
	r.Decision, r.DecidedAt, r.DecidedBy, r.Why = decision, q.now().UTC().Truncate(time.Microsecond), actor, why
	entry, err := entryOf(r.DecidedAt, actor, eid.ActionReviewDecided, r.Account, reviewDetail{Review: id, Source: r.Source, Decision: decision})
	if err != nil {
		return fmt.Errorf("deciding review: %w", err)
	}
	if err := q.store.DecideReview(ctx, r, entry); err != nil {
		return fmt.Errorf("deciding review: %w", err)
	}
	return nil
}

// Sides are what an officer compares. Nothing of it is logged.
type Sides struct {
	Said Side `json:"said"` // what the source says
	Held Side `json:"held"` // what the registry holds
}

// Side is one of the two, the number masked.
type Side struct {
	Number    string `json:"number"`
	Name      string `json:"name"`
	BirthDate string `json:"birth_date"`
}

// Show finds a review with both sides, or eid.ErrNotFound.
func (q *Reviews) Show(ctx context.Context, id string) (eid.Review, Sides, error) {
	r, raw, err := q.store.Review(ctx, id)
	if err != nil {
		return eid.Review{}, Sides{}, fmt.Errorf("finding review: %w", err)
	}
	var sides Sides
	if err := json.Unmarshal(raw, &sides); err != nil {
		return eid.Review{}, Sides{}, errors.New("finding review: its sides cannot be read")
	}
	return r, sides, nil
}

// List lists at most so many reviews, oldest first: those that wait, or all.
func (q *Reviews) List(ctx context.Context, waiting bool, most int) ([]eid.Review, error) {
	return q.store.Reviews(ctx, waiting, most)
}

type reviewDetail struct {
	Review   string     `json:"review"`
	Source   string     `json:"source"`
	Decision eid.Ruling `json:"decision,omitempty"`
}

func sidesOf(d civil.Difference) Sides {
	side := func(p civil.Person) Side {
		if p.Number.IsZero() {
			return Side{}
		}
		return Side{Number: p.Number.Masked(), Name: p.Name, BirthDate: p.BirthDate.String()}
	}
	return Sides{Said: side(d.Said), Held: side(d.Held)}
}
