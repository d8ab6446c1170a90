package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/store"
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
		c.Header("WWW-Authenticate", `Bearer realm="eidgate"`)
		c.Status(http.StatusUnauthorized)
		c.Writer.WriteHeaderNow()
		return
	}
	record, account, err := p.grantBehind(c.Request.Context(), *token)
	if errors.Is(err, errBadToken) {
		c.Header("WWW-Authenticate", `Bearer realm="eidgate", error="invalid_token"`)
		refuse("invalid_token", "the access token is not valid").write(c, http.StatusUnauthorized)
		return
	}
	if err != nil {
		p.backChannelFailure(c, err)
		return
	}
	note(c, "client", record.Grant.Client)
	rp, err := p.deps.Clients.RelyingParty(c.Request.Context(), record.Grant.Client)
	if err != nil {
		p.backChannelFailure(c, fmt.Errorf("finding client: %w", err))
		return
	}
	allowOrigin(c, &rp)
	claims := claimValues(account, &record.Grant, released(&rp, record.Scopes, record.Claims.Userinfo))
	claims["sub"] = record.Subject
	c.JSON(http.StatusOK, claims)
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

var errBadToken = errors.New("access token not valid")

// grantBehind finds the grant of an access token and checks again, at the
// moment of use, that every term of it still holds.
func (p *Provider) grantBehind(ctx context.Context, text string) (*grantRecord, *eid.Account, error) {
	token, ok := parseHandle(text)
	if !ok {
		return nil, nil, errBadToken
	}
	results, err := p.deps.State.Apply(ctx, token.slot, store.Get(token.key(kindAccess)))
	if err != nil {
		return nil, nil, fmt.Errorf("finding access token: %w", err)
	}
	if !results[0].OK {
		return nil, nil, errBadToken
	}
	var access accessRecord
	if err := json.Unmarshal(results[0].Value, &access); err != nil {
		return nil, nil, fmt.Errorf("reading access token: %w", err)
	}
	if !p.deps.Now().Before(access.ExpiresAt) {
		return nil, nil, errBadToken
	}
	results, err = p.deps.State.Apply(ctx, token.slot, store.Get(access.Family))
	if err != nil {
		return nil, nil, fmt.Errorf("finding grant: %w", err)
	}
	if !results[0].OK {
		return nil, nil, errBadToken
	}
	var record grantRecord
	if err := json.Unmarshal(results[0].Value, &record); err != nil {
		return nil, nil, fmt.Errorf("reading grant: %w", err)
	}
	account, good, err := p.stillGood(ctx, &record)
	if err != nil {
		return nil, nil, err
	}
	if !good {
		return nil, nil, errBadToken
	}
	return &record, account, nil
}
