// Package civil owns the comparison of what is said of a person with what the
// civil registries hold (Decision 34/2021, Art. 7; Decree 69/2024, Art. 13).
package civil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// Errors of registries, for callers to test with errors.Is.
var (
	// ErrDown: the registry did not answer, or not as it should.
	ErrDown = errors.New("registry does not answer")
	// ErrContradiction: the registry holds the number more than once.
	ErrContradiction = errors.New("registry contradicts itself")
)

// Person is what somebody says of a person, or what a registry holds. It prints
// and logs as nothing.
type Person struct {
	Number    eid.PersonalNumber
	Name      string // family name first
	BirthDate Date
}

// PersonOf is the person of an account, for comparison. Without a personal number,
// or a date of birth that can be read, it matches nobody.
func PersonOf(p eid.Person) Person {
	if p.Identifier.Kind() != eid.KindPersonalNumber {
		return Person{}
	}
	number, err := eid.ParsePersonalNumber(p.Identifier.Reveal())
	if err != nil {
		return Person{}
	}
	born, err := ParseDate(p.BirthDate)
	if err != nil {
		return Person{Number: number}
	}
	return Person{Number: number, Name: p.Name, BirthDate: born}
}

// Registry finds who has a personal number. The asked name and year of birth are
// part of the question: a registry answers for no number alone.
type Registry interface {
	// Find returns eid.ErrNotFound where nobody answers to all three, ErrDown and
	// ErrContradiction.
	Find(ctx context.Context, asked Person) (Person, error)
}

// Verdict is how a comparison ends. The zero value gives no level.
type Verdict int

// The verdicts.
const (
	Mismatch Verdict = iota // not this person: no level, no account
	Review                  // an officer decides: accents differ, or a date is known by its year only
	Match
)

// String names the verdict in log lines and audit rows.
func (v Verdict) String() string {
	switch v {
	case Match:
		return "match"
	case Review:
		return "review"
	case Mismatch:
	}
	return "mismatch"
}

// Comparison is how a comparison ended, and what the registry holds: the zero
// Person where it holds nothing, or contradicts itself.
type Comparison struct {
	Verdict Verdict
	Held    Person
}

// Compare says whether what is said of a person is what the registry holds. The
// error wraps ErrDown where the registry cannot say.
func Compare(ctx context.Context, r Registry, said Person) (Comparison, error) {
	if said.Number.IsZero() || fold(said.Name) == "" || said.BirthDate.Year == 0 {
		return Comparison{}, nil // there is nothing to compare
	}
	held, err := r.Find(ctx, said)
	switch {
	case errors.Is(err, eid.ErrNotFound):
		return Comparison{}, nil
	case errors.Is(err, ErrContradiction):
		return Comparison{Verdict: Review}, nil
	case err != nil:
		return Comparison{}, fmt.Errorf("asking the registry: %w", err)
	}
	return Comparison{Judge(said, held), held}, nil
}

// Judge compares two sides: the number must be the same, the rest may leave a
// doubt for an officer.
func Judge(said, held Person) Verdict {
	if said.Number.Reveal() != held.Number.Reveal() {
		return Mismatch
	}
	return min(compareNames(said.Name, held.Name), compareDates(said.BirthDate, held.BirthDate))
}

// Difference is what an officer decides on: what a source says of the holder of
// an account, and what the registry holds.
type Difference struct {
	Account eid.AccountID
	Source  string
	Said    Person
	Held    Person
}

// Canonical is the text that two differences share only if nothing in them
// differs that an officer would look at. It holds the person's data.
func (d Difference) Canonical() string {
	parts := []string{string(d.Account), d.Source}
	for _, p := range []Person{d.Said, d.Held} {
		parts = append(parts, p.Number.Reveal(), norm.NFC.String(p.Name), p.BirthDate.String())
	}
	return strings.Join(parts, "\x00")
}

// String tells nothing of the person.
func (Person) String() string { return "[person]" }

// GoString tells nothing of the person.
func (Person) GoString() string { return "[person]" }

// LogValue tells nothing of the person.
func (Person) LogValue() slog.Value { return slog.StringValue("[person]") }
