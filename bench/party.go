package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// redirectURI is where every party takes codes. Nobody listens there: the bench
// reads the redirect.
const redirectURI = "http://127.0.0.1:9/callback"

// verifyEvery is of how many ID tokens one is verified: verifying costs the
// machine as much as signing.
const verifyEvery = 32

// party is a client of the gateway or of the floor.
type party struct {
	issuer, id, secret string
	alg, acr           string // that its ID tokens must have
	cookie             string // name of the provider's cookie
	sessions           []string
	http               *http.Client
	keys               jose.JSONWebKeySet
	counts             *counts

	next, answered atomic.Int64
}

// counts are the bench's own, to be held against the subject's.
type counts struct{ codes, verified atomic.Int64 }

// tokens is an answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Type    string `json:"token_type"`
}

// asking is one authorization request.
type asking struct{ address, state, nonce, verifier string }

func (p *party) ask() asking {
	a := asking{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	sum := sha256.Sum256([]byte(a.verifier))
	a.address = p.issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {p.id}, "redirect_uri": {redirectURI}, "scope": {"openid profile email phone eid"},
		"state": {a.state}, "nonce": {a.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
	return a
}

// flow is one flow in a living session: an authorization request that comes back
// with a code at once, and the code's exchange.
func (p *party) flow(ctx context.Context) (tokens, error) {
	return p.flowIn(ctx, p.sessions[int(p.next.Add(1))%len(p.sessions)])
}

// flowIn is a flow in this session.
func (p *party) flowIn(ctx context.Context, session string) (tokens, error) {
	a := p.ask()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.address, nil)
	if err != nil {
		return tokens{}, err
	}
	r.Header.Set("Cookie", p.cookie+"="+session)
	got, err := do(p.http, r)
	if err != nil {
		return tokens{}, err
	}
	if got.status != http.StatusSeeOther && got.status != http.StatusFound {
		return tokens{}, got.wrong()
	}
	return p.exchange(ctx, a, got.header.Get("Location"))
}

// exchange takes the redirect of an authorization answer and redeems its code.
func (p *party) exchange(ctx context.Context, a asking, location string) (tokens, error) {
	u, err := url.Parse(location)
	if err != nil {
		return tokens{}, err
	}
	q := u.Query()
	if !strings.HasPrefix(location, redirectURI+"?") || q.Get("code") == "" || q.Get("state") != a.state || q.Get("iss") != p.issuer {
		// The path alone: a query may hold what no log should.
		return tokens{}, fmt.Errorf("the answer leads to %s with error %q, want a code", u.Host+u.Path, q.Get("error"))
	}
	p.counts.codes.Add(1)
	set, err := p.redeem(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {redirectURI}, "code_verifier": {a.verifier},
	})
	if err != nil {
		return set, err
	}
	if p.answered.Add(1)%verifyEvery == 1 {
		return set, p.verify(set.ID, a.nonce)
	}
	return set, nil
}

// refresh redeems a refresh token for its successor.
func (p *party) refresh(ctx context.Context, token string) (tokens, error) {
	set, err := p.redeem(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	if err == nil && (set.Refresh == "" || set.Refresh == token) {
		err = errors.New("refreshing gave no new refresh token")
	}
	if err == nil && p.answered.Add(1)%verifyEvery == 1 {
		err = p.verify(set.ID, "")
	}
	return set, err
}

func (p *party) redeem(ctx context.Context, form url.Values) (tokens, error) {
	var set tokens
	if err := p.post(ctx, "/token", form, &set); err != nil {
		return tokens{}, err
	}
	if set.Access == "" || set.ID == "" || set.Type != "Bearer" {
		return tokens{}, errors.New("the token endpoint's answer lacks a token")
	}
	return set, nil
}

// userinfo asks with an access token.
func (p *party) userinfo(ctx context.Context, access string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+"/userinfo", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	var info struct {
		Subject string `json:"sub"`
		Name    string `json:"name"`
	}
	if err := p.json(r, &info); err != nil {
		return err
	}
	if info.Subject == "" || info.Name == "" {
		return errors.New("userinfo lacks sub or name")
	}
	return nil
}

// introspect asks about an access token.
func (p *party) introspect(ctx context.Context, access string) error {
	var answer struct {
		Active bool   `json:"active"`
		ACR    string `json:"acr"`
	}
	if err := p.post(ctx, "/introspect", url.Values{"token": {access}}, &answer); err != nil {
		return err
	}
	if !answer.Active || answer.ACR != p.acr {
		return fmt.Errorf("introspection says active %v, acr %q, want true, %q", answer.Active, answer.ACR, p.acr)
	}
	return nil
}

// fetch gets a public document that must hold a text.
func (p *party) fetch(ctx context.Context, path, holds string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+path, nil)
	if err != nil {
		return err
	}
	got, err := do(p.http, r)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK || !bytes.Contains(got.body, []byte(holds)) {
		return got.wrong()
	}
	return nil
}

// verify checks an ID token's signature and what it says.
func (p *party) verify(raw, nonce string) error {
	token, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(p.alg)})
	if err != nil {
		return fmt.Errorf("an ID token that is not %s: %w", p.alg, err)
	}
	payload, err := token.Verify(p.keys)
	if err != nil {
		return fmt.Errorf("verifying an ID token: %w", err)
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		ACR      string `json:"acr"`
		Nonce    string `json:"nonce"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	if claims.Issuer != p.issuer || claims.Audience != p.id || claims.ACR != p.acr || nonce != "" && claims.Nonce != nonce {
		return fmt.Errorf("an ID token for %q with acr %q, want %q and %q, and the issuer and the nonce of the request", claims.Audience, claims.ACR, p.id, p.acr)
	}
	p.counts.verified.Add(1)
	return nil
}

// learnKeys reads the key set.
func (p *party) learnKeys(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+"/keys", nil)
	if err != nil {
		return err
	}
	return p.json(r, &p.keys)
}

func (p *party) post(ctx context.Context, path string, form url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(p.id, p.secret)
	return p.json(r, into)
}

func (p *party) json(r *http.Request, into any) error {
	got, err := do(p.http, r)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK {
		return got.wrong()
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", r.URL.Path, err)
	}
	return nil
}
