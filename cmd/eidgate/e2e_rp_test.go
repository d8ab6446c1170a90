package main_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Values of acr.
const (
	acr1 = "urn:vn:eid:level:1"
	acr2 = "urn:vn:eid:level:2"
)

// party is a relying party of these tests. It has a portal's registration and
// nothing else of the portal: it is written on another library than the gateway
// and catches the redirect itself.
type party struct {
	portalReport
	t        *testing.T
	d        *demoRun
	ctx      context.Context // carries the client to both libraries
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

func (d *demoRun) party(t *testing.T, id string) *party {
	t.Helper()
	p := &party{portalReport: d.portal(id), t: t, d: d}
	p.ctx = oidc.ClientContext(t.Context(), &http.Client{Transport: d, Timeout: 30 * time.Second})
	var err error
	p.provider, err = oidc.NewProvider(p.ctx, d.Issuer)
	must(t, err)
	p.verifier = p.provider.VerifierContext(p.ctx, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}, Now: d.now,
	})
	endpoint := p.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	p.oauth = oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: endpoint, RedirectURL: p.RedirectURI,
		Scopes: []string{"openid", "profile", "email", "phone", "eid"},
	}
	return p
}

// request is one authorization request of a party.
type request struct {
	address, state, nonce, verifier string
}

// request makes one, with more parameters: name, value, …
func (p *party) request(params ...string) request {
	r := request{state: oauth2.GenerateVerifier(), nonce: oauth2.GenerateVerifier(), verifier: oauth2.GenerateVerifier()}
	p.d.keepSecret("state", r.state)
	p.d.keepSecret("code verifier", r.verifier)
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.verifier), oidc.Nonce(r.nonce)}
	for i := 0; i < len(params); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(params[i], params[i+1]))
	}
	r.address = p.oauth.AuthCodeURL(r.state, options...)
	return r
}

// tokens are what a sign-in gave, verified.
type tokens struct {
	Subject  string
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
	raw      string
	access   string
}

// answer checks that a page is the redirect back to this party, with its state
// and the issuer (RFC 9207), and returns its parameters.
func (p *party) answer(r request, got screen) url.Values {
	p.t.Helper()
	if got.back == nil || !strings.HasPrefix(got.back.String(), p.RedirectURI+"?") {
		p.t.Fatalf("got screen %d %q (redirect to %v), want a redirect to %s", got.status, got.title(), got.back, p.RedirectURI)
	}
	q := got.back.Query()
	if q.Get("state") != r.state || q.Get("iss") != p.d.Issuer {
		p.t.Fatalf("answer has state %q and iss %q, want %q and %q", q.Get("state"), q.Get("iss"), r.state, p.d.Issuer)
	}
	return q
}

// redeem takes the code of a redirect and verifies what it gives.
func (p *party) redeem(r request, got screen) tokens {
	p.t.Helper()
	q := p.answer(r, got)
	if q.Get("code") == "" {
		p.t.Fatalf("answer is %s, want a code", q.Get("error"))
	}
	return p.exchange(r, q.Get("code"), got.ref())
}

func (p *party) exchange(r request, code, ref string) tokens {
	p.t.Helper()
	p.d.keepSecret("authorization code", code, code[strings.IndexByte(code, '.')+1:])
	set, err := p.oauth.Exchange(p.ctx, code, oauth2.VerifierOption(r.verifier))
	must(p.t, err)
	raw, _ := set.Extra("id_token").(string)
	id, err := p.verifier.Verify(p.ctx, raw)
	must(p.t, err)
	must(p.t, id.VerifyAccessToken(set.AccessToken))
	if id.Nonce != r.nonce {
		p.t.Errorf("nonce = %q, want %q", id.Nonce, r.nonce)
	}
	got := tokens{Subject: id.Subject, raw: raw, access: set.AccessToken}
	must(p.t, id.Claims(&got))
	p.d.keepSecret("ID token", raw, raw[strings.LastIndexByte(raw, '.')+1:])
	p.d.keepSecret("access token", got.access, got.access[strings.IndexByte(got.access, '.')+1:])
	p.d.keepIssued(issued{client: p.ClientID, ref: ref, tokens: got})
	return got
}

// refused checks that the answer is an error and no code.
func (p *party) refused(r request, got screen, code string) {
	p.t.Helper()
	q := p.answer(r, got)
	if q.Get("error") != code || q.Has("code") {
		p.t.Errorf("answer is error %q, code %v, want error %q", q.Get("error"), q.Has("code"), code)
	}
}

// signIn signs a person in at the built-in account system.
func (p *party) signIn(a *agent, who accountReport, params ...string) tokens {
	p.t.Helper()
	r := p.request(params...)
	return p.redeem(r, a.fill(a.get(r.address), who))
}

// silent asks with prompt=none, which must succeed once the holder agreed to share
// with this portal. Nobody is asked to sign in.
func (p *party) silent(a *agent, params ...string) tokens {
	p.t.Helper()
	r := p.request(append(params, "prompt", "none")...)
	answer := a.get(r.address)
	if answer.back != nil && answer.back.Query().Get("error") == "consent_required" {
		loud := p.request(params...)
		p.redeem(loud, a.get(loud.address))
		r = p.request(append(params, "prompt", "none")...)
		answer = a.get(r.address)
	}
	return p.redeem(r, answer)
}

// userinfo asks with an access token.
func (p *party) userinfo(access string) (map[string]any, error) {
	info, err := p.provider.UserInfo(p.ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	return claims, info.Claims(&claims)
}

func (g tokens) wants(t *testing.T, acr string, amr ...string) {
	t.Helper()
	if g.ACR != acr || !slices.Equal(g.AMR, amr) {
		t.Errorf("token has acr %s, amr %v, want %s, %v", g.ACR, g.AMR, acr, amr)
	}
}

func nextPort(port string) string {
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return strconv.Itoa(n + 1)
}

func itoa(n int) string { return strconv.Itoa(n) }
