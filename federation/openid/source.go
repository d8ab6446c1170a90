// Package openid owns sign-in at a standard OpenID provider: the code flow with
// PKCE and nonce, and the verification of what comes back.
package openid

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
	"time"

	"golang.org/x/oauth2"

	"eidgate/federation"
)

// Deps are what a Source works with.
type Deps struct {
	// HTTP makes the calls: see federation.HTTPClient.
	HTTP *http.Client
	Now  func() time.Time
	// Keys are those that the gateway keeps for this source; nil unless
	// Settings.Managed is set.
	Keys federation.OwnKeys
}

// Source is one OpenID provider. It keeps the provider's metadata and keys;
// make one per registered source and hold on to it.
type Source struct {
	settings Settings
	own      federation.OwnKeys
	http     *http.Client
	now      func() time.Time
	metadata *federation.Cached[metadata]
	keys     *federation.RemoteKeys
}

var (
	_ federation.Source     = (*Source)(nil)
	_ federation.Redirector = (*Source)(nil)
	_ federation.Warmer     = (*Source)(nil)
)

// New checks the settings and makes the source. It calls nobody yet.
func New(settings Settings, d Deps) (*Source, error) {
	if err := settings.check(); err != nil {
		return nil, err
	}
	if d.HTTP == nil || d.Now == nil || (settings.Managed == nil) != (d.Keys == nil) {
		return nil, errors.New("an OpenID source needs a client, a clock and its keys")
	}
	files, err := settings.keyFiles()
	if err != nil {
		return nil, err
	}
	s := &Source{settings: settings, own: federation.Succeed(d.Keys, files), http: d.HTTP, now: d.Now}
	s.metadata = federation.NewCached(func(ctx context.Context) (metadata, error) {
		return discover(ctx, d.HTTP, settings.Issuer)
	}, d.Now)
	s.keys = federation.NewRemoteKeys(d.HTTP, func(ctx context.Context) (string, error) {
		m, err := s.metadata.Get(ctx)
		return m.JWKSURI, err
	}, d.Now)
	return s, nil
}

// Warm fetches the provider's metadata.
func (s *Source) Warm(ctx context.Context) error {
	return s.metadata.Warm(ctx)
}

// Origins are where the provider's pages are: the issuer's origin, and that of
// the authorization endpoint once the metadata told it.
func (s *Source) Origins() []string {
	origins := []string{federation.OriginOf(s.settings.Issuer)}
	if m, _, ok := s.metadata.Peek(); ok {
		if pages := federation.OriginOf(m.AuthorizationEndpoint); pages != origins[0] {
			origins = append(origins, pages)
		}
	}
	return origins
}

// memory is what Begin leaves to Finish. It lies in the login record, on the
// server.
type memory struct {
	Issuer   string    `json:"issuer"`
	Callback string    `json:"callback"`
	State    []byte    `json:"state"` // SHA-256
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Started  time.Time `json:"started"`
	Fresh    bool      `json:"fresh,omitempty"`
}

// Begin redirects to the provider. The hint stays here: it may be a personal
// number, which no address holds.
func (s *Source) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	provider, err := s.metadata.Get(ctx)
	if err != nil {
		return federation.Step{}, down(err)
	}
	state := sha256.Sum256([]byte(req.State))
	m := memory{
		Issuer: s.settings.Issuer, Callback: req.Callback, State: state[:], Nonce: rand.Text(),
		Verifier: oauth2.GenerateVerifier(), Started: req.Now, Fresh: req.Fresh,
	}
	kept, err := json.Marshal(m)
	if err != nil {
		return federation.Step{}, fmt.Errorf("keeping the memory of the provider: %w", err)
	}
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(m.Verifier),
		oauth2.SetAuthURLParam("nonce", m.Nonce),
	}
	if acr := s.settings.RequestACR[req.Level]; acr != "" {
		option, err := s.askLevel(acr)
		if err != nil {
			return federation.Step{}, err
		}
		options = append(options, option)
	}
	if req.Language != "" { // a wish: who does not know it goes on (OpenID Connect Core §3.1.2.1)
		options = append(options, oauth2.SetAuthURLParam("ui_locales", req.Language))
	}
	if req.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return federation.Step{Redirect: s.client(provider, m).AuthCodeURL(req.State, options...), Memory: kept}, nil
}

// askLevel says which acr value is wanted.
func (s *Source) askLevel(acr string) (oauth2.AuthCodeOption, error) {
	if !s.settings.EssentialACR {
		return oauth2.SetAuthURLParam("acr_values", acr), nil
	}
	wanted := map[string]any{"id_token": map[string]any{"acr": map[string]any{"essential": true, "values": []string{acr}}}}
	raw, err := json.Marshal(wanted)
	if err != nil {
		return nil, fmt.Errorf("writing the claims parameter: %w", err)
	}
	return oauth2.SetAuthURLParam("claims", string(raw)), nil
}

// Finish takes the provider's redirect. It returns federation.ErrDenied when the
// holder declined there and federation.ErrUntrusted for an answer that is not
// one to this sign-in or must not be believed.
func (s *Source) Finish(ctx context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	var m memory
	if err := json.Unmarshal(req.Memory, &m); err != nil || m.Issuer != s.settings.Issuer || m.Verifier == "" {
		return federation.Step{}, errors.New("no sign-in at this provider was begun")
	}
	provider, err := s.metadata.Get(ctx)
	if err != nil {
		return federation.Step{}, down(err)
	}
	code, err := answer(reply.Values, m, provider)
	if err != nil {
		return federation.Step{}, err
	}
	token, err := s.exchange(ctx, provider, m, code)
	if err != nil {
		return federation.Step{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	claims, err := s.verify(ctx, raw, token.AccessToken, m, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	level, ok := s.settings.ACR[claims.ACR]
	if !ok {
		return federation.Step{}, distrust("level missing or unknown")
	}
	at := claims.AuthTime.Time
	anew := !at.IsZero() && !at.Before(m.earliestAuth(claims, req.Now))
	if at.IsZero() {
		at = claims.IssuedAt.Time
	}
	if at.After(req.Now) {
		at = req.Now // the provider's clock is ahead, within bounds
	}
	who, err := s.askPerson(ctx, provider, token.AccessToken, claims, req.Now)
	if err != nil {
		return federation.Step{}, err
	}
	return federation.Step{Assertion: &federation.Assertion{
		Subject: claims.Subject, Level: level, Methods: claims.methods(), At: at, Anew: anew, Person: who, Session: claims.Session,
	}}, nil
}

// answer checks the parameters of a redirect and returns the code.
func answer(values url.Values, m memory, provider metadata) (code string, err error) {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(values[name]) > 1 {
			return "", distrust("a parameter of the answer is given twice")
		}
	}
	state := sha256.Sum256([]byte(values.Get("state")))
	if subtle.ConstantTimeCompare(state[:], m.State) != 1 {
		return "", distrust("state is another one")
	}
	// RFC 9207 §2.4; an issuer that was not announced must be right all the same.
	if issuer, sent := values["iss"]; sent && issuer[0] != m.Issuer || !sent && provider.SendsIssuer {
		return "", distrust("issuer of the answer is missing or another one")
	}
	if values.Has("error") {
		return "", refusal(values.Get("error"))
	}
	if code = values.Get("code"); code == "" {
		return "", distrust("answer without code")
	}
	return code, nil
}

// refusal turns the provider's error into one of ours. Texts of the provider are
// not passed on, names only when the standards list them.
func refusal(name string) error {
	switch {
	case name == "access_denied":
		return federation.ErrDenied
	case slices.Contains([]string{
		"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "interaction_required", "login_required", "account_selection_required",
		"consent_required", "unmet_authentication_requirements",
	}, name):
		return errors.New("provider answered " + name)
	}
	return errors.New("provider answered with an error")
}

// exchange redeems the code. Errors hold nothing of the code, the tokens or the
// provider's text.
func (s *Source) exchange(ctx context.Context, provider metadata, m memory, code string) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, s.http), federation.CallTimeout)
	defer cancel()
	options, err := s.authenticate()
	if err != nil {
		return nil, err
	}
	token, err := s.client(provider, m).Exchange(ctx, code, append(options, oauth2.VerifierOption(m.Verifier))...)
	var refused *oauth2.RetrieveError
	var unreached *url.Error
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused) && refused.Response.StatusCode <= http.StatusInternalServerError && refused.Response.StatusCode >= http.StatusBadRequest:
		// The code may be one that a browser made up, and some providers stumble
		// over it: 500 tells of the request, 502 to 504 tell of the provider.
		return nil, fmt.Errorf("redeeming the code: status %d", refused.Response.StatusCode)
	case errors.As(err, &refused):
		return nil, down(fmt.Errorf("redeeming the code: status %d", refused.Response.StatusCode))
	case errors.As(err, &unreached):
		return nil, down(fmt.Errorf("redeeming the code: %w", unreached.Err))
	}
	return nil, down(errors.New("redeeming the code: unreadable answer"))
}

// down says that it was the provider that failed.
func down(err error) error { return fmt.Errorf("%w: %w", federation.ErrDown, err) }

func (s *Source) client(provider metadata, m memory) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     s.settings.ClientID,
		ClientSecret: s.settings.ClientSecret.Reveal(),
		RedirectURL:  m.Callback,
		Scopes:       append([]string{"openid"}, s.settings.Scopes...),
		Endpoint: oauth2.Endpoint{
			AuthURL:   provider.AuthorizationEndpoint,
			TokenURL:  provider.TokenEndpoint,
			AuthStyle: provider.authStyle(s.settings.ClientSecret.IsZero()),
		},
	}
}
