package eid

import (
	"slices"
	"time"
)

// RuleSet is what one decision or decree says of electronic identities, in force for a
// time. It is data: package eid/rules reads it. The zero value lets nobody do anything.
type RuleSet struct {
	ID        string                      `json:"id"`    // such as decree-69-2024
	Title     string                      `json:"title"` // in Vietnamese, as it is cited
	From      time.Time                   `json:"from"`
	Until     time.Time                   `json:"until,omitzero"` // From ≤ t < Until; zero: no end
	Ages      []AgeBand                   `json:"ages"`
	Declared  map[SubjectType]Declaration `json:"declared"`
	Levels    []LevelRule                 `json:"levels"`
	Times     TimeFrames                  `json:"times"`
	Locks     []LockRule                  `json:"locks"`
	Retention Retention                   `json:"retention"`
	Calendar  Calendar                    `json:"calendar"`
	// Basis says where the values are from, by their place: "ages", "levels.2.working_days",
	// "locks.self.undone_by". The nearest one counts.
	Basis map[string]Basis `json:"basis"`
}

// Basis is where a value is from.
type Basis struct {
	Article string `json:"article,omitempty"` // of the rules, such as Art. 11
	// Seen: a source says so; else it is assumed, and a rule set of the operator's own may
	// say otherwise.
	Seen bool   `json:"seen"`
	Note string `json:"note,omitempty"`
}

// InForce reports whether the rules hold at t.
func (r *RuleSet) InForce(t time.Time) bool { return Window{From: r.From, Until: r.Until}.Open(t) }

// Access is how a person of an age comes to an account. The zero value: not at all.
type Access string

// The ways to an account.
const (
	AccessOwn       Access = "own"        // registers by oneself
	AccessOnRequest Access = "on_request" // a guardian asks for it
	AccessGuardian  Access = "guardian"   // under the account of a guardian
)

// AgeBand is a span of ages in full years: From ≤ age < Below. Below 0 is no end.
type AgeBand struct {
	From   int    `json:"from"`
	Below  int    `json:"below,omitempty"`
	Access Access `json:"access"`
}

// Access says how somebody of an age in full years comes to an account.
func (r *RuleSet) Access(age int) Access {
	for _, b := range r.Ages {
		if age >= b.From && (b.Below == 0 || age < b.Below) {
			return b.Access
		}
	}
	return ""
}

// AccessBorn says how somebody comes to an account on the day of t, by the birth date
// (2006-01-02). A date known by its year alone (2006) goes to an officer, whatever the
// year: review is true then. What is no date, or lies ahead, gives no access.
func (r *RuleSet) AccessBorn(birth string, t time.Time) (access Access, review bool) {
	if born, err := time.Parse(time.DateOnly, birth); err == nil {
		return r.Access(Age(born, t)), false
	}
	_, err := time.Parse("2006", birth)
	return "", err == nil
}

// Age is how many full years have passed since a birth date on the day of t in Viet
// Nam; the birthday itself completes a year. Who was born on 29 February completes one on
// 1 March of other years.
func Age(born, t time.Time) int {
	t = t.In(LawTime())
	years := t.Year() - born.Year()
	if t.Month() < born.Month() || t.Month() == born.Month() && t.Day() < born.Day() {
		years--
	}
	return years
}

// Field is what a person declares.
type Field string

// The fields (Decision 34/2021, Art. 7).
const (
	FieldNumber      Field = "number" // personal number, or passport and its country
	FieldName        Field = "name"
	FieldBirthDate   Field = "birth_date"
	FieldGender      Field = "gender"
	FieldNationality Field = "nationality"
	FieldPhone       Field = "phone"
	FieldEmail       Field = "email"
)

// Declaration is what a subject type declares. Contact names those of which one at
// least has to be there.
type Declaration struct {
	Required []Field `json:"required"`
	Contact  []Field `json:"contact"`
}

// Requires reports whether a field has to be declared.
func (d Declaration) Requires(f Field) bool { return slices.Contains(d.Required, f) }

// Channel is where somebody registers.
type Channel string

// The channels.
const (
	ChannelApp      Channel = "app"
	ChannelInPerson Channel = "in_person"
)

// Database is a registry that a person is compared with.
type Database string

// The databases (Decision 34/2021, Art. 7).
const (
	Population  Database = "population"
	CitizenCard Database = "citizen_card"
	Immigration Database = "immigration"
)

// LevelRule is how a level is reached.
type LevelRule struct {
	Level         Level                      `json:"level"`
	Name          string                     `json:"name"` // as the rules call it
	Channels      []Channel                  `json:"channels"`
	Compared      map[SubjectType][]Database `json:"compared"`                 // one of them has to match
	Biometric     []BiometricMethod          `json:"biometric,omitempty"`      // one of them has to match; empty: none is needed
	SecondOfficer bool                       `json:"second_officer,omitempty"` // another officer approves
	WorkingDays   int                        `json:"working_days"`             // within which it is decided
}

// Level gives the rule of a level; the zero rule opens no channel.
func (r *RuleSet) Level(l Level) LevelRule {
	for _, rule := range r.Levels {
		if rule.Level == l {
			return rule
		}
	}
	return LevelRule{}
}

// BiometricMethod is what of a person was compared.
type BiometricMethod string

// The methods.
const (
	Portrait    BiometricMethod = "portrait"
	Fingerprint BiometricMethod = "fingerprint"
)

// TimeFrames are the terms of the rules that are not those of a level.
type TimeFrames struct {
	DraftDays       int `json:"draft_days"`       // a registration that is not sent is kept
	TriesPerDay     int `json:"tries_per_day"`    // declarations for one number
	ActivationHours int `json:"activation_hours"` // an activation, or a first password, counts
	PendingDays     int `json:"pending_days"`     // an account that is not activated is kept
}

// Retention is how long records are kept, in years.
type Retention struct {
	UsageYears int `json:"usage_years"` // Decree 59/2022, Art. 21
}
