package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid/audit"
	"eidgate/store/sqlstore/sqlcgen"
)

// Evidence reads the audit and its checkpoints as they are stored. It writes
// nothing.
type Evidence struct {
	db     *sql.DB
	q      *sqlcgen.Queries
	sealer Sealer
}

var _ audit.Evidence = (*Evidence)(nil)

// Evidence reads the audit beside what is written.
func (db *DB) Evidence() *Evidence {
	return &Evidence{db: db.file.Reader, q: db.reader, sealer: db.sealer}
}

// Evidence reads the audit of a database that is only looked at, such as a backup.
// The error says so where the database is of before checkpoints.
func (e *Examination) Evidence(ctx context.Context, sealer Sealer) (*Evidence, error) {
	var tables int
	err := e.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('checkpoints', 'audit_head') AND type = 'table'").Scan(&tables)
	if err != nil {
		return nil, fmt.Errorf("looking for checkpoints: %w", err)
	}
	if tables < 2 {
		return nil, errors.New("there are no tables of checkpoints: an eidgate of before them wrote this database, or somebody took them away; what was shipped can still be verified with --export")
	}
	return &Evidence{db: e.db, q: e.queries, sealer: sealer}, nil
}

// Known fills audit.Evidence.
func (e *Evidence) Known(ctx context.Context) (audit.Known, error) {
	k := audit.Known{Dense: true} // SQLite numbers rows without gaps: a rollback takes its numbers back
	var err error
	if k.Head, err = sealedHead(ctx, e.q, e.sealer); errors.Is(err, audit.ErrTampered) {
		k.HeadBroken = true
	} else if err != nil {
		return audit.Known{}, err
	}
	err = e.db.QueryRowContext(ctx, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'").Scan(&k.LastID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return audit.Known{}, fmt.Errorf("reading how many audit rows were written: %w", err)
	}
	last, err := e.q.LastCheckpoint(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return audit.Known{}, fmt.Errorf("reading last checkpoint: %w", err)
	}
	k.LastN = last.N
	return k, nil
}

// Checkpoints fills audit.Evidence.
func (e *Evidence) Checkpoints(ctx context.Context, after int64, limit int) ([]audit.Checkpoint, error) {
	rows, err := e.q.CheckpointsAfter(ctx, after, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	list := make([]audit.Checkpoint, len(rows))
	for i, row := range rows {
		list[i] = audit.Checkpoint{N: row.N, Hashes: row.Hashes, JWS: row.Jws}
	}
	return list, nil
}

// Since fills audit.Evidence.
func (e *Evidence) Since(ctx context.Context, at time.Time) (int64, error) {
	n, err := e.q.CheckpointSince(ctx, stamp(at))
	if errors.Is(err, sql.ErrNoRows) {
		last, err := e.q.LastCheckpoint(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, fmt.Errorf("finding checkpoint: %w", err)
		}
		return last.N + 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding checkpoint: %w", err)
	}
	return n, nil
}

// EachRow fills audit.Evidence.
func (e *Evidence) EachRow(ctx context.Context, after, through int64, visit func(audit.Row) error) error {
	return eachAuditRow(ctx, e.db, visit, `WHERE id > ? AND id <= ? ORDER BY id`, after, through)
}

// Prunings fills audit.Evidence.
func (e *Evidence) Prunings(ctx context.Context, after int64) ([]audit.Row, error) {
	return auditRows(ctx, e.db, `WHERE action = ? AND id > ? ORDER BY id`, audit.ActionPruned, after)
}

// auditColumns are the columns of a row as they are stored, and their types: an edit
// may leave a value of another one there.
const auditColumns = `SELECT CAST(id AS INTEGER), CAST(at AS INTEGER),
	CAST(actor AS BLOB), CAST(action AS BLOB), CAST(account AS BLOB), CAST(client AS BLOB), CAST(ref AS BLOB), CAST(detail AS BLOB),
	typeof(id) || ' ' || typeof(at) || ' ' || typeof(actor) || ' ' || typeof(action) || ' ' || typeof(account) || ' ' || typeof(client) || ' ' || typeof(ref) || ' ' || typeof(detail)
FROM audit `

const rightTypes = "integer integer text text text text text text"

// auditRows reads rows; what chooses them bounds how many.
func auditRows(ctx context.Context, db *sql.DB, where string, args ...any) ([]audit.Row, error) {
	var list []audit.Row
	err := eachAuditRow(ctx, db, func(r audit.Row) error {
		list = append(list, r)
		return nil
	}, where, args...)
	return list, err
}

// eachAuditRow visits rows as they come, holding one at a time.
func eachAuditRow(ctx context.Context, db *sql.DB, visit func(audit.Row) error, where string, args ...any) (err error) {
	rows, err := db.QueryContext(ctx, auditColumns+where, args...)
	if err != nil {
		return fmt.Errorf("reading audit: %w", away(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var id, at sql.NullInt64
	var actor, action, account, client, ref, detail, types sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&id, &at, &actor, &action, &account, &client, &ref, &detail, &types); err != nil {
			return fmt.Errorf("reading audit: %w", err)
		}
		r := audit.Row{
			ID: id.Int64, At: at.Int64, Actor: string(actor), Action: string(action), Account: string(account),
			Client: string(client), Ref: string(ref), Detail: string(detail),
		}
		if string(types) != rightTypes {
			r.Odd = oddColumns(string(types))
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading audit: %w", away(err))
	}
	return nil
}

// oddColumns names the columns that have another type than theirs, with it.
func oddColumns(types string) string {
	names := []string{"id", "at", "actor", "action", "account", "client", "ref", "detail"}
	right := strings.Fields(rightTypes)
	var odd []string
	for i, is := range strings.Fields(types) {
		if is != right[i] {
			odd = append(odd, names[i]+" is "+is)
		}
	}
	return strings.Join(odd, ", ")
}
