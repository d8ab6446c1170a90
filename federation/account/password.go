package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
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
	typed := field(values, federation.FieldPersonalNumber)
	number, err := eid.ParsePersonalNumber(strings.TrimSpace(typed))
	if err != nil {
		return passwordForm(again(typed), federation.ProblemNumberInvalid), nil
	}
	password := eid.NewSecret(field(values, federation.FieldPassword))
	if password.IsZero() {
		return passwordForm(number.Reveal(), federation.ProblemPasswordMissing), nil
	}

	id := eid.IdentifierOf(number)
	guesses := s.guessesAtPassword(id)
	if err := guesses.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	acct, err := s.d.Accounts.AccountByIdentifier(ctx, id)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return federation.Step{}, fmt.Errorf("finding the account: %w", err)
	}
	right, err := s.verify(ctx, acct.ID, password)
	if err != nil {
		return federation.Step{}, err
	}
	if !right {
		if err := s.recordFailure(ctx, acct.ID, eid.Password, req); err != nil {
			return federation.Step{}, err
		}
		return passwordForm(number.Reveal(), federation.ProblemWrongCredentials), nil
	}
	if err := guesses.forget(ctx); err != nil {
		return federation.Step{}, err
	}

	m := memory{Account: acct.ID, PasswordAt: req.Now}
	// Nothing is gained by asking a code of somebody who will be refused.
	if req.Level >= eid.Level2 && acct.Has(eid.OneTimeCode) && acct.Usable() == nil {
		return codeForm(m, "")
	}
	return assertion(m.Account, req, eid.Password), nil
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
		return false, notVerified(err)
	}
	updated, err := s.d.Passwords.Verify(ctx, hash, password)
	switch {
	case errors.Is(err, credential.ErrMismatch):
		return false, nil
	case err != nil:
		return false, notVerified(err)
	}
	if updated != "" && s.d.Rehasher != nil {
		if err := s.d.Rehasher.Rehash(ctx, id, hash, updated); err != nil {
			return false, fmt.Errorf("storing a renewed password hash: %w", err)
		}
	}
	return true, nil
}

func notVerified(err error) error {
	if errors.Is(err, credential.ErrBusy) {
		return fmt.Errorf("verifying a password: %w: %w", federation.ErrBusy, err)
	}
	return fmt.Errorf("verifying a password: %w", err)
}

// again is what of a malformed number is shown again.
func again(typed string) string {
	if len(typed) > maxShownAgain || !utf8.ValidString(typed) {
		return ""
	}
	return typed
}

// assertion states what was proved. What the methods carry is decided in one
// place, credential.Carries.
func assertion(id eid.AccountID, req federation.Request, factors ...eid.Factor) federation.Step {
	methods := make([]string, len(factors))
	for i, f := range factors {
		methods[i] = string(f)
	}
	return federation.Step{Assertion: &federation.Assertion{
		Account: id,
		Level:   credential.Carries(methods),
		Methods: methods,
		At:      req.Now,
	}}
}
