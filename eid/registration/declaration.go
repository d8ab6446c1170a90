package registration

import (
	"log/slog"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/eid/notify"
)

// Declaration is a form without faults: one text for each thing, however it was typed.
// It prints and logs as nothing.
type Declaration struct {
	Person eid.Person // the birth date may be a year alone
	Phone  string     // E.164; empty: none was given
	Email  string
}

// Declare reads a form. It returns false where the form has faults.
func (f Form) Declare(r *eid.RuleSet, reach notify.Channels, now time.Time) (Declaration, bool) {
	if len(f.Faults(StepCheck, r, reach, now)) > 0 {
		return Declaration{}, false
	}
	born, _, _ := f.birth(now)
	name, _ := parseName(f.Name)
	contact, _ := f.contact(r.Declared[f.Kind], reach)
	d := Declaration{Phone: contact.phone, Email: contact.email, Person: eid.Person{
		Type: f.Kind, Name: name, BirthDate: born.String(), Gender: f.Gender, Nationality: f.Nationality,
	}}
	if f.Kind == eid.Foreigner {
		number, _ := parsePassport(f.Number)
		d.Person.Identifier = eid.NewIdentifier(eid.KindPassport, f.Country, number)
		return d, true
	}
	number, _ := parseNumber(f.Number)
	d.Person.Identifier, d.Person.Nationality = eid.IdentifierOf(number), vietnam
	return d, true
}

// Caution is something to look at twice: it is said on the page where everything is
// checked, and keeps nobody from going on.
type Caution string

// The cautions.
const (
	CautionPlace  Caution = "place"  // the number begins with no province
	CautionYear   Caution = "year"   // its digits say another year of birth
	CautionGender Caution = "gender" // its digits say another gender
	CautionScript Caution = "script" // the name mixes letters of several scripts
)

// Cautions lists them all.
func Cautions() []Caution {
	return []Caution{CautionPlace, CautionYear, CautionGender, CautionScript}
}

// Cautions are what to look at twice. They come of the declaration alone and tell
// nothing of a registry.
func (d Declaration) Cautions() []Caution {
	var list []Caution
	if n, err := eid.ParsePersonalNumber(d.Person.Identifier.Reveal()); err == nil && d.Person.Identifier.Kind() == eid.KindPersonalNumber {
		gender, year := n.Says()
		born, _ := civil.ParseDate(d.Person.BirthDate)
		if !placeKnown(n) {
			list = append(list, CautionPlace)
		}
		if year != born.Year {
			list = append(list, CautionYear)
		}
		if gender != d.Person.Gender {
			list = append(list, CautionGender)
		}
	}
	if !ofOneScript(d.Person.Name) {
		list = append(list, CautionScript)
	}
	return list
}

// Access is how a form's person comes to an account by age; AccessOwn also while no date
// of birth is there.
func (f Form) Access(r *eid.RuleSet, now time.Time) eid.Access {
	born, _, why := f.birth(now)
	if why != "" {
		return eid.AccessOwn
	}
	return access(born, r, now)
}

// String tells nothing of the person.
func (Declaration) String() string { return "[declaration]" }

// GoString tells nothing of the person.
func (Declaration) GoString() string { return "[declaration]" }

// LogValue tells nothing of the person.
func (Declaration) LogValue() slog.Value { return slog.StringValue("[declaration]") }

// String tells nothing of what was typed.
func (Form) String() string { return "[form]" }

// GoString tells nothing of what was typed.
func (Form) GoString() string { return "[form]" }

// LogValue tells nothing of what was typed.
func (Form) LogValue() slog.Value { return slog.StringValue("[form]") }
