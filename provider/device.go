package provider

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// deviceLife is how long a browser is known to have been signed in with.
const deviceLife = 365 * 24 * time.Hour

// deviceCookie keeps what the account system leaves in browsers: see
// federation.Step.Device. It signs nobody in and outlives the session.
func (p *Provider) deviceCookie() string { return p.cookieName() + "-device" }

// device is what an earlier sign-in left in this browser, if anything.
func (p *Provider) device(c *gin.Context) string {
	cookie, err := c.Request.Cookie(p.deviceCookie())
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (p *Provider) keepDevice(c *gin.Context, marks string) {
	if marks == "" {
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.deviceCookie(), Value: marks, Path: "/", MaxAge: int(deviceLife / time.Second),
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
