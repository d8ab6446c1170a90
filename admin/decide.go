package admin

import (
	"errors"
	"net/http"
	"strconv"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

// Actions of pages that decide.
const (
	actApprove = "approve"
	actReturn  = "return"
	actReject  = "reject"
)

// decide approves an application that its person confirmed, gives it back or rejects it.
// Who took it in or changed it does not approve it, where the rules say so.
func (p *Pages) decide(w http.ResponseWriter, r *http.Request, d desk) {
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	waits := a.Status == counter.StatusConfirmed
	if !a.Status.Open() || waits && !d.officer.May(eid.TaskApprove) || !waits && !d.officer.May(eid.TaskIntake) {
		p.deny(w, r, d, web.DeniedTask)
		return
	}
	data := web.OfficerData{
		Title: "officer.decide.title", Facts: p.factsOf(&a), Back: applicationPath(a.ID),
		Lists:  []web.OfficerList{p.matches(&a, ""), p.documents(&a, ""), p.dependents(&a, "")},
		Fields: []web.OfficerField{text(d.Typed, fieldReason, "officer.hint.reason", "")},
		Hidden: revisionOf(strconv.Itoa(a.Revision)),
	}
	obstacles, err := p.d.Counter.Obstacles(&a)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	other, err := p.d.Counter.NeedsOther(&a, d.officer.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	other = other && waits
	data.Obstacles = obstacleWords(&a, obstacles)
	switch {
	case !waits:
		data.Title, data.Intro = "officer.refuse.title", "officer.refuse.intro"
		data.Buttons = []web.OfficerButton{{Action: actReject, Word: "officer.button.reject", Kind: "primary"}}
	case other: // who took it in is told before they try
		data.Intro, data.Fields = "officer.notice.same_officer", nil
	default:
		data.Buttons = []web.OfficerButton{
			{Action: actApprove, Word: "officer.button.approve", Kind: "primary"}, {Action: actReturn, Word: "officer.button.return", Kind: "second"},
			{Action: actReject, Word: "officer.button.reject", Kind: "second"},
		}
	}
	if r.Method != http.MethodPost {
		p.show(w, r, d, data)
		return
	}
	if !other {
		data.Fields = []web.OfficerField{text(r.PostForm, fieldReason, "officer.hint.reason", "")}
	}
	ctx, by, at, reason := r.Context(), d.by(r), revision(r), line(r.PostForm, fieldReason)
	switch r.PostForm.Get(web.FieldAction) {
	case actApprove:
		_, err = p.d.Counter.Approve(ctx, by, a.ID, at)
	case actReturn:
		_, err = p.d.Counter.Return(ctx, by, a.ID, at, reason)
	case actReject:
		_, err = p.d.Counter.Reject(ctx, by, a.ID, at, reason)
	default: // Enter in the field decides nothing
		err = errNoButton
	}
	var found *counter.ObstacleError
	if errors.As(err, &found) { // since it was confirmed: what the page shows is of then
		data.Obstacles = obstacleWords(&a, found.Obstacles)
	}
	switch {
	case errors.Is(err, errNoButton):
		data.Notice = "officer.notice.button"
		p.show(w, r, d, data)
	case err != nil:
		p.refused(w, r, d, data, err)
	default:
		shell.SeeOther(w, applicationPath(a.ID))
	}
}

// errNoButton: a form was sent that can do several things, and none was chosen.
var errNoButton = errors.New("no button was pressed")
