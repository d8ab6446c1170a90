// Package portal owns sign-in to the accounts that a portal made itself before the
// national identity was there (Decision 34/2021, transition): a login name, and the
// password of then, checked here.
package portal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
)

// Accounts reads and keeps what was imported of a portal.
type Accounts interface {
	// ImportedNear returns the account of a login name, or where nobody has it another
	// one of the source; eid.ErrNotFound where there is none at all.
	ImportedNear(ctx context.Context, source, login string) (accounts.Imported, error)
	// ReplaceImportedPassword stores another hash of an unchanged password, unless the
	// one stored is not outdated any more.
	ReplaceImportedPassword(ctx context.Context, source, login, outdated, updated string) error
	// LinkBySubject returns the living link of a login name; eid.ErrNotFound.
	LinkBySubject(ctx context.Context, source, subject string) (eid.Link, error)
}

// Passwords verifies the hashes that portals made.
type Passwords interface {
	// Admit takes a place for one of them before the guess is counted. It returns
	// credential.ErrBusy at once where there is none for who.
	Admit(who string, familiar bool) (leave func(), err error)
	VerifyOld(ctx context.Context, hash string, password eid.Secret) (updated string, err error)
	// DummyOld does the same work with the hash of somebody else and never matches.
	DummyOld(ctx context.Context, hash string, password eid.Secret) error
}

// Recorder writes the audit, and counts what leaves no row there.
type Recorder interface {
	Record(ctx context.Context, entries ...eid.AuditEntry) error
	// Count adds one to a counter of today.
	Count(ctx context.Context, name string) error
}

// Deps are what a Source works with. All are needed.
type Deps struct {
	Accounts  Accounts
	Passwords Passwords
	Audit     Recorder
	// Guesses counts passwords before they are evaluated.
	Guesses *federation.Guesses
}

// Source is the old accounts of one portal.
type Source struct {
	id string
	d  Deps
}

var _ federation.Source = (*Source)(nil)

// New makes the source. id keeps its accounts, and the guesses at them, apart from
// those of other portals.
func New(id string, d Deps) (*Source, error) {
	if id == "" || d.Accounts == nil || d.Passwords == nil || d.Audit == nil || d.Guesses == nil {
		return nil, errors.New("a portal's accounts need an id, accounts, passwords, audit and a counter of guesses")
	}
	return &Source{id: id, d: d}, nil
}

// Begin shows the form. A hint that is a personal number is none: it is meant for the
// national identity.
func (s *Source) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	return federation.FirstLoginForm(req.Hint), nil
}

// Finish takes the form. Until the password was right, an unknown name and a known
// one, whatever became of its account, get the same answer for the same work; and so
// does an account that an officer found to be nobody's, even then. It returns
// federation.ThrottledError when a guess was not evaluated, and federation.BusyError.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	typed := strings.TrimSpace(federation.Sent(reply.Values, federation.FieldLoginName))
	password := eid.NewSecret(federation.Sent(reply.Values, federation.FieldPassword))
	switch {
	case typed == "":
		return federation.LoginForm("", federation.ProblemLoginMissing), nil
	case !federation.FitLogin(typed):
		return federation.LoginForm("", federation.ProblemWrongLogin), nil // nobody has it
	case password.IsZero():
		return federation.LoginForm(typed, federation.ProblemPasswordMissing), nil
	case len(password.Reveal()) > credential.MaxPassword:
		return federation.LoginForm(typed, federation.ProblemWrongLogin), nil
	}
	name := norm.NFC.String(typed)
	g := s.guess(name, password, req)
	leave, err := s.d.Passwords.Admit(g.name, false)
	if err != nil {
		return federation.Step{}, busy(typed, err)
	}
	defer leave()
	if err := g.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	found, err := s.authenticate(ctx, name, password)
	leave()
	switch {
	case err != nil:
		return federation.Step{}, busy(typed, err)
	case found == nil:
		if err := s.recordFailure(ctx, name, req); err != nil {
			return federation.Step{}, err
		}
		return federation.LoginForm(typed, federation.ProblemWrongLogin), nil
	}
	if err := g.forgive(ctx); err != nil {
		return federation.Step{}, err
	}
	return federation.Step{Assertion: &federation.Assertion{
		Subject: found.Login, Level: eid.Level1, Methods: []string{string(eid.Password)}, At: req.Now, Anew: true,
		Person: federation.Person{Number: found.Number.Reveal(), Name: found.Name, BirthDate: found.BirthDate},
	}}, nil
}

// recordFailure audits an evaluated guess at a name that has an account here. One at
// any other is counted: strangers must not fill the disk. Both are one commit to the
// same database, so that neither answer comes sooner.
func (s *Source) recordFailure(ctx context.Context, name string, req federation.Request) error {
	link, err := s.d.Accounts.LinkBySubject(ctx, s.id, name)
	switch {
	case errors.Is(err, eid.ErrNotFound):
		err = s.d.Audit.Count(ctx, countFailed)
	case err == nil:
		err = s.d.Audit.Record(ctx, eid.AuditEntry{
			At: req.Now, Actor: "holder", Action: eid.ActionSignInFailed, Account: link.Account, Detail: []byte(`{"factor":"pwd"}`),
		})
	}
	if err != nil {
		return fmt.Errorf("recording a failed sign-in: %w", err)
	}
	return nil
}

// countFailed counts evaluated guesses at names that no account here stands for.
const countFailed = "signin.failed.portal"
