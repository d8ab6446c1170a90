package civil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"eidgate/eid"
)

// Foreigner is what somebody says of a foreigner, or what the immigration registry
// holds. It prints and logs as nothing.
type Foreigner struct {
	Passport    eid.Identifier // with the country that issued it
	Name        string
	BirthDate   Date
	Gender      string // male or female
	Nationality string // ISO 3166-1 alpha-3
}

// Immigration finds who has a passport. The year of birth is part of the question: a
// registry answers for no number alone.
type Immigration interface {
	// FindForeigner returns eid.ErrNotFound where nobody answers to both, ErrDown and
	// ErrContradiction.
	FindForeigner(ctx context.Context, passport eid.Identifier, birthYear int) (Foreigner, error)
}

// Registries are those that people are compared with when they register, each by its
// subject type (Decision 34/2021, Art. 7). One that is nil does not answer.
type Registries struct {
	Population  Registry
	Immigration Immigration
}

// Finding is how somebody compares with the registry of their subject type.
type Finding struct {
	Verdict  Verdict
	Database eid.Database
	// Differs names what is not as it is held; for a counter only, in the app it would
	// tell a stranger about the holder of a number. Where the registry knows nobody it is
	// all that was asked with.
	Differs []eid.Field
	// YearOnly: all that leaves a doubt is that the registry knows the year of birth alone.
	YearOnly bool
	// Contradicts: the registry holds the number more than once.
	Contradicts bool
	// Held is the person as the registry holds them. What it does not hold, such as the
	// address, is as it was declared. Zero for Mismatch, and where it contradicts itself.
	Held eid.Person
}

// Compare compares what is declared of a person with the registry of the subject type.
// The error wraps ErrDown where it cannot say.
func (r Registries) Compare(ctx context.Context, said eid.Person) (Finding, error) {
	switch said.Type {
	case eid.Citizen:
		return r.citizen(ctx, said)
	case eid.Foreigner:
		return r.foreigner(ctx, said)
	case eid.PortalAccount: // no registry knows one
	}
	return Finding{}, nil
}

func (r Registries) citizen(ctx context.Context, said eid.Person) (Finding, error) {
	f := Finding{Database: eid.Population}
	if r.Population == nil {
		return f, fmt.Errorf("%w: none is configured", ErrDown)
	}
	p := PersonOf(said)
	c, err := Compare(ctx, r.Population, p)
	if err != nil {
		return f, err
	}
	f.Verdict = c.Verdict
	switch {
	case c.Held.Number.IsZero() && c.Verdict == Review:
		f.Contradicts = true
	case c.Held.Number.IsZero():
		f.Differs = []eid.Field{eid.FieldNumber, eid.FieldName, eid.FieldBirthDate}
	default:
		f.differ(compareNames(p.Name, c.Held.Name), compareDates(p.BirthDate, c.Held.BirthDate))
		f.hold(said, c.Held.Name, c.Held.BirthDate)
	}
	return f, nil
}

func (r Registries) foreigner(ctx context.Context, said eid.Person) (Finding, error) {
	f := Finding{Database: eid.Immigration}
	if r.Immigration == nil {
		return f, fmt.Errorf("%w: none is configured", ErrDown)
	}
	born, err := ParseDate(said.BirthDate)
	if err != nil || said.Identifier.Kind() != eid.KindPassport || fold(said.Name) == "" {
		return f, nil // there is nothing to compare
	}
	held, err := r.Immigration.FindForeigner(ctx, said.Identifier, born.Year)
	switch {
	case errors.Is(err, eid.ErrNotFound):
		f.Differs = []eid.Field{eid.FieldNumber, eid.FieldBirthDate}
		return f, nil
	case errors.Is(err, ErrContradiction):
		f.Verdict, f.Contradicts = Review, true
		return f, nil
	case err != nil:
		return f, fmt.Errorf("asking the registry: %w", err)
	case held.Passport != said.Identifier:
		f.Differs = []eid.Field{eid.FieldNumber}
		return f, nil
	}
	names, dates := compareNames(said.Name, held.Name), compareDates(born, held.BirthDate)
	f.Verdict = min(names, dates)
	if said.Nationality != held.Nationality || said.Gender != held.Gender {
		f.Verdict = Mismatch
	}
	f.differ(names, dates)
	if said.Nationality != held.Nationality {
		f.Differs = append(f.Differs, eid.FieldNationality)
	}
	if said.Gender != held.Gender {
		f.Differs = append(f.Differs, eid.FieldGender)
	}
	f.hold(said, held.Name, held.BirthDate)
	return f, nil
}

// differ names what is not as it is held.
func (f *Finding) differ(names, dates Verdict) {
	if names != Match {
		f.Differs = append(f.Differs, eid.FieldName)
	}
	if dates != Match {
		f.Differs = append(f.Differs, eid.FieldBirthDate)
	}
	f.YearOnly = f.Verdict == Review && names == Match
}

// hold keeps the registry's side of a person that it knows to be the same.
func (f *Finding) hold(said eid.Person, name string, born Date) {
	if f.Verdict == Mismatch {
		return
	}
	f.Held, f.Held.Name = said, name
	if born.Full() {
		f.Held.BirthDate = born.String()
	}
}

// Wrong reports whether a field is among those that differ.
func (f *Finding) Wrong(field eid.Field) bool { return slices.Contains(f.Differs, field) }

// String tells nothing of the person.
func (Foreigner) String() string { return "[person]" }

// GoString tells nothing of the person.
func (Foreigner) GoString() string { return "[person]" }

// LogValue tells nothing of the person.
func (Foreigner) LogValue() slog.Value { return slog.StringValue("[person]") }
