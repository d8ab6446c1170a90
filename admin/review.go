package admin

import (
	"errors"
	"net/http"

	"eidgate/eid"
	"eidgate/eid/registration"
	"eidgate/web"
	"eidgate/web/shell"
)

// review decides on a registration in the app that left a doubt: both sides beside each
// other (rows 19 and 20).
func (p *Pages) review(w http.ResponseWriter, r *http.Request, d desk) {
	c, sides, err := p.d.Cases.Show(r.Context(), r.PathValue("id"), d.officer.Account, web.VisitOf(r).Ref)
	if err != nil {
		p.barred(w, r, d, err)
		return
	}
	facts := fact(nil, "ref", c.Ref)
	facts = word(facts, "doubt", "officer.doubt."+string(c.Doubt))
	facts = append(facts, web.OfficerFact{Name: "officer.fact.due", Date: c.DueAt})
	if id := genderWord(sides.Said.Gender); id != "" {
		facts = word(facts, "gender", id)
	}
	facts = fact(facts, "reason", c.Reason)
	data := web.OfficerData{
		Title: "officer.review.title", Intro: "officer.review.intro", Facts: facts, Compare: compare(&sides), Back: Path,
	}
	if c.Account == "" && c.Status != registration.CaseRejected {
		data.Fields = []web.OfficerField{text(d.Typed, fieldReason, "officer.hint.why", "")}
		data.Buttons = []web.OfficerButton{
			{Action: actApprove, Word: "officer.button.approve", Kind: "primary"}, {Action: actReject, Word: "officer.button.reject", Kind: "second"},
		}
	}
	if r.Method != http.MethodPost {
		p.show(w, r, d, data)
		return
	}
	reason, ref := line(r.PostForm, fieldReason), web.VisitOf(r).Ref
	data.Fields = []web.OfficerField{text(r.PostForm, fieldReason, "officer.hint.why", "")}
	switch r.PostForm.Get(web.FieldAction) {
	case actApprove:
		_, err = p.d.Cases.Approve(r.Context(), c.ID, d.officer.Account, reason, ref)
	case actReject:
		err = p.d.Cases.Reject(r.Context(), c.ID, d.officer.Account, reason, ref)
	default:
		err = errNoButton
	}
	switch {
	case errors.Is(err, errNoButton):
		data.Notice = "officer.notice.button"
		p.show(w, r, d, data)
	case err != nil:
		p.refused(w, r, d, data, err)
	default:
		shell.SeeOther(w, Path+decided)
	}
}

// compare puts what was declared beside what the registry holds.
func compare(s *registration.Sides) []web.OfficerSides {
	of := func(name, said, held string) web.OfficerSides {
		return web.OfficerSides{Name: "officer.fact." + name, Said: said, Held: held, Differs: held != "" && said != held}
	}
	masked := func(number string) string {
		if number == "" {
			return ""
		}
		return eid.NewIdentifier(eid.KindPersonalNumber, vietnam, number).String()
	}
	country := func(name, said, held string) web.OfficerSides {
		sides := of(name, said, held)
		sides.Country = true
		return sides
	}
	var list []web.OfficerSides
	if s.Said.Country == vietnam { // of whoever has a personal number; nobody else may say so
		list = append(list, of("number", masked(s.Said.Number), masked(s.Held.Number)))
	} else {
		list = append(list, of("passport", masked(s.Said.Number), masked(s.Held.Number)), country("country", s.Said.Country, s.Held.Country))
	}
	list = append(list, of("name", s.Said.Name, s.Held.Name), of("birth_date", shownDate(s.Said.BirthDate), shownDate(s.Held.BirthDate)))
	if s.Said.Nationality != "" {
		list = append(list, country("nationality", s.Said.Nationality, s.Held.Nationality))
	}
	return list
}
