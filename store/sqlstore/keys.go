package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

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
			if err := insertAudit(ctx, q, keyEntry(e, db.stamp())); err != nil {
				return err
			}
		}
		for _, k := range u.Revoked {
			if err := insertRevocationEvents(ctx, q, k.ID, k.Since, db.stamp()); err != nil {
				return err
			}
		}
		return nil
	})
}

// keyDetail is what the audit says of a step of a key.
type keyDetail struct {
	KeyID   string       `json:"kid"`
	Purpose keys.Purpose `json:"purpose,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Forced  bool         `json:"forced,omitempty"`
	Ready   time.Time    `json:"ready_at,omitzero"`
	Lacking []string     `json:"lacking,omitempty"`
	More    int          `json:"lacking_more,omitempty"` // how many lack it beside those named
}

// maxLacking bounds how many parties one audit row names.
const maxLacking = 100

func keyEntry(e keys.Event, at time.Time) eid.AuditEntry {
	d := keyDetail{KeyID: e.KeyID, Purpose: e.Purpose, Reason: e.Reason, Forced: e.Forced, Ready: e.Ready, Lacking: e.Lacking}
	if n := len(d.Lacking) - maxLacking; n > 0 {
		d.Lacking, d.More = d.Lacking[:maxLacking], n
	}
	detail, _ := json.Marshal(d) // strings, a time and a number
	return eid.AuditEntry{At: at, Actor: e.Actor, Action: e.Action, Detail: detail}
}

func records(ctx context.Context, q *sqlcgen.Queries) ([]keys.Record, error) {
	tokens, err := q.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	others, err := q.PurposeKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading keys of purposes: %w", err)
	}
	var list []keys.Record
	for _, row := range tokens {
		list = append(list, keys.Record{
			ID: row.ID, Purpose: keys.Tokens, Algorithm: keys.Algorithm(row.Algorithm), State: keys.State(row.State), Custody: row.Custody,
			Sealed: row.Sealed, Public: json.RawMessage(row.Public),
			PublishedAt: row.PublishedAt.Time, ActivateAt: row.ActivateAt.Time, SigningAt: row.SigningAt.Time,
			VerifyingAt: row.VerifyingAt.Time, RetireAt: row.RetireAt.Time, RetiredAt: row.RetiredAt.Time, RevokedAt: row.RevokedAt.Time,
		})
	}
	for _, row := range others {
		list = append(list, keys.Record{
			ID: row.ID, Purpose: keys.Purpose(row.Purpose), Algorithm: keys.Algorithm(row.Algorithm), State: keys.State(row.State), Custody: row.Custody,
			Sealed: row.Sealed, Public: json.RawMessage(row.Public), Certificate: row.Certificate,
			PublishedAt: row.PublishedAt.Time, ActivateAt: row.ActivateAt.Time, SigningAt: row.SigningAt.Time,
			VerifyingAt: row.VerifyingAt.Time, RetireAt: row.RetireAt.Time, RetiredAt: row.RetiredAt.Time, RevokedAt: row.RevokedAt.Time,
		})
	}
	return list, addRevocations(ctx, q, list)
}

// addRevocations has the audit say which keys were revoked where their rows do not: who
// brings one back to life has to change what is sealed, too.
func addRevocations(ctx context.Context, q *sqlcgen.Queries, list []keys.Record) error {
	revoked, err := q.KeyRevocations(ctx, keys.ActionRevoked)
	if err != nil {
		return fmt.Errorf("reading revocations of keys: %w", err)
	}
	for _, row := range revoked {
		i := slices.IndexFunc(list, func(r keys.Record) bool { return r.ID == row.Kid })
		if i >= 0 && list[i].RevokedAt.IsZero() {
			list[i].RevokedAt = row.At
		}
	}
	return nil
}

// putKey writes a key of tokens where every version of the program looks for it, and
// any other where only those look that know purposes.
func putKey(ctx context.Context, q *sqlcgen.Queries, r keys.Record) error {
	sealed, certificate := notNull(r.Sealed), notNull(r.Certificate)
	var err error
	if r.Purpose == keys.Tokens {
		err = q.PutSigningKey(ctx, sqlcgen.PutSigningKeyParams{
			ID: r.ID, Algorithm: string(r.Algorithm), State: string(r.State), Custody: r.Custody, Sealed: sealed, Public: string(r.Public),
			PublishedAt: nullable(r.PublishedAt), ActivateAt: nullable(r.ActivateAt), SigningAt: nullable(r.SigningAt),
			VerifyingAt: nullable(r.VerifyingAt), RetireAt: nullable(r.RetireAt), RetiredAt: nullable(r.RetiredAt), RevokedAt: nullable(r.RevokedAt),
		})
	} else {
		err = q.PutPurposeKey(ctx, sqlcgen.PutPurposeKeyParams{
			ID: r.ID, Purpose: string(r.Purpose), Algorithm: string(r.Algorithm), State: string(r.State), Custody: r.Custody,
			Sealed: sealed, Public: string(r.Public), Certificate: certificate,
			PublishedAt: nullable(r.PublishedAt), ActivateAt: nullable(r.ActivateAt), SigningAt: nullable(r.SigningAt),
			VerifyingAt: nullable(r.VerifyingAt), RetireAt: nullable(r.RetireAt), RetiredAt: nullable(r.RetiredAt), RevokedAt: nullable(r.RevokedAt),
		})
	}
	if err != nil {
		return fmt.Errorf("writing key: %w", err)
	}
	return nil
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
