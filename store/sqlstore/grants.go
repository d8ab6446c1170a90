package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/store/sqlstore/sqlcgen"
)

// SectorSecret returns the 32 bytes that the subjects of a sector are made with.
// The first caller of all processes makes them; they never change.
func (db *DB) SectorSecret(ctx context.Context, sector string) ([]byte, error) {
	if sector == "" {
		return nil, errors.New("finding sector secret: no sector")
	}
	if secret, ok := db.sectors.Load(sector); ok {
		return bytes.Clone(secret.([]byte)), nil
	}
	secret, err := db.onceMade(ctx, sectorContext(sector),
		func(q *sqlcgen.Queries) ([]byte, error) { return q.Sector(ctx, sector) },
		func(q *sqlcgen.Queries, sealed []byte) error {
			return q.InsertSector(ctx, sqlcgen.InsertSectorParams{Sector: sector, Sealed: sealed, CreatedAt: db.stamp()})
		})
	if err != nil {
		return nil, fmt.Errorf("finding secret of sector %s: %w", sector, err)
	}
	db.sectors.Store(sector, bytes.Clone(secret))
	return secret, nil
}

// RecordGrant puts a grant and the subject it is issued under on record. entry
// gets the grant's account, client and JSON. The account is looked at once more
// in the same transaction: an error that wraps eid.ErrLocked or
// eid.ErrNotActivated means that a lock came between, store.ErrUnavailable that
// the account's level fell. eid.ErrSubject when another
// subject was issued before, or the subject is somebody else's; Subjects gives what is
// right from then on. SubjectsOf tells of the grant.
func (db *DB) RecordGrant(ctx context.Context, sector, subject string, g eid.Grant, entry eid.AuditEntry) error {
	detail, err := json.Marshal(g)
	if err == nil && (g.Client == "" || sector == "" || subject == "") {
		err = errors.New("no client, no sector or no subject")
	}
	if err == nil {
		entry.Account, entry.Client, entry.Detail = g.Account, g.Client, detail
		err = db.grants.do(ctx, &grantRow{sector: sector, subject: subject, source: g.Source, level: g.Terms.Account, entry: entry})
	}
	switch {
	case errors.Is(err, errLevelFell):
		db.forgetHolders()
	case errors.Is(err, eid.ErrSubject):
		db.forgetHolders()
		db.forget()
	}
	if err != nil {
		return fmt.Errorf("recording grant: %w", err)
	}
	return nil
}

// listedFor is how long a party stays on the list of an account's parties as it
// was written: most grants of an hour then write nothing there.
const listedFor = time.Hour

// grantRow is one grant to put on record.
type grantRow struct {
	sector, subject string
	source          string
	level           eid.Level // the account's, as the grant takes it
	entry           eid.AuditEntry
}

// errLevelFell reports that the account is at a lower level than the grant says.
// Trying again reads it anew.
var errLevelFell = fmt.Errorf("the account's level fell meanwhile: %w", store.ErrUnavailable)

// write puts the grant on record. It writes nothing where refused is not nil:
// the grant may not be, though the database is well.
func (r *grantRow) write(ctx context.Context, q *sqlcgen.Queries) (refused, err error) {
	account := string(r.entry.Account)
	at := stamp(r.entry.At)
	have, err := q.GrantFacts(ctx, sqlcgen.GrantFactsParams{
		Sector: r.sector, Client: r.entry.Client, Subject: r.subject, Since: at.Add(-listedFor), Source: r.source, Account: account,
	})
	if err = found(err); err != nil {
		refused = fmt.Errorf("finding account: %w", err)
		if !errors.Is(err, eid.ErrNotFound) {
			return nil, refused
		}
		return refused, nil
	}
	a := eid.Account{ID: r.entry.Account, Status: eid.Status(have.Status)}
	if have.Locked {
		if a.Locks, err = locks(ctx, q, account); err != nil {
			return nil, err
		}
	}
	if refused = a.Usable(); refused != nil {
		return refused, nil
	}
	if eid.Level(have.Level) < r.level {
		return errLevelFell, nil
	}
	if have.Subject == "" {
		owner, err := q.OldSubject(ctx, r.sector, r.subject)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, fmt.Errorf("finding whose old subject it is: %w", err)
		case owner.Account.String != account: // nobody's, it waits for the one who proves it
			return eid.ErrSubject, nil
		}
		n, err := q.InsertSubject(ctx, sqlcgen.InsertSubjectParams{Sector: r.sector, Account: account, Sub: r.subject, CreatedAt: at})
		if err != nil {
			return nil, fmt.Errorf("inserting subject: %w", err)
		}
		if n == 0 { // it is another account's
			return eid.ErrSubject, nil
		}
	} else if have.Subject != r.subject {
		return eid.ErrSubject, nil
	}
	if !have.Listed {
		err := q.PutGranted(ctx, sqlcgen.PutGrantedParams{Account: account, Client: r.entry.Client, Subject: r.subject, LastAt: at})
		if err != nil {
			return nil, fmt.Errorf("writing who knows the account: %w", err)
		}
	}
	if !have.ListedThrough {
		err := q.PutGrantedThrough(ctx, sqlcgen.PutGrantedThroughParams{
			Source: r.source, Client: r.entry.Client, Subject: r.subject, Account: account, LastAt: at,
		})
		if err != nil {
			return nil, fmt.Errorf("writing through which source: %w", err)
		}
	}
	return nil, insertAudit(ctx, q, r.entry)
}
