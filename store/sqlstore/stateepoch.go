package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"eidgate/store/sqlstore/sqlcgen"
)

// Counters of no day: the epoch that passing state on Redis is in, and how many
// writes were seen in each.
const (
	noDay            = ""
	countStateEpoch  = "state-epoch"
	countStateWrites = "state-writes-" // and the epoch's number
)

// StateEpoch is what KeepStateEpoch kept last, zeros before.
func (db *DB) StateEpoch(ctx context.Context) (epoch, writes int64, err error) {
	err = db.read(ctx, func(q *sqlcgen.Queries) error {
		if epoch, err = stateCount(ctx, q, countStateEpoch); err != nil {
			return err
		}
		writes, err = stateCount(ctx, q, countStateWrites+strconv.FormatInt(epoch, 10))
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("reading the epoch of passing state: %w", err)
	}
	return epoch, writes, nil
}

// KeepStateEpoch keeps the epoch of passing state and the writes seen in it. Neither
// goes back, whatever order several replicas come in.
func (db *DB) KeepStateEpoch(ctx context.Context, epoch, writes int64) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		return errors.Join(
			raiseStateCount(ctx, q, countStateEpoch, epoch),
			raiseStateCount(ctx, q, countStateWrites+strconv.FormatInt(epoch, 10), writes))
	})
	if err != nil {
		return fmt.Errorf("keeping the epoch of passing state: %w", err)
	}
	return nil
}

func stateCount(ctx context.Context, q *sqlcgen.Queries, name string) (int64, error) {
	n, err := q.CountOf(ctx, noDay, name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func raiseStateCount(ctx context.Context, q *sqlcgen.Queries, name string, to int64) error {
	n, err := stateCount(ctx, q, name)
	if err != nil || n >= to {
		return err
	}
	return q.AddCount(ctx, sqlcgen.AddCountParams{Day: noDay, Name: name, N: to - n})
}
