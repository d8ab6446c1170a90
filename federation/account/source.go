// Package account owns sign-in at the built-in account system: a number and a
// password, then a one-time code where Level 2 is wanted.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// Accounts reads what the sign-in needs. Each method returns eid.ErrNotFound,
// wrapped or not, for what is not there.
type Accounts interface {
	AccountByIdentifier(ctx context.Context, id eid.Identifier) (eid.Account, error)
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
	PasswordHash(ctx context.Context, id eid.AccountID) (string, error)
	TOTPSecret(ctx context.Context, id eid.AccountID) (eid.Secret, error)
}

// Passwords verifies passwords. Dummy does the same work and never matches.
type Passwords interface {
	// Admit takes a place for one of them before the guess is counted. It returns
	// credential.ErrBusy at once where there is none for who. For the familiar,
	// who signed in from this browser before, some places are kept.
	Admit(who string, familiar bool) (leave func(), err error)
	Verify(ctx context.Context, hash string, password eid.Secret) (updated string, err error)
	Dummy(ctx context.Context, password eid.Secret) error
}

// Rehasher stores the new hash of an unchanged password in place of an outdated
// one. It does nothing when the stored hash is not outdated any more.
type Rehasher interface {
	Rehash(ctx context.Context, id eid.AccountID, outdated, updated string) error
}

// Recorder writes the audit, and counts what leaves no row there.
type Recorder interface {
	Record(ctx context.Context, entries ...eid.AuditEntry) error
	// Count adds one to a counter of today.
	Count(ctx context.Context, name string) error
}

// Config says what a sign-in wants and allows.
type Config struct {
	Guesses federation.GuessLimits
	// Carriage is what methods carry, as the source is registered: see eid.Source.Carries.
	Carriage eid.Carriage
}

// Deps are what a Source works with. All are needed but Rehasher.
type Deps struct {
	Accounts  Accounts
	Passwords Passwords
	State     store.State
	Audit     Recorder
	// Rehasher, when nil, leaves outdated hashes as they are.
	Rehasher Rehasher
	// Key hides numbers and account ids in the names of counters: 32 random
	// bytes, the same on every replica.
	Key []byte
}

// Source is the account system as a source of identity.
type Source struct {
	d        Deps
	limits   *federation.Guesses
	carriage eid.Carriage
}

var _ federation.Source = (*Source)(nil)

// New checks the configuration and makes the source.
func New(cfg Config, d Deps) (*Source, error) {
	guesses, guessErr := federation.NewGuesses(cfg.Guesses, d.State, d.Key)
	errs := []error{guessErr}
	if d.Accounts == nil || d.Passwords == nil || d.Audit == nil {
		errs = append(errs, errors.New("accounts, passwords and audit are all needed"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("account system: %w", err)
	}
	return &Source{d: d, limits: guesses, carriage: cfg.Carriage}, nil
}

// memory is what one step leaves to the next. It lies in the login record, on
// the server. Its zero value asks for a password.
type memory struct {
	// Account is whose code is awaited.
	Account eid.AccountID `json:"account,omitempty"`
	// Number is the hidden name of the number that was typed with the password.
	Number string `json:"number,omitempty"`
	// PasswordAt is when that account's password was right; zero where the
	// code alone is wanted, to raise the proof of a living session.
	PasswordAt time.Time `json:"password_at,omitzero"`
}

// Begin shows the password form, or the code form to a holder whose living
// session lacks only that factor. The caller sets Request.Account only when the
// session holds a password proof of this source: the assertion that follows the
// code states both methods.
func (s *Source) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	if req.Account != "" && !req.Fresh {
		acct, err := s.d.Accounts.Account(ctx, req.Account)
		if err != nil {
			return federation.Step{}, fmt.Errorf("reading the account of the session: %w", err)
		}
		if acct.Has(eid.OneTimeCode) && acct.Usable() == nil {
			return codeForm(memory{Account: acct.ID}, "")
		}
	}
	number, err := eid.ParsePersonalNumber(req.Hint.Reveal())
	if err != nil {
		return passwordForm("", ""), nil // a hint that is no number is no hint
	}
	return passwordForm(number.Reveal(), ""), nil
}

// Finish takes the fields of the form that the step before showed. It returns
// federation.ThrottledError when a guess was not evaluated.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var m memory
	if len(req.Memory) > 0 {
		if err := json.Unmarshal(req.Memory, &m); err != nil {
			return federation.Step{}, errors.New("reading the memory of the account system: malformed")
		}
	}
	switch {
	case m.Account == "":
		return s.finishPassword(ctx, req, reply.Values)
	case !m.current(req):
		return passwordForm("", ""), nil
	}
	return s.finishCode(ctx, req, m, reply.Values)
}

// maxPasswordAge is how long a right password waits for its code: the life of a
// login record.
const maxPasswordAge = 10 * time.Minute

// current reports whether a code may still complete what the memory holds.
func (m memory) current(req federation.Request) bool {
	if m.PasswordAt.IsZero() {
		return m.Account == req.Account && !req.Fresh
	}
	age := req.Now.Sub(m.PasswordAt)
	return age <= maxPasswordAge && age >= -time.Minute // replicas' clocks differ
}

func passwordForm(number, problem string) federation.Step {
	form := &federation.Form{Page: federation.PagePassword, Problem: problem}
	if number != "" {
		form.Fields = map[string]string{federation.FieldPersonalNumber: number}
	}
	return federation.Step{Form: form}
}

func codeForm(m memory, problem string) (federation.Step, error) {
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the account system: %w", err)
	}
	return federation.Step{Form: &federation.Form{Page: federation.PageCode, Problem: problem}, Memory: kept}, nil
}
