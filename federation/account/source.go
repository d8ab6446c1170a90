// Package account owns sign-in at the built-in account system: a number or a passport and
// a password, then a code where Level 2 is wanted; and the choice of a password by who was
// sent a first one.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/federation"
	"eidgate/store"
)

// Accounts reads what the sign-in needs. Each method returns eid.ErrNotFound,
// wrapped or not, for what is not there.
type Accounts interface {
	AccountByIdentifier(ctx context.Context, id eid.Identifier) (eid.Account, error)
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
	PasswordHash(ctx context.Context, id eid.AccountID) (string, error)
	FirstPassword(ctx context.Context, id eid.AccountID) (accounts.FirstPassword, error)
	TOTPSecret(ctx context.Context, id eid.AccountID) (eid.Secret, error)
}

// Passwords makes and verifies hashes. Dummy does the work of Verify and never matches.
type Passwords interface {
	// Admit takes a place for one of them before the guess is counted. It returns
	// credential.ErrBusy at once where there is none for who. For the familiar,
	// who signed in from this browser before, some places are kept.
	Admit(who string, familiar bool) (leave func(), err error)
	Hash(ctx context.Context, password eid.Secret) (string, error)
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

// Activator makes a pending account active with the password that its holder chose.
type Activator interface {
	Activate(ctx context.Context, id eid.AccountID, a accounts.Activation) error
}

// Policy says which passwords may be chosen.
type Policy interface {
	Judge(ctx context.Context, password eid.Secret, own []string) (credential.Weakness, error)
	Least() int
}

// Codes makes and takes the codes that are sent.
type Codes interface {
	MakeFor(ctx context.Context, p credential.Purpose, subject, session string, now time.Time) (eid.Secret, error)
	TakeFor(ctx context.Context, p credential.Purpose, subject, session, code string, now time.Time) (bool, error)
}

// Config bounds guessing.
type Config = federation.GuessLimits

// Deps are what a Source works with.
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
	// Carriage is what methods carry, as the source is registered; nil is
	// eid.Source.Carries of one that says nothing.
	Carriage *eid.Carriage

	// Activator and Policy let holders choose a password with the first one that they
	// were sent. Without them nobody gets in with one.
	Activator Activator
	Policy    Policy
	// Codes and Poster send codes on Channels. Without them none is sent.
	Codes    Codes
	Poster   notify.Poster
	Channels notify.Channels
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
	guesses, guessErr := federation.NewGuesses(cfg, d.State, d.Key)
	errs := []error{guessErr}
	if d.Accounts == nil || d.Passwords == nil || d.Audit == nil {
		errs = append(errs, errors.New("accounts, passwords and audit are all needed"))
	}
	carriage := (&eid.Source{Carriage: d.Carriage}).Carries()
	errs = append(errs, carriage.Check())
	if d.Codes == nil || d.Poster == nil {
		d.Channels = notify.Channels{}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("account system: %w", err)
	}
	return &Source{d: d, limits: guesses, carriage: carriage.Unsent(d.Channels.SMS, d.Channels.Email)}, nil
}

// memory is what one step leaves to the next. It lies in the login record, on
// the server. Its zero value asks for a password.
type memory struct {
	// Account is whose next word is awaited.
	Account eid.AccountID `json:"account,omitempty"`
	// Number is the hidden name of the number that was typed with the password.
	Number string `json:"number,omitempty"`
	// PasswordAt is when that account's password was right; zero where the
	// code alone is wanted, to raise the proof of a living session.
	PasswordAt time.Time `json:"password_at,omitzero"`
	// First marks the first password that was right in place of one: a password is to be
	// chosen.
	First []byte `json:"first,omitempty"`
	// Second is what is asked for beside the password.
	Second federation.Second `json:"second,omitzero"`
	// Session is what sent codes belong to: this sign-in and no other.
	Session string `json:"session,omitempty"`
}

// Begin shows the password form, or asks a holder whose living session lacks only a
// second factor for that. The caller sets Request.Account only when the session holds a
// password proof of this source: the assertion that follows states both methods.
func (s *Source) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	if req.Account != "" && !req.Fresh {
		acct, err := s.d.Accounts.Account(ctx, req.Account)
		if err != nil {
			return federation.Step{}, fmt.Errorf("reading the account of the session: %w", err)
		}
		if seconds := s.carriage.Seconds(&acct); len(seconds) > 0 && acct.Usable() == nil {
			return s.askSecond(ctx, req, memory{Account: acct.ID}, &acct, seconds[0])
		}
	}
	number, err := eid.ParsePersonalNumber(req.Hint.Reveal())
	if err != nil {
		return passwordForm("", ""), nil // a hint that is no number is no hint
	}
	return passwordForm(number.Reveal(), ""), nil
}

// Finish takes the fields of the form that the step before showed. It returns
// federation.ThrottledError when a guess was not evaluated, and eid.ErrNotActivated or
// eid.ErrLocked for the right first password of an account that cannot be activated.
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
	acct, err := s.d.Accounts.Account(ctx, m.Account)
	if err != nil {
		return federation.Step{}, fmt.Errorf("reading the account: %w", err)
	}
	switch {
	case !m.PasswordAt.IsZero() && !acct.Counts(m.PasswordAt):
		return passwordForm("", ""), nil // the password that was right is none any more
	case len(m.First) > 0:
		return s.finishFirst(ctx, req, m, &acct, reply.Values)
	}
	return s.finishCode(ctx, req, m, &acct, reply.Values)
}

// maxPasswordAge is how long a right password waits for its code: the life of a
// login record.
const maxPasswordAge = 10 * time.Minute

// current reports whether what is sent now may still complete what the memory holds.
func (m memory) current(req federation.Request) bool {
	if m.PasswordAt.IsZero() {
		return m.Account == req.Account && !req.Fresh
	}
	age := req.Now.Sub(m.PasswordAt)
	return age <= maxPasswordAge && age >= -time.Minute // replicas' clocks differ
}

// ask keeps what the next step needs beside the form that it takes.
func (m memory) ask(form federation.Form) (federation.Step, error) {
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the account system: %w", err)
	}
	return federation.Step{Form: &form, Memory: kept}, nil
}

func passwordForm(number, problem string) federation.Step {
	form := &federation.Form{Page: federation.PagePassword, Problem: problem}
	if number != "" {
		form.Fields = map[string]string{federation.FieldPersonalNumber: number}
	}
	return federation.Step{Form: form}
}

// codeForm asks for the code of the second factor that m remembers.
func codeForm(m memory, problem string) (federation.Step, error) {
	second := m.Second
	return m.ask(federation.Form{Page: federation.PageCode, Problem: problem, Second: &second})
}
