package portability

import (
	"context"
	"time"
)

// SubjectTaker gives old subjects to people.
type SubjectTaker interface {
	// TakeOldSubjects gives those of a sector after one to the accounts that their people
	// are linked to by now; last is where to go on, empty at the end.
	TakeOldSubjects(ctx context.Context, sector, after string, limit int) (taken int, last string, err error)
}

// heardOf is how long after the first row of a sector every process knows that
// subjects there may be other ones: nobody takes one before (docs/adr/0011).
const heardOf = 1500 * time.Millisecond

// takeSubjects gives old subjects to people who were linked before these were brought,
// and counts them. began is when the first were written; its zero value, that none were.
func takeSubjects(ctx context.Context, store SubjectTaker, sector string, began time.Time, now func() time.Time) (int, error) {
	if !began.IsZero() {
		if err := wait(ctx, heardOf-now().Sub(began)); err != nil {
			return 0, err
		}
	}
	all := 0
	for after := ""; ; {
		held := time.Now()
		taken, last, err := store.TakeOldSubjects(ctx, sector, after, subjectBatch)
		if err != nil {
			return all, err
		}
		if all += taken; last == "" {
			return all, nil
		}
		after = last
		if err := wait(ctx, time.Since(held)/2); err != nil {
			return all, err
		}
	}
}
