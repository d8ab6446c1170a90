package admin

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

const (
	maxLines = 100 // of the list
	maxRef   = 32  // bytes
)

// decided leads to the list from a page whose decision is on record.
const decided = "?done=decided"

// todo lists what waits for the tasks of an officer, the nearest deadline first. It shows
// nothing of a person.
func (p *Pages) todo(w http.ResponseWriter, r *http.Request, d desk) {
	data := web.OfficerTodoData{
		Common: shell.Common(r), Office: d.officer.Office, New: d.officer.May(eid.TaskIntake), Locks: d.officer.May(eid.TaskLocks),
		SignOut: web.Hidden{Action: d.SignOut, CSRF: d.CSRF},
	}
	if text := r.URL.Query().Get(fieldRef); len(text) <= maxRef {
		data.Search = strings.ToUpper(strings.TrimSpace(text))
	}
	if r.URL.Query().Get("done") == "decided" {
		data.Done = "officer.done.decided"
	}
	var err error
	if data.Lines, err = p.waiting(r, d, data.Search); err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	data.More = len(data.Lines) == maxLines
	data.None = data.Search != "" && len(data.Lines) == 0
	p.d.Shell.Render(w, r, web.Page{Name: "officer_todo", Data: data})
}

// waiting are the lines that the officer's tasks are for, those of one reference where
// it is not empty.
func (p *Pages) waiting(r *http.Request, d desk, ref string) ([]web.OfficerLine, error) {
	ctx, now := r.Context(), p.d.Now()
	rules, err := p.d.Rules.At(now)
	if err != nil {
		return nil, err
	}
	var lines []web.OfficerLine
	add := func(kind, its, path string, due time.Time) {
		if ref == "" || its == ref {
			lines = append(lines, web.OfficerLine{Kind: kind, Ref: its, Path: path, Due: due, Late: due.Before(now)})
		}
	}
	if d.officer.May(eid.TaskIntake) || d.officer.May(eid.TaskApprove) {
		list, err := p.d.Counter.Queue(ctx, d.by(r), "", ref)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if d.officer.May(eid.TaskIntake) || a.Status == counter.StatusConfirmed {
				kind, path := string(a.Status), applicationPath(a.ID)
				switch rule := rules.Level(a.Level); {
				case a.Status != counter.StatusConfirmed:
				case a.OpenedBy == d.officer.Account && rule.SecondOfficer:
					kind = "confirmed_own"
				case d.officer.May(eid.TaskApprove):
					path += "/decide"
				}
				add(kind, a.Ref, path, a.DueAt)
			}
		}
	}
	if d.officer.May(eid.TaskReview) {
		list, err := p.d.Cases.Open(ctx, maxLines)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			add("review", c.Ref, Path+"/r/"+c.ID, c.DueAt)
		}
	}
	if d.officer.May(eid.TaskLocks) {
		list, err := p.d.Requests.List(ctx, accounts.LockRequestFilter{Most: maxLines})
		if err != nil {
			return nil, err
		}
		for _, q := range list {
			add("lock_request", q.Ref, Path+"/q/"+q.ID, q.DueAt)
		}
	}
	slices.SortStableFunc(lines, func(a, b web.OfficerLine) int { return a.Due.Compare(b.Due) })
	return lines[:min(len(lines), maxLines)], nil
}
