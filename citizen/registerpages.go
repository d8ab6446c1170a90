package citizen

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/eid/registration"
	"eidgate/web"
	"eidgate/web/shell"
)

// maxTyped bounds what is kept of one field, in bytes: more than any answer has.
const maxTyped = 400

// fill puts the fields of one step into the form, as they were typed.
func fill(f *registration.Form, step registration.Step, typed url.Values) {
	text := func(field string) string {
		s := strings.ToValidUTF8(typed.Get(field), "\uFFFD")
		for len(s) > maxTyped {
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		}
		return s
	}
	switch step {
	case registration.StepKind:
		if kind := eid.SubjectType(text(web.FieldKind)); kind != f.Kind {
			f.Kind, f.Number, f.Country, f.Nationality = kind, "", "", ""
		}
	case registration.StepNumber:
		if f.Number = text(web.FieldPersonalNumber); f.Kind == eid.Foreigner {
			f.Number, f.Country, f.Nationality = text(web.FieldPassport), text(web.FieldCountry), text(web.FieldNationality)
		}
	case registration.StepName:
		f.Name = text(web.FieldName)
	case registration.StepBirth:
		f.Day, f.Month, f.Year, f.Gender = text(web.FieldDay), text(web.FieldMonth), text(web.FieldYear), text(web.FieldGender)
		f.YearOnly = typed.Get(web.FieldYearOnly) != ""
	case registration.StepContact:
		f.Phone, f.Email = text(web.FieldPhone), text(web.FieldEmail)
	default:
	}
}

// problems ties faults to the fields of the page.
func problems(f registration.Form, faults []registration.Fault) []web.FieldProblem {
	var list []web.FieldProblem
	for _, fault := range faults {
		field := string(fault.Field)
		if fault.Field == registration.FieldNumber {
			if field = web.FieldPersonalNumber; f.Kind == eid.Foreigner {
				field = web.FieldPassport
			}
		}
		list = append(list, web.FieldProblem{Field: field, Message: web.ProblemRegister(string(fault.Why))})
	}
	return list
}

// start is the page before the first step.
func (p *registering) start(t *turn) {
	kinds, err := p.service.Kinds()
	if err != nil {
		p.fail(t, err)
		return
	}
	rules, err := p.service.Rules()
	if err != nil {
		p.fail(t, err)
		return
	}
	common := shell.Common(t.r)
	common.Form.CSRF = t.token.CSRF()
	p.render(t, web.PageOf(web.RegisterData{
		Common: common, Citizens: slices.Contains(kinds, eid.Citizen), Foreigners: slices.Contains(kinds, eid.Foreigner),
		Age: ownAge(&rules), Days: rules.Times.DraftDays, Next: pathRegister + "/" + p.where(t), Draft: t.found,
	}))
}

// page shows the page of a turn, with what is wrong on it.
func (p *registering) page(t *turn, wrong []web.FieldProblem) {
	if !t.known {
		t.token, t.known = registration.NewToken(), true
		p.setCookie(t)
	}
	if len(wrong) > 0 {
		web.VisitOf(t.r).Note("refused", "faults")
	}
	f, step := t.draft.Form, registration.Step(t.at)
	if t.form != nil && wrong == nil && isStep(step) { // the language was switched
		fill(&f, step, t.form)
		if faults, err := p.service.Faults(f, step); err == nil && t.form.Get(web.FieldWrong) != "" {
			wrong = problems(f, faults)
		}
	}
	s := web.RegisterStep{Common: shell.Form(t.r, t.token.CSRF()), Step: slices.Index(registration.Steps(), step) + 1, Wrong: wrong}
	if s.Step > 1 {
		s.Back = pathRegister + "/" + string(registration.Steps()[s.Step-2])
	}
	quiet := shell.Common(t.r)
	quiet.Form.CSRF = t.token.CSRF()
	switch t.at {
	case string(registration.StepKind):
		kinds, err := p.service.Kinds()
		if err != nil {
			p.fail(t, err)
			return
		}
		p.render(t, web.PageOf(web.RegisterKindData{RegisterStep: s, Citizens: slices.Contains(kinds, eid.Citizen), Foreigners: slices.Contains(kinds, eid.Foreigner)}))
	case string(registration.StepNumber):
		p.render(t, web.PageOf(web.RegisterNumberData{RegisterStep: s, Foreigner: f.Kind == eid.Foreigner, Given: f.Number, Country: f.Country, Nationality: f.Nationality}))
	case string(registration.StepName):
		p.render(t, web.PageOf(web.RegisterNameData{RegisterStep: s, Name: f.Name}))
	case string(registration.StepBirth):
		p.render(t, web.PageOf(web.RegisterBirthData{RegisterStep: s, Day: f.Day, Month: f.Month, Year: f.Year, YearOnly: f.YearOnly, Gender: f.Gender}))
	case string(registration.StepContact):
		reach := p.service.Channels()
		p.render(t, web.PageOf(web.RegisterContactData{RegisterStep: s, SMS: reach.SMS, Mail: reach.Email, Phone: f.Phone, Email: f.Email}))
	case string(registration.StepCheck):
		p.check(t, s)
	case pageCode:
		data := web.RegisterCodeData{RegisterStep: s, Again: t.r.URL.Query().Has(queryAgain), Until: t.draft.Sent.CodeUntil}
		if t.draft.Sent.By == registration.FieldPhone {
			number, _ := eid.ParsePhone(f.Phone) // it is one: a code went there
			data.Phone = eid.MaskPhone(number)
		} else {
			data.Email = eid.MaskEmail(strings.TrimSpace(f.Email))
		}
		p.render(t, web.PageOf(data))
	case pagePassword:
		said, err := p.service.Declare(f)
		if err != nil {
			p.fail(t, err)
			return
		}
		p.render(t, web.PageOf(web.RegisterPasswordData{RegisterStep: s, Number: said.Person.Identifier.Reveal(), Least: p.least}))
	case pageWaiting:
		p.render(t, web.PageOf(web.RegisterWaitingData{RegisterStep: s, Again: p.now().Add(retryAfter)}))
	case pageYoung:
		rules, err := p.service.Rules()
		if err != nil {
			p.fail(t, err)
			return
		}
		p.render(t, web.PageOf(web.RegisterYoungData{Common: quiet, Age: ownAge(&rules)}))
	case pageDone:
		p.render(t, web.PageOf(web.RegisterDoneData{Common: shell.Common(t.r)}))
	case pageEnded:
		quiet.Ref = t.draft.Sent.Ref // what an officer finds it by
		p.render(t, web.PageOf(web.RegisterEndedData{Common: quiet}))
	}
}

// check shows all that is declared once more.
func (p *registering) check(t *turn, s web.RegisterStep) {
	said, err := p.service.Declare(t.draft.Form)
	if err != nil {
		p.done(t, err, "")
		return
	}
	f := t.draft.Form
	data := web.RegisterCheckData{
		RegisterStep: s, Foreigner: f.Kind == eid.Foreigner, Number: said.Person.Identifier.Reveal(), Country: said.Person.Identifier.Country(),
		Nation: said.Person.Nationality, Name: said.Person.Name, Born: shownDate(said.Person.BirthDate), YearOnly: f.YearOnly,
		Gender: said.Person.Gender, Phone: said.Phone, Email: said.Email,
	}
	for _, c := range said.Cautions() {
		data.Cautions = append(data.Cautions, string(c))
	}
	p.render(t, web.PageOf(data))
}

// ownAge is the age from which one registers by oneself.
func ownAge(r *eid.RuleSet) int {
	for _, band := range r.Ages {
		if band.Access == eid.AccessOwn {
			return band.From
		}
	}
	return 0
}

// shownDate is dd/MM/yyyy, or the year alone.
func shownDate(date string) string {
	parts := strings.Split(date, "-")
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}
