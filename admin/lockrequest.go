package admin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/web"
	"eidgate/web/shell"
)

// lockRequest decides on what a service user asks for (row 31).
func (p *Pages) lockRequest(w http.ResponseWriter, r *http.Request, d desk) {
	q, err := p.d.Requests.Show(r.Context(), r.PathValue("id"))
	if err == nil {
		err = p.looked(r, d, q.Account, q.Document)
	}
	if err != nil {
		p.barred(w, r, d, err)
		return
	}
	data := web.OfficerData{Title: "officer.request.title", Intro: "officer.request.lock", Facts: requestFacts(&q), Back: Path}
	if q.Undo != "" {
		data.Intro = "officer.request.unlock"
	}
	if q.Status == eid.RequestWaiting {
		data.Fields = []web.OfficerField{text(d.Typed, fieldReason, "officer.hint.decision", "")}
		data.Buttons = []web.OfficerButton{
			{Action: actApprove, Word: "officer.button.accept", Kind: "primary"}, {Action: actReject, Word: "officer.button.reject", Kind: "second"},
		}
	}
	if r.Method != http.MethodPost {
		p.show(w, r, d, data)
		return
	}
	data.Fields = []web.OfficerField{text(r.PostForm, fieldReason, "officer.hint.decision", "")}
	decision := accounts.LockDecision{Why: line(r.PostForm, fieldReason), Officer: d.officer.Account, Actor: d.actor(), Ref: web.VisitOf(r).Ref}
	switch action := r.PostForm.Get(web.FieldAction); {
	case action != actApprove && action != actReject:
		err = errNoButton
	case decision.Why == "":
		data.Faults = []web.FieldProblem{{Field: fieldReason, Message: "officer.fault.reason"}}
		p.show(w, r, d, data)
		return
	case action == actApprove:
		_, err = p.d.Requests.Accept(r.Context(), q.ID, decision)
	default:
		_, err = p.d.Requests.Reject(r.Context(), q.ID, decision)
	}
	switch {
	case errors.Is(err, errNoButton):
		data.Notice = "officer.notice.button"
		p.show(w, r, d, data)
	case err != nil:
		p.refused(w, r, d, data, err)
	default:
		shell.SeeOther(w, Path)
	}
}

// requestFacts are what a request says, and whom it is about: masked.
func requestFacts(q *accounts.LockRequestStanding) []web.OfficerFact {
	list := fact(nil, "ref", q.Ref)
	list = fact(list, "requester", q.Requester)
	list = fact(list, "request_document", q.Document)
	list = fact(list, "reason", q.Reason)
	list = fact(list, "number", q.Holder.Person.Identifier.String())
	list = append(list, web.OfficerFact{Name: "officer.fact.due", Date: q.DueAt})
	if q.Undone.ID != "" {
		list = word(list, "lock", "officer.lock."+string(q.Undone.Reason))
	}
	return fact(list, "decision", q.Why)
}

// looked puts on record that an officer looked at a person, and why.
func (p *Pages) looked(r *http.Request, d desk, id eid.AccountID, reason string) error {
	detail, err := json.Marshal(audit.LookUp{Role: "officer", Reason: reason})
	if err != nil {
		return err
	}
	return p.d.People.Record(r.Context(), eid.AuditEntry{
		At: p.d.Now(), Actor: d.actor(), Action: audit.ActionLookedUp, Account: id, Ref: web.VisitOf(r).Ref, Detail: detail,
	})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
