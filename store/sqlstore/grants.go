package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// ErrSubject reports a subject that differs from the one issued before for that
// sector and account, or that belongs to another account.
var ErrSubject = errors.New("subject differs from the one issued")

// SectorSecret returns the 32 bytes that the subjects of a sector are made with.
// The first caller of all processes makes them; they never change.
func (db *DB) SectorSecret(ctx context.Context, sector string) ([]byte, error) {
	if sector == "" {
		return nil, errors.New("finding sector secret: no sector")
	}
	secret, err := db.onceMade(ctx, sectorContext(sector),
		func(q *sqlcgen.Queries) ([]byte, error) { return q.Sector(ctx, sector) },
		func(q *sqlcgen.Queries, sealed []byte) error {
			return q.InsertSector(ctx, sqlcgen.InsertSectorParams{Sector: sector, Sealed: sealed, CreatedAt: db.stamp()})
		})
	if err != nil {
		return nil, fmt.Errorf("finding secret of sector %s: %w", sector, err)
	}
	return secret, nil
}

// RecordGrant puts a grant and the subject it is issued under on record. entry
// gets the grant's account, client and JSON. The account is looked at once more
// in the same transaction: an error that wraps eid.ErrLocked or
// eid.ErrNotActivated means that a lock came between. ErrSubject when another
// subject was issued before. SubjectsOf tells of the grant from then on.
func (db *DB) RecordGrant(ctx context.Context, sector, subject string, g eid.Grant, entry eid.AuditEntry) error {
	detail, err := json.Marshal(g)
	if err == nil && g.Client == "" {
		err = errors.New("no client")
	}
	if err != nil {
		return fmt.Errorf("recording grant: %w", err)
	}
	entry.Account, entry.Client, entry.Detail = g.Account, g.Client, detail
	err = db.write(ctx, func(q *sqlcgen.Queries) error {
		if err := usable(ctx, q, g.Account); err != nil {
			return err
		}
		if err := db.keepSubject(ctx, q, sector, subject, string(g.Account)); err != nil {
			return err
		}
		err := q.PutGranted(ctx, sqlcgen.PutGrantedParams{
			Account: string(g.Account), Client: g.Client, Subject: subject, LastAt: stamp(entry.At),
		})
		if err != nil {
			return fmt.Errorf("writing who knows the account: %w", err)
		}
		return insertAudit(ctx, q, entry)
	})
	if err != nil {
		return fmt.Errorf("recording grant: %w", err)
	}
	return nil
}

func usable(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID) error {
	status, err := q.AccountStatus(ctx, string(id))
	if err != nil {
		return fmt.Errorf("finding account: %w", found(err))
	}
	a := eid.Account{ID: id, Status: eid.Status(status)}
	if a.Locks, err = locks(ctx, q, string(id)); err != nil {
		return err
	}
	return a.Usable()
}

func (db *DB) keepSubject(ctx context.Context, q *sqlcgen.Queries, sector, subject, account string) error {
	if sector == "" || subject == "" {
		return errors.New("no sector or no subject")
	}
	err := q.InsertSubject(ctx, sqlcgen.InsertSubjectParams{
		Sector: sector, Account: account, Sub: subject, CreatedAt: db.stamp(),
	})
	if err != nil {
		return fmt.Errorf("inserting subject: %w", err)
	}
	// No row means that the insert met this subject under another account.
	issued, err := q.Subject(ctx, sector, account)
	if errors.Is(found(err), eid.ErrNotFound) || err == nil && issued != subject {
		return ErrSubject
	}
	if err != nil {
		return fmt.Errorf("finding subject: %w", err)
	}
	return nil
}
