package provider

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/federation"
)

// paramSourceHint names the source that the portal knows its visitor to use. It is
// a wish: one that cannot be used is as good as none.
const paramSourceHint = "idp_hint"

// hinted begins at the source that the portal named, where the holder would be asked
// to choose and might have chosen it.
func (p *Provider) hinted(ctx context.Context, f *flow, d decision) (decision, error) {
	hint := f.login.Request.SourceHint
	wanted := func(c federation.Choice) bool { return c.Usable && c.Source.ID == hint }
	if d.stage != stageChoose || !slices.ContainsFunc(d.choices, wanted) {
		return d, nil
	}
	f.login.Source = hint
	return p.decide(ctx, f)
}

// lastCookie remembers which source this device was signed in with last: its id,
// and nothing of the person. No server keeps it.
func (p *Provider) lastCookie() string { return p.cookieName() + "-source" }

// last is the source that this device remembers, if any.
func (p *Provider) last(c *gin.Context) string {
	cookie, err := c.Request.Cookie(p.lastCookie())
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (p *Provider) keepLast(c *gin.Context, source string) { p.setLast(c, source, deviceLife) }

// forgetLast is for shared devices.
func (p *Provider) forgetLast(c *gin.Context) { p.setLast(c, "", -time.Second) }

func (p *Provider) setLast(c *gin.Context, source string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.lastCookie(), Value: source, Path: "/", MaxAge: int(life / time.Second),
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
