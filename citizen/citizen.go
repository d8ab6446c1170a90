// Package citizen owns the pages of holders: registering, activating, recovering, and
// what holders see and set themselves.
package citizen

import (
	"errors"
	"net/http"

	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Deps are what the pages work with.
type Deps struct {
	Shell *shell.Shell
	Me    *signin.Gate // lets holders in to their own pages
}

// Pages answer below the paths of Paths.
type Pages struct {
	d   Deps
	mux *http.ServeMux
}

// Paths are where the pages are mounted.
func Paths() []string { return []string{"/register", "/activate", "/recover", "/me"} }

// New wires the pages.
func New(d Deps) (*Pages, error) {
	if d.Shell == nil || d.Me == nil {
		return nil, errors.New("citizen: every dependency is needed")
	}
	p := &Pages{d: d, mux: http.NewServeMux()}
	p.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	})
	return p, nil
}

// Handler serves the pages.
func (p *Pages) Handler() http.Handler { return p.mux }
