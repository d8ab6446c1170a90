package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.ConflictStore = (*DB)(nil)

// maxConflicts is how many conflicts a page holds.
const maxConflicts = 500

// Conflicts fills accounts.ConflictStore.
func (db *DB) Conflicts(ctx context.Context, f accounts.ConflictFilter) ([]eid.Conflict, error) {
	where, args := conflictsWhere(f)
	if f.Most <= 0 || f.Most > maxConflicts {
		f.Most = maxConflicts
	}
	return db.conflicts(ctx, where, append(args, f.Most)...)
}

// ConflictsOf gives the conflicts of what a source calls a person, the oldest first.
func (db *DB) ConflictsOf(ctx context.Context, source, subject string) ([]eid.Conflict, error) {
	return db.conflicts(ctx, "subject_index = ?", db.index.subject(source, subject), maxConflicts)
}

// conflictsWhere is the condition in SQL; what comes from outside is a parameter.
func conflictsWhere(f accounts.ConflictFilter) (string, []any) {
	parts, args := []string{"1 = 1"}, []any{}
	if !f.Decided {
		parts = append(parts, "decision = ''")
	}
	switch {
	case f.Sources == nil:
	case len(f.Sources) == 0:
		parts = append(parts, "1 = 0")
	default:
		parts = append(parts, "source IN ("+strings.TrimSuffix(strings.Repeat("?,", len(f.Sources)), ",")+")")
		for _, s := range f.Sources {
			args = append(args, s)
		}
	}
	if f.After != "" {
		parts, args = append(parts, "(opened_at, id) > (SELECT opened_at, id FROM conflicts WHERE id = ?)"), append(args, f.After)
	}
	return strings.Join(parts, " AND "), args
}

func (db *DB) conflicts(ctx context.Context, where string, args ...any) ([]eid.Conflict, error) {
	//nolint:gosec // words of ours; values are parameters
	query := `SELECT id, kind, source, account, other, ref, opened_at, proposed_by, proposed_at, proposed_why,
       decision, decided_by, decided_at, why
FROM conflicts WHERE ` + where + ` ORDER BY opened_at, id LIMIT ?`
	rows, err := db.file.Reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading conflicts: %w", away(err))
	}
	defer func() { _ = rows.Close() }() // after its last row it is closed
	list := []eid.Conflict{}
	for rows.Next() {
		var row sqlcgen.ConflictRow
		err := rows.Scan(&row.ID, &row.Kind, &row.Source, &row.Account, &row.Other, &row.Ref, &row.OpenedAt, &row.ProposedBy, &row.ProposedAt, &row.ProposedWhy,
			&row.Decision, &row.DecidedBy, &row.DecidedAt, &row.Why)
		if err != nil {
			return nil, fmt.Errorf("reading conflicts: %w", err)
		}
		list = append(list, queuedOf(row))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading conflicts: %w", away(err))
	}
	return list, nil
}

// Conflict fills accounts.ConflictStore.
func (db *DB) Conflict(ctx context.Context, id string) (s accounts.ConflictStanding, err error) {
	err = db.read(ctx, func(q *sqlcgen.Queries) error {
		s, err = db.conflict(ctx, q, id)
		return err
	})
	return s, err
}

// RuleConflict fills accounts.ConflictStore.
func (db *DB) RuleConflict(ctx context.Context, id string, decide func(accounts.ConflictStanding) (accounts.ConflictRuling, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		s, err := db.conflict(ctx, q, id)
		if err != nil {
			return err
		}
		r, err := decide(s)
		if err != nil {
			return err
		}
		c := &r.Conflict
		n, err := q.RuleConflict(ctx, sqlcgen.RuleConflictParams{
			ProposedBy: c.ProposedBy, ProposedAt: nullable(c.ProposedAt), ProposedWhy: c.ProposedWhy,
			Decision: string(c.Decision), DecidedBy: c.DecidedBy, DecidedAt: nullable(c.DecidedAt), Why: c.Why, ID: id,
		})
		if err := changed(n, err, "deciding conflict"); err != nil {
			return err
		}
		if err := db.afterRuling(ctx, q, s, r); err != nil {
			return err
		}
		for _, e := range r.Entries {
			if err := insertAudit(ctx, q, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// afterRuling writes what follows from a decision.
func (db *DB) afterRuling(ctx context.Context, q *sqlcgen.Queries, s accounts.ConflictStanding, r accounts.ConflictRuling) error {
	if r.State != "" {
		n, err := q.SetImportedState(ctx, sqlcgen.SetImportedStateParams{State: string(r.State), UpdatedAt: stamp(r.At), ID: s.Imported.ID})
		if err := changed(n, err, "setting the state of an old account"); err != nil {
			return err
		}
	}
	if err := db.tellRuling(ctx, q, r.Conflict); err != nil {
		return err
	}
	if r.EndLink == "" {
		return nil
	}
	return db.endLink(ctx, q, s.Link, r.At)
}

// conflict reads a conflict and what its parts are now.
func (db *DB) conflict(ctx context.Context, q *sqlcgen.Queries, id string) (s accounts.ConflictStanding, err error) {
	row, err := q.Conflict(ctx, id)
	if err != nil {
		return s, fmt.Errorf("finding conflict: %w", found(err))
	}
	s.Conflict = queuedOf(row)
	if s.Sides, err = db.sealer.Open(row.Sealed, conflictContext(id)); err != nil {
		return s, fmt.Errorf("opening conflict: %w", err)
	}
	if row.Account.Valid {
		if s.Account, err = db.account(ctx, q, row.Account.String); err != nil {
			return s, fmt.Errorf("finding the account of a conflict: %w", err)
		}
	}
	link, err := q.LinkBySubject(ctx, row.SubjectIndex, nullable(db.now()))
	if s.Link, err = perhaps(linkOf(sqlcgen.LinkRow(link)), err); err != nil {
		return s, fmt.Errorf("finding the link of an old account: %w", err)
	}
	if s.Link.ID != "" {
		holder, err := db.account(ctx, q, string(s.Link.Account))
		if err != nil {
			return s, fmt.Errorf("finding whom an old account is linked to: %w", err)
		}
		s.StandIn = holder.Unverified()
	}
	s.Imported, err = db.imported(ctx, q, importedRow(row.SubjectIndex))
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return s, fmt.Errorf("finding old account: %w", err)
	}
	more, err := q.MoreRowConflicts(ctx, row.SubjectIndex, id)
	s.MoreRows = int(more)
	return s, away(err)
}

func queuedOf(row sqlcgen.ConflictRow) eid.Conflict {
	c := conflictOf(sqlcgen.ConflictByCanonicalRow{
		ID: row.ID, Kind: row.Kind, Source: row.Source, Account: row.Account, Other: row.Other, Ref: row.Ref, OpenedAt: row.OpenedAt,
		ProposedBy: row.ProposedBy, ProposedAt: row.ProposedAt, Decision: row.Decision, DecidedBy: row.DecidedBy, DecidedAt: row.DecidedAt, Why: row.Why,
	})
	c.ProposedWhy = row.ProposedWhy
	return c
}
