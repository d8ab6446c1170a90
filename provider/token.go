package provider

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

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
		call, form, ok := p.backChannel(c)
		if !ok {
			return
		}
		allowOrigin(c, call.rp)
		if refusal := refuseGrantType(call.rp, form.Get("grant_type")); refusal != nil {
			refusal.write(c, http.StatusBadRequest)
			return
		}
		ctx := context.WithValue(c.Request.Context(), tokenCallKey{}, call)
		server.ServeHTTP(c.Writer, c.Request.WithContext(ctx))
	}
}

// backChannel opens the endpoints that clients call themselves (token, revocation,
// introspection): parameters in the body, and an authenticated client. Where it
// says no it has answered.
func (p *Provider) backChannel(c *gin.Context) (*tokenCall, url.Values, bool) {
	c.Header("Cache-Control", "no-store")
	form, refusal := backChannelForm(c.Request)
	if refusal != nil {
		refusal.write(c, http.StatusBadRequest)
		return nil, nil, false
	}
	rp, refusal, err := p.authenticateClient(c.Request, form)
	switch {
	case err != nil:
		p.backChannelFailure(c, err)
	case refusal != nil && refusal.Code == codeInvalidClient:
		refuseClient(c, refusal)
	case refusal != nil:
		refusal.write(c, http.StatusBadRequest)
	default:
		note(c, "client", rp.ID)
		return &tokenCall{rp: rp, c: c}, form, true
	}
	return nil, nil, false
}

// provenBackChannel is backChannel for who answers to clients alone that can prove who
// they are, by more than their name.
func (p *Provider) provenBackChannel(c *gin.Context) (*tokenCall, url.Values, bool) {
	call, form, ok := p.backChannel(c)
	if ok && call.rp.AuthMethod == eid.AuthNone {
		refuseClient(c, refuse(codeInvalidClient, "client authentication failed"))
		return nil, nil, false
	}
	return call, form, ok
}

// refuseClient answers 401, with the challenge where a header was tried (RFC 6749
// §5.2).
func refuseClient(c *gin.Context, refusal *oauthError) {
	if c.Request.Header.Get("Authorization") != "" {
		c.Header("WWW-Authenticate", `Basic realm="eidgate", charset="UTF-8"`)
	}
	refusal.write(c, http.StatusUnauthorized)
}

// grantTypesSupported are all there are.
var grantTypesSupported = []string{string(oidc.GrantTypeCode), string(oidc.GrantTypeRefreshToken)}

// refuseGrantType refuses the grant types that are not, and those that the
// client did not register for.
func refuseGrantType(rp *eid.RelyingParty, grantType string) *oauthError {
	switch {
	case grantType == "":
		return refuse(codeInvalidRequest, "grant_type is missing")
	case !slices.Contains(grantTypesSupported, grantType):
		return refuse(codeUnsupportedGrantType, "grant_type is authorization_code or refresh_token")
	case !slices.Contains(libraryClient{rp}.GrantTypes(), oidc.GrantType(grantType)):
		return refuse(codeUnauthorizedClient, "the client is not registered for refresh tokens")
	}
	return nil
}

// backChannelForm reads the parameters of a POST from its body alone. Only
// resource may be given more than once (RFC 8707 §2).
func backChannelForm(r *http.Request) (url.Values, *oauthError) {
	if r.URL.RawQuery != "" {
		return nil, refuse(codeInvalidRequest, "parameters belong into the body")
	}
	if err := r.ParseForm(); err != nil {
		return nil, refuse(codeInvalidRequest, "the body is not a form")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && name != paramResource {
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
	answer, err := s.p.redeem(ctx, call, exchange{
		code: r.Data.Code, redirectURI: r.Data.RedirectURI, verifier: r.Form.Get("code_verifier"), resources: r.Form[paramResource],
	})
	return call.respond(answer, err)
}

// RefreshToken uses a refresh token.
func (s *tokenServer) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	call, ok := ctx.Value(tokenCallKey{}).(*tokenCall)
	if !ok {
		return nil, refuse(codeInvalidClient, "client authentication failed").forLibrary()
	}
	answer, err := s.p.refresh(ctx, call, refreshing{
		token: r.Data.RefreshToken, scope: r.Form.Get("scope"), resources: r.Form[paramResource],
	})
	return call.respond(answer, err)
}

// respond puts an answer or a refusal in the library's form.
func (call *tokenCall) respond(answer *oidc.AccessTokenResponse, err error) (*op.Response, error) {
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

// exchange is what a client sends to redeem a code.
type exchange struct {
	code, redirectURI, verifier string
	resources                   []string
}

// redeem turns a code into tokens. The code becomes its token family and an
// access token is kept in one step, before anything is known of the code: of
// several calls one can win. A call that loses, or that does not fit what the
// code was given for, ends the family and with it all its tokens, refresh tokens
// included (RFC 9700 §2.1.1).
func (p *Provider) redeem(ctx context.Context, call *tokenCall, r exchange) (*oidc.AccessTokenResponse, error) {
	code, ok := parseHandle(r.code)
	if !ok {
		return nil, errBadCode
	}
	rp, now := call.rp, p.deps.Now()
	family := code.key(kindFamily)
	end := func(why string, refusal *oauthError) (*oidc.AccessTokenResponse, error) {
		return nil, p.endFamily(ctx, call, code.slot, family, why, refusal)
	}
	access := p.opaqueToken(code.slot, family, now)
	results, err := p.deps.State.Apply(ctx, code.slot, store.Move(code.key(kindCode), family, p.newFamilyTTL(rp)), access.op)
	if err != nil {
		return nil, fmt.Errorf("redeeming code: %w", err)
	}
	if !results[0].OK || len(results) < 2 || !results[1].OK {
		return end(whyCodeAgain, errBadCode)
	}
	raw := results[0].Value
	g, err := readGrant(raw)
	if err != nil {
		return nil, fmt.Errorf("reading code: %w", err)
	}
	if g.Grant.Client != rp.ID || g.RedirectURI != r.redirectURI || !verifierFits(g.Challenge, r.verifier) {
		return end(whyCodeMisfit, errBadCode)
	}
	who, good, err := p.stillGood(ctx, &g)
	if err != nil {
		return nil, err
	}
	if !good {
		return end(whyTerms, errBadCode)
	}
	resources, refusal := targets(rp, g.Resources, r.resources)
	if refusal != nil {
		return end(whyCodeMisfit, refusal)
	}
	snapshot := p.deps.Keys.Snapshot() // one for all tokens of the answer
	answer := &oidc.AccessTokenResponse{TokenType: oidc.BearerToken, Scope: slices.Clone(g.Scopes)}
	var also []store.Op
	if len(resources) > 0 {
		if access, err = p.jwtToken(snapshot, rp, &g, jwtFor{slot: code.slot, family: family, scopes: g.Scopes, audience: resources}, now); err != nil {
			return nil, err
		}
		also = append(also, access.op)
	}
	if rp.Refresh && g.Refresh != nil {
		token, err := p.firstToken(&g, code)
		if err != nil {
			return nil, err
		}
		answer.RefreshToken = token.String()
	}
	if answer.IDToken, err = p.idToken(ctx, snapshot, rp, &g, who, access.text, now); err != nil {
		return nil, err
	}
	answer.AccessToken, answer.ExpiresIn = access.text, uint64(seconds(access.lifetime))
	if len(also) > 0 {
		kept, err := p.keepFamily(ctx, code.slot, family, raw, &g, now, also...)
		if err != nil {
			return nil, err
		}
		if !kept { // a replay came between
			return end(whyCodeAgain, errBadCode)
		}
	}
	return answer, nil
}

var errBadCode = refuse(codeInvalidGrant, "the code is not valid")

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
		c.Header("Retry-After", retryAfter)
		e.write(c, http.StatusServiceUnavailable)
		return
	}
	e.write(c, http.StatusInternalServerError)
}
