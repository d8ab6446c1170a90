package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// ListedOfficer is an officer as operators see them.
type ListedOfficer struct {
	eid.Officer
	Name    string
	AddedAt time.Time
}

// Officer returns the officer that an account is now, or eid.ErrNotFound.
func (db *DB) Officer(ctx context.Context, id eid.AccountID) (eid.Officer, error) {
	row, err := db.reader.Officer(ctx, string(id))
	if err = found(err); err != nil {
		return eid.Officer{}, fmt.Errorf("finding officer: %w", err)
	}
	return eid.Officer{Account: id, Office: row.Office, Tasks: tasks(row.Tasks)}, nil
}

// Officers returns those of now, by office.
func (db *DB) Officers(ctx context.Context) ([]ListedOfficer, error) {
	rows, err := db.reader.Officers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading officers: %w", away(err))
	}
	list := make([]ListedOfficer, 0, len(rows))
	for _, row := range rows {
		list = append(list, ListedOfficer{
			Officer: eid.Officer{Account: eid.AccountID(row.Account), Office: row.Office, Tasks: tasks(row.Tasks)},
			Name:    row.Name, AddedAt: row.AddedAt,
		})
	}
	return list, nil
}

// PutOfficer makes an account an officer, or changes what the officer may do, with an
// audit row. eid.ErrNotFound when there is no such account.
func (db *DB) PutOfficer(ctx context.Context, o eid.Officer, entry eid.AuditEntry) error {
	words := make([]string, len(o.Tasks))
	for i, t := range o.Tasks {
		words[i] = string(t)
	}
	detail, err := json.Marshal(struct {
		Office string     `json:"office"`
		Tasks  []eid.Task `json:"tasks"`
	}{o.Office, o.Tasks})
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	entry.Action, entry.Account, entry.Detail = eid.ActionOfficerAdded, o.Account, detail
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		if _, err := q.AccountStatus(ctx, string(o.Account)); err != nil {
			return found(err)
		}
		put := sqlcgen.PutOfficerParams{Account: string(o.Account), Office: o.Office, Tasks: strings.Join(words, " "), AddedAt: stamp(entry.At)}
		if err := q.PutOfficer(ctx, put); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("adding officer: %w", err)
	}
	return nil
}

// EndOfficer takes the office from an account, with an audit row. eid.ErrNotFound when
// it has none.
func (db *DB) EndOfficer(ctx context.Context, id eid.AccountID, entry eid.AuditEntry) error {
	entry.Action, entry.Account = eid.ActionOfficerEnded, id
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := q.EndOfficer(ctx, nullable(entry.At), string(id))
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		if n == 0 {
			return eid.ErrNotFound
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("ending officer: %w", err)
	}
	return nil
}

// tasks reads the words of the column. A word that is not known is no task.
func tasks(words string) []eid.Task {
	var list []eid.Task
	for _, known := range eid.Tasks() {
		for word := range strings.FieldsSeq(words) {
			if word == string(known) {
				list = append(list, known)
			}
		}
	}
	return list
}
