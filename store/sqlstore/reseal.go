package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore/sqlcgen"
)

// Keyring is a Sealer whose keys are told apart.
type Keyring interface {
	Sealer
	Primary() uint32 // id of the key that seals
}

var _ Keyring = (*keys.Sealer)(nil)

const (
	resealBatch = 100 // rows of one transaction
	// resealPause lets others write between two transactions.
	resealPause = 10 * time.Millisecond
)

// sealedColumn is a table with a column named sealed.
type sealedColumn struct {
	table string
	row   []string // the columns of the primary key, all of them text
	// context is what sealed is bound to, from the values of row. It is nil where the
	// keys themselves say it.
	context func(row []string) string
}

// sealedColumns are all there are: a test holds the list against the schema.
func sealedColumns() []sealedColumn {
	of := func(context func(string) string) func([]string) string {
		return func(row []string) string { return context(row[0]) }
	}
	return []sealedColumn{
		{"identifiers", []string{"id"}, of(identifierContext)},
		{"credentials", []string{"account", "factor"}, func(row []string) string { return credentialContext(eid.Factor(row[1]), row[0]) }},
		{"sources", []string{"id"}, of(sourceContext)},
		{"sectors", []string{"sector"}, of(sectorContext)},
		{"secrets", []string{"name"}, of(secretContext)},
		{"reviews", []string{"id"}, of(reviewContext)},
		{"conflicts", []string{"id"}, of(conflictContext)},
		{"imported_accounts", []string{"id"}, of(importedContext)},
		{"applications", []string{"id"}, of(applicationContext)},
		{"notices", []string{"id"}, of(noticeContext)},
		{"registrations", []string{"id"}, of(appCaseContext)},
		{"documents", []string{"id"}, of(documentContext)},
		{"signing_keys", []string{"id"}, nil},
		{"purpose_keys", []string{"id"}, nil},
		// An integer never compares greater than the empty text of the first step.
		{"audit_head", []string{"CAST(id AS TEXT)"}, func([]string) string { return headContext }},
	}
}

// SealedRows says what stands where under which key.
type SealedRows struct {
	Table string
	Key   uint32 // 0: made by a key that leaves no mark
	Rows  int
}

// Sealed counts the sealed rows by table and key.
func (db *DB) Sealed(ctx context.Context) ([]SealedRows, error) {
	var list []SealedRows
	for _, c := range sealedColumns() {
		found, err := c.count(ctx, db.file.Reader)
		if err != nil {
			return nil, away(err)
		}
		list = append(list, found...)
	}
	return list, nil
}

// Sealed counts the sealed rows by table and key, in the tables that are there.
func (e *Examination) Sealed(ctx context.Context) ([]SealedRows, error) {
	var list []SealedRows
	for _, c := range sealedColumns() {
		var there int
		if err := e.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", c.table).Scan(&there); err != nil {
			return nil, fmt.Errorf("looking for table %s: %w", c.table, err)
		}
		if there == 0 {
			continue
		}
		found, err := c.count(ctx, e.db)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

func (c sealedColumn) count(ctx context.Context, db *sql.DB) (list []SealedRows, err error) {
	//nolint:gosec // names of ours
	rows, err := db.QueryContext(ctx, "SELECT substr(sealed, 1, 5), count(*) FROM "+c.table+" WHERE length(sealed) > 0 GROUP BY substr(sealed, 1, 5)")
	if err != nil {
		return nil, fmt.Errorf("counting what is sealed in %s: %w", c.table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var mark []byte
		found := SealedRows{Table: c.table}
		if err := rows.Scan(&mark, &found.Rows); err != nil {
			return nil, err
		}
		found.Key, _ = keys.SealedBy(mark)
		list = append(list, found)
	}
	return list, rows.Err()
}

// Resealed is how far a re-sealing came.
type Resealed struct {
	Table  string
	Done   int // rows sealed anew
	Failed int // rows that do not open: they stay as they are
}

// Reseal seals anew, with the primary key of ring, what other keys sealed, a hundred
// rows a transaction, so that a gateway can go on writing. Broken off, it goes on where
// it was when called again. progress is told after each transaction, and with the last
// one of each table. What stands in the rows does not change.
func (db *DB) Reseal(ctx context.Context, ring Keyring, progress func(Resealed)) error {
	for _, c := range sealedColumns() {
		so := Resealed{Table: c.table}
		after, more := make([]string, len(c.row)), c.context != nil
		for more {
			var rows []sealedRow
			err := db.writeIn(ctx, kindWrite, func(tx *sql.Tx) (err error) {
				rows, err = c.reseal(ctx, tx, ring, after)
				return err
			})
			if err != nil {
				return fmt.Errorf("sealing %s anew: %w", c.table, err)
			}
			for _, r := range rows {
				so.add(r.failed)
				after = r.row
			}
			if more = len(rows) == resealBatch; more {
				progress(so)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(resealPause):
				}
			}
		}
		if c.context == nil {
			err := db.resealKeys(ctx, ring, c.table, &so)
			if err != nil {
				return fmt.Errorf("sealing %s anew: %w", c.table, err)
			}
		}
		progress(so)
	}
	return nil
}

func (r *Resealed) add(failed bool) {
	if failed {
		r.Failed++
	} else {
		r.Done++
	}
}

// sealedRow is one row to be sealed anew.
type sealedRow struct {
	row    []string
	sealed []byte
	failed bool // it does not open
}

// reseal does one batch: what comes after a row, in the order of the primary key.
func (c sealedColumn) reseal(ctx context.Context, tx *sql.Tx, ring Keyring, after []string) ([]sealedRow, error) {
	rows, err := c.batch(ctx, tx, ring.Primary(), after)
	if err != nil {
		return nil, err
	}
	columns := strings.Join(c.row, ", ")
	places := strings.TrimSuffix(strings.Repeat("?, ", len(c.row)), ", ")
	//nolint:gosec // names of ours
	update := "UPDATE " + c.table + " SET sealed = ? WHERE (" + columns + ") = (" + places + ")"
	for i, r := range rows {
		again, err := anew(ring, r.sealed, c.context(r.row))
		if err != nil {
			rows[i].failed = true
			continue
		}
		if _, err := tx.ExecContext(ctx, update, append([]any{again}, anySlice(r.row)...)...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// batch reads the next rows that another key than the primary one sealed.
func (c sealedColumn) batch(ctx context.Context, tx *sql.Tx, primary uint32, after []string) (list []sealedRow, err error) {
	columns := strings.Join(c.row, ", ")
	places := strings.TrimSuffix(strings.Repeat("?, ", len(c.row)), ", ")
	//nolint:gosec // names of ours
	query := "SELECT " + columns + ", sealed FROM " + c.table + " WHERE (" + columns + ") > (" + places + ") AND length(sealed) > 0 AND substr(sealed, 1, 5) <> ? ORDER BY " + columns + " LIMIT ?"
	rows, err := tx.QueryContext(ctx, query, append(anySlice(after), mark(primary), resealBatch)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := sealedRow{row: make([]string, len(c.row))}
		targets := make([]any, 0, len(c.row)+1)
		for i := range r.row {
			targets = append(targets, &r.row[i])
		}
		if err := rows.Scan(append(targets, &r.sealed)...); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// resealKeys does the keys of one table, which are few, at once.
func (db *DB) resealKeys(ctx context.Context, ring Keyring, table string, so *Resealed) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		list, err := records(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range list {
			id, known := keys.SealedBy(r.Sealed)
			if tableOf(r) != table || len(r.Sealed) == 0 || known && id == ring.Primary() {
				continue
			}
			again, err := anew(ring, r.Sealed, r.Context())
			so.add(err != nil)
			if err != nil {
				continue
			}
			r.Sealed = again
			if err := putKey(ctx, q, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// tableOf is where a key is kept.
func tableOf(r keys.Record) string {
	if r.Purpose == "" || r.Purpose == keys.Tokens {
		return "signing_keys"
	}
	return "purpose_keys"
}

// anew opens and seals again.
func anew(ring Keyring, sealed []byte, context string) ([]byte, error) {
	plain, err := ring.Open(sealed, context)
	if err != nil {
		return nil, err
	}
	return ring.Seal(plain, context)
}

// mark is what begins every blob that a key sealed.
func mark(key uint32) []byte { return binary.BigEndian.AppendUint32([]byte{1}, key) }

func anySlice(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
