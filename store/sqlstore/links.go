package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// AddLink fills accounts.Store. A link that has expired makes room for another.
func (db *DB) AddLink(ctx context.Context, r accounts.LinkRecord, entry eid.AuditEntry) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		if err := db.insertLink(ctx, q, r); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
}

func (db *DB) insertLink(ctx context.Context, q *sqlcgen.Queries, r accounts.LinkRecord) error {
	subject := db.index.subject(r.Source, r.Subject)
	if err := touch(ctx, q, r.Account, r.CreatedAt); err != nil {
		return err
	}
	if err := q.EndExpiredLink(ctx, subject, nullable(r.CreatedAt)); err != nil {
		return fmt.Errorf("ending expired link: %w", err)
	}
	n, err := q.InsertLink(ctx, sqlcgen.InsertLinkParams{
		ID: r.ID, Account: string(r.Account), Source: r.Source, SubjectIndex: subject, Cap: int64(r.Cap),
		Evidence: r.Evidence, CreatedAt: stamp(r.CreatedAt), ExpiresAt: nullable(r.Expires),
	})
	if err := inserted(n, err, "inserting link"); err != nil {
		return err
	}
	if err := verify(ctx, q, subject, r.Account, r.CreatedAt); err != nil {
		return err
	}
	return db.takeSubjects(ctx, q, r.Source, subject, r.Account, r.CreatedAt)
}

// EndLink fills accounts.Store.
func (db *DB) EndLink(ctx context.Context, linkID string, at time.Time,
	entry func(eid.Link) (eid.AuditEntry, error),
) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		row, err := q.Link(ctx, linkID, nullable(at))
		if err != nil {
			return fmt.Errorf("finding link: %w", found(err))
		}
		link := linkOf(row)
		e, err := entry(link)
		if err != nil {
			return err
		}
		if err := db.endLink(ctx, q, link, at); err != nil {
			return err
		}
		return insertAudit(ctx, q, e)
	})
}

// endLink ends a link that is alive, with what came with it.
func (db *DB) endLink(ctx context.Context, q *sqlcgen.Queries, link eid.Link, at time.Time) error {
	n, err := q.EndLink(ctx, nullable(at), link.ID)
	if err := changed(n, err, "ending link"); err != nil {
		return err
	}
	index, err := q.LinkSubject(ctx, link.ID)
	if err != nil {
		return fmt.Errorf("finding whom the link was of: %w", err)
	}
	if err := db.returnSubjects(ctx, q, index, link.Account, at); err != nil {
		return err
	}
	if err := unverify(ctx, q, index, link.Account, at); err != nil {
		return err
	}
	if err := touch(ctx, q, link.Account, at); err != nil {
		return err
	}
	if err := db.tellUnlinked(ctx, q, link); err != nil {
		return err
	}
	return insertEvent(ctx, q, eid.EventLinkEnded, link.Account, at)
}

// LinkBySubject returns the living link of what a source calls a person, or
// eid.ErrNotFound.
func (db *DB) LinkBySubject(ctx context.Context, source, subject string) (eid.Link, error) {
	row, err := db.reader.LinkBySubject(ctx, db.index.subject(source, subject), nullable(db.now()))
	if err != nil {
		return eid.Link{}, fmt.Errorf("finding link at %s: %w", source, found(err))
	}
	return linkOf(sqlcgen.LinkRow(row)), nil
}

// Link returns a link that is alive: neither ended nor expired; else
// eid.ErrNotFound.
func (db *DB) Link(ctx context.Context, id string) (eid.Link, error) {
	row, err := db.reader.Link(ctx, id, nullable(db.now()))
	if err != nil {
		return eid.Link{}, fmt.Errorf("finding link: %w", found(err))
	}
	return linkOf(row), nil
}

// LinksOf returns the living links of an account, oldest first.
func (db *DB) LinksOf(ctx context.Context, id eid.AccountID) ([]eid.Link, error) {
	rows, err := db.reader.LinksOf(ctx, string(id), nullable(db.now()))
	if err != nil {
		return nil, fmt.Errorf("finding links of account: %w", err)
	}
	var list []eid.Link
	for _, row := range rows {
		list = append(list, linkOf(sqlcgen.LinkRow(row)))
	}
	return list, nil
}

func linkOf(row sqlcgen.LinkRow) eid.Link {
	return eid.Link{
		ID: row.ID, Account: eid.AccountID(row.Account), Source: row.Source, Cap: eid.Level(row.Cap),
		Expires: row.ExpiresAt.Time,
	}
}
