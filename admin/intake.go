package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

// vietnam is the country of citizens (ISO 3166-1 alpha-3).
const vietnam = "VNM"

// intakeFields are what of an intake is given back: it is no secret to who typed it.
func intakeFields() []string {
	return []string{
		string(eid.FieldNumber), fieldCountry, string(eid.FieldName), string(eid.FieldBirthDate), string(eid.FieldGender), string(eid.FieldNationality),
		fieldAddress, string(eid.FieldPhone), string(eid.FieldEmail), fieldCardIssue, fieldAsOnCard,
	}
}

// fieldsOf are the fields of an intake, filled with what was typed.
func fieldsOf(of eid.SubjectType, form url.Values) []web.OfficerField {
	birth := text(form, string(eid.FieldBirthDate), "officer.hint.date", "numeric")
	gender := choice(form, string(eid.FieldGender), "officer.gender.", genders()...)
	contact := []web.OfficerField{
		text(form, fieldAddress, "", ""), text(form, string(eid.FieldPhone), "officer.hint.phone", "tel"), text(form, string(eid.FieldEmail), "", "email"),
	}
	if of == eid.Foreigner {
		return append([]web.OfficerField{
			labelled(text(form, string(eid.FieldNumber), "officer.hint.passport", ""), "officer.fact.passport"), text(form, fieldCountry, "officer.hint.country", ""), text(form, string(eid.FieldName), "", ""),
			birth, gender, text(form, string(eid.FieldNationality), "officer.hint.country", ""),
		}, contact...)
	}
	list := append([]web.OfficerField{
		{Name: fieldScan, Hint: "officer.hint.scan"},
		labelled(text(form, string(eid.FieldNumber), "", "numeric"), "officer.fact.number"), text(form, string(eid.FieldName), "", ""), birth, gender,
	}, contact...)
	list = append(list, text(form, fieldCardIssue, "officer.hint.card_issue", ""))
	if form.Get(fieldAsOnCard) == "yes" {
		list = append(list, asOnCard(form))
	}
	return list
}

// asOnCard asks whether the card, too, has what the digits of its number do not say.
func asOnCard(form url.Values) web.OfficerField {
	return choice(form, fieldAsOnCard, "officer.as_on_card.", "yes")
}

// fieldsAfter are the fields of an intake that was refused.
func fieldsAfter(of eid.SubjectType, form url.Values, err error) []web.OfficerField {
	list := fieldsOf(of, form)
	var wrong *counter.IntakeError
	if errors.As(err, &wrong) && slices.ContainsFunc(wrong.Faults, func(f counter.Fault) bool { return f.Why == counter.WhyDigits }) {
		list = append(list, asOnCard(form))
	}
	return list
}

// intakeOf reads a form. What cannot be is for the counter to say.
func intakeOf(of eid.SubjectType, form url.Values) counter.Intake {
	in := counter.Intake{
		Person: eid.Person{
			Type: of, Name: line(form, string(eid.FieldName)), BirthDate: dateOf(line(form, string(eid.FieldBirthDate))), Gender: line(form, string(eid.FieldGender)),
			Nationality: vietnam, Address: line(form, fieldAddress),
		},
		Phone: line(form, string(eid.FieldPhone)), Email: line(form, string(eid.FieldEmail)),
	}
	typed := line(form, string(eid.FieldNumber))
	if of == eid.Foreigner {
		in.Person.Nationality = upper(form, string(eid.FieldNationality))
		country := upper(form, fieldCountry)
		if passport, err := eid.ParsePassport(country, typed); err == nil {
			in.Person.Identifier = passport
		} else if typed != "" {
			in.Person.Identifier = eid.NewIdentifier(eid.KindPassport, country, typed) // the counter says what is wrong with it
		}
		return in
	}
	in.CardIssue, in.AsOnCard = line(form, fieldCardIssue), form.Get(fieldAsOnCard) == "yes"
	if number, err := eid.ParsePersonalNumber(typed); err == nil {
		in.Person.Identifier = eid.IdentifierOf(number)
	} else if typed != "" {
		in.Person.Identifier = eid.NewIdentifier(eid.KindPersonalNumber, vietnam, typed) // the counter says what is wrong with it
	}
	return in
}

// formOf is the form of an intake that is on record.
func formOf(in *counter.Intake) url.Values {
	p := &in.Person
	form := url.Values{
		string(eid.FieldNumber): {grouped(p.Identifier.Reveal())}, fieldCountry: {p.Identifier.Country()}, string(eid.FieldName): {p.Name},
		string(eid.FieldBirthDate): {shownDate(p.BirthDate)}, string(eid.FieldGender): {p.Gender}, string(eid.FieldNationality): {p.Nationality},
		fieldAddress: {p.Address}, string(eid.FieldPhone): {dialled(in.Phone)}, string(eid.FieldEmail): {in.Email}, fieldCardIssue: {in.CardIssue},
	}
	if in.AsOnCard {
		form.Set(fieldAsOnCard, "yes")
	}
	return form
}

// intake takes in an application: the code of the card fills the form.
func (p *Pages) intake(w http.ResponseWriter, r *http.Request, d desk) {
	of := eid.SubjectType(r.PathValue("type"))
	data := web.OfficerData{Title: "officer.intake.title", Intro: "officer.intake.intro", Buttons: submit("officer.button.take_in"), Back: Path}
	switch of {
	case eid.Citizen:
		data.Links = []web.OfficerLink{{Path: Path + "/new/foreigner", Word: "officer.intake.foreigner"}}
	case eid.Foreigner:
		data.Intro = "officer.intake.passport"
		data.Links = []web.OfficerLink{{Path: Path + "/new/citizen", Word: "officer.intake.citizen"}}
	default:
		notFound(r)
		return
	}
	if r.Method != http.MethodPost {
		data.Fields = fieldsOf(of, d.Typed)
		p.show(w, r, d, data)
		return
	}
	if p.scan(w, r, d, of, data) {
		return
	}
	a, err := p.d.Counter.Open(r.Context(), d.by(r), eid.Level2, intakeOf(of, r.PostForm), counter.Papers{})
	if err != nil {
		data.Fields = fieldsAfter(of, r.PostForm, err)
		p.refused(w, r, d, data, err)
		return
	}
	shell.SeeOther(w, applicationPath(a.ID))
}

// scan fills a form with the code of a card, where one was scanned. It does nothing else.
func (p *Pages) scan(w http.ResponseWriter, r *http.Request, d desk, of eid.SubjectType, data web.OfficerData) bool {
	code := r.PostForm.Get(fieldScan)
	if code == "" || of != eid.Citizen {
		return false
	}
	form := r.PostForm
	filled, ok := scanned(code)
	if ok {
		data.Done = "officer.done.scanned"
		form.Del(fieldAsOnCard) // that was said of another card
	} else {
		data.Faults = []web.FieldProblem{{Field: fieldScan, Message: "officer.fault.scan"}}
	}
	for name, values := range filled {
		form[name] = values
	}
	data.Fields = fieldsOf(of, form)
	p.show(w, r, d, data)
	return true
}

// amend corrects what was taken in.
func (p *Pages) amend(w http.ResponseWriter, r *http.Request, d desk) {
	data := web.OfficerData{Title: "officer.amend.title", Intro: "officer.amend.intro", Buttons: submit("officer.button.save"), Back: applicationPath(r.PathValue("id"))}
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	of := a.Intake.Person.Type
	if r.Method != http.MethodPost {
		form, revision := d.Typed, d.Typed.Get(fieldRevision)
		if form == nil {
			form, revision = formOf(&a.Intake), strconv.Itoa(a.Revision)
		}
		data.Fields, data.Hidden = fieldsOf(of, form), revisionOf(revision)
		p.show(w, r, d, data)
		return
	}
	data.Hidden = revisionOf(r.PostForm.Get(fieldRevision))
	if p.scan(w, r, d, of, data) {
		return
	}
	if _, err := p.d.Counter.Amend(r.Context(), d.by(r), a.ID, revision(r), intakeOf(of, r.PostForm)); err != nil {
		data.Fields = fieldsAfter(of, r.PostForm, err)
		p.refused(w, r, d, data, err)
		return
	}
	shell.SeeOther(w, applicationPath(a.ID))
}
