package registration

import (
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// oldest is the age, in years, beyond which a date of birth is a slip.
const oldest = 130

// birth reads the date of birth, or its year alone where no more is known. field is the
// one that a fault stands at.
func (f Form) birth(now time.Time) (d civil.Date, field Field, why Why) {
	typed := []struct {
		field Field
		text  string
	}{{FieldDay, f.Day}, {FieldMonth, f.Month}, {FieldYear, f.Year}}
	if f.YearOnly {
		typed = typed[2:]
	}
	var parts []int
	for _, t := range typed {
		text := strings.TrimSpace(t.text)
		n, err := strconv.Atoi(text)
		switch {
		case text == "":
			return civil.Date{}, t.field, BirthMissing
		case err != nil || strings.Trim(text, "0123456789") != "":
			return civil.Date{}, t.field, BirthDigits
		case t.field == FieldYear && len(text) != 4:
			return civil.Date{}, t.field, BirthYear
		}
		parts = append(parts, n)
	}
	d.Year = parts[len(parts)-1]
	if !f.YearOnly {
		if d.Day, d.Month = parts[0], time.Month(parts[1]); !inCalendar(d) {
			return civil.Date{}, FieldDay, BirthImpossible
		}
	}
	today := now.In(eid.LawTime())
	switch first, _ := span(d); {
	case first.After(today):
		return civil.Date{}, typed[0].field, BirthFuture
	case today.Year()-d.Year > oldest:
		return civil.Date{}, FieldYear, BirthLongAgo
	}
	return d, "", ""
}

// inCalendar reports whether there is such a day.
func inCalendar(d civil.Date) bool {
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	return t.Day() == d.Day && t.Month() == d.Month && t.Year() == d.Year
}

// span is the first and the last day that a date of birth may be, in legal time.
func span(d civil.Date) (first, last time.Time) {
	if d.Full() {
		day := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, eid.LawTime())
		return day, day
	}
	return time.Date(d.Year, time.January, 1, 0, 0, 0, 0, eid.LawTime()), time.Date(d.Year, time.December, 31, 0, 0, 0, 0, eid.LawTime())
}

// access is how somebody born then comes to an account. Whoever may be old enough by the
// year that is known goes on: an officer looks at it anyway.
func access(d civil.Date, r *eid.RuleSet, now time.Time) eid.Access {
	first, _ := span(d)
	return r.Access(eid.Age(first, now))
}
