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
	firstYear     = 1850 // nobody who comes was born before
	maxAsked      = 20   // times that an application has registries asked about somebody
)

// vietnam is the nationality of citizens (ISO 3166-1 alpha-3).
const vietnam = "VNM"

// Fields of a counter beside those that rule sets name.
const (
	FieldLevel      eid.Field = "level"
	FieldCardIssue  eid.Field = "card_issue"
	FieldDependents eid.Field = "dependents" // of all of them
	FieldRelation   eid.Field = "relation"
	FieldPaper      eid.Field = "paper"
	FieldKind       eid.Field = "document_kind"
	FieldDocument   eid.Field = "document_number"
	FieldIssuer     eid.Field = "issuer"
	FieldExpires    eid.Field = "expires_on"
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
	WhyDigits    Why = "digits"   // the number says another
	WhyCitizen   Why = "citizen"  // who is Vietnamese has a personal number
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
	in.AsOnCard = in.AsOnCard && len(in.against()) > 0
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
	e.add(p.Nationality != "" && !eid.IsCountry(p.Nationality), eid.FieldNationality, WhyMalformed)
	e.add(p.Type == eid.Foreigner && p.Nationality == vietnam, eid.FieldNationality, WhyCitizen)
	e.text(eid.Field("address"), p.Address, false, 500)
	e.text(FieldCardIssue, in.CardIssue, false, maxNumber)
	e.add(in.CardIssue != "" && p.Type != eid.Citizen, FieldCardIssue, WhyUnknown)
	e.birth(p, rules, now)
	e.contact(in)
	if len(e.Faults) == 0 && !in.AsOnCard {
		for _, field := range in.against() {
			e.add(true, field, WhyDigits)
		}
	}
	return e.err()
}

// against lists what the digits of a personal number say differently. They prove nothing,
// but no registry holds the gender, and what is declared becomes core data.
func (in Intake) against() []eid.Field {
	number, err := eid.ParsePersonalNumber(in.Person.Identifier.Reveal())
	if in.Person.Identifier.Kind() != eid.KindPersonalNumber || err != nil {
		return nil
	}
	var list []eid.Field
	gender, year := number.Says()
	if !strings.HasPrefix(in.Person.BirthDate, fmt.Sprintf("%04d-", year)) {
		list = append(list, eid.FieldBirthDate)
	}
	if in.Person.Gender != gender {
		list = append(list, eid.FieldGender)
	}
	return list
}

func (e *IntakeError) birth(p eid.Person, rules *eid.RuleSet, now time.Time) {
	born, err := time.ParseInLocation(time.DateOnly, p.BirthDate, eid.LawTime())
	switch {
	case p.BirthDate == "":
		e.add(true, eid.FieldBirthDate, WhyMissing)
	case err != nil || born.Year() < firstYear:
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
		e.add(!slices.Contains(eid.DocumentKinds(), d.Kind), FieldKind, WhyUnknown)
		e.add(slices.Contains(kinds, d.Kind), FieldKind, WhyMany)
		kinds = append(kinds, d.Kind)
		e.text(FieldDocument, d.Number.Reveal(), true, maxNumber)
		e.text(FieldIssuer, d.Issuer, true, maxText)
		_, err := time.Parse(time.DateOnly, d.ExpiresOn)
		e.add(d.ExpiresOn != "" && err != nil, FieldExpires, WhyMalformed)
		e.add(d.ExpiresOn != "" && err == nil && d.ExpiresOn < today, FieldExpires, WhyPast)
	}
	return e.err()
}

func (e *IntakeError) dependent(d Dependent, rules *eid.RuleSet, now time.Time) {
	e.add(!slices.Contains(Relations(), d.Relation), FieldRelation, WhyUnknown)
	e.text(eid.FieldName, d.Name, true, maxText)
	if !d.Identifier.IsZero() {
		e.add(d.Identifier.Kind() != eid.KindPersonalNumber || !fits(eid.Person{Type: eid.Citizen, Identifier: d.Identifier}), eid.FieldNumber, WhyMalformed)
	}
	born, err := time.ParseInLocation(time.DateOnly, d.BirthDate, eid.LawTime())
	switch {
	case d.BirthDate == "":
		e.add(true, eid.FieldBirthDate, WhyMissing)
	case err != nil || born.Year() < firstYear:
		e.add(true, eid.FieldBirthDate, WhyMalformed)
	case born.After(now):
		e.add(true, eid.FieldBirthDate, WhyAhead)
	case d.Relation == Child:
		e.add(rules.Access(eid.Age(born, now)) == eid.AccessOwn, eid.FieldBirthDate, WhyOwn)
	}
	e.text(FieldPaper, d.Paper, true, maxNumber)
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
