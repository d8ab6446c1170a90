package admin

import (
	"errors"
	"net/http"
	"strconv"

	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

// Actions of the page that the person reads.
const (
	actConfirm = "confirm"
	actChange  = "change"
)

// check is what the person reads and confirms (row 18), on the officer's device: all that
// was taken in of them, and no note of an officer.
func (p *Pages) check(w http.ResponseWriter, r *http.Request, d desk) {
	id := r.PathValue("id")
	if r.Method == http.MethodPost {
		p.confirm(w, r, d, id)
		return
	}
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	if a.Status != counter.StatusProcessing || a.Shown != a.Revision { // it changed since it was read back
		shell.SeeOther(w, applicationPath(id))
		return
	}
	facts := personFacts(nil, a.Intake.Person, true)
	facts = fact(facts, "phone", dialled(a.Intake.Phone))
	facts = fact(facts, "email", a.Intake.Email)
	facts = fact(facts, "card_issue", a.Intake.CardIssue)
	facts = ownLock(append(facts, web.OfficerFact{Name: "officer.fact.level", Level: a.Level}), &a)
	p.d.Shell.Render(w, r, web.Page{Name: "officer_check", Data: web.OfficerCheckData{
		Common: shell.Form(r, d.CSRF), Facts: facts, Lists: []web.OfficerList{p.dependents(&a, ""), whole(p.documents(&a, ""), &a)},
		Hidden: revisionOf(strconv.Itoa(a.Revision)), Further: "officer.check.further",
	}})
}

// whole shows the numbers of documents as they are: the person checks them.
func whole(list web.OfficerList, a *counter.Application) web.OfficerList {
	for i := range list.Lines {
		list.Lines[i].Text = a.Papers.Documents[i].Number.Reveal()
	}
	return list
}

// confirm puts the person's word on record.
func (p *Pages) confirm(w http.ResponseWriter, r *http.Request, d desk, id string) {
	switch r.PostForm.Get(web.FieldAction) {
	case actChange:
		shell.SeeOther(w, applicationPath(id)+"/data")
		return
	case actConfirm:
	default:
		shell.SeeOther(w, applicationPath(id)+"/check")
		return
	}
	_, err := p.d.Counter.Confirm(r.Context(), d.by(r), id, revision(r))
	if err == nil {
		shell.SeeOther(w, applicationPath(id)+"?done=confirmed")
		return
	}
	notice := noticeOf(err)
	if obstacles := (*counter.ObstacleError)(nil); errors.As(err, &obstacles) {
		notice = "officer.notice.obstacle"
	}
	if notice == "" {
		p.barred(w, r, d, err)
		return
	}
	if a, ok := p.open(w, r, d); ok {
		p.overview(w, r, d, &a, "", notice)
	}
}
