package registration

import (
	"eidgate/eid"
	"eidgate/eid/civil"
)

// result is how a comparison ended.
type result struct {
	outcome  outcome
	doubt    Doubt
	database eid.Database
	held     eid.Person // zero where the registry contradicts itself
}

// outcome is what is done. The zero value is a refusal.
type outcome int

const (
	outcomeRefusal outcome = iota
	outcomeReview
	outcomeMatch
)

// judge says what a comparison leads to. What left a doubt, and only that, is for an
// officer.
func judge(said eid.Person, f civil.Finding) result {
	r := result{database: f.Database, held: f.Held}
	switch f.Verdict {
	case civil.Match:
		r.outcome = outcomeMatch
		if contradictsGender(said) {
			r.outcome, r.doubt = outcomeReview, DoubtGender
		}
	case civil.Review:
		r.outcome = outcomeReview
		switch {
		case f.Contradicts:
			r.doubt = DoubtContradiction
		case f.YearOnly:
			r.doubt = DoubtYearOnly
		default:
			r.doubt = DoubtAccents
		}
	default:
		return result{}
	}
	return r
}

// contradictsGender reports whether the digits of the number say another gender. They
// prove nothing; but neither does a population registry that says none, and what is
// declared would become core data of an identity.
func contradictsGender(said eid.Person) bool {
	n, err := eid.ParsePersonalNumber(said.Identifier.Reveal())
	if err != nil || said.Identifier.Kind() != eid.KindPersonalNumber {
		return false
	}
	gender, _ := n.Says()
	return gender != said.Gender
}

// Side is one side of a comparison as it is kept, sealed, for an officer.
type Side struct {
	Number      string `json:"number,omitempty"`
	Country     string `json:"country,omitempty"`
	Name        string `json:"name,omitempty"`
	BirthDate   string `json:"birth_date,omitempty"` // 2006-01-02, or the year alone
	Gender      string `json:"gender,omitempty"`
	Nationality string `json:"nationality,omitempty"`
}

// sideOf is a person for an officer; empty where there is none.
func sideOf(p eid.Person) Side {
	return Side{
		Number: p.Identifier.Reveal(), Country: p.Identifier.Country(), Name: p.Name,
		BirthDate: p.BirthDate, Gender: p.Gender, Nationality: p.Nationality,
	}
}

// person is who gets the account: core data are the registry's, which owns them; what it
// does not hold was declared.
func (s Sides) person(of eid.SubjectType) eid.Person {
	or := func(held, said string) string {
		if held != "" {
			return held
		}
		return said
	}
	p := eid.Person{
		Type: of, Name: or(s.Held.Name, s.Said.Name), BirthDate: or(s.Held.BirthDate, s.Said.BirthDate),
		Gender: or(s.Held.Gender, s.Said.Gender), Nationality: or(s.Held.Nationality, s.Said.Nationality),
	}
	if of == eid.Foreigner {
		p.Identifier = eid.NewIdentifier(eid.KindPassport, s.Said.Country, s.Said.Number)
	} else {
		p.Identifier = eid.NewIdentifier(eid.KindPersonalNumber, vietnam, s.Said.Number)
	}
	return p
}
