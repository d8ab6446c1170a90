package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"eidgate/eid"
)

// Archive is where rows are kept for as long as they have to be.
type Archive interface {
	// Prune removes rows after an id, oldest first, limit at most: those that stand in
	// checkpoints made before p.Before, are older themselves and are not held. It writes
	// entry, with p as its detail, in the same transaction. last is the id of the last
	// that went; where none is left it writes nothing.
	//
	// CheckpointBy is the time of the last checkpoint that was made at a time or before,
	// zero where there is none.
	CheckpointBy(ctx context.Context, t time.Time) (time.Time, error)
	Prune(ctx context.Context, p Pruning, after int64, limit int, entry eid.AuditEntry) (removed int, last int64, err error)
	// TakeLease reports whether holder alone prunes for so long.
	TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error)
}

const (
	retainEvery   = time.Hour
	retainPage    = 500 // rows of one transaction: others wait for it
	retainLease   = "audit-retention"
	retainLasts   = time.Minute
	retainPause   = 50 * time.Millisecond // between two, for others
	retainTime    = 10 * time.Second
	retainPages   = 10_000 // of one turn
	retainAtLeast = 24 * time.Hour
	// retainSteady is how long the audit has to be written beyond a day before that day
	// makes rows old: a clock that is ahead for less removes nothing.
	retainSteady   = 24 * time.Hour
	systemRetainer = "system"
)

// Retainer removes what is older than the law, or a longer term, wants it kept.
type Retainer struct {
	archive Archive
	years   int
	log     *slog.Logger
	now     func() time.Time
	holder  string
}

// NewRetainer keeps rows for years, and never shorter than the law wants. It starts
// nothing.
func NewRetainer(a Archive, years int, log *slog.Logger, now func() time.Time) *Retainer {
	return &Retainer{archive: a, years: years, log: log, now: now, holder: rand.Text()}
}

// Run removes now and then what has become old, until ctx ends.
func (r *Retainer) Run(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		n, err := r.Turn(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			r.log.ErrorContext(ctx, "old audit rows are not removed", "err", err)
		case n > 0:
			r.log.InfoContext(ctx, "old audit rows removed", "rows", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Turn removes what is old now, by the clock and by a checkpoint of a day before at the
// latest, in small transactions, and reports how many rows. Days
// go whole, so that few rows tell of them.
func (r *Retainer) Turn(ctx context.Context) (int, error) {
	now := r.now()
	witness, err := r.archive.CheckpointBy(ctx, now.Add(-retainSteady))
	if err != nil || witness.IsZero() {
		return 0, err
	}
	before := Cutoff(now, r.years)
	if b := Cutoff(witness, r.years); b.Before(before) {
		before = b
	}
	before = before.UTC().Truncate(retainAtLeast)
	p := Pruning{Before: before, Years: max(r.years, RuleAt(now).Years), Law: RuleAt(now).Law}
	total, after := 0, int64(minID)
	for range retainPages {
		ours, err := r.archive.TakeLease(ctx, retainLease, r.holder, retainLasts)
		if err != nil || !ours {
			return total, err
		}
		n, last, err := r.page(ctx, p, after, now)
		if err != nil || n == 0 {
			return total, err
		}
		total, after = total+n, last
		select {
		case <-ctx.Done():
			return total, nil
		case <-time.After(retainPause):
		}
	}
	return total, errors.New("more is old than goes in one turn")
}

func (r *Retainer) page(ctx context.Context, p Pruning, after int64, now time.Time) (int, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, retainTime)
	defer cancel()
	n, last, err := r.archive.Prune(ctx, p, after, retainPage, eid.AuditEntry{At: now, Actor: systemRetainer, Action: ActionPruned})
	if err != nil {
		return 0, 0, fmt.Errorf("removing rows of before %s: %w", p.Before.Format(time.DateOnly), err)
	}
	return n, last, nil
}
