package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var (
	_ accounts.Store = (*DB)(nil)
	_ accounts.Crowd = (*DB)(nil)
)

// CreateAccount fills accounts.Store.
func (db *DB) CreateAccount(ctx context.Context, r accounts.Record, entry eid.AuditEntry) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		if err := db.insertAccount(ctx, q, r); err != nil {
			return err
		}
		return insertAudit(ctx, q, entry)
	})
}

// CreateAccounts fills accounts.Crowd.
func (db *DB) CreateAccounts(ctx context.Context, list []accounts.Record, entry eid.AuditEntry) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		ctx := context.WithoutCancel(ctx) // that of the transaction ends it: no statement need watch for that
		for _, r := range list {
			if err := db.insertAccount(ctx, q, r); err != nil {
				return err
			}
		}
		return insertAudit(ctx, q, entry)
	})
}

// insertAccount writes an account with its identifier and credentials.
func (db *DB) insertAccount(ctx context.Context, q *sqlcgen.Queries, r accounts.Record) error {
	id, p := string(r.ID), r.Person
	at := stamp(r.CreatedAt)
	n, err := q.InsertAccount(ctx, sqlcgen.InsertAccountParams{
		ID: id, SubjectType: string(p.Type), Name: p.Name, BirthDate: p.BirthDate, Gender: p.Gender,
		Nationality: p.Nationality, Address: p.Address,
		Level: int64(r.Level), Status: string(r.Status), OwnFloor: int64(r.OwnFloor),
		Phone: r.Phone.Value, PhoneVerified: r.Phone.Verified,
		Email: r.Email.Value, EmailVerified: r.Email.Verified,
		Nickname: r.Declared.Nickname, PreferredUsername: r.Declared.PreferredUsername,
		Profile: r.Declared.Profile, Picture: r.Declared.Picture, Website: r.Declared.Website,
		ManagedBy: r.ManagedBy, CreatedAt: at, UpdatedAt: at,
	})
	if err := inserted(n, err, "inserting account"); err != nil {
		return err
	}
	if err := db.insertIdentifier(ctx, q, r.ID, p.Identifier, at); err != nil {
		return err
	}
	if r.PasswordHash != "" {
		if err := db.putCredential(ctx, q, r.ID, eid.Password, r.PasswordHash, at); err != nil {
			return err
		}
	}
	if !r.TOTPSecret.IsZero() {
		return db.putCredential(ctx, q, r.ID, eid.OneTimeCode, r.TOTPSecret.Reveal(), at)
	}
	return nil
}

func (db *DB) insertIdentifier(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, i eid.Identifier, at time.Time) error {
	row := rand.Text()
	number, err := db.sealer.Seal([]byte(i.Reveal()), identifierContext(row))
	if err != nil {
		return fmt.Errorf("sealing identifier: %w", err)
	}
	n, err := q.InsertIdentifier(ctx, sqlcgen.InsertIdentifierParams{
		ID: row, Account: string(id), Kind: string(i.Kind()), Country: i.Country(),
		Sealed: number, BlindIndex: db.index.identifier(i), CreatedAt: stamp(at),
	})
	return inserted(n, err, "inserting identifier")
}

// Rehash puts a new hash of an unchanged password in the place of an outdated
// one. It does nothing when the stored hash is another by now: a password changed
// meanwhile is never undone.
func (db *DB) Rehash(ctx context.Context, id eid.AccountID, outdated, updated string) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		have, err := db.credential(ctx, q, id, eid.Password)
		if err != nil || have != outdated {
			return err
		}
		return db.putCredential(ctx, q, id, eid.Password, updated, db.stamp())
	})
	if err != nil {
		return fmt.Errorf("replacing password hash: %w", err)
	}
	return nil
}

func (db *DB) putCredential(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, f eid.Factor, text string,
	at time.Time,
) error {
	sealed, err := db.sealer.Seal([]byte(text), credentialContext(f, string(id)))
	if err != nil {
		return fmt.Errorf("sealing credential: %w", err)
	}
	err = q.PutCredential(ctx, sqlcgen.PutCredentialParams{
		Account: string(id), Factor: string(f), Sealed: sealed, UpdatedAt: at,
	})
	if err != nil {
		return fmt.Errorf("writing credential: %w", err)
	}
	return nil
}

// touch marks an account changed, and finds out whether it exists.
func touch(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, at time.Time) error {
	n, err := q.TouchAccount(ctx, stamp(at), string(id))
	return changed(n, err, "finding account")
}

// inserted turns an insert that met a row in its way into eid.ErrExists.
func inserted(rows int64, err error, doing string) error {
	if err == nil && rows == 0 {
		err = eid.ErrExists
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// changed turns an update that met no row into eid.ErrNotFound.
func changed(rows int64, err error, doing string) error {
	if err == nil && rows == 0 {
		err = eid.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
