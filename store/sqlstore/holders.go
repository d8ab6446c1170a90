package sqlstore

import (
	"context"
	"encoding/base64"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore/sqlcgen"
)

// Account returns an account with its factors and the locks in force, or
// eid.ErrNotFound. The caller does not write to its lists.
func (db *DB) Account(ctx context.Context, id eid.AccountID) (eid.Account, error) {
	ctx, err := sqlitefile.Short(ctx)
	var a eid.Account
	if err == nil {
		a, err = db.holders.get(string(id), db.now(), func() (eid.Account, error) { return db.account(ctx, db.reader, string(id)) })
	}
	if err != nil {
		return eid.Account{}, fmt.Errorf("finding account: %w", err)
	}
	return a, nil
}

// MarkOf is a keyed hash of an identifier, for the record of a look-up that found no
// account. It is of no use to find an account by.
func (db *DB) MarkOf(i eid.Identifier) string {
	return base64.RawURLEncoding.EncodeToString(db.index.unknown(i))
}

// AccountByIdentifier returns the account that uses an identifier now, or
// eid.ErrNotFound.
func (db *DB) AccountByIdentifier(ctx context.Context, i eid.Identifier) (eid.Account, error) {
	ctx, err := sqlitefile.Short(ctx)
	var a eid.Account
	if err == nil {
		var row sqlcgen.Holder
		row, err = db.reader.HolderByIdentifier(ctx, db.index.identifier(i))
		if err = found(err); err == nil {
			a, err = db.accountOf(ctx, db.reader, row)
		}
	}
	if err != nil {
		return eid.Account{}, fmt.Errorf("finding account by identifier: %w", err)
	}
	return a, nil
}

// PasswordHash returns the encoded hash of an account's password, or
// eid.ErrNotFound when it has none.
func (db *DB) PasswordHash(ctx context.Context, id eid.AccountID) (string, error) {
	hash, err := db.credential(ctx, db.reader, id, eid.Password)
	if err != nil {
		return "", fmt.Errorf("finding password hash: %w", err)
	}
	return hash, nil
}

// TOTPSecret returns the secret of an account's second factor (RFC 6238), or
// eid.ErrNotFound when it has none.
func (db *DB) TOTPSecret(ctx context.Context, id eid.AccountID) (eid.Secret, error) {
	secret, err := db.credential(ctx, db.reader, id, eid.OneTimeCode)
	if err != nil {
		return eid.Secret{}, fmt.Errorf("finding TOTP secret: %w", err)
	}
	return eid.NewSecret(secret), nil
}

func (db *DB) account(ctx context.Context, q *sqlcgen.Queries, id string) (eid.Account, error) {
	row, err := q.Holder(ctx, id)
	if err != nil {
		return eid.Account{}, found(err)
	}
	return db.accountOf(ctx, q, row)
}

// accountOf opens what was read of an account, and reads its locks if it has any.
func (db *DB) accountOf(ctx context.Context, q *sqlcgen.Queries, row sqlcgen.Holder) (eid.Account, error) {
	number, err := db.sealer.Open(row.Sealed, identifierContext(row.Identifier))
	if err != nil {
		return eid.Account{}, fmt.Errorf("opening identifier: %w", err)
	}
	a := eid.Account{
		ID: eid.AccountID(row.ID),
		Person: eid.Person{
			Type:       eid.SubjectType(row.SubjectType),
			Identifier: eid.NewIdentifier(eid.IdentifierKind(row.Kind), row.Country, string(number)),
			Name:       row.Name, BirthDate: row.BirthDate, Gender: row.Gender,
			Nationality: row.Nationality, Address: row.Address,
		},
		Level: eid.Level(row.Level), Status: eid.Status(row.Status), OwnFloor: eid.Level(row.OwnFloor),
		Phone: eid.Contact{Value: row.Phone, Verified: row.PhoneVerified},
		Email: eid.Contact{Value: row.Email, Verified: row.EmailVerified},
		Declared: eid.Declared{
			Nickname: row.Nickname, PreferredUsername: row.PreferredUsername,
			Profile: row.Profile, Picture: row.Picture, Website: row.Website,
		},
		Linked: row.Linked, ManagedBy: row.ManagedBy, SessionsFrom: row.SessionsFrom.Time, UpdatedAt: row.UpdatedAt,
	}
	if row.HasPassword {
		a.Factors = append(a.Factors, eid.Password)
	}
	if row.HasCode {
		a.Factors = append(a.Factors, eid.OneTimeCode)
	}
	if row.HasFirst {
		a.Factors = append(a.Factors, eid.FirstPassword)
	}
	if row.HasPasskey {
		a.Factors = append(a.Factors, eid.Passkey)
	}
	if row.Locked { // seldom; one that was lifted since is none
		a.Locks, err = locks(ctx, q, row.ID)
	}
	return a, err
}

func locks(ctx context.Context, q *sqlcgen.Queries, id string) ([]eid.Lock, error) {
	rows, err := q.LocksInForce(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("finding locks: %w", err)
	}
	var list []eid.Lock
	for _, row := range rows {
		list = append(list, lockOf(row))
	}
	return list, nil
}

func (db *DB) credential(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, f eid.Factor) (string, error) {
	sealed, err := q.Credential(ctx, string(id), string(f))
	if err != nil {
		return "", found(err)
	}
	text, err := db.sealer.Open(sealed, credentialContext(f, string(id)))
	if err != nil {
		return "", fmt.Errorf("opening credential: %w", err)
	}
	return string(text), nil
}
