package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.LinkerStore = (*DB)(nil)

// Settle fills accounts.LinkerStore.
func (db *DB) Settle(ctx context.Context, about accounts.LinkQuestion, decide func(accounts.LinkStanding) (accounts.Settlement, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		index := db.index.subject(about.Source, about.Subject)
		standing, err := db.linkStanding(ctx, q, about, index)
		if err != nil {
			return err
		}
		w, err := decide(standing)
		if err != nil {
			return err
		}
		if w.Link.ID != "" {
			if err := db.settle(ctx, q, w); err != nil {
				return err
			}
		}
		for _, entry := range w.Entries {
			if err := insertAudit(ctx, q, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// linkStanding reads where both sides of a link stand.
func (db *DB) linkStanding(ctx context.Context, q *sqlcgen.Queries, about accounts.LinkQuestion, index []byte) (s accounts.LinkStanding, err error) {
	now := nullable(db.now())
	if s.Account, err = db.account(ctx, q, string(about.Account)); err != nil {
		return s, fmt.Errorf("finding account: %w", err)
	}
	if about.NationalLink != "" {
		row, err := q.Link(ctx, about.NationalLink, now)
		if s.National, err = perhaps(linkOf(row), err); err != nil {
			return s, fmt.Errorf("finding the link of the national identity: %w", err)
		}
	}
	row, err := q.LinkBySubject(ctx, index, now)
	if s.Link, err = perhaps(linkOf(sqlcgen.LinkRow(row)), err); err != nil {
		return s, fmt.Errorf("finding link at %s: %w", about.Source, err)
	}
	shadow, err := q.ShadowOf(ctx, index)
	if s.Shadow, err = perhaps(eid.AccountID(shadow), err); err != nil {
		return s, fmt.Errorf("finding the portal's account: %w", err)
	}
	if s.Shadow != "" {
		stands, err := db.account(ctx, q, shadow)
		if err != nil {
			return s, fmt.Errorf("finding the portal's account: %w", err)
		}
		s.ShadowLocked = stands.Usable() != nil
	}
	former, err := q.FormerHolder(ctx, index, string(about.Account))
	if s.Former, err = perhaps(eid.AccountID(former), err); err != nil {
		return s, fmt.Errorf("finding who was linked before: %w", err)
	}
	imported, err := q.ImportedState(ctx, importedRow(index))
	if s.Imported, err = perhaps(eid.ImportedState(imported.State), err); err != nil {
		return s, fmt.Errorf("finding imported account: %w", err)
	}
	if s.Imported == eid.ImportedContested {
		if s.ContestRef, err = contestRef(ctx, q, index); err != nil {
			return s, err
		}
	}
	links, err := q.LinksOf(ctx, string(about.Account), now)
	if err != nil {
		return s, fmt.Errorf("finding links of account: %w", err)
	}
	for _, link := range links {
		if link.Source == about.Source && link.ID != s.Link.ID {
			s.Others = append(s.Others, linkOf(sqlcgen.LinkRow(link)))
		}
	}
	s.Ruling, err = db.rulings(ctx, q, about.Account, index)
	return s, err
}

// rulings finds the conflicts of two sides.
func (db *DB) rulings(ctx context.Context, q *sqlcgen.Queries, account eid.AccountID, index []byte) (func(canonical string) eid.Conflict, error) {
	rows, err := q.ConflictsBetween(ctx, index, sql.NullString{String: string(account), Valid: true})
	if err != nil {
		return nil, fmt.Errorf("finding conflicts: %w", err)
	}
	known := map[string]eid.Conflict{}
	for _, row := range rows {
		known[string(row.CanonicalIndex)] = conflictOf(sqlcgen.ConflictByCanonicalRow{
			ID: row.ID, Kind: row.Kind, Source: row.Source, Account: row.Account, Other: row.Other, Ref: row.Ref, OpenedAt: row.OpenedAt,
			ProposedBy: row.ProposedBy, ProposedAt: row.ProposedAt, Decision: row.Decision, DecidedBy: row.DecidedBy, DecidedAt: row.DecidedAt, Why: row.Why,
		})
	}
	return func(canonical string) eid.Conflict { return known[string(db.index.conflict(canonical))] }, nil
}

// settle writes a link, and what comes with it. The account that stood for the old one
// closes: its sessions and tokens end, and those who know it are told.
func (db *DB) settle(ctx context.Context, q *sqlcgen.Queries, w accounts.Settlement) error {
	at := w.Link.CreatedAt
	if w.Replaces != "" {
		n, err := q.EndLink(ctx, nullable(at), w.Replaces)
		if err := changed(n, err, "ending the link before"); err != nil {
			return err
		}
	}
	if err := db.insertLink(ctx, q, w.Link); err != nil {
		return err
	}
	if err := db.tellLinked(ctx, q, w.Link.Link); err != nil {
		return err
	}
	if w.Shadow == "" {
		return nil
	}
	n, err := q.CloseShadow(ctx, stamp(at), string(w.Shadow))
	if err := changed(n, err, "closing the portal's account"); err != nil {
		return err
	}
	return insertEvent(ctx, q, eid.EventLinkEnded, w.Shadow, at)
}

// HeldLinks fills accounts.LinkerStore.
func (db *DB) HeldLinks(ctx context.Context, account eid.AccountID) ([]accounts.HeldLink, error) {
	rows, err := db.reader.HeldLinks(ctx, string(account), nullable(db.now()))
	if err != nil {
		return nil, fmt.Errorf("finding links: %w", away(err))
	}
	var list []accounts.HeldLink
	for _, row := range rows {
		list = append(list, accounts.HeldLink{
			Link:  eid.Link{ID: row.ID, Account: eid.AccountID(row.Account), Source: row.Source, Cap: eid.Level(row.Cap), Expires: row.ExpiresAt.Time},
			Since: row.CreatedAt,
		})
	}
	return list, nil
}

// OpenConflicts fills accounts.LinkerStore.
func (db *DB) OpenConflicts(ctx context.Context, account eid.AccountID, list []accounts.ConflictRecord, may accounts.ConflictLimits) ([]eid.Conflict, error) {
	var stored []eid.Conflict
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		stored = nil
		have, err := q.CountConflicts(ctx, stamp(may.Since), sql.NullString{String: string(account), Valid: true})
		if err != nil {
			return fmt.Errorf("counting conflicts: %w", err)
		}
		for _, r := range list {
			c, opened, err := db.openConflict(ctx, q, r)
			if err != nil {
				return err
			}
			if stored = append(stored, c); !opened {
				continue
			}
			have.Recent, have.Waiting = have.Recent+1, have.Waiting+1
			if have.Recent > int64(may.Most) || have.Waiting > int64(may.Waiting) {
				return accounts.ErrTooMany
			}
			if err := insertAudit(ctx, q, r.Entry); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening conflicts: %w", err)
	}
	return stored, nil
}

// openConflict inserts a conflict, unless it is there.
func (db *DB) openConflict(ctx context.Context, q *sqlcgen.Queries, r accounts.ConflictRecord) (eid.Conflict, bool, error) {
	index := db.index.conflict(r.Canonical)
	row, err := q.ConflictByCanonical(ctx, index)
	if err = found(err); err == nil {
		return conflictOf(row), false, nil
	}
	if !errors.Is(err, eid.ErrNotFound) {
		return eid.Conflict{}, false, fmt.Errorf("finding conflict: %w", err)
	}
	sealed, err := db.sealer.Seal(r.Sides, conflictContext(r.ID))
	if err != nil {
		return eid.Conflict{}, false, fmt.Errorf("sealing conflict: %w", err)
	}
	name := func(id eid.AccountID) sql.NullString { return sql.NullString{String: string(id), Valid: id != ""} }
	n, err := q.InsertConflict(ctx, sqlcgen.InsertConflictParams{
		ID: r.ID, Kind: string(r.Kind), Source: r.Source, SubjectIndex: db.index.subject(r.Source, r.Subject), Account: name(r.Account),
		Other: name(r.Other), CanonicalIndex: index, Sealed: sealed, Ref: r.Ref, OpenedAt: stamp(r.OpenedAt),
	})
	if err := inserted(n, err, "inserting conflict"); err != nil {
		return eid.Conflict{}, false, err
	}
	return r.Conflict, true, nil
}

func conflictOf(row sqlcgen.ConflictByCanonicalRow) eid.Conflict {
	return eid.Conflict{
		ID: row.ID, Kind: eid.ConflictKind(row.Kind), Source: row.Source, Account: eid.AccountID(row.Account.String), Other: eid.AccountID(row.Other.String),
		OpenedAt: row.OpenedAt, Ref: row.Ref, ProposedBy: row.ProposedBy, ProposedAt: row.ProposedAt.Time,
		Decision: eid.Ruling(row.Decision), DecidedAt: row.DecidedAt.Time, DecidedBy: row.DecidedBy, Why: row.Why,
	}
}

// verify has an imported account be verified for whom it is linked to, unless that
// stands for it.
func verify(ctx context.Context, q *sqlcgen.Queries, index []byte, account eid.AccountID, at time.Time) error {
	err := q.VerifyImported(ctx, sqlcgen.VerifyImportedParams{
		Account: sql.NullString{String: string(account), Valid: true}, VerifiedAt: nullable(at), UpdatedAt: stamp(at), ID: importedRow(index),
	})
	if err != nil {
		return fmt.Errorf("verifying imported account: %w", err)
	}
	return nil
}

// unverify has an imported account wait again when the link that verified it ends.
func unverify(ctx context.Context, q *sqlcgen.Queries, index []byte, account eid.AccountID, at time.Time) error {
	_, err := q.UnverifyImported(ctx, sqlcgen.UnverifyImportedParams{
		UpdatedAt: stamp(at), ID: importedRow(index), Account: sql.NullString{String: string(account), Valid: true},
	})
	if err != nil {
		return fmt.Errorf("imported account waits again: %w", err)
	}
	return nil
}

// importedRow is the row of an imported account, by the index of its subject.
func importedRow(index []byte) string { return base64.RawURLEncoding.EncodeToString(index) }

// perhaps makes of a row that is not there the zero value.
func perhaps[T any](row T, err error) (T, error) {
	var none T
	err = found(err)
	switch {
	case errors.Is(err, eid.ErrNotFound):
		return none, nil
	case err != nil:
		return none, err
	}
	return row, nil
}
