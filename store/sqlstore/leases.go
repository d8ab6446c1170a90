package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/store/sqlstore/sqlcgen"
)

// TakeLease reports whether holder may do alone, for so long from now, what the name
// stands for. It prolongs a lease that holder has, and takes one that nobody has any
// more. A process picks one random holder at its start.
func (db *DB) TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error) {
	var taken int64
	err := db.write(ctx, func(q *sqlcgen.Queries) (err error) {
		now := db.stamp()
		taken, err = q.BeginLease(ctx, sqlcgen.BeginLeaseParams{Name: name, Holder: holder, Until: now.Add(lasts)})
		if err == nil && taken == 0 {
			taken, err = q.TakeLease(ctx, sqlcgen.TakeLeaseParams{Name: name, Holder: holder, Until: now.Add(lasts), Now: now})
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("taking lease %s: %w", name, err)
	}
	return taken > 0, nil
}

// EndLease gives back a lease before its end. One that holder has not is left alone.
func (db *DB) EndLease(ctx context.Context, name, holder string) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		return q.EndLease(ctx, name, holder)
	})
	if err != nil {
		return fmt.Errorf("ending lease %s: %w", name, err)
	}
	return nil
}
