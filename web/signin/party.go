package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"eidgate/eid"
	"eidgate/store"
)

// party is the client that a gate is: it knows the gateway by its issuer only, as any
// portal does.
type party struct {
	cfg      Config
	client   *http.Client
	now      func() time.Time
	redirect string

	mu    sync.Mutex
	known *upstream // nil until it was discovered
}

// upstream is what discovery told.
type upstream struct {
	oauth      *oauth2.Config
	verifier   *oidc.IDTokenVerifier
	introspect string
	endSession string
}

// errRefused reports that the gateway refused what it was asked, for good.
var errRefused = errors.New("refused by the gateway")

// discover reads the gateway's metadata once (OpenID Connect Discovery §4).
func (p *party) discover(ctx context.Context) (*upstream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	// The key set is read again later, under contexts of then.
	provider, err := oidc.NewProvider(p.outbound(ctx), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering the gateway: %w", unavailable(err))
	}
	var more struct {
		Introspection string `json:"introspection_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("reading the gateway's metadata: %w", err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	p.known = &upstream{
		oauth: &oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.Secret.Reveal(), Endpoint: endpoint,
			RedirectURL: p.redirect, Scopes: []string{oidc.ScopeOpenID},
		},
		verifier:   provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.now}),
		introspect: more.Introspection, endSession: more.EndSession,
	}
	return p.known, nil
}

func (p *party) outbound(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// unavailable marks failures that pass by themselves.
func unavailable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }

// granted is what the gateway says of a sign-in.
type granted struct {
	session
	subject string
}

// redeem turns a code into a session. errRefused where the gateway does not take the
// code, or what came with it is not what was asked for.
func (p *party) redeem(ctx context.Context, code, verifier, nonce string) (granted, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return granted{}, err
	}
	ctx = p.outbound(ctx)
	tokens, err := up.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return granted{}, exchangeFailure(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := up.verifier.Verify(ctx, raw)
	if err != nil {
		return granted{}, fmt.Errorf("%w: its ID token is not right", errRefused)
	}
	var claims struct {
		AZP      string   `json:"azp"`
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AuthTime int64    `json:"auth_time"`
	}
	// OpenID Connect Core §3.1.3.7, what the library leaves to the client.
	if err := id.Claims(&claims); err != nil || id.Nonce == "" || id.Nonce != nonce || id.Subject == "" || len(id.Audience) != 1 ||
		claims.AZP != "" && claims.AZP != p.cfg.ClientID || id.VerifyAccessToken(tokens.AccessToken) != nil || claims.AuthTime == 0 {
		return granted{}, fmt.Errorf("%w: its ID token is of another sign-in", errRefused)
	}
	now := p.now()
	return granted{subject: id.Subject, session: session{
		Level: p.cfg.Vocabulary.Level(claims.ACR), AMR: claims.AMR, AuthTime: time.Unix(claims.AuthTime, 0),
		Access: tokens.AccessToken, AccessEnd: expiry(tokens, now), Refresh: tokens.RefreshToken, IDToken: raw, StartedAt: now, SeenAt: now,
	}}, nil
}

// expiry is when an access token ends, by our clock.
func expiry(t *oauth2.Token, now time.Time) time.Time {
	return now.Add(time.Duration(t.ExpiresIn) * time.Second)
}

// refresh replaces the tokens of a session. It reports whether the gateway still gives
// any.
func (p *party) refresh(ctx context.Context, s *session) (bool, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return false, err
	}
	// An expired token without an access token is one that the library replaces.
	tokens, err := up.oauth.TokenSource(p.outbound(ctx), &oauth2.Token{RefreshToken: s.Refresh}).Token()
	if err != nil {
		err = exchangeFailure(err)
		if errors.Is(err, errRefused) {
			return false, nil
		}
		return false, err
	}
	s.Access, s.AccessEnd, s.Refresh = tokens.AccessToken, expiry(tokens, p.now()), tokens.RefreshToken
	if raw, ok := tokens.Extra("id_token").(string); ok {
		s.IDToken = raw
	}
	return true, nil
}

// exchangeFailure keeps the error code of the token endpoint, which is no secret, and
// drops the body.
func exchangeFailure(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError && refused.ErrorCode == "invalid_grant" {
		return fmt.Errorf("%w: %s", errRefused, refused.ErrorCode)
	}
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("the token endpoint refuses a gate with %d", refused.Response.StatusCode)
	}
	return unavailable(errors.New("the token endpoint does not answer"))
}

// active asks the gateway whether a token still holds (RFC 7662 §2.1): it looks at the
// lock, the level, the source and the link of this moment. What it says of level and
// proof replaces what was known.
func (p *party) active(ctx context.Context, s *session) (bool, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return false, err
	}
	body, err := p.post(ctx, up.introspect, url.Values{"token": {s.Access}, "token_type_hint": {"access_token"}})
	if err != nil {
		return false, err
	}
	var a struct {
		Active   bool   `json:"active"`
		Client   string `json:"client_id"`
		ACR      string `json:"acr"`
		AuthTime int64  `json:"auth_time"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return false, errors.New("reading an introspection: not JSON")
	}
	if !a.Active || a.Client != p.cfg.ClientID {
		return false, nil
	}
	s.Level, s.AuthTime = p.cfg.Vocabulary.Level(a.ACR), time.Unix(a.AuthTime, 0)
	return s.Level >= eid.Level1, nil
}

// post calls an endpoint as this client (RFC 6749 §2.3.1).
func (p *party) post(ctx context.Context, address string, form url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("calling the gateway: no address")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(p.cfg.Secret.Reveal()))
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("calling the gateway: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	case answer.StatusCode >= http.StatusInternalServerError:
		return nil, unavailable(errors.New("the gateway does not answer"))
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the gateway refuses a gate with %d", answer.StatusCode)
	}
	return body, nil
}

// leave ends the session at the gateway that a browser's cookies name. It gives where the
// browser goes next, and the cookies that it is to drop. The ID token that shows whose
// session it is stays in this process: no address holds it. Where the gateway would ask
// its holder first, that is where to go.
func (p *party) leave(ctx context.Context, idToken string, cookies []string) (next string, dropped []string, err error) {
	up, err := p.discover(ctx)
	if err != nil || idToken == "" {
		return p.cfg.Issuer + pathLogout, nil, err
	}
	query := url.Values{"id_token_hint": {idToken}, "client_id": {p.cfg.ClientID}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, up.endSession+"?"+query.Encode(), nil)
	if err != nil {
		return "", nil, errors.New("calling the gateway: no address")
	}
	r.Header["Cookie"] = cookies
	answer, err := p.client.Do(r)
	if err != nil {
		return "", nil, errors.New("calling the gateway failed")
	}
	defer func() { _ = answer.Body.Close() }()
	switch next := answer.Header.Get("Location"); {
	case answer.StatusCode >= http.StatusInternalServerError:
		return "", nil, unavailable(errors.New("the gateway does not answer"))
	case answer.StatusCode == http.StatusSeeOther && next != "":
		return next, answer.Header.Values("Set-Cookie"), nil
	}
	return up.endSession, nil, nil
}
