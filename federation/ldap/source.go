// Package ldap owns sign-in at a directory: a login name and a password typed at
// the gateway, and a bind as the person who types them (RFC 4511, RFC 4513).
package ldap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/federation"
)

const maxPassword = 1024 // bytes

// Deps are what a Source works with. All are needed.
type Deps struct {
	// Dial opens connections: see federation.Outbound.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Guesses counts passwords before the directory sees them.
	Guesses *federation.Guesses
}

// Source is one directory.
type Source struct {
	id        string
	settings  Settings
	guesses   *federation.Guesses
	directory *directory
}

var _ federation.Source = (*Source)(nil)

// New checks the settings and makes the source. It calls nobody yet. id keeps the
// guesses at this directory's names apart from those at another's.
func New(id string, settings Settings, d Deps) (*Source, error) {
	if err := settings.check(); err != nil {
		return nil, err
	}
	if id == "" || d.Dial == nil || d.Guesses == nil {
		return nil, errors.New("an LDAP source needs an id, a dialer and a counter of guesses")
	}
	dir, err := newDirectory(settings, d.Dial)
	if err != nil {
		return nil, fmt.Errorf("settings of an LDAP source: %w", err)
	}
	return &Source{id: id, settings: settings, guesses: d.Guesses, directory: dir}, nil
}

// Begin shows the form. A hint that is a personal number is none: it is not for a
// legacy provider's field.
func (s *Source) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	return federation.FirstLoginForm(req.Hint), nil
}

// Finish takes the form. Until the password was right, a known name, an unknown one,
// one that two entries have, a locked account and an expired password get the same
// answer for the same work. It returns federation.ThrottledError when a guess was not
// evaluated, federation.ErrDown where the directory does not answer, and
// federation.ErrUntrusted where the password was right and the entry says what the
// gateway does not believe.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	typed := strings.TrimSpace(federation.Sent(reply.Values, federation.FieldLoginName))
	password := eid.NewSecret(federation.Sent(reply.Values, federation.FieldPassword))
	switch {
	case typed == "":
		return federation.LoginForm("", federation.ProblemLoginMissing), nil
	case password.IsZero():
		// A bind without a password succeeds and proves nothing (RFC 4513 §5.1.2).
		return federation.LoginForm(typed, federation.ProblemPasswordMissing), nil
	case !federation.FitLogin(typed), len(password.Reveal()) > maxPassword:
		return federation.LoginForm(typed, federation.ProblemWrongLogin), nil // no directory has them
	}
	name := norm.NFC.String(typed)
	g := s.guess(name, password, req)
	if err := g.count(ctx, req.Now); err != nil {
		return federation.Step{}, err
	}
	found, err := s.authenticate(ctx, g, name, password, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	if found == nil {
		return federation.LoginForm(typed, federation.ProblemWrongLogin), nil
	}
	if err := g.forgive(ctx); err != nil {
		return federation.Step{}, err
	}
	assertion, err := s.settings.assertion(*found, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	return federation.Step{Assertion: assertion}, nil
}

// distrust makes the error of an answer that must not be believed. The reason is
// one of ours: nothing that came from outside is quoted.
func distrust(reason string) error {
	return fmt.Errorf("%s: %w", reason, federation.ErrUntrusted)
}

// down says that it was the directory that failed.
func down(err error) error { return fmt.Errorf("%w: %w", federation.ErrDown, err) }
