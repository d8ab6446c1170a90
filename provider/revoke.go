package provider

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
)

// revocation ends the family of a token at the client's wish (RFC 7009): one
// sign-in's tokens belong together, so revoking any of them revokes all. What is
// unknown, or another client's, is answered alike and left as it is.
func (p *Provider) revocation(c *gin.Context) {
	call, form, ok := p.backChannel(c)
	if !ok {
		return
	}
	allowOrigin(c, call.rp)
	if form.Get("token") == "" {
		refuse(codeInvalidRequest, "token is missing").write(c, http.StatusBadRequest)
		return
	}
	ctx := c.Request.Context()
	t, err := p.findToken(ctx, form.Get("token"))
	if err == nil && t.record.Grant.Client == call.rp.ID {
		err = p.endFamily(ctx, call, t.slot, t.family, whyClient, nil)
	}
	if err != nil && !errors.Is(err, errBadToken) {
		p.backChannelFailure(c, err)
		return
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
}
