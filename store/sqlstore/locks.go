package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.LockStore = (*DB)(nil)

// AddLock fills accounts.LockStore.
func (db *DB) AddLock(ctx context.Context, id eid.AccountID, decide func(eid.Account) (accounts.LockSetting, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		a, err := db.account(ctx, q, string(id))
		if err != nil {
			return fmt.Errorf("finding account: %w", err)
		}
		set, err := decide(a)
		if err != nil {
			return err
		}
		return db.addLock(ctx, q, id, set)
	})
}

// addLock puts a lock in force within a transaction. What was proved before it does not
// come back when it is lifted. Its holder is told.
func (db *DB) addLock(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, set accounts.LockSetting) error {
	l := set.Lock
	if err := touch(ctx, q, id, l.SetAt); err != nil {
		return err
	}
	err := q.InsertLock(ctx, sqlcgen.InsertLockParams{
		ID: l.ID, Account: string(id), Reason: string(l.Reason), Requester: l.Requester, Document: l.Document,
		SetAt: stamp(l.SetAt), SetBy: string(l.SetBy), Client: l.Client,
	})
	if err != nil {
		return fmt.Errorf("inserting lock: %w", err)
	}
	if err := q.ResetAccount(ctx, nullable(l.SetAt), string(id)); err != nil {
		return fmt.Errorf("ending what was proved before a lock: %w", err)
	}
	if err := insertEvent(ctx, q, eid.EventLocked, id, l.SetAt); err != nil {
		return err
	}
	if err := db.tellAccount(ctx, q, notify.Locked, id, set.Entry.Ref); err != nil {
		return err
	}
	return insertAudit(ctx, q, set.Entry)
}

// LiftLock fills accounts.LockStore.
func (db *DB) LiftLock(ctx context.Context, id eid.AccountID, lockID string, decide func(eid.Lock) (accounts.Lift, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		row, err := q.LockInForce(ctx, lockID, string(id))
		if err != nil {
			return fmt.Errorf("finding lock: %w", found(err))
		}
		lift, err := decide(lockOf(sqlcgen.LocksInForceRow(row)))
		if err != nil {
			return err
		}
		return db.liftLock(ctx, q, id, lockID, lift)
	})
}

// liftLock ends a lock within a transaction. Its holder is told.
func (db *DB) liftLock(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, lockID string, lift accounts.Lift) error {
	n, err := q.LiftLock(ctx, sqlcgen.LiftLockParams{
		LiftedAt: nullable(lift.At), LiftDocument: lift.Document, LiftedBy: string(lift.By), LiftRequester: lift.Requester, Remedy: lift.Remedy,
		ID: lockID,
	})
	if err := changed(n, err, "lifting lock"); err != nil {
		return err
	}
	if err := touch(ctx, q, id, lift.At); err != nil {
		return err
	}
	if err := db.tellAccount(ctx, q, notify.Unlocked, id, lift.Entry.Ref); err != nil {
		return err
	}
	return insertAudit(ctx, q, lift.Entry)
}

// LocksOf fills accounts.LockStore.
func (db *DB) LocksOf(ctx context.Context, id eid.AccountID, most int) ([]accounts.LockRecord, error) {
	rows, err := db.reader.LocksOf(ctx, string(id), int64(max(most, 0)))
	if err != nil {
		return nil, fmt.Errorf("reading locks: %w", away(err))
	}
	list := []accounts.LockRecord{}
	for _, r := range rows {
		list = append(list, accounts.LockRecord{
			Lock: lockOf(sqlcgen.LocksInForceRow{
				ID: r.ID, Reason: r.Reason, Requester: r.Requester, Document: r.Document, SetAt: r.SetAt, SetBy: r.SetBy, Client: r.Client,
			}),
			LiftedAt: r.LiftedAt.Time, LiftedBy: eid.LockParty(r.LiftedBy), LiftedFor: r.LiftRequester, LiftDocument: r.LiftDocument, Remedy: r.Remedy,
		})
	}
	return list, nil
}

func lockOf(row sqlcgen.LocksInForceRow) eid.Lock {
	l := eid.Lock{
		ID: row.ID, Reason: eid.LockReason(row.Reason), SetBy: eid.LockParty(row.SetBy), Requester: row.Requester, Client: row.Client, Document: row.Document,
		SetAt: row.SetAt,
	}
	if l.SetBy == "" { // written before the party was
		l.SetBy = map[eid.LockReason]eid.LockParty{
			eid.LockSelf: eid.ByHolder, eid.LockAuthority: eid.ByAuthority, eid.LockTerms: eid.ByOperator,
			eid.LockNumber: eid.ByRegistry, eid.LockDeath: eid.ByRegistry,
		}[l.Reason]
	}
	return l
}
