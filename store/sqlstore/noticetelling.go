package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"

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
	if sends, err := db.sends(ctx, q, notify.Email); err != nil || !sends {
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

// sends reports whether somebody sends on a channel: this process, or the one that has the
// lease, which a command that was not given its configuration knows nothing else of.
func (db *DB) sends(ctx context.Context, q *sqlcgen.Queries, ch notify.Channel) (bool, error) {
	if db.notices.Any() {
		return db.notices.Has(ch), nil
	}
	row, err := q.Lease(ctx, notify.LeaseName(ch))
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

// tellHolder puts a notice of a link to the holder of an account into the outbox, with the change
// that it tells of. Who has declared no address is not told, and neither is anybody
// where nobody sends.
func (db *DB) tellHolder(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, source string, account eid.AccountID, ref string) error {
	if sends, err := db.sends(ctx, q, notify.Email); err != nil || !sends {
		return err
	}
	contacts, err := q.ContactsOf(ctx, string(account))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the holder's address: %w", err)
	}
	return db.tell(ctx, q, notify.Notice{Kind: kind, Source: source, To: eid.NewSecret(contacts.Email), Ref: ref})
}

// tellOld does the same for the address that an old account had at its portal. An id
// that no old account has tells nobody.
func (db *DB) tellOld(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, source, imported string) error {
	if sends, err := db.sends(ctx, q, notify.Email); err != nil || !sends {
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

// tell queues one notice of a link, which goes by e-mail.
func (db *DB) tell(ctx context.Context, q *sqlcgen.Queries, n notify.Notice) error {
	to, err := notify.ParseAddress(notify.Email, n.To.Reveal())
	if err != nil {
		return nil // no address
	}
	n.Channel, n.To = notify.Email, eid.NewSecret(to)
	return db.post(ctx, q, n)
}
