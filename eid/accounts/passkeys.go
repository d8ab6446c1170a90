package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
)

// ErrTooManyPasskeys tells that the account has MaxPasskeys.
var ErrTooManyPasskeys = errors.New("too many passkeys")

const (
	// MaxPasskeys is how many passkeys an account has at most.
	MaxPasskeys = 10
	// MaxPasskeyName is the longest name of one, in letters.
	MaxPasskeyName = 40
)

// AddPasskey gives an account a passkey that its holder made, under an ID that is made
// here and returned. eid.ErrExists when somebody has it, ErrTooManyPasskeys when the
// account has MaxPasskeys.
func (c *Credentials) AddPasskey(ctx context.Context, p eid.PasskeyRecord, act Act) (string, error) {
	p.ID = newID()
	detail := passkeyDetail{Factor: eid.Passkey, Passkey: p.ID, Synced: p.BackupEligible}
	err := c.changeWith(ctx, "adding a passkey", p.Account, act, eid.ActionFactorAdded, detail, func(s CredentialStanding, now time.Time) (CredentialChange, error) {
		var f faults
		f.text("name", p.Name, 1, MaxPasskeyName)
		f.add(len(p.CredentialID) == 0 || len(p.PublicKey) == 0, "credential id and public key are needed")
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case f.err() != nil:
			return CredentialChange{}, f.err()
		case !p.Level.Valid() || p.Level > s.Account.Level:
			return CredentialChange{}, fmt.Errorf("%w: level proved", ErrInvalid)
		case s.Passkeys >= MaxPasskeys:
			return CredentialChange{}, ErrTooManyPasskeys
		}
		p.CreatedAt = now
		return CredentialChange{AddPasskey: p}, nil
	})
	if err != nil {
		return "", err
	}
	return p.ID, nil
}

// RemovePasskey takes a passkey from an account: nobody signs in with it any more, and
// what was proved before does not count. eid.ErrNotFound when the account has no such one,
// ErrLastMeans when nothing would be left to sign in with.
func (c *Credentials) RemovePasskey(ctx context.Context, account eid.AccountID, id string, act Act) error {
	detail := passkeyDetail{Factor: eid.Passkey, Passkey: id}
	return c.changeWith(ctx, "removing a passkey", account, act, eid.ActionFactorRemoved, detail, func(s CredentialStanding, _ time.Time) (CredentialChange, error) {
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case id == "":
			return CredentialChange{}, fmt.Errorf("%w: no passkey is named", ErrInvalid)
		case s.PasswordHash == "" && s.Passkeys <= 1:
			return CredentialChange{}, ErrLastMeans
		}
		return CredentialChange{RemovePasskey: id}, nil
	})
}

// passkeyDetail is that of an audit row.
type passkeyDetail struct {
	Factor  eid.Factor `json:"factor"`
	Passkey string     `json:"passkey"`
	Synced  bool       `json:"synced,omitempty"` // it may be copied to other devices of its owner
}
