package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ keys.Store = (*DB)(nil)

// Keys fills keys.Store.
func (db *DB) Keys(ctx context.Context) ([]keys.Record, error) {
	return records(ctx, db.reader)
}

// UpdateKeys fills keys.Store. change runs once, inside the transaction.
func (db *DB) UpdateKeys(ctx context.Context, change func(current []keys.Record) (keys.Update, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		current, err := records(ctx, q)
		if err != nil {
			return err
		}
		u, err := change(current)
		if err != nil {
			return err
		}
		for _, r := range u.Put {
			if err := putKey(ctx, q, r); err != nil {
				return err
			}
		}
		for _, e := range u.Events {
			detail, err := json.Marshal(keyDetail{KeyID: e.KeyID, Reason: e.Reason})
			if err != nil {
				return fmt.Errorf("writing audit detail: %w", err)
			}
			entry := eid.AuditEntry{At: db.stamp(), Actor: e.Actor, Action: e.Action, Detail: detail}
			if err := insertAudit(ctx, q, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

type keyDetail struct {
	KeyID  string `json:"kid"`
	Reason string `json:"reason,omitempty"`
}

func records(ctx context.Context, q *sqlcgen.Queries) ([]keys.Record, error) {
	rows, err := q.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	var list []keys.Record
	for _, row := range rows {
		list = append(list, keys.Record{
			ID: row.ID, Algorithm: keys.Algorithm(row.Algorithm), State: keys.State(row.State),
			Sealed: row.Sealed, Public: json.RawMessage(row.Public),
			PublishedAt: row.PublishedAt.Time, ActivateAt: row.ActivateAt.Time, SigningAt: row.SigningAt.Time,
			VerifyingAt: row.VerifyingAt.Time, RetireAt: row.RetireAt.Time, RetiredAt: row.RetiredAt.Time,
		})
	}
	return list, nil
}

func putKey(ctx context.Context, q *sqlcgen.Queries, r keys.Record) error {
	sealed := r.Sealed
	if sealed == nil {
		sealed = []byte{} // a retired key: the column is never NULL
	}
	err := q.PutSigningKey(ctx, sqlcgen.PutSigningKeyParams{
		ID: r.ID, Algorithm: string(r.Algorithm), State: string(r.State), Sealed: sealed, Public: string(r.Public),
		PublishedAt: nullable(r.PublishedAt), ActivateAt: nullable(r.ActivateAt), SigningAt: nullable(r.SigningAt),
		VerifyingAt: nullable(r.VerifyingAt), RetireAt: nullable(r.RetireAt), RetiredAt: nullable(r.RetiredAt),
	})
	if err != nil {
		return fmt.Errorf("writing signing key: %w", err)
	}
	return nil
}
