package counter

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"eidgate/eid"
)

// Archive holds applications that nobody works on any more. *sqlstore.DB fills it.
type Archive interface {
	// WithdrawLeft withdraws the open ones that were due before a time, at most so many,
	// each with an audit row made of entry, and reports how many.
	WithdrawLeft(ctx context.Context, due time.Time, most int, entry eid.AuditEntry) (int, error)
	// PruneApplications removes those that were refused or withdrawn before a time and those
	// that were approved before another, at most so many, and reports how many. What an
	// operator holds in the audit stays here, too.
	PruneApplications(ctx context.Context, refused, approved time.Time, most int) (int, error)
}

const (
	leftAfter   = 30 * 24 * time.Hour // beyond its term an application has been left
	keepRefused = 90 * 24 * time.Hour // data of somebody who may have no account
	retainEvery = time.Hour
	retainPage  = 100 // rows of one transaction: others wait for it
	retainPages = 1000
	retainPause = 50 * time.Millisecond // between two, for others
	retainTime  = 10 * time.Second      // of one
)

// Retainer removes what was taken in of people once it is not needed any more. What an
// account rests on stands with the account, and the audit tells who decided what.
type Retainer struct {
	archive Archive
	rules   Rules
	log     *slog.Logger
	now     func() time.Time
}

// NewRetainer keeps approved applications for as long as the rules of the day want usage
// kept. It starts nothing.
func NewRetainer(a Archive, rules Rules, log *slog.Logger, now func() time.Time) *Retainer {
	return &Retainer{archive: a, rules: rules, log: log, now: now}
}

// Run clears away now and then, until ctx ends. Of several processes each may: who comes
// second finds nothing.
func (r *Retainer) Run(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		if err := r.Turn(ctx); err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "old applications are not removed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Turn withdraws what was left lying and removes what is old, in small transactions.
func (r *Retainer) Turn(ctx context.Context) error {
	now := r.now().UTC()
	rules, err := r.rules.At(now)
	if err != nil {
		return fmt.Errorf("finding the rules of the day: %w", err)
	}
	entry := eid.AuditEntry{At: now, Actor: "system", Action: eid.ActionApplicationDecided}
	err = pages(ctx, func(ctx context.Context) (int, error) {
		return r.archive.WithdrawLeft(ctx, now.Add(-leftAfter), retainPage, entry)
	})
	if err != nil {
		return fmt.Errorf("withdrawing what was left: %w", err)
	}
	refused, approved := now.Add(-keepRefused), now.AddDate(-rules.Retention.UsageYears, 0, 0)
	err = pages(ctx, func(ctx context.Context) (int, error) {
		return r.archive.PruneApplications(ctx, refused, approved, retainPage)
	})
	if err != nil {
		return fmt.Errorf("removing old applications: %w", err)
	}
	return nil
}

// pages does something a page at a time, until a page is not full.
func pages(ctx context.Context, do func(context.Context) (int, error)) error {
	for range retainPages {
		page, cancel := context.WithTimeout(ctx, retainTime)
		n, err := do(page)
		cancel()
		if err != nil || n < retainPage {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retainPause):
		}
	}
	return nil
}
