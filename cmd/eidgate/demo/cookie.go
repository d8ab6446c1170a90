package demo

import (
	"crypto/subtle"
	"net/http"
	"time"
)

// The two cookies of a portal. Each holds a random handle and nothing else.
const (
	sessionCookie = ""         // what this browser last did here
	browserCookie = "_browser" // which browser began a login
)

func (p *Portal) cookieName(kind string) string { return "portal_" + p.cfg.Name + kind }

// cookie is the value of a cookie, empty when there is none.
func (p *Portal) cookie(r *http.Request, kind string) string {
	c, err := r.Cookie(p.cookieName(kind))
	if err != nil {
		return ""
	}
	return c.Value
}

func (p *Portal) remember(w http.ResponseWriter, kind, value string, ttl time.Duration) {
	c := p.bareCookie(kind)
	c.Value, c.MaxAge = value, int(ttl/time.Second)
	http.SetCookie(w, c)
}

func (p *Portal) forget(w http.ResponseWriter, kind string) {
	c := p.bareCookie(kind)
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// bareCookie is Lax: the answer of the gateway arrives by a top-level GET from
// another site.
func (p *Portal) bareCookie(kind string) *http.Cookie {
	return &http.Cookie{
		Name: p.cookieName(kind), Path: "/", HttpOnly: true,
		Secure: p.base.Scheme == "https", SameSite: http.SameSiteLaxMode,
	}
}

func sameText(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
