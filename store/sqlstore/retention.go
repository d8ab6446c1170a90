package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ audit.Archive = (*DB)(nil)

// maxHolds bounds one list of holds.
const maxHolds = 1000

// CheckpointBy fills audit.Archive.
func (db *DB) CheckpointBy(ctx context.Context, t time.Time) (time.Time, error) {
	at, err := db.reader.CheckpointBy(ctx, stamp(t))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("finding checkpoint: %w", away(err))
	}
	return at, nil
}

// Prune fills audit.Archive. The rows go, and the row that tells of them comes, in one
// transaction; triggers refuse every other row, and one that is held since it was found.
func (db *DB) Prune(ctx context.Context, p audit.Pruning, after int64, limit int, entry eid.AuditEntry) (removed int, last int64, err error) {
	ids, err := db.prunable(ctx, stamp(p.Before), after, limit)
	if err != nil {
		return 0, 0, fmt.Errorf("pruning the audit: finding what is old enough: %w", away(err))
	}
	if len(ids) == 0 {
		return 0, 0, nil
	}
	p.Ranges, p.Rows = ranges(ids), len(ids)
	last = ids[len(ids)-1]
	if entry.Detail, err = json.Marshal(p); err != nil {
		return 0, 0, fmt.Errorf("writing audit detail: %w", err)
	}
	err = db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		if err := q.MarkRetention(ctx, sqlcgen.MarkRetentionParams{FirstID: ids[0], LastID: last, Before: stamp(p.Before)}); err != nil {
			return fmt.Errorf("marking what retention removes: %w", err)
		}
		for _, r := range p.Ranges {
			n, err := q.DeleteAudit(ctx, r[0], r[1])
			if err != nil {
				return fmt.Errorf("removing old rows: %w", err)
			}
			removed += int(n)
		}
		if removed != p.Rows {
			return fmt.Errorf("removing old rows: %d went instead of %d", removed, p.Rows)
		}
		if err := q.UnmarkRetention(ctx); err != nil {
			return fmt.Errorf("removing the mark: %w", err)
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("pruning the audit: %w", err)
	}
	return removed, last, nil
}

// prunable finds what may go beside everybody who writes: there may be many rows that
// are held.
func (db *DB) prunable(ctx context.Context, before time.Time, after int64, limit int) ([]int64, error) {
	if all, err := db.reader.CountHoldsOnAll(ctx); err != nil || all > 0 {
		return nil, err
	}
	end, err := db.reader.LastCheckpointBefore(ctx, before)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return db.reader.Prunable(ctx, sqlcgen.PrunableParams{After: after, Last: end, Before: before, Page: int64(limit)})
}

// ranges puts ids that follow each other together. Between two ids of a range no row
// is left: the ids are dense, save where retention was before.
func ranges(ids []int64) [][2]int64 {
	var list [][2]int64
	for _, id := range ids {
		if n := len(list); n > 0 && list[n-1][1] == id-1 {
			list[n-1][1] = id
			continue
		}
		list = append(list, [2]int64{id, id})
	}
	return list
}

// AddHold keeps rows from retention, with its audit row.
func (db *DB) AddHold(ctx context.Context, h audit.Hold, entry eid.AuditEntry) error {
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		err := q.InsertHold(ctx, sqlcgen.InsertHoldParams{
			ID: h.ID, Kind: string(h.Kind), Value: h.Value, Reason: h.Reason, SetBy: h.SetBy, SetAt: stamp(h.SetAt),
		})
		if err != nil {
			return fmt.Errorf("writing hold: %w", err)
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("holding audit rows: %w", err)
	}
	return nil
}

// LiftHold ends a hold, with the audit row that entry makes of it: eid.ErrNotFound
// where there is none in force of that id.
func (db *DB) LiftHold(ctx context.Context, id, by string, at time.Time, entry func(audit.Hold) (eid.AuditEntry, error)) error {
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		row, err := q.Hold(ctx, id)
		if err = found(err); err != nil {
			return err
		}
		n, err := q.LiftHold(ctx, sqlcgen.LiftHoldParams{ID: id, LiftedBy: by, LiftedAt: nullable(at)})
		if err != nil {
			return fmt.Errorf("writing hold: %w", err)
		}
		if n == 0 {
			return eid.ErrNotFound
		}
		e, err := entry(hold(row))
		if err != nil {
			return err
		}
		return insertAudit(ctx, q, e)
	})
	if err != nil {
		return fmt.Errorf("lifting hold %s: %w", id, err)
	}
	return nil
}

// Holds lists those in force, oldest first, or all that ever were.
func (db *DB) Holds(ctx context.Context, all bool) ([]audit.Hold, error) {
	rows, err := db.reader.Holds(ctx, all, maxHolds)
	if err != nil {
		return nil, fmt.Errorf("reading holds: %w", away(err))
	}
	list := make([]audit.Hold, len(rows))
	for i, row := range rows {
		list[i] = hold(row)
	}
	return list, nil
}

func hold(row sqlcgen.AuditHold) audit.Hold {
	return audit.Hold{
		ID: row.ID, Kind: audit.HoldKind(row.Kind), Value: row.Value, Reason: row.Reason,
		SetBy: row.SetBy, SetAt: row.SetAt, LiftedBy: row.LiftedBy, LiftedAt: row.LiftedAt.Time,
	}
}
