// Package vneid owns sign-in at the national platform, in the dialects of OAuth 2.0
// that it was seen to speak: without ID tokens and nonces, and in one of them
// with encrypted answers.
package vneid

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"eidgate/federation"
)

// Bounds of what a redirect brings back, in bytes.
const (
	maxCode    = 4 << 10
	maxCodeKey = 1 << 10 // 4096 bits of RSA are 684 characters of base64
)

// Deps are what a Source works with.
type Deps struct {
	// HTTP makes the calls: see federation.HTTPClient.
	HTTP *http.Client
	// Keys are those that the gateway keeps for this source; nil unless
	// Settings.Managed is set.
	Keys federation.OwnKeys
}

// Source is the platform under one registration.
type Source struct {
	settings Settings
	http     *http.Client
	opener   *opener // nil for a dialect in the clear
}

var (
	_ federation.Source     = (*Source)(nil)
	_ federation.Redirector = (*Source)(nil)
)

// New fills and checks the settings and makes the source. It calls nobody yet.
func New(settings Settings, d Deps) (*Source, error) {
	settings = settings.filled()
	if err := settings.check(); err != nil {
		return nil, err
	}
	if d.HTTP == nil || (settings.Managed == nil) != (d.Keys == nil) {
		return nil, errors.New("a VNeID source needs a client and its keys")
	}
	s := &Source{settings: settings, http: d.HTTP}
	if settings.Dialect == Encrypted {
		var err error
		if s.opener, err = newOpener(settings, d.Keys); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Origins are where the platform's pages are.
func (s *Source) Origins() []string {
	return append([]string{federation.OriginOf(s.settings.Authorize)}, s.settings.Origins...)
}

// memory is what Begin leaves to Finish. It lies in the login record, on the
// server.
type memory struct {
	Source   string    `json:"source"` // what was registered when the sign-in began
	Callback string    `json:"callback"`
	State    []byte    `json:"state"` // SHA-256
	Verifier string    `json:"verifier,omitempty"`
	Started  time.Time `json:"started"`
}

// identity is that of the registration, as far as a code belongs to it.
func (s *Source) identity() string {
	return s.settings.Authorize + " " + s.settings.Token + " " + s.settings.ClientID
}

// Begin redirects to the platform. The hint stays here: it may be a personal
// number, which no address holds.
func (s *Source) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	if req.Fresh && !s.settings.AsksEachTime {
		// Userinfo says no time of authentication: a session that the platform
		// remembers would pass for a sign-in now.
		return federation.Step{}, errors.New("a fresh sign-in is wanted, and this source is not known to ask each time (asks_each_time)")
	}
	m := memory{Source: s.identity(), Callback: req.Callback, State: hashOf(req.State), Started: req.Now}
	target, err := url.Parse(s.settings.Authorize)
	if err != nil {
		return federation.Step{}, errors.New("authorization endpoint is no URL")
	}
	q := target.Query()
	for name, value := range s.settings.AuthorizeParameters {
		q.Set(name, value)
	}
	q.Set("response_type", "code")
	q.Set("client_id", s.settings.ClientID)
	q.Set("redirect_uri", req.Callback)
	q.Set("scope", strings.Join(s.settings.Scopes, " "))
	q.Set("state", req.State)
	if value := s.settings.RequestLevels[req.Level]; value != "" {
		q.Set(s.settings.Parameters.Level, value)
	}
	if s.settings.PKCE {
		m.Verifier = oauth2.GenerateVerifier()
		q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(m.Verifier))
		q.Set("code_challenge_method", "S256")
	}
	target.RawQuery = q.Encode()
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the sign-in: %w", err)
	}
	return federation.Step{Redirect: target.String(), Memory: kept}, nil
}

// Finish takes the platform's redirect. It returns federation.ErrDenied when the
// holder declined there, federation.ErrUntrusted for an answer that is not one to
// this sign-in or must not be believed, and federation.ErrDown when the platform
// did not answer as it should.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var m memory
	if err := json.Unmarshal(req.Memory, &m); err != nil || m.Source != s.identity() || s.settings.PKCE != (m.Verifier != "") {
		return federation.Step{}, errors.New("no sign-in at this source was begun")
	}
	code, err := s.answer(reply.Values, m)
	if err != nil {
		return federation.Step{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, federation.CallTimeout)
	defer cancel()
	token, err := s.redeem(ctx, m, code)
	if err != nil {
		return federation.Step{}, err
	}
	said, err := s.userInfo(ctx, token)
	if err != nil {
		return federation.Step{}, err
	}
	assertion, err := s.believe(said)
	if err != nil {
		return federation.Step{}, err
	}
	// Nothing says when the person authenticated. Who asks each time did so before
	// this answer; of anybody else it is not known to be later than the sign-in's
	// beginning.
	assertion.At = m.Started
	if s.settings.AsksEachTime {
		assertion.At, assertion.Anew = req.Now, true
	}
	return federation.Step{Assertion: &assertion}, nil
}

// answer checks the parameters of a redirect and returns the code.
func (s *Source) answer(values url.Values, m memory) (string, error) {
	names := s.settings.Parameters
	for _, name := range []string{"state", "error", names.Code, names.CodeKey} {
		if len(values[name]) > 1 {
			return "", distrust("a parameter of the answer is given twice")
		}
	}
	if subtle.ConstantTimeCompare(hashOf(values.Get("state")), m.State) != 1 {
		return "", distrust("state is another one")
	}
	if values.Has("error") {
		return "", refusal(values.Get("error"))
	}
	code, key := values.Get(names.Code), values.Get(names.CodeKey)
	switch {
	case code == "" || len(code) > maxCode || len(key) > maxCodeKey:
		return "", distrust("answer without a code, or with one too long")
	case s.opener == nil || !values.Has(names.CodeKey):
		return code, nil
	}
	opened, ok := s.opener.open(code, key, fitsCode)
	if !ok {
		// It goes the way of every wrong code, so that who sent it cannot tell that
		// it was not readable from that it was not right.
		return rand.Text(), nil
	}
	return string(opened), nil
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// refusal turns the platform's error into one of ours. Its texts are not passed
// on, its names only when the standards list them.
func refusal(name string) error {
	switch {
	case name == "access_denied":
		return federation.ErrDenied
	case slices.Contains([]string{ // RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6
		"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "interaction_required", "login_required", "consent_required",
	}, name):
		return errors.New("source answered " + name)
	}
	return errors.New("source answered with an error")
}

// distrust makes the error of an answer that must not be believed. The reason is
// one of ours: nothing that came from outside is quoted.
func distrust(reason string) error {
	return fmt.Errorf("%s: %w", reason, federation.ErrUntrusted)
}

// down says that it was the platform that failed.
func down(err error) error { return fmt.Errorf("%w: %w", federation.ErrDown, err) }
