package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

// tellLinked tells both sides of a link that holders made, in its transaction.
func (db *DB) tellLinked(ctx context.Context, q *sqlcgen.Queries, l eid.Link) error {
	return db.tellOfLink(ctx, q, l, notify.LinkMade, notify.OldLinked)
}

// tellUnlinked tells both sides that one was undone.
func (db *DB) tellUnlinked(ctx context.Context, q *sqlcgen.Queries, l eid.Link) error {
	return db.tellOfLink(ctx, q, l, notify.LinkEnded, notify.OldUnlinked)
}

// tellOfLink passes over links of the national identity itself, and those of accounts
// that stand for old ones.
func (db *DB) tellOfLink(ctx context.Context, q *sqlcgen.Queries, l eid.Link, holder, old notify.Kind) error {
	if sends, err := db.sends(ctx, q); err != nil || !sends {
		return err
	}
	if src, err := db.Source(ctx, l.Source); err == nil && src.National {
		return nil
	}
	ends, err := q.EndsOfLink(ctx, l.ID)
	if err != nil {
		return fmt.Errorf("finding whom to tell of a link: %w", found(err))
	}
	if eid.SubjectType(ends.SubjectType) == eid.PortalAccount {
		return nil
	}
	if err := db.tellHolder(ctx, q, holder, l.Source, l.Account, ""); err != nil {
		return err
	}
	return db.tellOld(ctx, q, old, l.Source, base64.RawURLEncoding.EncodeToString(ends.SubjectIndex))
}

// sends reports whether somebody sends notices: this process, or the one that has the
// lease, which a command that was not given its configuration knows nothing else of.
func (db *DB) sends(ctx context.Context, q *sqlcgen.Queries) (bool, error) {
	if db.notices {
		return true, nil
	}
	row, err := q.Lease(ctx, notify.LeaseName)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the lease of notices: %w", err)
	}
	return row.Until.After(db.now()), nil
}

// tellRuling tells the holder who wanted a link what an officer decided on it. A first
// word for it decides nothing.
func (db *DB) tellRuling(ctx context.Context, q *sqlcgen.Queries, c eid.Conflict) error {
	kinds := map[eid.Ruling]notify.Kind{eid.Accepted: notify.ConflictAccepted, eid.Rejected: notify.ConflictRejected}
	kind, decided := kinds[c.Decision]
	if !decided || c.Account == "" {
		return nil
	}
	return db.tellHolder(ctx, q, kind, c.Source, c.Account, c.Ref)
}

// tellHolder puts a notice to the holder of an account into the outbox, with the change
// that it tells of. Who has declared no address is not told, and neither is anybody
// where nobody sends.
func (db *DB) tellHolder(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, source string, account eid.AccountID, ref string) error {
	if sends, err := db.sends(ctx, q); err != nil || !sends {
		return err
	}
	email, err := q.EmailOf(ctx, string(account))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the holder's address: %w", err)
	}
	return db.tell(ctx, q, notify.Notice{Kind: kind, Source: source, To: eid.NewSecret(email), Ref: ref})
}

// tellOld does the same for the address that an old account had at its portal. An id
// that no old account has tells nobody.
func (db *DB) tellOld(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, source, imported string) error {
	if sends, err := db.sends(ctx, q); err != nil || !sends {
		return err
	}
	row, err := q.ImportedToNotify(ctx, imported)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding old account: %w", err)
	}
	old, err := db.openOld(imported, row.Sealed)
	if err != nil {
		return db.count(ctx, q, CountNoticesDropped, 1) // no reason to leave the change undone
	}
	return db.tell(ctx, q, notify.Notice{Kind: kind, Source: source, To: eid.NewSecret(old.Email)})
}

// tell queues one notice that somebody's act is the reason of.
func (db *DB) tell(ctx context.Context, q *sqlcgen.Queries, n notify.Notice) error {
	to, err := notify.ParseMailbox(n.To.Reveal())
	if err != nil {
		return nil // no address
	}
	now := db.stamp()
	hourly, err := q.CountNoticesSince(ctx, db.index.address(to.Address), now.Add(-time.Hour))
	if err != nil {
		return fmt.Errorf("counting notices: %w", err)
	}
	waiting, err := q.CountWaitingNotices(ctx, false)
	if err != nil {
		return fmt.Errorf("counting notices: %w", err)
	}
	if hourly >= maxNoticesHourly || waiting >= maxNoticesWaiting {
		return db.count(ctx, q, CountNoticesDropped, 1)
	}
	n.To, n.Until = eid.NewSecret(to.Address), now.Add(notify.TriedFor)
	return db.insertNotice(ctx, q, n, "", false)
}

func (db *DB) insertNotice(ctx context.Context, q *sqlcgen.Queries, n notify.Notice, imported string, bulk bool) error {
	id, now := rand.Text(), db.stamp()
	sealed, err := db.sealer.Seal([]byte(n.To.Reveal()), noticeContext(id))
	if err != nil {
		return fmt.Errorf("sealing notice: %w", err)
	}
	err = q.InsertNotice(ctx, sqlcgen.InsertNoticeParams{
		ID: id, Kind: string(n.Kind), Source: n.Source, Imported: sql.NullString{String: imported, Valid: imported != ""}, Bulk: bulk, Ref: n.Ref,
		AddressIndex: db.index.address(n.To.Reveal()), Sealed: sealed, DueAt: now, Until: stamp(n.Until), CreatedAt: now,
	})
	if err != nil {
		return fmt.Errorf("inserting notice: %w", err)
	}
	return nil
}
