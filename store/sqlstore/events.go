package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// PendingEvents returns the events that nobody has dispatched yet, oldest first.
func (db *DB) PendingEvents(ctx context.Context, limit int) ([]eid.Event, error) {
	rows, err := db.reader.Events(ctx, int64(max(limit, 0)))
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", away(err))
	}
	var list []eid.Event
	for _, row := range rows {
		list = append(list, eid.Event{
			ID: row.ID, Kind: eid.EventKind(row.Kind), Account: eid.AccountID(row.Account), At: row.At,
		})
	}
	return list, nil
}

// DispatchEvent ends an event and puts its notices into the outbox, as
// AddLogouts does. An event that was dispatched before adds nothing.
func (db *DB) DispatchEvent(ctx context.Context, id int64, notices []eid.LogoutNotice) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		n, err := q.DeleteEvent(ctx, id)
		if err != nil || n == 0 {
			return err
		}
		return db.addLogouts(ctx, q, notices)
	})
	if err != nil {
		return fmt.Errorf("dispatching event: %w", err)
	}
	return nil
}

// SubjectsOf returns client and subject of every party that got a grant for the
// account at since or later, by client: whom to tell when all its sessions end.
// Those of the hour before may be among them.
func (db *DB) SubjectsOf(ctx context.Context, account eid.AccountID, since time.Time) ([]eid.LogoutNotice, error) {
	rows, err := db.reader.GrantedSince(ctx, string(account), stamp(since.Add(-listedFor)))
	if err != nil {
		return nil, fmt.Errorf("finding parties of account: %w", away(err))
	}
	var list []eid.LogoutNotice
	for _, row := range rows {
		list = append(list, eid.LogoutNotice{Client: row.Client, Subject: row.Subject})
	}
	return list, nil
}

// insertEvent writes what parties must be told of into the change's transaction.
func insertEvent(ctx context.Context, q *sqlcgen.Queries, kind eid.EventKind, id eid.AccountID, at time.Time) error {
	err := q.InsertEvent(ctx, sqlcgen.InsertEventParams{Kind: string(kind), Account: string(id), At: stamp(at)})
	if err != nil {
		return fmt.Errorf("inserting event: %w", err)
	}
	return nil
}
