package civil

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"eidgate/eid"
)

// Synthetic is a registry of invented people, for a demo or a test bed. It
// answers the same question as the exchange does.
type Synthetic struct{ people map[string]Person }

var _ Registry = (*Synthetic)(nil)

// NewSynthetic makes a registry of these people.
func NewSynthetic(people []Person) *Synthetic {
	s := &Synthetic{people: make(map[string]Person, len(people))}
	for _, p := range people {
		s.people[p.Number.Reveal()] = p
	}
	return s
}

// Find implements Registry.
func (s *Synthetic) Find(_ context.Context, asked Person) (Person, error) {
	held, ok := s.people[asked.Number.Reveal()]
	if !ok || held.BirthDate.Year != asked.BirthDate.Year || !strings.EqualFold(searchName(held.Name), searchName(asked.Name)) {
		return Person{}, eid.ErrNotFound
	}
	return held, nil
}

// SyntheticCards is a citizen-card registry of invented people, by personal number.
type SyntheticCards map[string]Card

// Card returns the card of a number.
func (s SyntheticCards) Card(_ context.Context, number eid.PersonalNumber) (Card, error) {
	return s[number.Reveal()], nil
}

// SyntheticBorder is an immigration registry of invented people.
type SyntheticBorder []Foreigner

var _ Immigration = SyntheticBorder(nil)

// FindForeigner implements Immigration.
func (s SyntheticBorder) FindForeigner(_ context.Context, who eid.Identifier, birthYear int) (Foreigner, error) {
	var found []Foreigner
	for _, f := range s {
		if f.Passport == who && f.BirthDate.Year == birthYear {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return Foreigner{}, eid.ErrNotFound
	case 1:
		return found[0], nil
	}
	return Foreigner{}, ErrContradiction
}

// MismatchPrefix begins the captures that DevelopmentMatcher does not let match.
const MismatchPrefix = "khac-"

// DevelopmentMatcher compares nothing, and says so in each answer: it is for a demo or a
// test bed, where invented people have no faces.
type DevelopmentMatcher struct{ Now func() time.Time }

// Match lets every capture match but those that begin with MismatchPrefix.
func (d DevelopmentMatcher) Match(_ context.Context, c Capture) (Matched, error) {
	return Matched{OK: !strings.HasPrefix(c.Reference, MismatchPrefix), Reference: rand.Text()[:12], At: d.Now(), Development: true}, nil
}
