package sqlstore

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

// importedID names the row of an old account. What a source calls a person never
// stands in it.
func (db *DB) importedID(source, login string) string {
	return base64.RawURLEncoding.EncodeToString(db.index.subject(source, login))
}

// OldAccountID is the id of the old account of a login name at a source, whether there
// is one or not.
func (db *DB) OldAccountID(source, login string) string { return db.importedID(source, login) }

// Imported returns the old account of a login name at a source, or eid.ErrNotFound.
func (db *DB) Imported(ctx context.Context, source, login string) (accounts.Imported, error) {
	i, err := db.imported(ctx, db.reader, db.importedID(source, login))
	if err == nil && i.State == eid.ImportedContested {
		i.ContestRef, err = contestRef(ctx, db.reader, db.index.subject(source, login))
	}
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("finding old account at %s: %w", source, err)
	}
	return i, nil
}

// contestRef is what officers know the contradiction between rows by that waits for them;
// empty where none does.
func contestRef(ctx context.Context, q *sqlcgen.Queries, index []byte) (string, error) {
	ref, err := q.ContestRef(ctx, index)
	if ref, err = perhaps(ref, err); err != nil {
		return "", fmt.Errorf("finding the contradiction: %w", away(err))
	}
	return ref, nil
}

func (db *DB) imported(ctx context.Context, q *sqlcgen.Queries, id string) (accounts.Imported, error) {
	row, err := q.Imported(ctx, id)
	if err != nil {
		return accounts.Imported{}, found(err)
	}
	return db.importedOf(row)
}

func (db *DB) importedOf(row sqlcgen.ImportedRow) (accounts.Imported, error) {
	old, err := db.openOld(row.ID, row.Sealed)
	return accounts.Imported{
		ID: row.ID, Source: row.Source, State: eid.ImportedState(row.State), Match: eid.ImportedMatch(row.Matched),
		Account: eid.AccountID(row.Account.String), CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		VerifiedAt: row.VerifiedAt.Time, RemindedAt: row.RemindedAt.Time, Old: old,
	}, err
}

// ReplaceImportedPassword puts a hash of ours in the place of the one that the portal
// kept of the same password. It does nothing when the stored one is another by now: a
// password that was imported meanwhile is never undone.
func (db *DB) ReplaceImportedPassword(ctx context.Context, source, login, outdated, updated string) error {
	id := db.importedID(source, login)
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		i, err := db.imported(ctx, q, id)
		if err != nil || i.Old.Password.Reveal() != outdated {
			return err
		}
		i.Old.Password, i.Old.Replaced = eid.NewSecret(updated), db.index.oldPassword(outdated)
		sealed, err := db.sealOld(id, &i.Old)
		if err != nil {
			return err
		}
		n, err := q.ReplaceImported(ctx, sealed, id)
		return changed(n, err, "writing old account")
	})
	if err != nil {
		return fmt.Errorf("replacing the password hash of an old account: %w", err)
	}
	return nil
}

// Reminded notes when a holder was shown that the account stops, or returns
// eid.ErrNotFound.
func (db *DB) Reminded(ctx context.Context, source, login string, at time.Time) error {
	return db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		n, err := q.RemindImported(ctx, nullable(at), db.importedID(source, login))
		return changed(n, err, "noting a reminder")
	})
}

// sealOld and openOld keep what a portal said unreadable at rest.
func (db *DB) sealOld(id string, o *accounts.OldAccount) ([]byte, error) {
	raw, err := o.Unsealed()
	if err != nil {
		return nil, fmt.Errorf("writing old account: %w", err)
	}
	sealed, err := db.sealer.Seal(raw, importedContext(id))
	if err != nil {
		return nil, fmt.Errorf("sealing old account: %w", err)
	}
	return sealed, nil
}

func (db *DB) openOld(id string, sealed []byte) (accounts.OldAccount, error) {
	raw, err := db.sealer.Open(sealed, importedContext(id))
	if err != nil {
		return accounts.OldAccount{}, fmt.Errorf("opening old account: %w", err)
	}
	return accounts.ParseOldAccount(raw)
}
