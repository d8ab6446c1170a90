package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/counter"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ counter.Store = (*DB)(nil)

// maxOpenedDaily is how many applications one officer opens in 24 hours: each one asks
// the registries about somebody.
const maxOpenedDaily = 300

// OpenApplication fills counter.Store.
func (db *DB) OpenApplication(ctx context.Context, r counter.Record, entry eid.AuditEntry) error {
	sealed, err := db.sealer.Seal(r.Contents, applicationContext(r.ID))
	if err != nil {
		return fmt.Errorf("sealing application: %w", err)
	}
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		opened, err := q.CountApplicationsBy(ctx, string(r.OpenedBy), stamp(r.CreatedAt.Add(-24*time.Hour)))
		if err != nil {
			return fmt.Errorf("counting applications: %w", err)
		}
		if opened >= maxOpenedDaily {
			return counter.ErrTooMany
		}
		if err := db.withdrawOverdue(ctx, q, r, entry); err != nil {
			return err
		}
		n, err := q.InsertApplication(ctx, sqlcgen.InsertApplicationParams{
			ID: r.ID, Ref: r.Ref, SubjectType: string(r.Intake.Person.Type), NumberIndex: db.index.identifier(r.Who), Sealed: sealed,
			Level: int64(r.Level), Status: string(r.Status), Office: r.Office, OpenedBy: string(r.OpenedBy), Rules: r.Rules,
			DueAt: stamp(r.DueAt), Revision: int64(r.Revision), CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt),
		})
		if err := inserted(n, err, "inserting application"); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
}

// withdrawOverdue ends an application that was left lying past its term, wherever that
// was: its person stands at another counter, which could neither see nor end it.
func (db *DB) withdrawOverdue(ctx context.Context, q *sqlcgen.Queries, r counter.Record, opened eid.AuditEntry) error {
	rows, err := q.WithdrawOverdueApplications(ctx, sqlcgen.WithdrawOverdueApplicationsParams{
		DecidedBy: string(r.OpenedBy), At: nullable(r.CreatedAt), NumberIndex: db.index.identifier(r.Who),
	})
	if err != nil {
		return fmt.Errorf("withdrawing an overdue application: %w", err)
	}
	for _, row := range rows {
		if err := auditWithdrawn(ctx, q, row, opened); err != nil {
			return err
		}
	}
	return nil
}

// auditWithdrawn puts on record that an application ended since nobody went on with it.
func auditWithdrawn(ctx context.Context, q *sqlcgen.Queries, row sqlcgen.WithdrawOverdueApplicationsRow, entry eid.AuditEntry) (err error) {
	entry.Action = eid.ActionApplicationDecided
	entry.Detail, err = json.Marshal(struct {
		Application string         `json:"application"`
		Status      counter.Status `json:"status"`
		Level       int64          `json:"level"`
		Office      string         `json:"office"`
		Rules       string         `json:"rules"`
		Overdue     bool           `json:"overdue"`
	}{row.Ref, counter.StatusWithdrawn, row.Level, row.Office, row.Rules, true})
	if err == nil {
		err = insertAudit(ctx, q, entry)
	}
	if err != nil {
		return fmt.Errorf("writing that an application was withdrawn: %w", err)
	}
	return nil
}

// Application fills counter.Store.
func (db *DB) Application(ctx context.Context, id string) (counter.Record, error) {
	row, err := db.reader.Application(ctx, id)
	if err != nil {
		return counter.Record{}, fmt.Errorf("finding application: %w", found(err))
	}
	contents, err := db.sealer.Open(row.Sealed, applicationContext(id))
	if err != nil {
		return counter.Record{}, fmt.Errorf("opening application: %w", err)
	}
	return counter.Record{Contents: contents, Application: counter.Application{
		ID: row.ID, Ref: row.Ref, Status: counter.Status(row.Status), Level: eid.Level(row.Level), Office: row.Office, OpenedBy: eid.AccountID(row.OpenedBy),
		Decision: counter.Decision{By: eid.AccountID(row.DecidedBy), At: row.DecidedAt.Time}, Account: eid.AccountID(row.Account.String),
		Rules: row.Rules, DueAt: row.DueAt, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Revision: int(row.Revision),
	}}, nil
}

// ChangeApplication fills counter.Store. An amended number that has an open application
// is eid.ErrExists.
func (db *DB) ChangeApplication(ctx context.Context, r counter.Record, entry eid.AuditEntry, posts ...notify.Post) error {
	ready, err := db.ready(posts)
	if err != nil {
		return err
	}
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		if err := db.changeApplication(ctx, q, r); err != nil {
			return err
		}
		if err := db.postAll(ctx, q, ready); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
}

// ApproveApplication fills counter.Store.
func (db *DB) ApproveApplication(ctx context.Context, r counter.Record, entry eid.AuditEntry, enrol counter.Enrolling) (accounts.Enrolled, error) {
	var got accounts.Enrolled
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		err := db.enrol(ctx, q, enrol.Who, func(held eid.Account) (accounts.EnrolmentRecord, error) {
			made, err := enrol.Decide(held)
			got = made.Enrolled()
			return made, err
		})
		if err != nil {
			return err
		}
		r.Account, entry.Account = got.Account, got.Account
		if err := db.changeApplication(ctx, q, r); err != nil {
			return err
		}
		posts, err := db.ready(enrol.Posts(got))
		if err != nil {
			return err
		}
		if err := db.postAll(ctx, q, posts); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
	return got, err
}

func (db *DB) changeApplication(ctx context.Context, q *sqlcgen.Queries, r counter.Record) error {
	sealed, err := db.sealer.Seal(r.Contents, applicationContext(r.ID))
	if err != nil {
		return fmt.Errorf("sealing application: %w", err)
	}
	n, err := q.UpdateApplication(ctx, sqlcgen.UpdateApplicationParams{
		NumberIndex: db.index.identifier(r.Who), Sealed: sealed, Status: string(r.Status),
		DecidedBy: string(r.Decision.By), DecidedAt: nullable(r.Decision.At), Account: sql.NullString{String: string(r.Account), Valid: r.Account != ""},
		UpdatedAt: stamp(r.UpdatedAt), ID: r.ID, Before: int64(r.Revision - 1),
	})
	if err != nil {
		return fmt.Errorf("changing application: %w", err)
	}
	if n > 0 {
		return nil
	}
	revision, err := q.ApplicationRevision(ctx, r.ID)
	switch err = found(err); {
	case err != nil:
		return fmt.Errorf("finding application: %w", err)
	case revision != int64(r.Revision-1):
		return counter.ErrStale
	}
	return eid.ErrExists // the number it was amended to has another open one
}

// Applications fills counter.Store.
func (db *DB) Applications(ctx context.Context, f counter.Filter) ([]counter.Summary, error) {
	list, err := db.applications(ctx, f)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("listing applications: %w", away(err))
	}
	return list, nil
}

func (db *DB) applications(ctx context.Context, f counter.Filter) ([]counter.Summary, error) {
	var list []counter.Summary
	add := func(row sqlcgen.ApplicationByRefRow) {
		list = append(list, counter.Summary{
			ID: row.ID, Ref: row.Ref, Status: counter.Status(row.Status), Type: eid.SubjectType(row.SubjectType), Level: eid.Level(row.Level),
			OpenedBy: eid.AccountID(row.OpenedBy), DueAt: row.DueAt, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Revision: int(row.Revision),
		})
	}
	switch {
	case f.Ref != "":
		rows, err := db.reader.ApplicationByRef(ctx, f.Ref, f.Office)
		for _, row := range rows {
			add(row)
		}
		return list, err
	case f.Status != "":
		rows, err := db.reader.ApplicationsOf(ctx, sqlcgen.ApplicationsOfParams{Office: f.Office, Status: string(f.Status), Page: int64(f.Most)})
		for _, row := range rows {
			add(sqlcgen.ApplicationByRefRow(row))
		}
		return list, err
	}
	rows, err := db.reader.OpenApplications(ctx, f.Office, int64(f.Most))
	for _, row := range rows {
		add(sqlcgen.ApplicationByRefRow(row))
	}
	return list, err
}
