package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Backlog is what waits in the database, and how much the audit was given.
type Backlog struct {
	Notices   int64     // logout notices that were not delivered yet
	Oldest    time.Time // when the oldest of them was made; zero without one
	AuditRows int64     // written so far
	Unsealed  time.Time // when the oldest row without a checkpoint was written; zero without one
	Sealed    time.Time // when the last checkpoint was made; zero without one
	Holders   int64     // notices to holders, not yet taken by a server
	Waits     time.Time // since when the oldest of these does; zero without one
	Codes     time.Time // since when the oldest of these that brings a code does; zero without one
	LocksLate int64     // requests for locks that wait after their term
	Dropped   int64     // SMS of this day of Viet Nam that the hour's bound was in the way of
}

// Backlog looks at what waits.
func (db *DB) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var err error
	if b.Notices, err = db.reader.CountAllLogouts(ctx); err != nil {
		return Backlog{}, fmt.Errorf("counting logout notices: %w", away(err))
	}
	if b.Oldest, err = db.reader.OldestLogout(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding the oldest logout notice: %w", away(err))
	}
	// Rows are numbered and never removed: the last number is their count.
	if b.AuditRows, err = db.reader.LastAudit(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding the last audit row: %w", away(err))
	}
	last, err := db.reader.LastSealed(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding the last checkpoint: %w", away(err))
	}
	b.Sealed = last.At
	waits, err := db.reader.AuditFrom(ctx, last.LastID+1)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding what waits for a checkpoint: %w", away(err))
	}
	b.Unsealed = waits.At
	if b.Holders, err = db.reader.CountWaitingNotices(ctx, false); err != nil {
		return Backlog{}, fmt.Errorf("counting notices to holders: %w", away(err))
	}
	if b.Waits, err = db.reader.OldestNotice(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding the oldest notice to a holder: %w", away(err))
	}
	if b.Codes, err = db.reader.OldestUrgent(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Backlog{}, fmt.Errorf("finding the oldest code: %w", away(err))
	}
	if b.LocksLate, err = db.reader.OverdueLockRequests(ctx, db.stamp()); err != nil {
		return Backlog{}, fmt.Errorf("counting overdue requests: %w", away(err))
	}
	if b.Dropped, err = db.CountOf(ctx, CountSMSDropped, db.now()); err != nil {
		return Backlog{}, err
	}
	return b, nil
}
