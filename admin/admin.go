// Package admin owns the pages of officers: what they may do at a counter, each act in
// their own name.
package admin

import (
	"context"
	"errors"
	"net/http"

	"eidgate/eid"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Path is where the pages are mounted.
const Path = "/officer"

// Officers knows who may act for others now.
type Officers interface {
	// Officer: eid.ErrNotFound when the account is none.
	Officer(ctx context.Context, id eid.AccountID) (eid.Officer, error)
}

// Deps are what the pages work with.
type Deps struct {
	Shell    *shell.Shell
	Gate     *signin.Gate // lets holders at Level 2 in
	Officers Officers
}

// Pages answer at Path and below it.
type Pages struct {
	d   Deps
	mux *http.ServeMux
}

// New wires the pages.
func New(d Deps) (*Pages, error) {
	if d.Shell == nil || d.Gate == nil || d.Officers == nil {
		return nil, errors.New("admin: every dependency is needed")
	}
	p := &Pages{d: d, mux: http.NewServeMux()}
	p.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	})
	p.handle(Path, "", nil, p.todo)
	return p, nil
}

// Handler serves the pages.
func (p *Pages) Handler() http.Handler { return p.mux }

// desk is an officer at work on one request.
type desk struct {
	signin.Person
	officer eid.Officer
}

// handle routes a page to officers who have a task, any officer where it is empty.
// Whether somebody is one is read at each request: an office that ended is out at once.
func (p *Pages) handle(path string, task eid.Task, keep []string, next func(http.ResponseWriter, *http.Request, desk)) {
	p.mux.Handle(path, p.d.Gate.Guard(signin.Need{Level: eid.Level2, Keep: keep}, func(w http.ResponseWriter, r *http.Request, person signin.Person) {
		officer, err := p.d.Officers.Officer(r.Context(), person.Account)
		switch {
		case errors.Is(err, eid.ErrNotFound):
			p.deny(w, r, person, web.DeniedNoOfficer)
		case err != nil:
			p.d.Shell.Failure(w, r, err)
		case task != "" && !officer.May(task):
			p.deny(w, r, person, web.DeniedTask)
		default:
			web.VisitOf(r).Note("officer", string(officer.Account))
			next(w, r, desk{person, officer})
		}
	}))
}

// deny says that somebody who is signed in may not be here.
func (p *Pages) deny(w http.ResponseWriter, r *http.Request, person signin.Person, why string) {
	web.VisitOf(r).Note("refused", why)
	p.d.Shell.Render(w, r, web.Page{Name: "officer_denied", Status: http.StatusForbidden, Data: web.OfficerDeniedData{
		Common: shell.Common(r), Why: why, SignOut: web.Hidden{Action: person.SignOut, CSRF: person.CSRF},
	}})
}
