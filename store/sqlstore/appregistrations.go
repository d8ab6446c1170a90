package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/registration"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ registration.CaseStore = (*DB)(nil)

const (
	// keepCases is how long a case is kept that was decided: what was declared is data of
	// somebody who may have no account here. The audit tells of the decision for longer.
	keepCases = 90 * 24 * time.Hour
	// pruneCases is how many of them go in one transaction.
	pruneCases = 100
)

// OpenCase fills registration.CaseStore.
func (db *DB) OpenCase(ctx context.Context, r registration.CaseRecord, most int, entry eid.AuditEntry) (opened bool, err error) {
	sealed, err := db.sealer.Seal(r.Sides, appCaseContext(r.ID))
	if err != nil {
		return false, fmt.Errorf("sealing registration: %w", err)
	}
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := q.InsertAppCase(ctx, sqlcgen.InsertAppCaseParams{
			ID: r.ID, Ref: r.Ref, SubjectType: string(r.SubjectType), NumberIndex: db.index.identifier(r.Number), Sealed: sealed,
			Why: string(r.Doubt), Status: string(r.Status), Rules: r.Rules, DueAt: stamp(r.DueAt), CreatedAt: stamp(r.CreatedAt), Most: int64(most),
		})
		if err != nil {
			return fmt.Errorf("inserting registration: %w", err)
		}
		if opened = n > 0; !opened {
			return nil
		}
		return insertAudit(ctx, q, entry)
	})
	return opened && err == nil, err
}

// PruneCases removes a page of the cases that were decided long ago, and says how many.
func (db *DB) PruneCases(ctx context.Context) (int, error) {
	var n int64
	err := db.write(ctx, func(q *sqlcgen.Queries) (err error) {
		n, err = q.PruneAppCases(ctx, nullable(db.now().Add(-keepCases)), pruneCases)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing old registrations: %w", err)
	}
	return int(n), nil
}

// OpenCases fills registration.CaseStore.
func (db *DB) OpenCases(ctx context.Context, most int) ([]registration.Case, error) {
	rows, err := db.reader.OpenAppCases(ctx, int64(most))
	if err != nil {
		return nil, away(err)
	}
	list := make([]registration.Case, len(rows))
	for i, row := range rows {
		list[i] = caseOf(row)
	}
	return list, nil
}

// Case fills registration.CaseStore.
func (db *DB) Case(ctx context.Context, id string, entry eid.AuditEntry) (registration.Case, []byte, error) {
	row, err := db.reader.AppCase(ctx, id)
	if err != nil {
		return registration.Case{}, nil, fmt.Errorf("finding registration: %w", found(err))
	}
	sides, err := db.sealer.Open(row.Sealed, appCaseContext(id))
	if err != nil {
		return registration.Case{}, nil, fmt.Errorf("opening registration: %w", err)
	}
	if entry.Action != "" {
		if err := db.write(ctx, func(q *sqlcgen.Queries) error { return insertAudit(ctx, q, entry) }); err != nil {
			return registration.Case{}, nil, err
		}
	}
	return caseOf(sqlcgen.OpenAppCasesRow{
		ID: row.ID, Ref: row.Ref, SubjectType: row.SubjectType, Why: row.Why, Status: row.Status, Rules: row.Rules, DueAt: row.DueAt,
		CreatedAt: row.CreatedAt, DecidedAt: row.DecidedAt, DecidedBy: row.DecidedBy, Reason: row.Reason, Account: row.Account,
	}), sides, nil
}

// DecideCase fills registration.CaseStore.
func (db *DB) DecideCase(ctx context.Context, c registration.Case, entry eid.AuditEntry) error {
	return db.changeCase(ctx, c.ID, entry, func(q *sqlcgen.Queries) (int64, error) {
		return q.DecideAppCase(ctx, sqlcgen.DecideAppCaseParams{
			Status: string(c.Status), DecidedAt: nullable(c.DecidedAt), DecidedBy: string(c.DecidedBy), Reason: c.Reason, ID: c.ID,
		})
	})
}

// FinishCase fills registration.CaseStore.
func (db *DB) FinishCase(ctx context.Context, c registration.Case, entry eid.AuditEntry) error {
	return db.changeCase(ctx, c.ID, entry, func(q *sqlcgen.Queries) (int64, error) {
		return q.FinishAppCase(ctx, sqlcgen.FinishAppCaseParams{
			Account: sql.NullString{String: string(c.Account), Valid: c.Account != ""}, Status: string(c.Status), ID: c.ID,
		})
	})
}

// changeCase makes a change that holds for open cases only, with its audit row.
func (db *DB) changeCase(ctx context.Context, id string, entry eid.AuditEntry, change func(*sqlcgen.Queries) (int64, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := change(q)
		if err != nil {
			return fmt.Errorf("deciding registration: %w", err)
		}
		if n == 0 {
			if _, err := q.AppCase(ctx, id); err != nil {
				return fmt.Errorf("finding registration: %w", found(err))
			}
			return registration.ErrDecided
		}
		return insertAudit(ctx, q, entry)
	})
}

func caseOf(row sqlcgen.OpenAppCasesRow) registration.Case {
	return registration.Case{
		ID: row.ID, Ref: row.Ref, SubjectType: eid.SubjectType(row.SubjectType), Doubt: registration.Doubt(row.Why),
		Status: registration.CaseStatus(row.Status), Rules: row.Rules, DueAt: row.DueAt, CreatedAt: row.CreatedAt,
		DecidedAt: row.DecidedAt.Time, DecidedBy: eid.AccountID(row.DecidedBy), Reason: row.Reason, Account: eid.AccountID(row.Account.String),
	}
}
