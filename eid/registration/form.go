// Package registration owns the way to an account in the app channel: what is declared,
// how it is compared, and the one answer that is given (Decision 34/2021, Arts. 7, 10, 12).
package registration

import (
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
)

// Form is what somebody typed, as it was typed. It is kept with the draft and given back.
type Form struct {
	Kind        eid.SubjectType `json:"kind,omitempty"`
	Number      string          `json:"number,omitempty"`      // personal number, or passport
	Country     string          `json:"country,omitempty"`     // that issued the passport, ISO 3166-1 alpha-3
	Nationality string          `json:"nationality,omitempty"` // ISO 3166-1 alpha-3
	Name        string          `json:"name,omitempty"`
	Day         string          `json:"day,omitempty"`
	Month       string          `json:"month,omitempty"`
	Year        string          `json:"year,omitempty"`
	YearOnly    bool            `json:"year_only,omitempty"` // day and month are not known
	Gender      string          `json:"gender,omitempty"`
	Phone       string          `json:"phone,omitempty"`
	Email       string          `json:"email,omitempty"`
}

// Step is one screen of the form. The zero value is none.
type Step string

// The steps, in order.
const (
	StepKind    Step = "kind"
	StepNumber  Step = "number"
	StepName    Step = "name"
	StepBirth   Step = "birth"
	StepContact Step = "contact"
	StepCheck   Step = "check"
)

// Steps lists the steps in order.
func Steps() []Step {
	return []Step{StepKind, StepNumber, StepName, StepBirth, StepContact, StepCheck}
}

// Next is the step behind one; the check is the last.
func (s Step) Next() Step {
	if i := slices.Index(Steps(), s); i >= 0 && i+1 < len(Steps()) {
		return Steps()[i+1]
	}
	return StepCheck
}

// Field names one thing to type in.
type Field string

// The fields of the form.
const (
	FieldKind        Field = "kind"
	FieldNumber      Field = "number"
	FieldCountry     Field = "country"
	FieldNationality Field = "nationality"
	FieldName        Field = "name"
	FieldDay         Field = "day"
	FieldMonth       Field = "month"
	FieldYear        Field = "year"
	FieldGender      Field = "gender"
	FieldPhone       Field = "phone"
	FieldEmail       Field = "email"
)

// Fault is what is wrong with one field. Its text says nothing of what was typed.
type Fault struct {
	Field Field
	Why   Why
}

// Why is a kind of fault.
type Why string

// The faults.
const (
	KindMissing        Why = "kind_missing"
	NumberMissing      Why = "number_missing"
	NumberLetters      Why = "number_letters"      // something else than digits
	NumberOtherDigits  Why = "number_other_digits" // digits of another script than 0 to 9
	NumberLength       Why = "number_length"       // not twelve
	NumberCentury      Why = "number_century"
	PassportMissing    Why = "passport_missing"
	PassportLetters    Why = "passport_letters" // something else than A to Z and digits
	PassportLength     Why = "passport_length"  // more than the nine of the machine-readable zone
	CountryMissing     Why = "country_missing"
	CountryVietnam     Why = "country_vietnam" // who has a Vietnamese passport has a personal number
	NationalityMissing Why = "nationality_missing"
	NationalityVietnam Why = "nationality_vietnam"
	NameMissing        Why = "name_missing"
	NameDigits         Why = "name_digits"
	NameSigns          Why = "name_signs"
	NameInvisible      Why = "name_invisible" // control or invisible characters
	NameLong           Why = "name_long"
	BirthMissing       Why = "birth_missing"
	BirthDigits        Why = "birth_digits"
	BirthYear          Why = "birth_year" // not four digits
	BirthImpossible    Why = "birth_impossible"
	BirthFuture        Why = "birth_future"
	BirthLongAgo       Why = "birth_long_ago"
	GenderMissing      Why = "gender_missing"
	ContactMissing     Why = "contact_missing"
	ContactPhone       Why = "contact_phone" // codes go by e-mail only here
	ContactEmail       Why = "contact_email" // codes go by SMS only here
	PhoneWrong         Why = "phone_wrong"
	EmailWrong         Why = "email_wrong"
)

// Whys lists the faults.
func Whys() []Why {
	return []Why{
		KindMissing, NumberMissing, NumberLetters, NumberOtherDigits, NumberLength, NumberCentury,
		PassportMissing, PassportLetters, PassportLength, CountryMissing, CountryVietnam, NationalityMissing, NationalityVietnam,
		NameMissing, NameDigits, NameSigns, NameInvisible, NameLong,
		BirthMissing, BirthDigits, BirthYear, BirthImpossible, BirthFuture, BirthLongAgo, GenderMissing,
		ContactMissing, ContactPhone, ContactEmail, PhoneWrong, EmailWrong,
	}
}

// Faults are what is wrong with the fields of a step under the rules at a time; none
// where it may be left. The check has those of all steps.
func (f Form) Faults(s Step, r *eid.RuleSet, reach notify.Channels, now time.Time) []Fault {
	var all []Fault
	found := func(field Field, why Why) {
		if why != "" {
			all = append(all, Fault{field, why})
		}
	}
	if s == StepKind || s == StepCheck {
		if _, known := r.Declared[f.Kind]; !known {
			return []Fault{{FieldKind, KindMissing}}
		}
	}
	if s == StepNumber || s == StepCheck {
		f.numberFaults(found)
	}
	if s == StepName || s == StepCheck {
		_, why := parseName(f.Name)
		found(FieldName, why)
	}
	if s == StepBirth || s == StepCheck {
		_, field, why := f.birth(now)
		found(field, why)
		if f.Gender != genderMale && f.Gender != genderFemale {
			found(FieldGender, GenderMissing)
		}
	}
	if s == StepContact || s == StepCheck {
		_, faults := f.contact(r.Declared[f.Kind], reach)
		all = append(all, faults...)
	}
	return all
}

func (f Form) numberFaults(found func(Field, Why)) {
	if f.Kind == eid.Foreigner {
		_, why := parsePassport(f.Number)
		found(FieldNumber, why)
		found(FieldCountry, country(f.Country, CountryMissing, CountryVietnam))
		found(FieldNationality, country(f.Nationality, NationalityMissing, NationalityVietnam))
		return
	}
	_, why := parseNumber(f.Number)
	found(FieldNumber, why)
}

// Genders, as OpenID Connect Core §5.1 writes them.
const (
	genderMale   = "male"
	genderFemale = "female"
)
