package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.EnrolStore = (*DB)(nil)

// Enrol fills accounts.EnrolStore.
func (db *DB) Enrol(ctx context.Context, who eid.Identifier, decide func(eid.Account) (accounts.EnrolmentRecord, error)) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error { return db.enrol(ctx, q, who, decide) })
}

// enrol is Enrol inside a transaction that may write more.
func (db *DB) enrol(ctx context.Context, q *sqlcgen.Queries, who eid.Identifier, decide func(eid.Account) (accounts.EnrolmentRecord, error)) error {
	var held eid.Account
	id, err := q.AccountByIdentifier(ctx, db.index.identifier(who))
	if id, err = perhaps(id, err); err == nil && id != "" {
		held, err = db.account(ctx, q, id)
	}
	if err != nil {
		return fmt.Errorf("finding account by identifier: %w", err)
	}
	r, err := decide(held)
	if err != nil {
		return err
	}
	if held.ID == "" {
		err = db.insertAccount(ctx, q, r.Record)
	} else {
		err = db.renew(ctx, q, r)
	}
	if err != nil {
		return err
	}
	if r.FirstPasswordHash != "" {
		if err := db.putFirstPassword(ctx, q, r); err != nil {
			return err
		}
	}
	if err := db.putLevelEvidence(ctx, q, r); err != nil {
		return err
	}
	for _, entry := range r.Entries {
		if err := insertAudit(ctx, q, entry); err != nil {
			return err
		}
	}
	return nil
}

// renew makes of an account one that nothing of before opens. The locks go first, then the
// contacts: who is told of the links that end is its holder now.
func (db *DB) renew(ctx context.Context, q *sqlcgen.Queries, r accounts.EnrolmentRecord) error {
	id, p, at := string(r.ID), r.Person, r.CreatedAt
	for _, l := range r.Lifts { // whoever was told of the lock is told of its end
		if err := db.liftLock(ctx, q, r.ID, l.Lock, l.Lift); err != nil {
			return err
		}
	}
	n, err := q.RenewAccount(ctx, sqlcgen.RenewAccountParams{
		Name: p.Name, BirthDate: p.BirthDate, Gender: p.Gender, Nationality: p.Nationality, Address: p.Address,
		Level: int64(r.Level), Status: string(r.Status), Phone: r.Phone.Value, Email: r.Email.Value,
		SessionsFrom: nullable(r.SessionsFrom), UpdatedAt: stamp(at), ID: id,
	})
	if err := changed(n, err, "renewing account"); err != nil {
		return err
	}
	if err := q.DeleteCredentials(ctx, id); err != nil {
		return fmt.Errorf("deleting credentials: %w", err)
	}
	if err := q.DeletePasskeys(ctx, id); err != nil {
		return fmt.Errorf("deleting passkeys: %w", err)
	}
	if err := db.endLinksOf(ctx, q, r); err != nil {
		return err
	}
	if err := endConsentsOf(ctx, q, r); err != nil {
		return err
	}
	if !r.Reset {
		return nil
	}
	return insertEvent(ctx, q, eid.EventCredentialsReset, r.ID, at)
}

func (db *DB) endLinksOf(ctx context.Context, q *sqlcgen.Queries, r accounts.EnrolmentRecord) error {
	links, err := q.LinksOf(ctx, string(r.ID), nullable(r.CreatedAt))
	if err != nil {
		return fmt.Errorf("finding links of account: %w", err)
	}
	for _, row := range links {
		link := linkOf(sqlcgen.LinkRow(row))
		if err := db.endLink(ctx, q, link, r.CreatedAt); err != nil {
			return err
		}
		entry, err := r.LinkEnded(link)
		if err != nil {
			return err
		}
		if err := insertAudit(ctx, q, entry); err != nil {
			return err
		}
	}
	return nil
}

func endConsentsOf(ctx context.Context, q *sqlcgen.Queries, r accounts.EnrolmentRecord) error {
	rows, err := q.ConsentsOf(ctx, string(r.ID))
	if err != nil {
		return fmt.Errorf("finding consents of account: %w", err)
	}
	for _, row := range rows {
		c, err := consentOf(row)
		if err != nil {
			return err
		}
		n, err := q.DeleteConsent(ctx, row.Account, row.Client)
		if err := changed(n, err, "deleting consent"); err != nil {
			return err
		}
		if err := auditConsent(ctx, q, c, r.ConsentEnded()); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) putFirstPassword(ctx context.Context, q *sqlcgen.Queries, r accounts.EnrolmentRecord) error {
	sealed, err := db.sealer.Seal([]byte(r.FirstPasswordHash), credentialContext(eid.FirstPassword, string(r.ID)))
	if err != nil {
		return fmt.Errorf("sealing first password: %w", err)
	}
	err = q.PutFirstPassword(ctx, sqlcgen.PutFirstPasswordParams{
		Account: string(r.ID), Factor: string(eid.FirstPassword), Sealed: sealed, UpdatedAt: stamp(r.CreatedAt), ExpiresAt: nullable(r.FirstPasswordUntil),
	})
	if err != nil {
		return fmt.Errorf("writing first password: %w", err)
	}
	return nil
}
