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
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// maxShownAgain bounds a malformed number that is shown again, in bytes.
const maxShownAgain = 64

// name is a login name as it was typed.
type name struct {
	id    eid.Identifier
	again func(problem string) federation.Step // the form with what was typed
	wrong string                               // problem of a name that cannot be one
}

// nameOf reads a personal number, or a passport and its country.
func nameOf(values url.Values) name {
	if values.Has(federation.FieldPassport) {
		country, typed := federation.Sent(values, federation.FieldCountry), federation.Sent(values, federation.FieldPassport)
		n := name{again: func(problem string) federation.Step { return passportForm(country, again(typed), problem) }}
		id, err := eid.ParsePassport(country, typed)
		if n.id = id; err != nil {
			n.wrong = federation.ProblemPassportInvalid
		}
		return n
	}
	typed := federation.Sent(values, federation.FieldPersonalNumber)
	number, err := eid.ParsePersonalNumber(strings.TrimSpace(typed))
	if err != nil {
		return name{
			again: func(problem string) federation.Step { return passwordForm(again(typed), problem) },
			wrong: federation.ProblemNumberInvalid,
		}
	}
	return name{
		id:    eid.IdentifierOf(number),
		again: func(problem string) federation.Step { return passwordForm(number.Reveal(), problem) },
	}
}

// finishPassword takes a login name and a password. Until the password was right,
// a known, an unknown, a pending and a locked account get the same answer for the same
// work; what a locked account is told comes after it, from the login.
func (s *Source) finishPassword(ctx context.Context, req federation.Request, values url.Values) (federation.Step, error) {
	switch federation.Sent(values, federation.FieldWay) {
	case federation.WayPassport:
		return passportForm("", "", ""), nil
	case federation.WayNumber:
		return passwordForm("", ""), nil
	}
	name := nameOf(values)
	password := eid.NewSecret(federation.Sent(values, federation.FieldPassword))
	switch {
	case name.wrong != "":
		return name.again(name.wrong), nil
	case password.IsZero():
		return name.again(federation.ProblemPasswordMissing), nil
	}

	try := s.tryAt(name.id, password, req)
	leave, err := s.d.Passwords.Admit(try.guesses.queued())
	if err != nil {
		return federation.Step{}, busy(name.again(federation.ProblemBusy), err)
	}
	defer leave()
	if err := try.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	acct, err := s.d.Accounts.AccountByIdentifier(ctx, name.id)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return federation.Step{}, fmt.Errorf("finding the account: %w", err)
	}
	right, first, err := s.verify(ctx, acct.ID, password)
	leave()
	if errors.Is(err, credential.ErrBusy) {
		return federation.Step{}, busy(name.again(federation.ProblemBusy), err)
	}
	if err != nil {
		return federation.Step{}, err
	}
	if !right {
		if err := s.recordFailure(ctx, acct.ID, eid.Password, req); err != nil {
			return federation.Step{}, err
		}
		return name.again(federation.ProblemWrongCredentials), nil
	}
	if err := try.forgive(ctx); err != nil {
		return federation.Step{}, err
	}
	m := memory{Account: acct.ID, Number: try.guesses.slot, PasswordAt: req.Now}
	if first.Hash != "" {
		return s.firstMatched(ctx, req, m, &acct, first)
	}
	return s.passwordMatched(ctx, req, m, &acct)
}

// passwordMatched goes on after the right password of an account.
func (s *Source) passwordMatched(ctx context.Context, req federation.Request, m memory, acct *eid.Account) (federation.Step, error) {
	// Nothing is gained by asking a code of somebody who will be refused.
	if (min(req.Level, acct.Level) >= eid.Level2 || req.Unlock) && goesOn(req, acct) {
		if seconds := s.carriage.Seconds(acct); len(seconds) > 0 {
			return s.askSecond(ctx, req, m, acct, seconds[0])
		}
	}
	methods := []string{string(eid.Password)}
	return s.assertion(m, req, s.carriage.Carries(methods), methods), nil
}

// goesOn reports whether a factor more may let somebody in: where the account can sign in,
// or its holder is about to end a lock of their own.
func goesOn(req federation.Request, acct *eid.Account) bool {
	return acct.Usable() == nil || req.Unlock && acct.SelfLocked()
}

// verify evaluates exactly one password. An empty id is nobody's: the look-up of its hash
// then takes the same way as for an account that waits for its holder. first is there
// where it was the first password that was right.
func (s *Source) verify(ctx context.Context, id eid.AccountID, password eid.Secret) (right bool, first accounts.FirstPassword, err error) {
	hash, err := s.d.Accounts.PasswordHash(ctx, id)
	if errors.Is(err, eid.ErrNotFound) {
		first, err = s.d.Accounts.FirstPassword(ctx, id)
		hash = first.Hash
	}
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return false, first, fmt.Errorf("reading the password hash: %w", err)
	}
	if hash == "" || id == "" {
		err := s.d.Passwords.Dummy(ctx, password)
		if errors.Is(err, credential.ErrMismatch) {
			return false, first, nil
		}
		return false, first, fmt.Errorf("verifying a password: %w", err)
	}
	updated, err := s.d.Passwords.Verify(ctx, hash, password)
	switch {
	case errors.Is(err, credential.ErrMismatch):
		return false, first, nil
	case err != nil:
		return false, first, fmt.Errorf("verifying a password: %w", err)
	}
	if updated != "" && first.Hash == "" && s.d.Rehasher != nil {
		if err := s.d.Rehasher.Rehash(ctx, id, hash, updated); err != nil {
			return false, first, fmt.Errorf("storing a renewed password hash: %w", err)
		}
	}
	return true, first, nil
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
	number := s.numberSlot(id)
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

// assertion states what was proved, and marks the browser where a password was part of it.
func (s *Source) assertion(m memory, req federation.Request, level eid.Level, methods []string) federation.Step {
	step := federation.Step{Assertion: &federation.Assertion{
		Account: m.Account, Level: level, Methods: methods, At: req.Now,
	}}
	if m.Number != "" {
		step.Device = s.withMark(req.Device, m.Number, req.Now)
	}
	return step
}

func passportForm(country, number, problem string) federation.Step {
	return federation.Step{Form: &federation.Form{
		Page: federation.PagePassport, Problem: problem,
		Fields: map[string]string{federation.FieldCountry: again(country), federation.FieldPassport: number},
	}}
}
