package civil

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrDate reports a text that is no date of birth.
var ErrDate = errors.New("not a date of birth")

// Date is a date of birth; Month and Day are zero where only the year is known.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads dd/MM/yyyy, dd-MM-yyyy, yyyy-MM-dd, or a year alone, in ASCII
// digits. Days that no calendar has are refused.
func ParseDate(text string) (Date, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{"02/01/2006", "02-01-2006", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return checkedDate(Date{t.Year(), t.Month(), t.Day()})
		}
	}
	if t, err := time.Parse("2006", text); err == nil {
		return checkedDate(Date{Year: t.Year()})
	}
	return Date{}, ErrDate
}

func checkedDate(d Date) (Date, error) {
	if d.Year < 1800 || d.Year > 2199 {
		return Date{}, ErrDate
	}
	return d, nil
}

// Full reports whether day and month are known.
func (d Date) Full() bool { return d.Day != 0 && d.Month != 0 }

// String writes yyyy-MM-dd, or the year alone.
func (d Date) String() string {
	if !d.Full() {
		return fmt.Sprintf("%04d", d.Year)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// compareDates leaves a date that one side knows by its year only to an officer.
func compareDates(a, b Date) Verdict {
	switch {
	case a.Year == 0 || a.Year != b.Year:
		return Mismatch
	case !a.Full() || !b.Full():
		return Review
	case a != b:
		return Mismatch
	}
	return Match
}
