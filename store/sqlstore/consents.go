package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore/sqlcgen"
)

// Consent returns the consent that a holder gave a client last and did not
// withdraw, in force or run out (eid.ConsentGiven.Covers); else eid.ErrNotFound.
func (db *DB) Consent(ctx context.Context, account eid.AccountID, client string) (eid.ConsentGiven, error) {
	ctx, err := sqlitefile.Short(ctx)
	var c eid.ConsentGiven
	if err == nil {
		c, err = db.consents.get(string(account)+"\x00"+client, db.now(), func() (eid.ConsentGiven, error) {
			return consent(ctx, db.reader, account, client)
		})
	}
	if err != nil {
		return eid.ConsentGiven{}, fmt.Errorf("finding consent: %w", err)
	}
	return c, nil
}

// GiveConsent puts a consent in the place of an earlier one. entry gets its
// account, client, claims and end: the audit row is the evidence (Decree 13/2023,
// Art. 11). eid.ErrNotFound when there is no such account.
func (db *DB) GiveConsent(ctx context.Context, c eid.ConsentGiven, entry eid.AuditEntry) error {
	c.GivenAt, c.Until = stamp(c.GivenAt), stamp(c.Until)
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		if c.Client == "" || !c.Until.After(c.GivenAt) {
			return errors.New("no client, or over before it begins")
		}
		if _, err := q.AccountStatus(ctx, string(c.Account)); err != nil {
			return fmt.Errorf("finding account: %w", found(err))
		}
		return putConsent(ctx, q, c, entry)
	})
	if err != nil {
		return fmt.Errorf("giving consent: %w", err)
	}
	return nil
}

// WithdrawConsent ends a consent. entry gets what was withdrawn. eid.ErrNotFound
// when there is none.
func (db *DB) WithdrawConsent(ctx context.Context, account eid.AccountID, client string, entry eid.AuditEntry) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		c, err := consent(ctx, q, account, client)
		if err != nil {
			return err
		}
		n, err := q.DeleteConsent(ctx, string(account), client)
		if err := changed(n, err, "deleting"); err != nil {
			return err
		}
		return auditConsent(ctx, q, c, entry)
	})
	if err != nil {
		return fmt.Errorf("withdrawing consent: %w", err)
	}
	return nil
}

// AnswerConsent changes the answer to one claim within a consent in force: it is shared
// from now on, or declined, for as long as the consent was to last. entry gets what then
// stands. eid.ErrNotFound when there is no such consent, or it says nothing of the claim.
func (db *DB) AnswerConsent(ctx context.Context, account eid.AccountID, client, claim string, share bool, entry eid.AuditEntry) error {
	err := db.write(ctx, func(q *sqlcgen.Queries) error {
		c, err := consent(ctx, q, account, client)
		if err != nil {
			return err
		}
		if !c.Answers([]string{claim}, entry.At) {
			return eid.ErrNotFound
		}
		is := func(name string) bool { return name == claim }
		c.Claims, c.Declined = slices.DeleteFunc(c.Claims, is), slices.DeleteFunc(c.Declined, is)
		if share {
			c.Claims = append(c.Claims, claim)
		} else {
			c.Declined = append(c.Declined, claim)
		}
		return putConsent(ctx, q, c, entry)
	})
	if err != nil {
		return fmt.Errorf("changing an answer within a consent: %w", err)
	}
	return nil
}

// ConsentsOf returns the consents that an account gave and did not withdraw, by
// client; those that ran out are among them.
func (db *DB) ConsentsOf(ctx context.Context, account eid.AccountID) ([]eid.ConsentGiven, error) {
	rows, err := db.reader.ConsentsOf(ctx, string(account))
	if err != nil {
		return nil, fmt.Errorf("finding consents of account: %w", away(err))
	}
	var list []eid.ConsentGiven
	for _, row := range rows {
		c, err := consentOf(row)
		if err != nil {
			return nil, fmt.Errorf("finding consents of account: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

func consent(ctx context.Context, q *sqlcgen.Queries, account eid.AccountID, client string) (eid.ConsentGiven, error) {
	row, err := q.Consent(ctx, string(account), client)
	if err != nil {
		return eid.ConsentGiven{}, found(err)
	}
	return consentOf(row)
}

// putConsent writes a consent in the place of an earlier one, and its evidence.
func putConsent(ctx context.Context, q *sqlcgen.Queries, c eid.ConsentGiven, entry eid.AuditEntry) error {
	c.Claims = slices.Compact(slices.Sorted(slices.Values(c.Claims)))
	c.Declined = slices.Compact(slices.Sorted(slices.Values(c.Declined)))
	claims, err := json.Marshal(c.Claims)
	if err != nil {
		return fmt.Errorf("writing claims: %w", err)
	}
	declined, err := json.Marshal(append([]string{}, c.Declined...))
	if err != nil {
		return fmt.Errorf("writing declined claims: %w", err)
	}
	err = q.PutConsent(ctx, sqlcgen.PutConsentParams{
		Account: string(c.Account), Client: c.Client, Claims: string(claims), GivenAt: c.GivenAt, Until: c.Until, Declined: string(declined),
	})
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return auditConsent(ctx, q, c, entry)
}

func consentOf(row sqlcgen.Consent) (eid.ConsentGiven, error) {
	c := eid.ConsentGiven{
		Account: eid.AccountID(row.Account), Client: row.Client, GivenAt: row.GivenAt, Until: row.Until,
	}
	if err := json.Unmarshal([]byte(row.Claims), &c.Claims); err != nil {
		return eid.ConsentGiven{}, fmt.Errorf("reading claims: %w", err)
	}
	if err := json.Unmarshal([]byte(row.Declined), &c.Declined); err != nil {
		return eid.ConsentGiven{}, fmt.Errorf("reading declined claims: %w", err)
	}
	if len(c.Declined) == 0 {
		c.Declined = nil
	}
	return c, nil
}

type consentDetail struct {
	Claims   []string  `json:"claims"` // their names
	Declined []string  `json:"declined,omitempty"`
	Until    time.Time `json:"until"`
}

func auditConsent(ctx context.Context, q *sqlcgen.Queries, c eid.ConsentGiven, entry eid.AuditEntry) error {
	detail, err := json.Marshal(consentDetail{Claims: c.Claims, Declined: c.Declined, Until: c.Until})
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	entry.Account, entry.Client, entry.Detail = c.Account, c.Client, detail
	return insertAudit(ctx, q, entry)
}
