package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// maxShownAgain bounds a malformed number that is shown again, in bytes.
const maxShownAgain = 64

// finishPassword takes a number and a password. Until the password was right,
// a known, an unknown and a locked account get the same answer for the same
// work; what a locked account is told comes after it, from the login.
func (s *Source) finishPassword(ctx context.Context, req federation.Request, values url.Values) (federation.Step, error) {
	typed := federation.Sent(values, federation.FieldPersonalNumber)
	number, err := eid.ParsePersonalNumber(strings.TrimSpace(typed))
	if err != nil {
		return passwordForm(again(typed), federation.ProblemNumberInvalid), nil
	}
	password := eid.NewSecret(federation.Sent(values, federation.FieldPassword))
	if password.IsZero() {
		return passwordForm(number.Reveal(), federation.ProblemPasswordMissing), nil
	}

	id := eid.IdentifierOf(number)
	try := s.tryAt(id, password, req)
	leave, err := s.d.Passwords.Admit(try.guesses.queued())
	if err != nil {
		return federation.Step{}, busy(passwordForm(number.Reveal(), federation.ProblemBusy), err)
	}
	defer leave()
	if err := try.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	acct, err := s.d.Accounts.AccountByIdentifier(ctx, id)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return federation.Step{}, fmt.Errorf("finding the account: %w", err)
	}
	right, err := s.verify(ctx, acct.ID, password)
	leave()
	if errors.Is(err, credential.ErrBusy) {
		return federation.Step{}, busy(passwordForm(number.Reveal(), federation.ProblemBusy), err)
	}
	if err != nil {
		return federation.Step{}, err
	}
	if !right {
		if err := s.recordFailure(ctx, acct.ID, eid.Password, req); err != nil {
			return federation.Step{}, err
		}
		return passwordForm(number.Reveal(), federation.ProblemWrongCredentials), nil
	}
	if err := try.forgive(ctx); err != nil {
		return federation.Step{}, err
	}

	m := memory{Account: acct.ID, Number: try.guesses.slot, PasswordAt: req.Now}
	// Nothing is gained by asking a code of somebody who will be refused.
	if req.Level >= eid.Level2 && acct.Has(eid.OneTimeCode) && acct.Usable() == nil {
		return codeForm(m, "")
	}
	return s.assertion(m, req, eid.Password), nil
}

// verify evaluates exactly one password. An empty id is nobody's: the look-up of
// its hash then takes the same way as for an account without a password.
func (s *Source) verify(ctx context.Context, id eid.AccountID, password eid.Secret) (right bool, err error) {
	hash, err := s.d.Accounts.PasswordHash(ctx, id)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return false, fmt.Errorf("reading the password hash: %w", err)
	}
	if hash == "" || id == "" {
		err := s.d.Passwords.Dummy(ctx, password)
		if errors.Is(err, credential.ErrMismatch) {
			return false, nil
		}
		return false, fmt.Errorf("verifying a password: %w", err)
	}
	updated, err := s.d.Passwords.Verify(ctx, hash, password)
	switch {
	case errors.Is(err, credential.ErrMismatch):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("verifying a password: %w", err)
	}
	if updated != "" && s.d.Rehasher != nil {
		if err := s.d.Rehasher.Rehash(ctx, id, hash, updated); err != nil {
			return false, fmt.Errorf("storing a renewed password hash: %w", err)
		}
	}
	return true, nil
}

// busy asks for the same form again, since nothing was evaluated.
func busy(again federation.Step, err error) error {
	if errors.Is(err, credential.ErrBusy) {
		return &federation.BusyError{Form: again.Form}
	}
	return fmt.Errorf("verifying a password: %w", err)
}

// try is one password from one browser, with what it counts against.
type try struct {
	guesses guesses
	crowd   *federation.Crowd // nil for a device that its holder signed in with before
}

func (s *Source) tryAt(id eid.Identifier, password eid.Secret, req federation.Request) try {
	number := s.slot("number", id.Canonical())
	from := s.deviceOf(req.Device, number, req.Now)
	t := try{guesses: s.guessesAtPassword(number, from)}
	if from.name == "" {
		c := s.limits.Crowd(req.Address, password)
		t.crowd = &c
	}
	return t
}

// count counts the try everywhere before it is evaluated. The crowd comes first:
// what it refuses takes nobody's guesses, and gives no credit later.
func (t try) count(ctx context.Context, now time.Time) error {
	if t.crowd != nil {
		if err := t.crowd.Count(ctx, now); err != nil {
			return err
		}
	}
	return t.guesses.count(ctx, now)
}

// forgive takes the try back everywhere: it was no guess.
func (t try) forgive(ctx context.Context) error {
	tries, err := t.guesses.forget(ctx)
	if err != nil || t.crowd == nil {
		return err
	}
	return t.crowd.Forgive(ctx, tries)
}

// again is what of a malformed number is shown again.
func again(typed string) string {
	if len(typed) > maxShownAgain || !utf8.ValidString(typed) {
		return ""
	}
	return typed
}

// assertion states what was proved, and marks the browser where a password was
// part of it. What the methods carry is decided in one place, eid.Carriage.
func (s *Source) assertion(m memory, req federation.Request, factors ...eid.Factor) federation.Step {
	methods := make([]string, len(factors))
	for i, f := range factors {
		methods[i] = string(f)
	}
	step := federation.Step{Assertion: &federation.Assertion{
		Account: m.Account,
		Level:   s.carriage.Carries(methods),
		Methods: methods,
		At:      req.Now,
	}}
	if m.Number != "" {
		step.Device = s.withMark(req.Device, m.Number, req.Now)
	}
	return step
}
