package counter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/notify"
)

// Bounds of an application.
const (
	maxDependents = 20
	maxMatches    = 6
	maxRevision   = 100
	maxText       = 200 // bytes
	maxNumber     = 64
	maxCapture    = 128
)

// Fields of a counter beside those that rule sets name.
const (
	FieldLevel      eid.Field = "level"
	FieldCardIssue  eid.Field = "card_issue"
	FieldDependents eid.Field = "dependents"
	FieldDocuments  eid.Field = "documents"
	FieldMatch      eid.Field = "match"
	FieldCapture    eid.Field = "capture"
)

// Why is what is wrong with a field.
type Why string

// What may be wrong.
const (
	WhyMissing   Why = "missing"
	WhyMalformed Why = "malformed"
	WhyAhead     Why = "ahead"    // a date of birth in the future
	WhyPast      Why = "past"     // a paper that has ended
	WhyUnknown   Why = "unknown"  // none of those that there are
	WhyMany      Why = "many"     // too many
	WhyGuardian  Why = "guardian" // so young a person has no account of their own
	WhyOwn       Why = "own"      // so old a child has one of their own
)

// Fault is one thing that is wrong with what was taken in.
type Fault struct {
	Field eid.Field
	Why   Why
}

// IntakeError names what is wrong with what was taken in, and repeats none of it. It wraps
// accounts.ErrInvalid.
type IntakeError struct{ Faults []Fault }

func (e *IntakeError) Error() string {
	var list []string
	for _, f := range e.Faults {
		list = append(list, string(f.Field)+" "+string(f.Why))
	}
	return fmt.Sprintf("%v: %s", accounts.ErrInvalid, strings.Join(list, ", "))
}

func (*IntakeError) Unwrap() error { return accounts.ErrInvalid }

func (e *IntakeError) add(wrong bool, field eid.Field, why Why) {
	if wrong {
		e.Faults = append(e.Faults, Fault{field, why})
	}
}

func (e *IntakeError) err() error {
	if len(e.Faults) == 0 {
		return nil
	}
	return e
}

// normal brings texts to NFC without outer space, and contacts to their one form.
func (in Intake) normal() Intake {
	for _, s := range []*string{
		&in.Person.Name, &in.Person.Address, &in.Person.BirthDate, &in.Person.Gender, &in.Person.Nationality, &in.Phone, &in.Email, &in.CardIssue,
	} {
		*s = norm.NFC.String(strings.TrimSpace(*s))
	}
	in.Person.Name = strings.Join(strings.Fields(in.Person.Name), " ")
	if phone, err := notify.ParseAddress(notify.SMS, in.Phone); err == nil {
		in.Phone = phone
	}
	if email, err := notify.ParseAddress(notify.Email, in.Email); err == nil {
		in.Email = email
	}
	return in
}

// check names what cannot be. Somebody so young that they have no account of their own
// is refused before anybody is asked about them (row 2).
func (in Intake) check(level eid.Level, rules *eid.RuleSet, now time.Time) error {
	var e IntakeError
	p, declared := in.Person, rules.Declared[in.Person.Type]
	e.add(!slices.Contains(rules.Level(level).Channels, eid.ChannelInPerson), FieldLevel, WhyUnknown)
	e.add(len(declared.Required) == 0, eid.FieldNumber, WhyUnknown)
	e.add(p.Identifier.IsZero(), eid.FieldNumber, WhyMissing)
	e.add(!p.Identifier.IsZero() && !fits(p), eid.FieldNumber, WhyMalformed)
	e.text(eid.FieldName, p.Name, declared.Requires(eid.FieldName), maxText)
	e.add(p.Name != "" && !strings.ContainsFunc(p.Name, unicode.IsLetter), eid.FieldName, WhyMalformed)
	e.add(p.Gender != "male" && p.Gender != "female", eid.FieldGender, WhyMissing)
	e.add(p.Nationality == "" && declared.Requires(eid.FieldNationality), eid.FieldNationality, WhyMissing)
	e.add(p.Nationality != "" && !isCountry(p.Nationality), eid.FieldNationality, WhyMalformed)
	e.text(eid.Field("address"), p.Address, false, 500)
	e.text(FieldCardIssue, in.CardIssue, false, maxNumber)
	e.add(in.CardIssue != "" && p.Type != eid.Citizen, FieldCardIssue, WhyUnknown)
	e.birth(p, rules, now)
	e.contact(in)
	return e.err()
}

func (e *IntakeError) birth(p eid.Person, rules *eid.RuleSet, now time.Time) {
	born, err := time.ParseInLocation(time.DateOnly, p.BirthDate, eid.LawTime())
	switch {
	case p.BirthDate == "":
		e.add(true, eid.FieldBirthDate, WhyMissing)
	case err != nil || born.Year() < 1850:
		e.add(true, eid.FieldBirthDate, WhyMalformed)
	case born.After(now):
		e.add(true, eid.FieldBirthDate, WhyAhead)
	default:
		e.add(access(rules, p, now) != eid.AccessOwn, eid.FieldBirthDate, WhyGuardian)
	}
}

func (e *IntakeError) contact(in Intake) {
	e.add(in.Phone == "" && in.Email == "", eid.FieldPhone, WhyMissing)
	if in.Phone != "" {
		_, err := notify.ParseAddress(notify.SMS, in.Phone)
		e.add(err != nil, eid.FieldPhone, WhyMalformed)
	}
	if in.Email != "" {
		_, err := notify.ParseAddress(notify.Email, in.Email)
		e.add(err != nil, eid.FieldEmail, WhyMalformed)
	}
}

func (e *IntakeError) text(field eid.Field, s string, required bool, most int) {
	e.add(required && s == "", field, WhyMissing)
	e.add(len(s) > most || controls(s), field, WhyMalformed)
}

// fits reports whether an identifier is one of the subject type's (rows 5 and 6).
func fits(p eid.Person) bool {
	number := p.Identifier.Reveal()
	switch p.Identifier.Kind() {
	case eid.KindPersonalNumber:
		n, err := eid.ParsePersonalNumber(number)
		return p.Type == eid.Citizen && err == nil && eid.IdentifierOf(n) == p.Identifier
	case eid.KindPassport:
		read, err := eid.ParsePassport(p.Identifier.Country(), number) // as the sign-in does
		return p.Type == eid.Foreigner && err == nil && read == p.Identifier
	case eid.KindPortalAccount: // nobody's number
	}
	return false
}

func isCountry(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// controls reports signs that are no text: they would not show, or show as something else.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r)
	})
}

// check names what cannot be of the papers (rows 12, 14 and 15).
func (p Papers) check(rules *eid.RuleSet, now time.Time) error {
	var e IntakeError
	e.add(len(p.Dependents) > maxDependents, FieldDependents, WhyMany)
	for _, d := range p.Dependents {
		e.dependent(d, rules, now)
	}
	var kinds []eid.DocumentKind
	today := now.In(eid.LawTime()).Format(time.DateOnly)
	for _, d := range p.Documents {
		e.add(!slices.Contains(eid.DocumentKinds(), d.Kind), FieldDocuments, WhyUnknown)
		e.add(slices.Contains(kinds, d.Kind), FieldDocuments, WhyMany)
		kinds = append(kinds, d.Kind)
		e.text(FieldDocuments, d.Number.Reveal(), true, maxNumber)
		e.text(FieldDocuments, d.Issuer, true, maxText)
		_, err := time.Parse(time.DateOnly, d.ExpiresOn)
		e.add(d.ExpiresOn != "" && err != nil, FieldDocuments, WhyMalformed)
		e.add(d.ExpiresOn != "" && err == nil && d.ExpiresOn < today, FieldDocuments, WhyPast)
	}
	return e.err()
}

func (e *IntakeError) dependent(d Dependent, rules *eid.RuleSet, now time.Time) {
	e.text(FieldDependents, d.Name, true, maxText)
	e.text(FieldDependents, d.Paper, true, maxNumber)
	e.add(!slices.Contains(Relations(), d.Relation), FieldDependents, WhyUnknown)
	if !d.Identifier.IsZero() {
		e.add(d.Identifier.Kind() != eid.KindPersonalNumber || !fits(eid.Person{Type: eid.Citizen, Identifier: d.Identifier}), FieldDependents, WhyMalformed)
	}
	born, err := time.ParseInLocation(time.DateOnly, d.BirthDate, eid.LawTime())
	switch {
	case err != nil:
		e.add(true, FieldDependents, WhyMalformed)
	case born.After(now):
		e.add(true, FieldDependents, WhyAhead)
	case d.Relation == Child:
		e.add(rules.Access(eid.Age(born, now)) == eid.AccessOwn, FieldDependents, WhyOwn)
	}
}

// by notes who compared the documents that nobody has compared yet.
func (p Papers) by(officer eid.AccountID, now time.Time) Papers {
	p.Documents = slices.Clone(p.Documents)
	for i := range p.Documents {
		d := &p.Documents[i]
		d.Issuer, d.ExpiresOn = norm.NFC.String(strings.TrimSpace(d.Issuer)), strings.TrimSpace(d.ExpiresOn)
		if d.VerifiedAt.IsZero() {
			d.VerifiedAt, d.VerifiedBy = now, officer
		}
	}
	return p
}
