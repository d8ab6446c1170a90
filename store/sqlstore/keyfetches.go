package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore/sqlcgen"
)

// AwaitingParties returns the registered parties that a new key waits for, by id. The
// caller does not write to their lists.
func (db *DB) AwaitingParties(ctx context.Context) ([]eid.RelyingParty, error) {
	r, err := db.registrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding parties that await keys: %w", err)
	}
	var list []eid.RelyingParty
	for i := range r.list {
		if r.list[i].AwaitKeyFetch {
			list = append(list, r.list[i])
		}
	}
	return list, nil
}

// Lacking returns the ids of the registered parties that a key of this algorithm waits
// for, and that have not fetched the key yet, in order.
func (db *DB) Lacking(ctx context.Context, alg keys.Algorithm, kid string) ([]string, error) {
	awaiting, err := db.AwaitingParties(ctx)
	if err != nil {
		return nil, err
	}
	awaiting = slices.DeleteFunc(awaiting, func(p eid.RelyingParty) bool { return !p.SignedWith(string(alg)) })
	if len(awaiting) == 0 {
		return nil, nil
	}
	fetched, err := db.reader.KeyFetchers(ctx, kid)
	if err != nil {
		return nil, fmt.Errorf("finding who fetched key %s: %w", kid, away(err))
	}
	has := make(map[string]bool, len(fetched))
	for _, client := range fetched {
		has[client] = true
	}
	var lacking []string
	for i := range awaiting {
		if !has[awaiting[i].ID] {
			lacking = append(lacking, awaiting[i].ID)
		}
	}
	return lacking, nil
}

// Fetches returns the first fetch of each key by each party that keys wait for, by
// client and time.
func (db *DB) Fetches(ctx context.Context) ([]eid.KeyFetch, error) {
	rows, err := db.reader.KeyFetches(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading fetches of keys: %w", away(err))
	}
	var list []eid.KeyFetch
	for _, row := range rows {
		list = append(list, eid.KeyFetch{Client: row.Client, KeyID: row.Kid, At: row.At})
	}
	return list, nil
}

// RecordKeyFetches puts fetches on record that are not there yet, and removes those of
// keys that were retired and of parties that were removed. Where there is nothing new
// it only reads.
func (db *DB) RecordKeyFetches(ctx context.Context, fetches []eid.KeyFetch) error {
	fresh, err := db.unrecorded(ctx, fetches)
	if err != nil || len(fresh) == 0 {
		return err
	}
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		for _, f := range fresh {
			err := q.InsertKeyFetch(ctx, sqlcgen.InsertKeyFetchParams{Client: f.Client, Kid: f.KeyID, At: stamp(f.At)})
			if err != nil {
				return err
			}
		}
		return q.CleanKeyFetches(ctx)
	})
	if err != nil {
		return fmt.Errorf("recording fetches of keys: %w", err)
	}
	return nil
}

func (db *DB) unrecorded(ctx context.Context, fetches []eid.KeyFetch) ([]eid.KeyFetch, error) {
	var fresh []eid.KeyFetch
	for _, f := range fetches {
		known, err := db.reader.HasKeyFetch(ctx, f.Client, f.KeyID)
		if err != nil {
			return nil, fmt.Errorf("finding fetches of keys: %w", away(err))
		}
		if !known {
			fresh = append(fresh, f)
		}
	}
	return fresh, nil
}
