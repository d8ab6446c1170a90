package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid/audit"
	"eidgate/store/sqlstore/sqlcgen"
)

var (
	_ audit.Store  = (*DB)(nil)
	_ audit.Outbox = (*DB)(nil)
)

// headContext is where the head of the audit's chain is sealed.
const headContext = "audit_head/1"

// Head fills audit.Store.
func (db *DB) Head(ctx context.Context) (audit.Head, error) {
	var head audit.Head
	err := db.read(ctx, func(q *sqlcgen.Queries) (err error) {
		head, err = auditHead(ctx, q, db.sealer)
		return err
	})
	return head, err
}

// auditHead reads where the chain stands, and holds the last checkpoint against it.
func auditHead(ctx context.Context, q *sqlcgen.Queries, sealer Sealer) (audit.Head, error) {
	head, err := sealedHead(ctx, q, sealer)
	if err != nil {
		return audit.Head{}, err
	}
	last, err := q.LastCheckpoint(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return audit.Head{}, fmt.Errorf("reading last checkpoint: %w", err)
	}
	if last.N != head.N || (head.N > 0 && audit.Digest(last.Jws) != head.Hash) {
		return audit.Head{}, fmt.Errorf("%w: the last is %d, and was %d", audit.ErrTampered, last.N, head.N)
	}
	return head, nil
}

// sealedHead opens the head, which is zero where there is none.
func sealedHead(ctx context.Context, q *sqlcgen.Queries, sealer Sealer) (audit.Head, error) {
	sealed, err := q.AuditHead(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Head{}, nil
	}
	if err != nil {
		return audit.Head{}, fmt.Errorf("reading head of the audit: %w", err)
	}
	text, err := sealer.Open(sealed, headContext)
	if err != nil {
		return audit.Head{}, fmt.Errorf("%w: opening its head: %w", audit.ErrTampered, err)
	}
	var head audit.Head
	if err := json.Unmarshal(text, &head); err != nil {
		return audit.Head{}, fmt.Errorf("reading head of the audit: %w", err)
	}
	return head, nil
}

// RowsAfter fills audit.Store.
func (db *DB) RowsAfter(ctx context.Context, id int64, limit int) ([]audit.Row, error) {
	return auditRows(ctx, db.file.Reader, `WHERE id > ? ORDER BY id LIMIT ?`, id, limit)
}

// Append fills audit.Store.
func (db *DB) Append(ctx context.Context, c audit.Checkpoint, head audit.Head) error {
	text, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("writing head of the audit: %w", err)
	}
	sealed, err := db.sealer.Seal(text, headContext)
	if err != nil {
		return fmt.Errorf("sealing head of the audit: %w", err)
	}
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		before, err := auditHead(ctx, q, db.sealer)
		if err != nil {
			return err
		}
		if before.N != c.N-1 {
			return fmt.Errorf("%w: %d", audit.ErrTaken, before.N)
		}
		err = q.InsertCheckpoint(ctx, sqlcgen.InsertCheckpointParams{N: c.N, LastID: head.Last, At: head.At, Hashes: c.Hashes, Jws: c.JWS})
		if err == nil {
			err = q.PutAuditHead(ctx, sealed)
		}
		if err != nil {
			return fmt.Errorf("writing checkpoint: %w", err)
		}
		return nil
	})
}

// Checkpoints fills audit.Outbox.
func (db *DB) Checkpoints(ctx context.Context, after int64, limit int) ([]audit.Checkpoint, error) {
	return db.Evidence().Checkpoints(ctx, after, limit)
}

// Shipped fills audit.Outbox.
func (db *DB) Shipped(ctx context.Context, target string) (int64, error) {
	n, err := db.reader.Shipped(ctx, target)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("finding what was shipped: %w", away(err))
	}
	return n, nil
}

// Unshipped is when the oldest checkpoint was made that a receiver has not got; zero
// where it has all.
func (db *DB) Unshipped(ctx context.Context, target string) (time.Time, error) {
	at, err := db.reader.Unshipped(ctx, target)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("finding what waits to be shipped: %w", away(err))
	}
	return at, nil
}

// Ship fills audit.Outbox.
func (db *DB) Ship(ctx context.Context, target string, n int64) error {
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		return q.PutShipped(ctx, sqlcgen.PutShippedParams{Target: target, N: n, At: db.stamp()})
	})
	if err != nil {
		return fmt.Errorf("noting what was shipped: %w", err)
	}
	return nil
}
