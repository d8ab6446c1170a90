package sqlstore

import (
	"context"
	"fmt"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore/sqlcgen"
)

var _ accounts.CredentialStore = (*DB)(nil)

// ChangeCredentials fills accounts.CredentialStore.
func (db *DB) ChangeCredentials(ctx context.Context, id eid.AccountID,
	decide func(accounts.CredentialStanding) (accounts.CredentialChange, error),
) error {
	return db.write(ctx, func(q *sqlcgen.Queries) error {
		standing, err := db.credentialStanding(ctx, q, id)
		if err != nil {
			return err
		}
		c, err := decide(standing)
		if err != nil {
			return err
		}
		if err := touch(ctx, q, id, c.At); err != nil {
			return err
		}
		if err := db.changeAccess(ctx, q, id, c); err != nil {
			return err
		}
		if err := db.changeFactors(ctx, q, id, c); err != nil {
			return err
		}
		if kind, ok := toldOf[c.Entry.Action]; ok {
			if err := db.tellEverywhere(ctx, q, kind, id, c.Entry.Ref); err != nil {
				return err
			}
		}
		return insertAudit(ctx, q, c.Entry)
	})
}

// toldOf is what holders are told of a change, by its action.
var toldOf = map[string]notify.Kind{
	eid.ActionAccountActivated: notify.Activated, eid.ActionPasswordChanged: notify.PasswordChanged,
	eid.ActionAccountRecovered: notify.Recovered,
	eid.ActionFactorAdded:      notify.FactorAdded, eid.ActionFactorRemoved: notify.FactorRemoved,
}

// tellEverywhere queues a notice to every contact that the holder of an account proved:
// whoever has taken over one of them does not hide from the others.
func (db *DB) tellEverywhere(ctx context.Context, q *sqlcgen.Queries, kind notify.Kind, id eid.AccountID, ref string) error {
	row, err := q.ContactsOf(ctx, string(id))
	if err != nil {
		return fmt.Errorf("finding the holder's addresses: %w", found(err))
	}
	for _, to := range []struct {
		channel  notify.Channel
		address  string
		verified bool
	}{{notify.SMS, row.Phone, row.PhoneVerified}, {notify.Email, row.Email, row.EmailVerified}} {
		sends, err := db.sends(ctx, q, to.channel)
		if err != nil {
			return err
		}
		address, wrong := notify.ParseAddress(to.channel, to.address)
		if !sends || !to.verified || wrong != nil {
			continue
		}
		n := notify.Notice{Kind: kind, Channel: to.channel, To: eid.NewSecret(address), Ref: ref}
		if err := db.post(ctx, q, n); err != nil {
			return err
		}
	}
	return nil
}

// FirstPassword returns the first password of an account, ended or not, or
// eid.ErrNotFound when it has none.
func (db *DB) FirstPassword(ctx context.Context, id eid.AccountID) (accounts.FirstPassword, error) {
	s, err := db.credentialsOf(ctx, db.reader, id)
	if err == nil && s.First.Hash == "" {
		err = eid.ErrNotFound
	}
	if err != nil {
		return accounts.FirstPassword{}, fmt.Errorf("finding first password: %w", err)
	}
	return s.First, nil
}

func (db *DB) credentialStanding(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID) (accounts.CredentialStanding, error) {
	s, err := db.credentialsOf(ctx, q, id)
	if err != nil {
		return s, err
	}
	if s.Account, err = db.account(ctx, q, string(id)); err != nil {
		return s, fmt.Errorf("finding account: %w", err)
	}
	passkeys, err := q.CountPasskeys(ctx, string(id))
	if err != nil {
		return s, fmt.Errorf("counting passkeys: %w", err)
	}
	s.Passkeys = int(passkeys)
	return s, nil
}

// credentialsOf reads the hashes of an account's passwords.
func (db *DB) credentialsOf(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID) (s accounts.CredentialStanding, err error) {
	rows, err := q.Credentials(ctx, string(id))
	if err != nil {
		return s, fmt.Errorf("finding credentials: %w", away(err))
	}
	for _, row := range rows {
		f := eid.Factor(row.Factor)
		if f != eid.Password && f != eid.FirstPassword {
			continue
		}
		text, err := db.sealer.Open(row.Sealed, credentialContext(f, string(id)))
		if err != nil {
			return s, fmt.Errorf("opening credential: %w", err)
		}
		if f == eid.Password {
			s.PasswordHash = string(text)
		} else {
			s.First = accounts.FirstPassword{Hash: string(text), Until: row.ExpiresAt.Time}
		}
	}
	return s, nil
}

// changeAccess writes whether and since when an account can be signed in to.
func (db *DB) changeAccess(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, c accounts.CredentialChange) error {
	if c.Activate {
		n, err := q.ActivateAccount(ctx, string(id))
		if err := inserted(n, err, "activating account"); err != nil {
			return err
		}
	}
	if c.Proved != "" {
		if err := q.ProveContact(ctx, c.Proved, string(id)); err != nil {
			return fmt.Errorf("noting a proved contact: %w", err)
		}
	}
	if !c.Resets() {
		return nil
	}
	if err := q.ResetAccount(ctx, nullable(c.At), string(id)); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return insertEvent(ctx, q, eid.EventCredentialsReset, id, c.At)
}

func (db *DB) changeFactors(ctx context.Context, q *sqlcgen.Queries, id eid.AccountID, c accounts.CredentialChange) error {
	at := stamp(c.At)
	if c.PasswordHash != "" {
		if err := db.putCredential(ctx, q, id, eid.Password, c.PasswordHash, at); err != nil {
			return err
		}
		if _, err := q.DeleteCredential(ctx, string(id), string(eid.FirstPassword)); err != nil {
			return fmt.Errorf("ending first password: %w", err)
		}
	}
	if !c.TOTPSecret.IsZero() {
		if err := db.putCredential(ctx, q, id, eid.OneTimeCode, c.TOTPSecret.Reveal(), at); err != nil {
			return err
		}
	}
	if c.RemoveFactor != "" {
		n, err := q.DeleteCredential(ctx, string(id), string(c.RemoveFactor))
		if err := changed(n, err, "removing factor"); err != nil {
			return err
		}
	}
	return db.changePasskeys(ctx, q, id, c)
}
