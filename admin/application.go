package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

func applicationPath(id string) string { return Path + "/a/" + id }

func upper(form url.Values, name string) string { return strings.ToUpper(line(form, name)) }

func submit(id string) []web.OfficerButton { return []web.OfficerButton{{Word: id, Kind: "primary"}} }

func revisionOf(text string) []web.Param { return []web.Param{{Name: fieldRevision, Value: text}} }

// revision is that of the application which the posted form was made from; zero is none.
func revision(r *http.Request) int {
	n, err := strconv.Atoi(r.PostForm.Get(fieldRevision))
	if err != nil {
		return 0
	}
	return n
}

// open reads the application of the address, for an officer who may see it: that it was
// looked at is on record. Where it says no it has answered.
func (p *Pages) open(w http.ResponseWriter, r *http.Request, d desk) (counter.Application, bool) {
	a, err := p.d.Counter.Show(r.Context(), d.by(r), r.PathValue("id"))
	if err != nil {
		p.barred(w, r, d, err)
		return counter.Application{}, false
	}
	return a, true
}

// barred answers for an officer who may not see something: another office's is not there.
func (p *Pages) barred(w http.ResponseWriter, r *http.Request, d desk, err error) {
	switch {
	case errors.Is(err, eid.ErrNotFound):
		notFound(r)
	case errors.Is(err, counter.ErrTask), errors.Is(err, counter.ErrOwn):
		p.deny(w, r, d, web.DeniedTask)
	default:
		p.d.Shell.Failure(w, r, err)
	}
}

// Actions of the page of an application.
const (
	actReadBack  = "read_back"
	actDependent = "dependent."
	actDocument  = "document."
)

// application shows one application, and what can be done with it.
func (p *Pages) application(w http.ResponseWriter, r *http.Request, d desk) {
	if r.Method == http.MethodPost {
		p.act(w, r, d)
		return
	}
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	done := ""
	if word := r.URL.Query().Get("done"); word == "confirmed" || word == "matched" {
		done = "officer.done." + word
	}
	p.overview(w, r, d, &a, done, "")
}

// act does what a button of the page says.
func (p *Pages) act(w http.ResponseWriter, r *http.Request, d desk) {
	ctx, id, by, at := r.Context(), r.PathValue("id"), d.by(r), revision(r)
	next, err := applicationPath(id), error(nil)
	action := r.PostForm.Get(web.FieldAction)
	switch {
	case action == actReadBack:
		next += "/check"
		_, err = p.d.Counter.ReadBack(ctx, by, id, at)
	case strings.HasPrefix(action, actDependent):
		index, wrong := strconv.Atoi(strings.TrimPrefix(action, actDependent))
		if wrong != nil {
			index = -1
		}
		_, err = p.d.Counter.RemoveDependent(ctx, by, id, at, index)
	case strings.HasPrefix(action, actDocument):
		_, err = p.d.Counter.RemoveDocument(ctx, by, id, at, eid.DocumentKind(strings.TrimPrefix(action, actDocument)))
	}
	if err == nil {
		shell.SeeOther(w, next)
		return
	}
	notice := noticeOf(err)
	if notice == "" {
		p.barred(w, r, d, err)
		return
	}
	if a, ok := p.open(w, r, d); ok {
		p.overview(w, r, d, &a, "", notice)
	}
}

// overview renders an application.
func (p *Pages) overview(w http.ResponseWriter, r *http.Request, d desk, a *counter.Application, done, notice string) {
	data := web.OfficerData{
		Title: "officer.application.title", Done: done, Notice: notice, Facts: p.factsOf(a),
		Hidden: revisionOf(strconv.Itoa(a.Revision)), Back: Path,
	}
	editable := a.Status.Open() && a.Status != counter.StatusConfirmed && d.officer.May(eid.TaskIntake)
	path := ""
	if editable {
		path = applicationPath(a.ID)
	}
	obstacles, err := p.d.Counter.Obstacles(a)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	if a.Status.Open() {
		data.Obstacles = obstacleWords(a, obstacles)
	}
	data.Lists = []web.OfficerList{p.dependents(a, path), p.documents(a, path), p.matches(a, path)}
	if editable {
		data.Buttons = []web.OfficerButton{{Action: actReadBack, Word: "officer.button.read_back", Kind: "primary"}}
		if len(obstacles) > 0 { // the person would confirm in vain
			data.Buttons[0].Kind = "second"
			data.Lists[2].Next = slices.ContainsFunc(obstacles, func(o counter.Obstacle) bool { return o.Kind == counter.ObstacleBiometric })
		}
		data.Links = append(data.Links, web.OfficerLink{Path: path + "/data", Word: "officer.button.amend"})
		if a.Status == counter.StatusProcessing && a.Shown == a.Revision {
			data.Links = append(data.Links, web.OfficerLink{Path: path + "/check", Word: "officer.button.check"})
		}
	}
	other, err := p.d.Counter.NeedsOther(a, d.officer.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	switch {
	case a.Status == counter.StatusConfirmed && d.officer.May(eid.TaskApprove) && !other:
		data.Links = append(data.Links, web.OfficerLink{Path: applicationPath(a.ID) + "/decide", Word: "officer.button.decide"})
	case editable:
		data.Links = append(data.Links, web.OfficerLink{Path: path + "/decide", Word: "officer.refuse.title"})
	}
	if a.Status.Open() && d.officer.May(eid.TaskIntake) {
		data.Links = append(data.Links, web.OfficerLink{Path: applicationPath(a.ID) + "/withdraw", Word: "officer.withdraw.title"})
	}
	p.show(w, r, d, data)
}

// factsOf are what an application says. Numbers are masked: the person's own read-back
// alone shows them whole.
func (p *Pages) factsOf(a *counter.Application) []web.OfficerFact {
	list := fact(nil, "ref", a.Ref)
	list = word(list, "status", "officer.status."+string(a.Status))
	list = append(list, web.OfficerFact{Name: "officer.fact.level", Level: a.Level}, web.OfficerFact{Name: "officer.fact.due", Date: a.DueAt})
	list = personFacts(list, a.Intake.Person, false)
	list = fact(list, "phone", tail(a.Intake.Phone))
	list = fact(list, "email", tail(a.Intake.Email))
	if a.Intake.Person.Type == eid.Citizen {
		list = word(list, "card", cardWord(a.Findings.Card))
		list = fact(list, "card_end", shownDate(a.Findings.CardEnd))
		list = fact(list, "card_issue", a.Intake.CardIssue)
	}
	list = ownLock(list, a)
	for _, doubt := range a.Doubts() {
		list = word(list, "doubt", "officer.doubt."+string(doubt))
	}
	list = fact(list, "returned", a.Returned)
	if !a.Confirmed.At.IsZero() {
		list = append(list, web.OfficerFact{Name: "officer.fact.confirmed", Date: a.Confirmed.At})
	}
	if !a.Decision.At.IsZero() {
		list = append(list, web.OfficerFact{Name: "officer.fact.decided", Date: a.Decision.At})
	}
	return fact(list, "reason", a.Decision.Reason)
}

// ownLock says that an approval unlocks what the holder locked: to officers before they
// decide, and to the person who confirms it.
func ownLock(list []web.OfficerFact, a *counter.Application) []web.OfficerFact {
	if a.Findings.OwnLock.IsZero() || !a.Status.Open() {
		return list
	}
	return word(list, "account", "officer.account.own_lock")
}
