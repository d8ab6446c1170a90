package sqlstore

import (
	"context"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// insertRevocationEvents writes, into the transaction of a revocation, what parties are
// to be told of it: one event for each that is registered. since is when the key began
// to sign. Which of them it concerns is found out when they are told.
func insertRevocationEvents(ctx context.Context, q *sqlcgen.Queries, kid string, since, at time.Time) error {
	err := q.InsertRevocationEvents(ctx, sqlcgen.InsertRevocationEventsParams{Kid: kid, Since: stamp(since), At: stamp(at)})
	if err != nil {
		return fmt.Errorf("inserting events of a revocation: %w", err)
	}
	return nil
}

// PendingRevocations returns parties that have to be told of a revoked key, oldest
// first, save those for whom much waits already.
func (db *DB) PendingRevocations(ctx context.Context, limit int) ([]eid.RevocationEvent, error) {
	rows, err := db.reader.RevocationEvents(ctx, sqlcgen.RevocationEventsParams{
		Settled: stamp(db.now().Add(-settled)), Room: tellingRoom, Page: int64(max(limit, 0)),
	})
	if err != nil {
		return nil, fmt.Errorf("reading events of revocations: %w", away(err))
	}
	var list []eid.RevocationEvent
	for _, row := range rows {
		list = append(list, eid.RevocationEvent{
			ID: row.ID, KeyID: row.Kid, Algorithm: row.Algorithm, Client: row.Client, Since: row.Since, After: row.After, At: row.At,
		})
	}
	return list, nil
}

// SubjectsSince returns the subjects after event.After that the party was given at
// since or later, in order, limit at most. Those of the hour before may be among them.
func (db *DB) SubjectsSince(ctx context.Context, event eid.RevocationEvent, since time.Time, limit int) ([]string, error) {
	list, err := db.reader.SubjectsSince(ctx, sqlcgen.SubjectsSinceParams{
		Client: event.Client, After: event.After, Since: stamp(since.Add(-listedFor)), Page: int64(max(limit, 0)),
	})
	if err != nil {
		return nil, fmt.Errorf("finding subjects of %s: %w", event.Client, away(err))
	}
	return list, nil
}

// DispatchRevocation puts notices into the outbox, as AddLogouts does, and moves the
// event on to the subject next, or ends it where next is empty. An event that somebody
// else moved meanwhile adds nothing.
func (db *DB) DispatchRevocation(ctx context.Context, event eid.RevocationEvent, next string, notices []eid.LogoutNotice) error {
	return db.tellPage(ctx, event.After, next, notices, func(q *sqlcgen.Queries) (int64, error) {
		if next == "" {
			return q.DeleteRevocationEvent(ctx, event.ID, event.After)
		}
		return q.MoveRevocationEvent(ctx, sqlcgen.MoveRevocationEventParams{Next: next, ID: event.ID, After: event.After})
	})
}
