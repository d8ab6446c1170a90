package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.ReviewStore = (*DB)(nil)

// maxWaiting is how many reviews of one account wait at most. What differs in
// more ways than that is not a doubt any more, and no source fills the queue.
const maxWaiting = 5

// OpenReview fills accounts.ReviewStore. Beyond maxWaiting of an account it writes
// nothing and returns a review that decides nothing.
func (db *DB) OpenReview(ctx context.Context, r accounts.ReviewRecord, entry eid.AuditEntry) (eid.Review, error) {
	index := db.index.review(r.Canonical)
	row, err := db.reader.ReviewByCanonical(ctx, index)
	if err == nil {
		return reviewOf(row), nil
	}
	if err = found(err); !errors.Is(err, eid.ErrNotFound) {
		return eid.Review{}, fmt.Errorf("finding review: %w", err)
	}
	sealed, err := db.sealer.Seal(r.Sides, reviewContext(r.ID))
	if err != nil {
		return eid.Review{}, fmt.Errorf("sealing review: %w", err)
	}
	opened := r.Review
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		if _, err := q.AccountStatus(ctx, string(r.Account)); err != nil {
			return fmt.Errorf("finding account: %w", found(err))
		}
		waiting, err := q.CountWaitingReviews(ctx, string(r.Account))
		if err != nil || waiting >= maxWaiting {
			return err
		}
		n, err := q.InsertReview(ctx, sqlcgen.InsertReviewParams{
			ID: r.ID, Account: string(r.Account), Source: r.Source, CanonicalIndex: index, Sealed: sealed, OpenedAt: stamp(r.OpenedAt),
		})
		switch {
		case err != nil:
			return fmt.Errorf("inserting review: %w", err)
		case n == 0: // another process was faster
			row, err := q.ReviewByCanonical(ctx, index)
			opened = reviewOf(row)
			return err
		}
		return insertAudit(ctx, q, entry)
	})
	return opened, err
}

// Reviews fills accounts.ReviewStore.
func (db *DB) Reviews(ctx context.Context, waiting bool, most int) ([]eid.Review, error) {
	var list []eid.Review
	if waiting {
		rows, err := db.reader.WaitingReviews(ctx, int64(most))
		for _, row := range rows {
			list = append(list, reviewOf(sqlcgen.ReviewByCanonicalRow(row)))
		}
		return list, err
	}
	rows, err := db.reader.Reviews(ctx, int64(most))
	for _, row := range rows {
		list = append(list, reviewOf(sqlcgen.ReviewByCanonicalRow(row)))
	}
	return list, err
}

// Review fills accounts.ReviewStore.
func (db *DB) Review(ctx context.Context, id string) (eid.Review, []byte, error) {
	row, err := db.reader.Review(ctx, id)
	if err != nil {
		return eid.Review{}, nil, fmt.Errorf("finding review: %w", found(err))
	}
	sides, err := db.sealer.Open(row.Sealed, reviewContext(id))
	if err != nil {
		return eid.Review{}, nil, fmt.Errorf("opening review: %w", err)
	}
	return reviewOf(sqlcgen.ReviewByCanonicalRow{
		ID: row.ID, Account: row.Account, Source: row.Source, OpenedAt: row.OpenedAt, Decision: row.Decision,
		DecidedAt: row.DecidedAt, DecidedBy: row.DecidedBy, Why: row.Why,
	}), sides, nil
}

// DecideReview fills accounts.ReviewStore.
func (db *DB) DecideReview(ctx context.Context, r eid.Review, entry eid.AuditEntry) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := q.DecideReview(ctx, sqlcgen.DecideReviewParams{
			Decision: string(r.Decision), DecidedAt: nullable(r.DecidedAt), DecidedBy: r.DecidedBy, Why: r.Why, ID: r.ID,
		})
		if err != nil {
			return fmt.Errorf("deciding review: %w", err)
		}
		if n == 0 {
			if _, err := q.Review(ctx, r.ID); err != nil {
				return fmt.Errorf("finding review: %w", found(err))
			}
			return accounts.ErrDecided
		}
		return insertAudit(ctx, q, entry)
	})
}

func reviewOf(row sqlcgen.ReviewByCanonicalRow) eid.Review {
	return eid.Review{
		ID: row.ID, Account: eid.AccountID(row.Account), Source: row.Source, OpenedAt: row.OpenedAt,
		Decision: eid.Ruling(row.Decision), DecidedAt: row.DecidedAt.Time, DecidedBy: row.DecidedBy, Why: row.Why,
	}
}
