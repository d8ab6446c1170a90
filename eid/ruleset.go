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

// Age is how many full years have passed since a birth date on the day of t in Viet
// Nam; the birthday itself completes a year.
func Age(born, t time.Time) int {
	t = t.In(time.FixedZone("+07", 7*60*60))
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

// LockParty is who may ask for a lock or its end.
type LockParty string

// The parties.
const (
	ByHolder      LockParty = "holder"
	ByAuthority   LockParty = "authority"    // a procedural or competent authority
	ByServiceUser LockParty = "service_user" // an officer decides on it
	ByOperator    LockParty = "operator"     // of the electronic identity system
	ByRegistry    LockParty = "registry"     // a change in the population database
)

// LockRule is who may set and undo a lock, and what has to be on record.
type LockRule struct {
	Reason   LockReason  `json:"reason"`
	SetBy    []LockParty `json:"set_by"`
	UndoneBy []LockParty `json:"undone_by"` // empty: by nobody but an authority that corrects an error
	// Document: setting it needs the number of a document; UndoDocument: so does undoing.
	Document     bool `json:"document,omitempty"`
	UndoDocument bool `json:"undo_document,omitempty"`
	// Remedy: what was breached has to be remedied first, which is noted.
	Remedy bool `json:"remedy,omitempty"`
	// WorkingDays is within how many a request of a service user is decided.
	WorkingDays int `json:"working_days,omitempty"`
}

// Lock gives the rule of a reason; the zero rule lets nobody set it.
func (r *RuleSet) Lock(reason LockReason) LockRule {
	for _, rule := range r.Locks {
		if rule.Reason == reason {
			return rule
		}
	}
	return LockRule{}
}

// Retention is how long records are kept, in years.
type Retention struct {
	UsageYears int `json:"usage_years"` // Decree 59/2022, Art. 21
}
