package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// maxAuditPage bounds one answer of Audit.
const maxAuditPage = 1000

// AuditFilter chooses audit rows. Empty fields choose all.
type AuditFilter struct {
	Action  string
	Account eid.AccountID
	Ref     string // reference of a request
	After   int64  // id of the last row seen
	Limit   int    // at most 1000, which zero means too
}

// AuditRow is an entry with its place in the audit.
type AuditRow struct {
	ID int64
	eid.AuditEntry
}

// Record writes entries that tell of no change here, all or none.
func (db *DB) Record(ctx context.Context, entries ...eid.AuditEntry) error {
	return db.writeAs(ctx, kindAudit, func(q *sqlcgen.Queries) error {
		for _, e := range entries {
			if err := insertAudit(ctx, q, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// vietnam is the zone of the days that counters are kept by.
var vietnam = time.FixedZone("Asia/Ho_Chi_Minh", 7*3600)

// Count adds one to a counter of today: what strangers do is counted and leaves
// no audit row.
func (db *DB) Count(ctx context.Context, name string) error {
	return db.writeAs(ctx, kindAudit, func(q *sqlcgen.Queries) error { return db.count(ctx, q, name, 1) })
}

func (db *DB) count(ctx context.Context, q *sqlcgen.Queries, name string, n int64) error {
	err := q.AddCount(ctx, sqlcgen.AddCountParams{Day: db.now().In(vietnam).Format(time.DateOnly), Name: name, N: n})
	if err != nil {
		return fmt.Errorf("counting %s: %w", name, err)
	}
	return nil
}

// CountOf is a counter's value on one day of Viet Nam.
func (db *DB) CountOf(ctx context.Context, name string, day time.Time) (int64, error) {
	n, err := db.reader.CountOf(ctx, day.In(vietnam).Format(time.DateOnly), name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading counter %s: %w", name, err)
	}
	return n, nil
}

// Audit returns the rows that f chooses, oldest first.
func (db *DB) Audit(ctx context.Context, f AuditFilter) ([]AuditRow, error) {
	if f.Limit <= 0 || f.Limit > maxAuditPage {
		f.Limit = maxAuditPage
	}
	rows, err := db.reader.Audit(ctx, sqlcgen.AuditParams{
		After: f.After, Action: f.Action, Account: string(f.Account), Ref: f.Ref, Page: int64(f.Limit),
	})
	if err != nil {
		return nil, fmt.Errorf("reading audit: %w", err)
	}
	var list []AuditRow
	for _, row := range rows {
		list = append(list, AuditRow{ID: row.ID, AuditEntry: eid.AuditEntry{
			At: row.At, Actor: row.Actor, Action: row.Action, Account: eid.AccountID(row.Account),
			Client: row.Client, Ref: row.Ref, Detail: json.RawMessage(row.Detail),
		}})
	}
	return list, nil
}

// AuditBefore is the id of the last row that was written before a time, zero where
// there is none: where a search of the rows since then goes on from. Rows are in
// the order of their times, save for the skew of clocks, which is allowed for.
func (db *DB) AuditBefore(ctx context.Context, t time.Time) (int64, error) {
	last, err := db.reader.LastAudit(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	t = t.Add(-time.Minute)
	// Rows may be missing between ids: what stands at one is the next that is there.
	n := sort.Search(int(last), func(i int) bool {
		if err != nil {
			return true
		}
		var row sqlcgen.AuditFromRow
		row, err = db.reader.AuditFrom(ctx, int64(i)+1)
		return err != nil || !row.At.Before(t)
	})
	if err != nil {
		return 0, fmt.Errorf("searching audit: %w", err)
	}
	return int64(n), nil
}

// insertAudit writes one row and refuses one that says not when, who or what.
func insertAudit(ctx context.Context, q *sqlcgen.Queries, e eid.AuditEntry) error {
	if e.At.IsZero() || e.Actor == "" || e.Action == "" {
		return errors.New("audit entry without time, actor or action")
	}
	if len(e.Detail) == 0 {
		e.Detail = json.RawMessage("{}")
	}
	if !json.Valid(e.Detail) {
		return errors.New("audit detail is not JSON")
	}
	for _, text := range [...]string{e.Actor, e.Action, string(e.Account), e.Client, e.Ref, string(e.Detail)} {
		if !utf8.ValidString(text) { // a file of evidence could not hold it byte by byte
			return errors.New("audit entry is not UTF-8")
		}
	}
	err := q.InsertAudit(ctx, sqlcgen.InsertAuditParams{
		At: stamp(e.At), Actor: e.Actor, Action: e.Action, Account: string(e.Account), Client: e.Client,
		Ref: e.Ref, Detail: string(e.Detail),
	})
	if err != nil {
		return fmt.Errorf("writing audit: %w", err)
	}
	return nil
}
