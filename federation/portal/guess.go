package portal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// keyName is the counter of one login name.
const keyName = "portal.name"

// guess is one password at one name, with what it counts against. Names are counted
// whether somebody has them or not, and all spellings together.
type guess struct {
	guesses *federation.Guesses
	name    string // slot
	crowd   federation.Crowd
}

func (s *Source) guess(name string, password eid.Secret, req federation.Request) guess {
	return guess{
		guesses: s.d.Guesses, name: s.d.Guesses.Slot("portal name", s.id+"\x00"+federation.FoldedLogin(name)),
		crowd: s.d.Guesses.Crowd(req.Address, password),
	}
}

// count counts the guess before it is evaluated. The crowd comes first: what it
// refuses takes nobody's guesses.
func (g guess) count(ctx context.Context, now time.Time) error {
	if err := g.crowd.Count(ctx, now); err != nil {
		return err
	}
	return g.guesses.Count(ctx, g.name, now, federation.Counter{Key: keyName})
}

// forgive takes the guess back everywhere: it was none.
func (g guess) forgive(ctx context.Context) error {
	tries, err := g.guesses.Forget(ctx, g.name, keyName)
	if err != nil {
		return err
	}
	return g.crowd.Forgive(ctx, tries)
}

// authenticate gives the account of who has this name and password, nil for nobody.
// It evaluates exactly one password: for a name that nobody has, with the hash of the
// account beside it, whose kind and costs are those of this portal.
func (s *Source) authenticate(ctx context.Context, name string, password eid.Secret) (*accounts.OldAccount, error) {
	near, err := s.d.Accounts.ImportedNear(ctx, s.id, name)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return nil, fmt.Errorf("finding an old account: %w", err)
	}
	hash := near.Old.Password.Reveal()
	if _, err := credential.CheckOldHash(hash); err != nil {
		hash = "" // no password is right where there is none, or none that can be read
	}
	if near.Old.Login != name || near.State == eid.ImportedRejected || hash == "" {
		return nil, known(s.d.Passwords.DummyOld(ctx, hash, password))
	}
	updated, err := s.d.Passwords.VerifyOld(ctx, hash, password)
	if err != nil {
		return nil, known(err)
	}
	if updated != "" {
		if err := s.d.Accounts.ReplaceImportedPassword(ctx, s.id, name, hash, updated); err != nil {
			return nil, err
		}
	}
	return &near.Old, nil
}

// known leaves out that the password was wrong.
func known(err error) error {
	if err == nil || errors.Is(err, credential.ErrMismatch) {
		return nil
	}
	return fmt.Errorf("verifying a password: %w", err)
}

// busy asks for the form again where nothing was evaluated.
func busy(typed string, err error) error {
	if errors.Is(err, credential.ErrBusy) {
		return &federation.BusyError{Form: federation.LoginForm(typed, federation.ProblemBusy).Form}
	}
	return err
}
