package counter

import (
	"encoding/json"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// contents is what of an application is sealed: all that was taken in of the person, and
// what was found. Types that hide themselves are texts here.
type contents struct {
	Person     person          `json:"person"`
	Phone      string          `json:"phone,omitempty"`
	Email      string          `json:"email,omitempty"`
	CardIssue  string          `json:"card_issue,omitempty"`
	AsOnCard   bool            `json:"as_on_card,omitempty"`
	Dependents []dependent     `json:"dependents,omitempty"`
	Documents  []document      `json:"documents,omitempty"`
	Findings   findings        `json:"findings"`
	Matches    []match         `json:"matches,omitempty"`
	Officers   []eid.AccountID `json:"officers"`
	Shown      int             `json:"shown,omitempty"`
	Confirmed  Confirmation    `json:"confirmed,omitzero"`
	Returned   string          `json:"returned,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Asked      int             `json:"asked,omitempty"`
}

type number struct {
	Kind    eid.IdentifierKind `json:"kind,omitempty"`
	Country string             `json:"country,omitempty"`
	Number  string             `json:"number,omitempty"`
}

type person struct {
	Type        eid.SubjectType `json:"type,omitempty"`
	Number      number          `json:"number,omitzero"`
	Name        string          `json:"name,omitempty"`
	BirthDate   string          `json:"birth_date,omitempty"`
	Gender      string          `json:"gender,omitempty"`
	Nationality string          `json:"nationality,omitempty"`
	Address     string          `json:"address,omitempty"`
}

type dependent struct {
	Number    number   `json:"number,omitzero"`
	Name      string   `json:"name"`
	BirthDate string   `json:"birth_date"`
	Relation  Relation `json:"relation"`
	Paper     string   `json:"paper"`
}

type document struct {
	Kind       eid.DocumentKind `json:"kind"`
	Number     string           `json:"number"`
	Issuer     string           `json:"issuer"`
	ExpiresOn  string           `json:"expires_on,omitempty"`
	VerifiedAt time.Time        `json:"verified_at"`
	VerifiedBy eid.AccountID    `json:"verified_by"`
}

type findings struct {
	At          time.Time        `json:"at,omitzero"`
	Verdict     civil.Verdict    `json:"verdict"`
	Database    eid.Database     `json:"database"`
	Differs     []eid.Field      `json:"differs,omitempty"`
	YearOnly    bool             `json:"year_only,omitempty"`
	Contradicts bool             `json:"contradicts,omitempty"`
	Held        person           `json:"held,omitzero"`
	Card        civil.CardStatus `json:"card,omitempty"`
	CardEnd     string           `json:"card_end,omitempty"`
	Reached     bool             `json:"reached,omitempty"`
	Account     eid.AccountID    `json:"account,omitempty"`
	Stands      Standing         `json:"stands,omitempty"`
	OwnLock     time.Time        `json:"own_lock,omitzero"`
}

type match struct {
	Method      eid.BiometricMethod `json:"method"`
	Database    eid.Database        `json:"database"`
	Reference   string              `json:"reference"`
	Officer     eid.AccountID       `json:"officer"`
	At          time.Time           `json:"at"`
	OK          bool                `json:"ok"`
	Development bool                `json:"development,omitempty"`
}

func numberOf(i eid.Identifier) number {
	if i.IsZero() {
		return number{}
	}
	return number{i.Kind(), i.Country(), i.Reveal()}
}

func (n number) identifier() eid.Identifier {
	if n.Number == "" {
		return eid.Identifier{}
	}
	return eid.NewIdentifier(n.Kind, n.Country, n.Number)
}

func personOf(p eid.Person) person {
	return person{p.Type, numberOf(p.Identifier), p.Name, p.BirthDate, p.Gender, p.Nationality, p.Address}
}

func (p person) person() eid.Person {
	return eid.Person{
		Type: p.Type, Identifier: p.Number.identifier(), Name: p.Name, BirthDate: p.BirthDate, Gender: p.Gender, Nationality: p.Nationality, Address: p.Address,
	}
}

// record is an application to be stored.
func (a *Application) record() (Record, error) {
	f := &a.Findings
	c := contents{
		Person: personOf(a.Intake.Person), Phone: a.Intake.Phone, Email: a.Intake.Email, CardIssue: a.Intake.CardIssue, AsOnCard: a.Intake.AsOnCard,
		Findings: findings{
			f.At, f.Person.Verdict, f.Person.Database, f.Person.Differs, f.Person.YearOnly, f.Person.Contradicts, personOf(f.Person.Held),
			f.Card, f.CardEnd, f.Reached, f.Account, f.Stands, f.OwnLock,
		},
		Officers: a.Officers, Shown: a.Shown, Confirmed: a.Confirmed, Returned: a.Returned, Reason: a.Decision.Reason, Asked: a.Asked,
	}
	for _, d := range a.Papers.Dependents {
		c.Dependents = append(c.Dependents, dependent{numberOf(d.Identifier), d.Name, d.BirthDate, d.Relation, d.Paper})
	}
	for _, d := range a.Papers.Documents {
		c.Documents = append(c.Documents, document{d.Kind, d.Number.Reveal(), d.Issuer, d.ExpiresOn, d.VerifiedAt, d.VerifiedBy})
	}
	for _, m := range a.Matches {
		c.Matches = append(c.Matches, match{m.Method, m.Database, m.Reference, m.Officer, m.At, m.OK, m.Development})
	}
	text, err := json.Marshal(c)
	if err != nil {
		return Record{}, fmt.Errorf("writing an application: %w", err)
	}
	r := Record{Application: *a, Who: a.Intake.Person.Identifier, Contents: text}
	return r, nil
}

// open is the application of a record, whose other fields are as they were stored.
func (r *Record) open() (Application, error) {
	var c contents
	if err := json.Unmarshal(r.Contents, &c); err != nil {
		return Application{}, fmt.Errorf("reading an application: %w", err)
	}
	a, f := r.Application, c.Findings
	a.Intake = Intake{Person: c.Person.person(), Phone: c.Phone, Email: c.Email, CardIssue: c.CardIssue, AsOnCard: c.AsOnCard}
	a.Findings = Findings{
		At: f.At, Person: civil.Finding{
			Verdict: f.Verdict, Database: f.Database, Differs: f.Differs, YearOnly: f.YearOnly, Contradicts: f.Contradicts, Held: f.Held.person(),
		},
		Card: f.Card, CardEnd: f.CardEnd, Reached: f.Reached, Account: f.Account, Stands: f.Stands, OwnLock: f.OwnLock,
	}
	a.Papers = Papers{}
	for _, d := range c.Dependents {
		a.Papers.Dependents = append(a.Papers.Dependents, Dependent{d.Number.identifier(), d.Name, d.BirthDate, d.Relation, d.Paper})
	}
	for _, d := range c.Documents {
		a.Papers.Documents = append(a.Papers.Documents, eid.Document{
			Kind: d.Kind, Number: eid.NewSecret(d.Number), Issuer: d.Issuer, ExpiresOn: d.ExpiresOn, VerifiedAt: d.VerifiedAt, VerifiedBy: d.VerifiedBy,
		})
	}
	a.Matches = nil
	for _, m := range c.Matches {
		a.Matches = append(a.Matches, Match{OK: m.OK, Development: m.Development, Evidence: eid.Evidence{
			Kind: eid.EvidenceBiometric, Method: m.Method, Database: m.Database, Reference: m.Reference, Officer: m.Officer, At: m.At,
		}})
	}
	a.Officers, a.Shown, a.Confirmed, a.Returned, a.Decision.Reason, a.Asked = c.Officers, c.Shown, c.Confirmed, c.Returned, c.Reason, c.Asked
	return a, nil
}
