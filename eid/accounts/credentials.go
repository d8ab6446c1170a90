package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
)

// Errors of changes of credentials. Besides them a change returns ErrInvalid,
// eid.ErrNotFound, eid.ErrExists and what eid.Account.Usable does.
var (
	// ErrCredentialGone: what the change was decided on is not there any more: a first password was
	// used or ended, a password was changed meanwhile.
	ErrCredentialGone = errors.New("credential changed meanwhile")
	// ErrLastMeans: the holder could not sign in any more.
	ErrLastMeans = errors.New("last means of sign-in")
	// ErrFactorMissing: the account has a factor that was not shown.
	ErrFactorMissing = errors.New("factor not shown")
)

// CredentialStore writes what holders sign in with.
type CredentialStore interface {
	// ChangeCredentials reads what an account has to sign in with, asks decide and writes
	// what it gives, in one transaction. An error of decide is returned and nothing is
	// written. eid.ErrNotFound when there is no such account.
	ChangeCredentials(ctx context.Context, id eid.AccountID, decide func(CredentialStanding) (CredentialChange, error)) error
}

// CredentialStanding is what an account has to sign in with.
type CredentialStanding struct {
	Account      eid.Account
	PasswordHash string // encoded; empty: none
	First        FirstPassword
	Passkeys     int
}

// FirstPassword is the secret that was sent to a holder, who chooses a password with it.
type FirstPassword struct {
	Hash  string // encoded; empty: none
	Until time.Time
}

// Counts reports whether the hash is that of the first password, and its time has not
// come.
func (f FirstPassword) Counts(hash string, now time.Time) bool {
	return hash != "" && f.Hash == hash && now.Before(f.Until)
}

// CredentialChange is what to write. Zero fields leave what is there.
type CredentialChange struct {
	At       time.Time
	Activate bool // pending_activation becomes active
	// Proved is a phone or an e-mail address of the account that is verified from now on.
	Proved       string
	PasswordHash string // with it the first password ends
	TOTPSecret   eid.Secret
	RemoveFactor eid.Factor
	AddPasskey   eid.PasskeyRecord
	// RemovePasskey is an id; eid.ErrNotFound when the account has none such.
	RemovePasskey string
	Entry         eid.AuditEntry
}

// Resets reports whether what was proved before ends; an eid.EventCredentialsReset then
// commits. It does where something that opened the account is replaced or goes: that may
// be why.
func (c CredentialChange) Resets() bool {
	return c.PasswordHash != "" && !c.Activate || c.RemoveFactor != "" || c.RemovePasskey != ""
}

// Credentials changes what holders sign in with. That who asks is the holder is for its
// callers to know; that no state is skipped is decided here.
type Credentials struct {
	store CredentialStore
	now   func() time.Time
}

// NewCredentials makes the writer. It starts nothing.
func NewCredentials(store CredentialStore, now func() time.Time) *Credentials {
	return &Credentials{store: store, now: now}
}

// Act is who changes credentials, and in which request.
type Act struct {
	Actor string // holder, operator:NAME or system
	Ref   string
}

// Activation is a holder's first act: an account is made active with a password that
// they chose.
type Activation struct {
	Act
	PasswordHash string
	// Proved is the phone or the e-mail address that a code or a first password reached.
	Proved string
	// FirstPasswordHash is the stored hash that a first password matched; empty where a
	// code was sent instead.
	FirstPasswordHash string
	// ProvedAt is when the proof of a code was begun. One of before the account was
	// enrolled anew is none.
	ProvedAt time.Time
}

// Activate makes a pending account active, once. eid.ErrExists when it is no pending one,
// ErrCredentialGone when the first password has ended or was used, or the account was
// enrolled anew since ProvedAt.
func (c *Credentials) Activate(ctx context.Context, id eid.AccountID, a Activation) error {
	return c.change(ctx, "activating account", id, a.Act, eid.ActionAccountActivated, func(s CredentialStanding, now time.Time) (CredentialChange, error) {
		switch {
		case len(s.Account.Locks) > 0:
			return CredentialChange{}, s.Account.Usable()
		case s.Account.Status != eid.PendingActivation:
			return CredentialChange{}, eid.ErrExists
		case a.FirstPasswordHash != "" && !s.First.Counts(a.FirstPasswordHash, now):
			return CredentialChange{}, ErrCredentialGone
		case a.FirstPasswordHash == "" && !s.Account.Counts(a.ProvedAt):
			return CredentialChange{}, ErrCredentialGone
		case a.PasswordHash == "":
			return CredentialChange{}, fmt.Errorf("%w: password is missing", ErrInvalid)
		case a.Proved == "" || a.Proved != s.Account.Phone.Value && a.Proved != s.Account.Email.Value:
			return CredentialChange{}, fmt.Errorf("%w: what was proved is not a contact of the account", ErrInvalid)
		}
		return CredentialChange{Activate: true, Proved: a.Proved, PasswordHash: a.PasswordHash}, nil
	})
}

// PasswordChange is a new password of an active account.
type PasswordChange struct {
	Act
	PasswordHash string
	// Expected is the stored hash that the holder's word matched: of the password of
	// before or, with First, of the first password. Empty where there was none.
	Expected string
	First    bool
}

// SetPassword changes a password. What was proved before does not count any more:
// sessions end, and parties are told. ErrCredentialGone when Expected is not what is stored.
func (c *Credentials) SetPassword(ctx context.Context, id eid.AccountID, p PasswordChange) error {
	return c.change(ctx, "changing password", id, p.Act, eid.ActionPasswordChanged, func(s CredentialStanding, now time.Time) (CredentialChange, error) {
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case p.PasswordHash == "":
			return CredentialChange{}, fmt.Errorf("%w: password is missing", ErrInvalid)
		case p.First && !s.First.Counts(p.Expected, now), !p.First && s.PasswordHash != p.Expected:
			return CredentialChange{}, ErrCredentialGone
		}
		return CredentialChange{PasswordHash: p.PasswordHash}, nil
	})
}

// Recovery is a new password of a holder who forgot theirs.
type Recovery struct {
	Act
	PasswordHash string
	// Proved is the verified contact that a code reached, in a recovery that was begun at
	// ProvedAt.
	Proved   string
	ProvedAt time.Time
	// Shown are the factors that the holder showed beside the code.
	Shown []eid.Factor
}

// Recover sets a password in place of a forgotten one and ends what was proved before.
// ErrFactorMissing when the account has a factor, by then, that was not shown: no
// recovery skips one. ErrCredentialGone when credentials were changed since ProvedAt: the
// holder may have done so because of who began. It gives no level and takes none.
func (c *Credentials) Recover(ctx context.Context, id eid.AccountID, r Recovery) error {
	return c.change(ctx, "recovering account", id, r.Act, eid.ActionAccountRecovered, func(s CredentialStanding, _ time.Time) (CredentialChange, error) {
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case r.PasswordHash == "":
			return CredentialChange{}, fmt.Errorf("%w: password is missing", ErrInvalid)
		case !reaches(s.Account, r.Proved), !s.Account.Counts(r.ProvedAt):
			return CredentialChange{}, ErrCredentialGone
		case len(Unshown(s.Account, r.Shown)) > 0:
			return CredentialChange{}, ErrFactorMissing
		}
		return CredentialChange{PasswordHash: r.PasswordHash}, nil
	})
}

// Unshown are the factors of an account that a recovery has to show beside a code: all
// but those that are recovered. One at Level 2 without any has to show one that it does
// not have, so that it is recovered at a counter: whoever has its phone would else have
// both factors of Level 2, the password by one code and another code.
func Unshown(a eid.Account, shown []eid.Factor) []eid.Factor {
	var beside, missing []eid.Factor
	for _, f := range a.Factors {
		if f != eid.Password && f != eid.FirstPassword {
			beside = append(beside, f)
		}
	}
	if len(beside) == 0 && a.Level >= eid.Level2 {
		beside = append(beside, eid.Passkey)
	}
	for _, f := range beside {
		if !slices.Contains(shown, f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// reaches reports whether an address is a verified contact of an account.
func reaches(a eid.Account, address string) bool {
	of := func(c eid.Contact) bool { return c.Verified && c.Value == address }
	return address != "" && (of(a.Phone) || of(a.Email))
}

// EnrolTOTP gives an account the secret of one-time codes, which the holder showed to
// have. eid.ErrExists while it has one.
func (c *Credentials) EnrolTOTP(ctx context.Context, id eid.AccountID, secret eid.Secret, act Act) error {
	detail := factorDetail{Factor: eid.OneTimeCode}
	return c.changeWith(ctx, "enrolling one-time codes", id, act, eid.ActionFactorAdded, detail, func(s CredentialStanding, _ time.Time) (CredentialChange, error) {
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case s.Account.Has(eid.OneTimeCode):
			return CredentialChange{}, eid.ErrExists
		case secret.IsZero():
			return CredentialChange{}, fmt.Errorf("%w: secret is missing", ErrInvalid)
		}
		return CredentialChange{TOTPSecret: secret}, nil
	})
}

// RemoveFactor takes the one-time codes from an account, and what was proved before does
// not count any more. eid.ErrNotFound when it has none, ErrLastMeans when nothing would be
// left to sign in with.
func (c *Credentials) RemoveFactor(ctx context.Context, id eid.AccountID, f eid.Factor, act Act) error {
	detail := factorDetail{Factor: f}
	return c.changeWith(ctx, "removing a factor", id, act, eid.ActionFactorRemoved, detail, func(s CredentialStanding, _ time.Time) (CredentialChange, error) {
		switch err := s.Account.Usable(); {
		case err != nil:
			return CredentialChange{}, err
		case f != eid.OneTimeCode:
			return CredentialChange{}, fmt.Errorf("%w: factor is none that is removed so", ErrInvalid)
		case !s.Account.Has(f):
			return CredentialChange{}, eid.ErrNotFound
		case s.PasswordHash == "" && s.Passkeys == 0:
			return CredentialChange{}, ErrLastMeans
		}
		return CredentialChange{RemoveFactor: f}, nil
	})
}

// factorDetail is that of an audit row.
type factorDetail struct {
	Factor eid.Factor `json:"factor"`
}

func (c *Credentials) change(ctx context.Context, doing string, id eid.AccountID, act Act, action string,
	decide func(CredentialStanding, time.Time) (CredentialChange, error),
) error {
	return c.changeWith(ctx, doing, id, act, action, struct{}{}, decide)
}

func (c *Credentials) changeWith(ctx context.Context, doing string, id eid.AccountID, act Act, action string, detail any,
	decide func(CredentialStanding, time.Time) (CredentialChange, error),
) error {
	now := c.now().UTC().Truncate(time.Microsecond)
	entry, err := entryOf(now, act.Actor, action, id, detail)
	if err == nil {
		entry.Ref = act.Ref
		err = c.store.ChangeCredentials(ctx, id, func(s CredentialStanding) (CredentialChange, error) {
			change, err := decide(s, now)
			change.At, change.Entry = now, entry
			return change, err
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
