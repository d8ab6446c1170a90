package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.LockRequestStore = (*DB)(nil)

// maxLockRequests is how many requests a page holds.
const maxLockRequests = 500

// AddLockRequest fills accounts.LockRequestStore.
func (db *DB) AddLockRequest(ctx context.Context, r eid.LockRequest, room accounts.RequestRoom, entry eid.AuditEntry) (made eid.LockRequest, err error) {
	made = r
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		id, err := q.WaitingLockRequest(ctx, sqlcgen.WaitingLockRequestParams{
			Client: r.Client, Requester: r.Requester, Account: string(r.Account), Document: r.Document, Undo: r.Undo,
		})
		if err == nil {
			row, err := q.LockRequest(ctx, id)
			made = lockRequestOf(row)
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if r.Undo != "" {
			if _, err := q.LockInForce(ctx, r.Undo, string(r.Account)); err != nil {
				return fmt.Errorf("finding lock: %w", found(err))
			}
		}
		n, err := q.CountLockRequests(ctx, r.Client)
		if err != nil {
			return err
		}
		if n.OfAll >= int64(room.OfAll) || n.OfClient >= int64(room.OfClient) {
			return accounts.ErrNoRoom
		}
		if _, err := q.AccountStatus(ctx, string(r.Account)); err != nil {
			return fmt.Errorf("finding account: %w", found(err))
		}
		err = q.InsertLockRequest(ctx, sqlcgen.InsertLockRequestParams{
			ID: r.ID, Ref: r.Ref, Client: r.Client, Requester: r.Requester, Account: string(r.Account), Document: r.Document, Reason: r.Reason,
			Undo: r.Undo, Status: string(r.Status), Rules: r.Rules, DueAt: stamp(r.DueAt), CreatedAt: stamp(r.CreatedAt),
		})
		if err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return eid.LockRequest{}, fmt.Errorf("adding a request: %w", err)
	}
	return made, nil
}

// LockRequests fills accounts.LockRequestStore.
func (db *DB) LockRequests(ctx context.Context, f accounts.LockRequestFilter) ([]eid.LockRequest, error) {
	where, args := "status = 'waiting'", []any{}
	switch {
	case f.Status != "":
		where, args = "status = ?", append(args, string(f.Status))
	case f.Decided:
		where = "1 = 1"
	}
	if f.Client != "" {
		where, args = where+" AND client = ?", append(args, f.Client)
	}
	if f.After != "" {
		where, args = where+" AND (due_at, id) > (SELECT due_at, id FROM lock_requests WHERE id = ?)", append(args, f.After)
	}
	if f.Most <= 0 || f.Most > maxLockRequests {
		f.Most = maxLockRequests
	}
	//nolint:gosec // words of ours; values are parameters
	rows, err := db.file.Reader.QueryContext(ctx, `SELECT id, ref, client, requester, account, document, reason, undo, status, rules, due_at, created_at,
    decided_at, decided_by, why, COALESCE(lock, '')
FROM lock_requests WHERE `+where+` ORDER BY due_at, id LIMIT ?`, append(args, f.Most)...)
	if err != nil {
		return nil, fmt.Errorf("reading requests: %w", away(err))
	}
	defer func() { _ = rows.Close() }() // after its last row it is closed
	list := []eid.LockRequest{}
	for rows.Next() {
		var r sqlcgen.LockRequestRow
		err := rows.Scan(&r.ID, &r.Ref, &r.Client, &r.Requester, &r.Account, &r.Document, &r.Reason, &r.Undo, &r.Status, &r.Rules, &r.DueAt, &r.CreatedAt,
			&r.DecidedAt, &r.DecidedBy, &r.Why, &r.Lock)
		if err != nil {
			return nil, fmt.Errorf("reading requests: %w", err)
		}
		list = append(list, lockRequestOf(r))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading requests: %w", away(err))
	}
	return list, nil
}

// LockRequest fills accounts.LockRequestStore.
func (db *DB) LockRequest(ctx context.Context, id string) (s accounts.LockRequestStanding, err error) {
	err = db.read(ctx, func(q *sqlcgen.Queries) error {
		s, err = db.lockRequest(ctx, q, id)
		return err
	})
	return s, err
}

// RuleLockRequest fills accounts.LockRequestStore.
func (db *DB) RuleLockRequest(ctx context.Context, id string, decide func(accounts.LockRequestStanding) (accounts.LockRequestRuling, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		s, err := db.lockRequest(ctx, q, id)
		if err != nil {
			return err
		}
		ruling, err := decide(s)
		if err != nil {
			return err
		}
		if ruling.Set != nil {
			if err := db.addLock(ctx, q, s.Account, *ruling.Set); err != nil {
				return err
			}
		}
		if ruling.Lift != nil {
			if err := db.liftLock(ctx, q, s.Account, s.Undo, *ruling.Lift); err != nil {
				return err
			}
		}
		r := ruling.Request
		n, err := q.RuleLockRequest(ctx, sqlcgen.RuleLockRequestParams{
			Status: string(r.Status), DecidedAt: nullable(r.DecidedAt), DecidedBy: r.DecidedBy, Why: r.Why,
			Lock: sql.NullString{String: r.Lock, Valid: r.Lock != ""}, ID: id,
		})
		if err := changed(n, err, "deciding on a request"); err != nil {
			return err
		}
		if ruling.Set == nil && ruling.Lift == nil { // those tell for themselves
			if err := db.tellAccount(ctx, q, notify.LockDecided, s.Account, r.Ref); err != nil {
				return err
			}
		}
		for _, e := range ruling.Entries {
			if err := insertAudit(ctx, q, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// OverdueLockRequests counts requests that still wait after their term.
func (db *DB) OverdueLockRequests(ctx context.Context, at time.Time) (int, error) {
	return overdueLockRequests(ctx, db.reader, at)
}

// OverdueLockRequests does the same for who looks in from outside.
func (e *Examination) OverdueLockRequests(ctx context.Context, at time.Time) (int, error) {
	return overdueLockRequests(ctx, e.queries, at)
}

func overdueLockRequests(ctx context.Context, q *sqlcgen.Queries, at time.Time) (int, error) {
	n, err := q.OverdueLockRequests(ctx, stamp(at))
	if err != nil {
		return 0, fmt.Errorf("counting overdue requests: %w", away(err))
	}
	return int(n), nil
}

// lockRequest reads a request and what it is about now.
func (db *DB) lockRequest(ctx context.Context, q *sqlcgen.Queries, id string) (s accounts.LockRequestStanding, err error) {
	row, err := q.LockRequest(ctx, id)
	if err != nil {
		return s, fmt.Errorf("finding a request: %w", found(err))
	}
	s.LockRequest = lockRequestOf(row)
	if s.Holder, err = db.account(ctx, q, row.Account); err != nil {
		return s, fmt.Errorf("finding the account of a request: %w", err)
	}
	for _, l := range s.Holder.Locks {
		if l.ID == s.Undo {
			s.Undone = l
		}
	}
	return s, nil
}

func lockRequestOf(r sqlcgen.LockRequestRow) eid.LockRequest {
	return eid.LockRequest{
		ID: r.ID, Ref: r.Ref, Client: r.Client, Requester: r.Requester, Account: eid.AccountID(r.Account), Document: r.Document, Reason: r.Reason,
		Undo: r.Undo, Status: eid.RequestStatus(r.Status), Rules: r.Rules, DueAt: r.DueAt, CreatedAt: r.CreatedAt,
		DecidedAt: r.DecidedAt.Time, DecidedBy: r.DecidedBy, Why: r.Why, Lock: r.Lock,
	}
}
