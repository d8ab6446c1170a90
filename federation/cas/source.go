// Package cas owns sign-in at a CAS 3 server: a service ticket that the browser
// brings, its validation, and what the answer says of a person.
package cas

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"eidgate/federation"
)

// Deps are what a Source works with.
type Deps struct {
	// HTTP makes the calls: see federation.HTTPClient. Redirects are not followed.
	HTTP *http.Client
}

// Source is one CAS server. It keeps nothing.
type Source struct {
	settings Settings
	http     *http.Client
}

var (
	_ federation.Source     = (*Source)(nil)
	_ federation.Redirector = (*Source)(nil)
)

// New checks the settings and makes the source. It calls nobody yet.
func New(settings Settings, d Deps) (*Source, error) {
	if err := settings.check(); err != nil {
		return nil, err
	}
	if d.HTTP == nil {
		return nil, errors.New("a CAS source needs a client")
	}
	calls := *d.HTTP
	// The address of a validation holds a ticket, which is for the server alone.
	calls.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Source{settings: settings, http: &calls}, nil
}

// Origins is where the server's pages are.
func (s *Source) Origins() []string { return []string{federation.OriginOf(s.settings.Server)} }

// memory is what Begin leaves to Finish. It lies in the login record, on the
// server.
type memory struct {
	Server   string    `json:"server"`
	Callback string    `json:"callback"`
	State    []byte    `json:"state"` // SHA-256
	Started  time.Time `json:"started"`
	Fresh    bool      `json:"fresh,omitempty"`
}

// Begin redirects to the server's login page (CAS Protocol 3.0 §2.1). The
// protocol has no state: ours stands in the query of the service, which a ticket is
// bound to. The hint stays here, as in every source that redirects.
func (s *Source) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	state := sha256.Sum256([]byte(req.State))
	m := memory{Server: s.settings.Server, Callback: req.Callback, State: state[:], Started: req.Now, Fresh: req.Fresh}
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the CAS server: %w", err)
	}
	params := url.Values{"service": {serviceOf(m.Callback, req.State)}}
	if req.Fresh {
		params.Set("renew", "true")
	}
	if req.Language != "" {
		params.Set("locale", req.Language) // of Apereo's server; others pass over it
	}
	return federation.Step{Redirect: s.settings.Server + "/login?" + params.Encode(), Memory: kept}, nil
}

// serviceOf is the service that a ticket is for. Begin and Finish make the same
// bytes of it, which is how servers compare it.
func serviceOf(callback, state string) string {
	return callback + "?" + url.Values{"state": {state}}.Encode()
}

// Finish takes the browser's ticket and has it validated. It returns
// federation.ErrDenied where the browser comes back without one,
// federation.ErrUntrusted for a ticket that is none of a person's own, was used or
// is for another service, and for an answer that must not be believed;
// federation.ErrDown where the server does not answer as the protocol wants.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var m memory
	if err := json.Unmarshal(req.Memory, &m); err != nil || m.Server != s.settings.Server || m.Callback == "" {
		return federation.Step{}, errors.New("no sign-in at this CAS server was begun")
	}
	state, ticket := reply.Values["state"], reply.Values["ticket"]
	if len(state) != 1 || len(ticket) > 1 {
		return federation.Step{}, distrust("state missing, or a parameter given twice")
	}
	sum := sha256.Sum256([]byte(state[0]))
	if subtle.ConstantTimeCompare(sum[:], m.State) != 1 {
		return federation.Step{}, distrust("state is another one")
	}
	if len(ticket) == 0 {
		return federation.Step{}, fmt.Errorf("no ticket: %w", federation.ErrDenied)
	}
	if !isServiceTicket(ticket[0]) {
		return federation.Step{}, distrust("not a service ticket")
	}
	body, err := s.validate(ctx, serviceOf(m.Callback, state[0]), ticket[0], m.Fresh)
	if err != nil {
		return federation.Step{}, err
	}
	answer, err := readAnswer(body)
	if err != nil {
		return federation.Step{}, err
	}
	assertion, err := s.settings.assertion(answer, m, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	assertion.Session = ticket[0]
	return federation.Step{Assertion: assertion}, nil
}

// maxTicket is the longest ticket that clients have to take, in bytes (CAS Protocol
// 3.0 §3.7).
const maxTicket = 256

var ticketShape = regexp.MustCompile(`^ST-[A-Za-z0-9._-]+$`)

// isServiceTicket knows a service ticket by its form (CAS Protocol 3.0 §3.1.1).
func isServiceTicket(ticket string) bool {
	return len(ticket) <= maxTicket && ticketShape.MatchString(ticket)
}

// distrust makes the error of an answer that must not be believed. The reason is
// one of ours: nothing that came from outside is quoted.
func distrust(reason string) error {
	return fmt.Errorf("%s: %w", reason, federation.ErrUntrusted)
}

// down says that it was the server that failed.
func down(err error) error { return fmt.Errorf("%w: %w", federation.ErrDown, err) }
