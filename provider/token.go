package provider

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"eidgate/eid"
	"eidgate/store"
)

// token guards the library's token endpoint: what it leaves open (GET, query
// parameters, duplicates, any authentication method, cacheable answers) is
// closed here, and it is reached only with an authenticated client.
func (p *Provider) token() gin.HandlerFunc {
	server := op.RegisterServer(&tokenServer{p: p}, op.Endpoints{Token: op.NewEndpoint(pathToken)}, op.WithServerCORSOptions(nil))
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		form, refusal := backChannelForm(c.Request)
		if refusal != nil {
			refusal.write(c, http.StatusBadRequest)
			return
		}
		rp, refusal, err := p.authenticateClient(c.Request, form)
		switch {
		case err != nil:
			p.backChannelFailure(c, err)
			return
		case refusal != nil && refusal.Code == codeInvalidClient:
			if c.Request.Header.Get("Authorization") != "" {
				c.Header("WWW-Authenticate", `Basic realm="eidgate", charset="UTF-8"`)
			}
			refusal.write(c, http.StatusUnauthorized)
			return
		case refusal != nil:
			refusal.write(c, http.StatusBadRequest)
			return
		}
		note(c, "client", rp.ID)
		allowOrigin(c, rp)
		if g := form.Get("grant_type"); g != string(oidc.GrantTypeCode) {
			code := codeUnsupportedGrantType
			if g == "" {
				code = codeInvalidRequest
			}
			refuse(code, "only grant_type authorization_code is supported").write(c, http.StatusBadRequest)
			return
		}
		ctx := context.WithValue(c.Request.Context(), tokenCallKey{}, &tokenCall{rp: rp, c: c})
		server.ServeHTTP(c.Writer, c.Request.WithContext(ctx))
	}
}

// backChannelForm reads the parameters of a POST from its body alone.
func backChannelForm(r *http.Request) (url.Values, *oauthError) {
	if r.URL.RawQuery != "" {
		return nil, refuse(codeInvalidRequest, "parameters belong into the body")
	}
	if err := r.ParseForm(); err != nil {
		return nil, refuse(codeInvalidRequest, "the body is not a form")
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return nil, refuse(codeInvalidRequest, "a parameter is given more than once")
		}
	}
	return r.PostForm, nil
}

// tokenCall is what the guard hands to the library's callbacks.
type tokenCall struct {
	rp *eid.RelyingParty
	c  *gin.Context
}

type tokenCallKey struct{}

// tokenServer fills the library's server for the token endpoint. Everything it
// does not define answers that it is not there.
type tokenServer struct {
	op.UnimplementedServer
	p *Provider
}

var _ op.Server = (*tokenServer)(nil)

// VerifyClient returns the client that the guard authenticated.
func (s *tokenServer) VerifyClient(ctx context.Context, _ *op.Request[op.ClientCredentials]) (op.Client, error) {
	call, ok := ctx.Value(tokenCallKey{}).(*tokenCall)
	if !ok {
		return nil, refuse(codeInvalidClient, "client authentication failed").forLibrary()
	}
	return libraryClient{call.rp}, nil
}

// CodeExchange redeems a code.
func (s *tokenServer) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	call, ok := ctx.Value(tokenCallKey{}).(*tokenCall)
	if !ok {
		return nil, refuse(codeInvalidClient, "client authentication failed").forLibrary()
	}
	answer, err := s.p.redeem(ctx, call.rp, r.Data.Code, r.Data.RedirectURI, r.Form.Get("code_verifier"))
	if err != nil {
		var refusal *oauthError
		if !errors.As(err, &refusal) {
			note(call.c, "err", err)
			refusal = failureOf(err)
		}
		note(call.c, "refused", refusal.Code)
		return nil, refusal.forLibrary()
	}
	return op.NewResponse(answer), nil
}

// accessRecord is an opaque access token. What it allows stands in its family.
type accessRecord struct {
	Family    string    `json:"family"`
	ExpiresAt time.Time `json:"expires_at"`
}

// redeem turns a code into tokens. The code becomes its token family and the
// access token is kept in one step, before anything is known of the code: of
// several calls one can win. A call that loses, or that does not fit what the
// code was given for, ends the family and with it the tokens (RFC 9700 §2.1.1).
func (p *Provider) redeem(ctx context.Context, rp *eid.RelyingParty, text, redirectURI, verifier string) (*oidc.AccessTokenResponse, error) {
	code, ok := parseHandle(text)
	if !ok {
		return nil, errBadCode
	}
	access, now := handleIn(code.slot), p.deps.Now()
	family, ttl := code.key(kindFamily), p.cfg.Lifetimes.AccessToken
	record, err := json.Marshal(accessRecord{Family: family, ExpiresAt: now.Add(ttl)})
	if err != nil {
		return nil, fmt.Errorf("writing access token: %w", err)
	}
	results, err := p.deps.State.Apply(ctx, code.slot,
		store.Move(code.key(kindCode), family, ttl),
		store.PutIfAbsent(access.key(kindAccess), record, ttl))
	if err != nil {
		return nil, fmt.Errorf("redeeming code: %w", err)
	}
	if !results[0].OK || len(results) < 2 || !results[1].OK {
		return nil, p.revoke(ctx, code.slot, family)
	}
	var g grantRecord
	if err := json.Unmarshal(results[0].Value, &g); err != nil {
		return nil, fmt.Errorf("reading code: %w", err)
	}
	if g.Grant.Client != rp.ID || g.RedirectURI != redirectURI || !verifierFits(g.Challenge, verifier) {
		return nil, p.revoke(ctx, code.slot, family)
	}
	account, good, err := p.stillGood(ctx, &g)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, p.revoke(ctx, code.slot, family)
	}
	idToken, err := p.idToken(rp, &g, account, access.String(), now)
	if err != nil {
		return nil, err
	}
	return &oidc.AccessTokenResponse{
		AccessToken: access.String(), TokenType: oidc.BearerToken, ExpiresIn: uint64(seconds(ttl)), IDToken: idToken,
		Scope: slices.Clone(g.Scopes),
	}, nil
}

var errBadCode = refuse(codeInvalidGrant, "the code is not valid")

// revoke ends a token family and refuses.
func (p *Provider) revoke(ctx context.Context, slot, family string) error {
	if _, err := p.deps.State.Apply(ctx, slot, store.Delete(family)); err != nil {
		return fmt.Errorf("revoking tokens: %w", err)
	}
	return errBadCode
}

// verifierFits checks PKCE (RFC 7636 §4.6). A verifier without a challenge is
// refused as well: it means that the challenge was stripped on its way.
func verifierFits(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return equalText(challenge, base64.RawURLEncoding.EncodeToString(sum[:]))
}

// failureOf says that a failure is ours, without its text.
func failureOf(err error) *oauthError {
	if waitingHelps(err) {
		return refuse(codeTemporarilyUnavailable, "try again in a few seconds")
	}
	return refuse(codeServerError, "the gateway could not answer")
}

// backChannelFailure answers a failure of ours as JSON.
func (p *Provider) backChannelFailure(c *gin.Context, err error) {
	note(c, "err", err)
	e := failureOf(err)
	if e.Code == codeTemporarilyUnavailable {
		c.Header("Retry-After", "5")
		e.write(c, http.StatusServiceUnavailable)
		return
	}
	e.write(c, http.StatusInternalServerError)
}
