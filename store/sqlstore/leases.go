package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"eidgate/store/sqlstore/sqlcgen"
)

// leaseSlack is how far the clocks of processes may be apart.
const leaseSlack = time.Minute

// TakeLease reports whether holder may do alone, for so long from now, what the name
// stands for. It prolongs a lease that holder has, and takes one that nobody has any
// more: also one that lies further ahead than any clock like ours would put it, for its
// holder may be gone. A process picks one random holder at its start, and all take a
// lease for as long.
func (db *DB) TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error) {
	var taken int64
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) (err error) { // it touches no holder
		now := db.stamp()
		taken, err = q.BeginLease(ctx, sqlcgen.BeginLeaseParams{Name: name, Holder: holder, Until: now.Add(lasts)})
		if err == nil && taken == 0 {
			taken, err = q.TakeLease(ctx, sqlcgen.TakeLeaseParams{Name: name, Holder: holder, Until: now.Add(lasts), Now: now, Beyond: now.Add(lasts + leaseSlack)})
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("taking lease %s: %w", name, err)
	}
	return taken > 0, nil
}

// Lease tells who has a lease and until when. A lease that nobody has, or has any more,
// is told as it was left; an empty holder had never anybody, or was given back.
func (db *DB) Lease(ctx context.Context, name string) (holder string, until time.Time, err error) {
	row, err := db.reader.Lease(ctx, name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", time.Time{}, nil
	case err != nil:
		return "", time.Time{}, fmt.Errorf("reading lease %s: %w", name, err)
	}
	return row.Holder, row.Until, nil
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
