// Package admin owns the pages of officers: what they may do at a counter, each act in
// their own name.
package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/counter"
	"eidgate/eid/registration"
	"eidgate/store"
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

// People finds whom a lock is asked for, and puts on record that it did.
type People interface {
	// AccountByIdentifier: eid.ErrNotFound when nobody uses it.
	AccountByIdentifier(ctx context.Context, i eid.Identifier) (eid.Account, error)
	// MarkOf is a keyed hash of an identifier that nobody uses, for the record.
	MarkOf(i eid.Identifier) string
	Record(ctx context.Context, entries ...eid.AuditEntry) error
}

// Sealer encrypts what a page carries of an account that was found.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// Deps are what the pages work with.
type Deps struct {
	Shell    *shell.Shell
	Gate     *signin.Gate // lets holders at Level 2 in
	Officers Officers
	Counter  *counter.Counter
	Cases    *registration.Cases
	Locks    *accounts.Locks
	Requests *accounts.LockRequests
	Rules    accounts.Rules
	People   People
	Sealer   Sealer
	State    store.State // counts look-ups
	Now      func() time.Time
}

// Pages answer at Path and below it.
type Pages struct {
	d   Deps
	mux *http.ServeMux
}

// New wires the pages.
func New(d Deps) (*Pages, error) {
	if d.Shell == nil || d.Gate == nil || d.Officers == nil || d.Counter == nil || d.Cases == nil || d.Locks == nil || d.Requests == nil ||
		d.Rules == nil || d.People == nil || d.Sealer == nil || d.State == nil || d.Now == nil {
		return nil, errors.New("admin: every dependency is needed")
	}
	p := &Pages{d: d, mux: http.NewServeMux()}
	p.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { notFound(r) })
	for _, route := range p.routes() {
		p.handle(route)
	}
	return p, nil
}

// Handler serves the pages.
func (p *Pages) Handler() http.Handler { return p.mux }

// route is a page, the task that it is for (any of an officer where that is empty), and
// the fields of its form that are given back.
type route struct {
	path string
	task eid.Task
	keep []string
	page func(http.ResponseWriter, *http.Request, desk)
}

// routes are all pages of officers.
func (p *Pages) routes() []route {
	const one = Path + "/a/{id}"
	return []route{
		{Path, "", nil, p.todo},
		{Path + "/new/{type}", eid.TaskIntake, intakeFields(), p.intake},
		{one, "", nil, p.application},
		{one + "/data", eid.TaskIntake, append(intakeFields(), fieldRevision), p.amend},
		{one + "/dependent", eid.TaskIntake, append(dependentFields(), fieldRevision), p.dependent},
		{one + "/document", eid.TaskIntake, append(documentFields(), fieldRevision), p.document},
		{one + "/match", eid.TaskIntake, []string{fieldMethod, fieldDatabase, fieldCapture, fieldRevision}, p.match},
		{one + "/check", eid.TaskIntake, nil, p.check},
		{one + "/withdraw", eid.TaskIntake, nil, p.withdraw},
		{one + "/decide", "", []string{fieldReason, fieldRevision}, p.decide},
		{Path + "/r/{id}", eid.TaskReview, []string{fieldReason}, p.review},
		{Path + "/locks", eid.TaskLocks, lockFields(), p.locks},
		{Path + "/q/{id}", eid.TaskLocks, []string{fieldReason}, p.lockRequest},
	}
}

// desk is an officer at work on one request.
type desk struct {
	signin.Person
	officer eid.Officer
}

func (d desk) by(r *http.Request) counter.By {
	return counter.By{Officer: d.officer, Ref: web.VisitOf(r).Ref}
}

// actor names the officer in audit rows.
func (d desk) actor() string { return "officer:" + string(d.officer.Account) }

// handle routes a page. Whether somebody is an officer is read at each request: one who
// ended is out at once.
func (p *Pages) handle(to route) {
	p.mux.Handle(to.path, p.d.Gate.Guard(signin.Need{Level: eid.Level2, Keep: to.keep}, func(w http.ResponseWriter, r *http.Request, person signin.Person) {
		officer, err := p.d.Officers.Officer(r.Context(), person.Account)
		d := desk{person, officer}
		switch {
		case errors.Is(err, eid.ErrNotFound):
			p.deny(w, r, d, web.DeniedNoOfficer)
		case err != nil:
			p.d.Shell.Failure(w, r, err)
		case to.task != "" && !officer.May(to.task):
			p.deny(w, r, d, web.DeniedTask)
		default:
			web.VisitOf(r).Note("officer", string(officer.Account))
			to.page(w, r, d)
		}
	}))
}

// deny says that somebody who is signed in may not be here.
func (p *Pages) deny(w http.ResponseWriter, r *http.Request, d desk, why string) {
	web.VisitOf(r).Note("refused", why)
	p.d.Shell.Render(w, r, web.Page{Name: "officer_denied", Status: http.StatusForbidden, Data: web.OfficerDeniedData{
		Common: shell.Common(r), Why: why, SignOut: web.Hidden{Action: d.SignOut, CSRF: d.CSRF},
	}})
}

func notFound(r *http.Request) {
	web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
}

// show answers with one thing to work on. A notice or a fault makes it an answer that
// nothing was done.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, d desk, data web.OfficerData) {
	if data.Form.Action == "" && len(data.Fields)+len(data.Buttons) > 0 {
		data.Common = shell.Form(r, d.CSRF)
	} else {
		data.Common = shell.Common(r)
	}
	status := http.StatusOK
	if data.Notice != "" || len(data.Faults) > 0 {
		status = http.StatusUnprocessableEntity
		web.VisitOf(r).Note("refused", "form")
	}
	p.d.Shell.Render(w, r, web.Page{Name: "officer", Status: status, Data: data})
}
