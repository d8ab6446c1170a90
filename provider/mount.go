package provider

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"eidgate/web"
)

// Mount is where pages of another package answer: at a path of ours, and at all below
// it. They have the gateway's reference, log line, limits and headers, and forms are
// taken from our own pages only.
type Mount struct {
	Path    string // such as /register
	Handler http.Handler
	// Brings reports whether a request comes from somebody who was signed in at these
	// pages; nil knows nobody. It is asked before anything is looked up.
	Brings func(*http.Request) bool
}

// bringsMark reports whether a request carries a cookie that one of the mounts made.
func bringsMark(mounts []Mount, r *http.Request) bool {
	return slices.ContainsFunc(mounts, func(m Mount) bool {
		return m.Brings != nil && (r.URL.Path == m.Path || strings.HasPrefix(r.URL.Path, m.Path+"/")) && m.Brings(r)
	})
}

// mount routes to pages of another package.
func (p *Provider) mount(r *gin.Engine, m Mount, sameOrigin gin.HandlerFunc) {
	serve := func(c *gin.Context) {
		m.Handler.ServeHTTP(c.Writer, web.WithVisit(c.Request, p.visit(c)))
	}
	for _, path := range []string{m.Path, m.Path + "/*below"} {
		r.GET(path, serve)
		r.HEAD(path, serve)
		r.POST(path, sameOrigin, serve)
	}
}

// visit is what we know of a request, for pages that are not ours.
func (p *Provider) visit(c *gin.Context) web.Visit {
	return web.Visit{
		Ref: ref(c), Language: p.language(c), Secure: p.secure, Address: clientAddress(c),
		Switch: func(tag string) bool { return p.rememberLanguage(c, tag) },
		Note:   func(keyValues ...any) { note(c, keyValues...) },
		Fail:   func(status int, kind, detail string) { p.pageError(c, status, kind, detail) },
	}
}
