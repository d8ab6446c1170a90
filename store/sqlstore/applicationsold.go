package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ counter.Archive = (*DB)(nil)

// WithdrawLeft fills counter.Archive.
func (db *DB) WithdrawLeft(ctx context.Context, due time.Time, most int, entry eid.AuditEntry) (int, error) {
	n := 0
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		rows, err := q.WithdrawLeftApplications(ctx, sqlcgen.WithdrawLeftApplicationsParams{
			DecidedBy: entry.Actor, At: nullable(entry.At), Due: stamp(due), Most: int64(most),
		})
		if err != nil {
			return fmt.Errorf("withdrawing applications: %w", err)
		}
		for _, row := range rows {
			if err := auditWithdrawn(ctx, q, sqlcgen.WithdrawOverdueApplicationsRow(row), entry); err != nil {
				return err
			}
		}
		n = len(rows)
		return nil
	})
	return n, err
}

// PruneApplications fills counter.Archive.
func (db *DB) PruneApplications(ctx context.Context, refused, approved time.Time, most int) (int, error) {
	var n int64
	err := db.write(ctx, func(q *sqlcgen.Queries) (err error) {
		n, err = q.PruneApplications(ctx, sqlcgen.PruneApplicationsParams{Refused: nullable(refused), Approved: nullable(approved), Most: int64(most)})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing applications: %w", err)
	}
	return int(n), nil
}
