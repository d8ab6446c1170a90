package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// Passkeys returns the passkeys of an account, the oldest first.
func (db *DB) Passkeys(ctx context.Context, account eid.AccountID) ([]eid.PasskeyRecord, error) {
	rows, err := db.reader.PasskeysOf(ctx, string(account))
	if err != nil {
		return nil, fmt.Errorf("finding passkeys: %w", away(err))
	}
	var list []eid.PasskeyRecord
	for _, row := range rows {
		p, err := db.passkeyOf(row)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// PasskeyByCredential returns the passkey with a credential ID, or eid.ErrNotFound.
func (db *DB) PasskeyByCredential(ctx context.Context, credentialID []byte) (eid.PasskeyRecord, error) {
	row, err := db.reader.PasskeyByCredential(ctx, db.index.passkey(credentialID))
	if err != nil {
		return eid.PasskeyRecord{}, fmt.Errorf("finding passkey: %w", found(err))
	}
	return db.passkeyOf(sqlcgen.PasskeysOfRow(row))
}

// UsePasskey reads a passkey anew, asks next and writes what it gives, and when it was
// used, in one transaction. An error of next is returned and nothing is written;
// eid.ErrNotFound when there is none.
func (db *DB) UsePasskey(ctx context.Context, id string, at time.Time, next func(eid.PasskeyRecord) (eid.PasskeyRecord, error)) error {
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		row, err := q.Passkey(ctx, id)
		if err != nil {
			return fmt.Errorf("finding passkey: %w", found(err))
		}
		p, err := db.passkeyOf(sqlcgen.PasskeysOfRow(row))
		if err != nil {
			return err
		}
		if p, err = next(p); err != nil {
			return err
		}
		sealed, err := db.sealPasskey(p)
		if err != nil {
			return err
		}
		n, err := q.UsePasskey(ctx, sqlcgen.UsePasskeyParams{ID: id, Sealed: sealed, UsedAt: nullable(at)})
		return changed(n, err, "writing passkey")
	})
}

func (db *DB) changePasskeys(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, c accounts.CredentialChange) error {
	if c.RemovePasskey != "" {
		n, err := q.DeletePasskey(ctx, c.RemovePasskey, string(id))
		if err := changed(n, err, "removing passkey"); err != nil {
			return err
		}
	}
	p := c.AddPasskey
	if p.ID == "" {
		return nil
	}
	sealed, err := db.sealPasskey(p)
	if err != nil {
		return err
	}
	n, err := q.InsertPasskey(ctx, sqlcgen.InsertPasskeyParams{
		ID: p.ID, Account: string(id), CredentialIndex: db.index.passkey(p.CredentialID), Sealed: sealed, Name: p.Name, CreatedAt: stamp(p.CreatedAt),
	})
	return inserted(n, err, "inserting passkey")
}

// passkeyRecord is the sealed part of a passkey.
type passkeyRecord struct {
	CredentialID   []byte    `json:"id"`
	PublicKey      []byte    `json:"key"`
	Level          eid.Level `json:"level"`
	SignCount      uint32    `json:"count"`
	BackupEligible bool      `json:"backup_eligible,omitempty"`
	BackedUp       bool      `json:"backed_up,omitempty"`
	Transports     []string  `json:"transports,omitempty"`
}

func (db *DB) sealPasskey(p eid.PasskeyRecord) ([]byte, error) {
	text, err := json.Marshal(passkeyRecord{p.CredentialID, p.PublicKey, p.Level, p.SignCount, p.BackupEligible, p.BackedUp, p.Transports})
	if err != nil {
		return nil, fmt.Errorf("writing passkey: %w", err)
	}
	sealed, err := db.sealer.Seal(text, passkeyContext(p.ID))
	if err != nil {
		return nil, fmt.Errorf("sealing passkey: %w", err)
	}
	return sealed, nil
}

func (db *DB) passkeyOf(row sqlcgen.PasskeysOfRow) (eid.PasskeyRecord, error) {
	text, err := db.sealer.Open(row.Sealed, passkeyContext(row.ID))
	if err != nil {
		return eid.PasskeyRecord{}, fmt.Errorf("opening passkey: %w", err)
	}
	var r passkeyRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return eid.PasskeyRecord{}, fmt.Errorf("reading passkey: %w", err)
	}
	return eid.PasskeyRecord{
		ID: row.ID, Account: eid.AccountID(row.Account), Name: row.Name,
		Level: r.Level, CredentialID: r.CredentialID, PublicKey: r.PublicKey, SignCount: r.SignCount,
		BackupEligible: r.BackupEligible, BackedUp: r.BackedUp, Transports: r.Transports,
		CreatedAt: row.CreatedAt, UsedAt: row.UsedAt.Time,
	}, nil
}
