package admin

import (
	"net/http"
	"strconv"

	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

// withdraw ends an application that the person does not want any more. It has a page of
// its own: what was taken in has to be taken in anew afterwards.
func (p *Pages) withdraw(w http.ResponseWriter, r *http.Request, d desk) {
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	if !a.Status.Open() {
		shell.SeeOther(w, applicationPath(a.ID))
		return
	}
	data := web.OfficerData{
		Title: "officer.withdraw.title", Intro: "officer.withdraw.intro", Facts: withdrawn(&a), Hidden: revisionOf(strconv.Itoa(a.Revision)),
		Buttons: submit("officer.withdraw.title"), Back: applicationPath(a.ID),
	}
	if r.Method != http.MethodPost {
		p.show(w, r, d, data)
		return
	}
	if _, err := p.d.Counter.Withdraw(r.Context(), d.by(r), a.ID, revision(r)); err != nil {
		p.refused(w, r, d, data, err)
		return
	}
	shell.SeeOther(w, applicationPath(a.ID))
}

// withdrawn are the facts by which an officer knows which application it is.
func withdrawn(a *counter.Application) []web.OfficerFact {
	return personFacts(fact(nil, "ref", a.Ref), a.Intake.Person, false)
}
