package provider

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"eidgate/eid"
	"eidgate/keys"
)

const (
	typIntrospection = "token-introspection+jwt" // RFC 9701 §5

	// introspectionAlg is the default of RFC 9701 §6.
	introspectionAlg = keys.RS256
)

// introspected is what is told of a token (RFC 7662 §2.2). Of one that is not
// active nothing but that.
type introspected struct {
	Active    bool     `json:"active"`
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  audience `json:"aud,omitempty"`
	Client    string   `json:"client_id,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
}

// introspection tells clients that can prove who they are about tokens of theirs,
// or for them.
func (p *Provider) introspection(c *gin.Context) {
	call, form, ok := p.provenBackChannel(c)
	if !ok {
		return
	}
	if form.Get("token") == "" {
		refuse(codeInvalidRequest, "token is missing").write(c, http.StatusBadRequest)
		return
	}
	answer, err := p.introspect(c.Request.Context(), call.rp, form.Get("token"))
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	c.Header("Vary", "Accept")
	if !acceptsType(c.GetHeader("Accept"), "application/"+typIntrospection) {
		c.JSON(http.StatusOK, answer)
		return
	}
	p.writeJWT(c, introspectionAlg, typIntrospection, "application/"+typIntrospection, map[string]any{
		"iss": p.cfg.Issuer, "aud": call.rp.ID, "iat": p.deps.Now().Unix(), "token_introspection": answer,
	})
}

// introspect checks a token at this moment, every term of its grant included. A
// token of another client is as unknown as one that never was, unless it was made
// for the caller.
func (p *Provider) introspect(ctx context.Context, rp *eid.RelyingParty, text string) (introspected, error) {
	t, err := p.findToken(ctx, text)
	if errors.Is(err, errBadToken) {
		return introspected{}, nil
	}
	if err != nil {
		return introspected{}, err
	}
	if t.spent || t.record.Grant.Client != rp.ID && !slices.Contains(t.audience, rp.ID) {
		return introspected{}, nil
	}
	_, good, err := p.stillGood(ctx, &t.record)
	if err != nil || !good {
		return introspected{}, err
	}
	g := &t.record.Grant
	answer := introspected{
		Active: true, Issuer: p.cfg.Issuer, Subject: t.record.Subject, Audience: t.audience, Client: g.Client,
		Scope: strings.Join(t.scopes, " "), ExpiresAt: t.expires.Unix(), ACR: g.ACR.Name, AuthTime: g.AuthTime.Unix(),
	}
	if !t.issued.IsZero() {
		answer.IssuedAt = t.issued.Unix()
	}
	if t.kind != kindFamily {
		answer.TokenType = oidc.BearerToken
	}
	if len(answer.Audience) == 0 {
		answer.Audience = audience{p.cfg.Issuer} // it is good here, and nowhere else
	}
	return answer, nil
}

// acceptsType reports whether an Accept header names a media type.
func acceptsType(header, want string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if got, params, err := mime.ParseMediaType(part); err == nil && got == want && params["q"] != "0" {
			return true
		}
	}
	return false
}
