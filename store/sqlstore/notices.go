package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ notify.Outbox = (*DB)(nil)

// How long what went is kept. Given-up notices are kept for longer: they are what an
// operator asks for.
const (
	maxPruned   = 1000 // rows of one transaction
	keepSent    = 30 * 24 * time.Hour
	keepGivenUp = 90 * 24 * time.Hour
)

// ClaimNotices fills notify.Outbox.
func (db *DB) ClaimNotices(ctx context.Context, of notify.Lane, lease time.Duration, limit int) ([]notify.Notice, error) {
	now := db.stamp()
	// Most calls find nothing. They take no write lock.
	if due, err := db.reader.NoticeDue(ctx, sqlcgen.NoticeDueParams{Channel: string(of.Channel), Urgent: of.Urgent, Now: nullable(now)}); err != nil || due == 0 {
		return nil, away(err)
	}
	var claimed []notify.Notice
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		if err := q.GiveUpLateNotices(ctx, sqlcgen.GiveUpLateNoticesParams{GivenUpAt: nullable(now), Nothing: []byte{}, Channel: string(of.Channel), Urgent: of.Urgent}); err != nil {
			return fmt.Errorf("giving up late ones: %w", err)
		}
		rows, err := q.NoticesDue(ctx, sqlcgen.NoticesDueParams{Channel: string(of.Channel), Urgent: of.Urgent, Now: nullable(now), Page: int64(limit)})
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		claimed = claimed[:0]
		for _, row := range rows {
			n, err := db.claim(ctx, q, row, now.Add(lease))
			if err != nil {
				return err
			}
			if n.ID != "" {
				claimed = append(claimed, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claiming notices: %w", err)
	}
	return claimed, nil
}

// claim leases one notice; the zero notice where there is nothing to tell any more.
func (db *DB) claim(ctx context.Context, q *sqlcgen.Queries, row sqlcgen.NoticesDueRow, until time.Time) (notify.Notice, error) {
	if row.Imported.Valid && !unverified(row.State.String) {
		return notify.Notice{}, q.DeleteNotice(ctx, row.ID)
	}
	n := notify.Notice{
		ID: row.ID, Kind: notify.Kind(row.Kind), Channel: notify.Channel(row.Channel), Source: row.Source, Ref: row.Ref,
		Attempts: int(row.Attempts), CreatedAt: row.CreatedAt, Until: row.Until,
	}
	content, err := db.sealer.Open(row.Sealed, noticeContext(row.ID))
	if err == nil {
		err = readContent(&n, content)
	}
	if err != nil { // it never will
		return notify.Notice{}, db.giveUp(ctx, q, row.ID)
	}
	if err := q.LeaseNotice(ctx, until, row.ID); err != nil {
		return notify.Notice{}, fmt.Errorf("leasing: %w", err)
	}
	return n, nil
}

// unverified reports whether an imported account of a state stops on its day.
func unverified(state string) bool {
	return state == string(eid.ImportedWaiting) || state == string(eid.ImportedContested)
}

// NoticeSent fills notify.Outbox.
func (db *DB) NoticeSent(ctx context.Context, id string) error {
	return db.settleNotice(ctx, func(q *sqlcgen.Queries) error {
		_, err := q.NoticeSent(ctx, sqlcgen.NoticeSentParams{SentAt: nullable(db.now()), Nothing: []byte{}, ID: id})
		return err
	})
}

// NoticeFailed fills notify.Outbox.
func (db *DB) NoticeFailed(ctx context.Context, id string, next time.Time) error {
	return db.settleNotice(ctx, func(q *sqlcgen.Queries) error {
		if next.IsZero() {
			return db.giveUp(ctx, q, id)
		}
		_, err := q.DeferNotice(ctx, stamp(next), id)
		return err
	})
}

// NoticePutBack fills notify.Outbox.
func (db *DB) NoticePutBack(ctx context.Context, id string, next time.Time) error {
	return db.settleNotice(ctx, func(q *sqlcgen.Queries) error {
		_, err := q.PutBackNotice(ctx, stamp(next), id)
		return err
	})
}

func (db *DB) settleNotice(ctx context.Context, change func(*sqlcgen.Queries) error) error {
	if err := db.writeAs(ctx, kindWrite, change); err != nil {
		return fmt.Errorf("noting a delivery: %w", err)
	}
	return nil
}

func (db *DB) giveUp(ctx context.Context, q *sqlcgen.Queries, id string) error {
	return q.GiveUpNotice(ctx, sqlcgen.GiveUpNoticeParams{GivenUpAt: nullable(db.now()), Nothing: []byte{}, ID: id})
}

// PruneNotices fills notify.Outbox.
func (db *DB) PruneNotices(ctx context.Context) (int, error) {
	now := db.now()
	var n int64
	err := db.settleNotice(ctx, func(q *sqlcgen.Queries) (err error) {
		n, err = q.PruneNotices(ctx, sqlcgen.PruneNoticesParams{
			Ended: stamp(now.Add(-keepSent)), Sent: nullable(now.Add(-keepSent)), GivenUp: nullable(now.Add(-keepGivenUp)), Page: maxPruned,
		})
		return err
	})
	return int(n), err
}
