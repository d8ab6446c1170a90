package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/keys"
)

// userinfo answers with the claims of the grant behind an access token (OpenID
// Connect Core §5.3). Whatever is wrong with a token, the answer is the same.
func (p *Provider) userinfo(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	token, refusal := bearer(c)
	switch {
	case refusal != nil:
		refusal.write(c, http.StatusBadRequest)
		return
	case token == nil:
		note(c, "refused", "no_token")
		c.Header("WWW-Authenticate", `Bearer realm="eidgate"`)
		c.Status(http.StatusUnauthorized)
		c.Writer.WriteHeaderNow()
		return
	}
	t, err := p.findToken(c.Request.Context(), *token)
	var who standing
	if err == nil {
		who, err = p.usableHere(c.Request.Context(), t)
	}
	if errors.Is(err, errBadToken) {
		c.Header("WWW-Authenticate", `Bearer realm="eidgate", error="invalid_token"`)
		refuse("invalid_token", "the access token is not valid").write(c, http.StatusUnauthorized)
		return
	}
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	note(c, "client", t.record.Grant.Client)
	rp, err := p.deps.Clients.RelyingParty(c.Request.Context(), t.record.Grant.Client)
	if err != nil {
		p.backChannelFailure(c, fmt.Errorf("finding client: %w", err))
		return
	}
	allowOrigin(c, &rp)
	claims, err := p.claims(c.Request.Context(), &t.record, &rp, who, stillRegistered(&rp, t.scopes), t.record.Claims.Userinfo)
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	claims["sub"] = t.record.Subject
	if rp.UserinfoAlg == "" {
		c.JSON(http.StatusOK, claims)
		return
	}
	claims["iss"], claims["aud"] = p.cfg.Issuer, rp.ID
	p.writeJWT(c, keys.Algorithm(rp.UserinfoAlg), "JWT", "application/jwt", claims)
}

// usableHere gives the holder behind an access token that may be used at userinfo:
// not one that was made for other audiences.
func (p *Provider) usableHere(ctx context.Context, t *foundToken) (standing, error) {
	if t.kind == kindFamily || t.kind == kindJWT && !slices.Contains(t.audience, p.cfg.Issuer) {
		return standing{}, errBadToken
	}
	who, good, err := p.stillGood(ctx, &t.record)
	if err == nil && !good {
		err = errBadToken
	}
	return who, err
}

// stillRegistered leaves out scopes that the party has no longer.
func stillRegistered(rp *eid.RelyingParty, scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(rp.Scopes, s) })
}

// writeJWT answers with signed claims (OpenID Connect Core §5.3.2, RFC 9701 §5).
func (p *Provider) writeJWT(c *gin.Context, alg keys.Algorithm, typ, contentType string, claims any) {
	payload, err := json.Marshal(claims)
	if err != nil {
		p.backChannelFailure(c, fmt.Errorf("writing answer: %w", err))
		return
	}
	signed, err := p.deps.Keys.Snapshot().Sign(keys.Tokens, alg, typ, payload)
	if err != nil {
		p.backChannelFailure(c, fmt.Errorf("signing answer: %w", err))
		return
	}
	c.Data(http.StatusOK, contentType, []byte(signed))
}

// bearer reads the access token of the header or of a form (RFC 6750 §2.1, §2.2):
// of one of them, and never of the address, where it would end in logs. nil says
// that there is none.
func bearer(c *gin.Context) (*string, *oauthError) {
	if c.Request.URL.Query().Has("access_token") {
		return nil, refuse(codeInvalidRequest, "an access token does not belong into the address")
	}
	var token *string
	if scheme, text, _ := strings.Cut(c.GetHeader("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(text)
		token = &text
	}
	if c.Request.Method != http.MethodPost || c.ContentType() != formType {
		return token, nil
	}
	form, refusal := backChannelForm(c.Request)
	if refusal != nil || !form.Has("access_token") {
		return token, refusal
	}
	if token != nil {
		return nil, refuse(codeInvalidRequest, "the access token is given twice")
	}
	text := form.Get("access_token")
	return &text, nil
}
