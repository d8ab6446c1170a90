package eid

import (
	"slices"
	"time"
)

// LawTime is the zone of all legal time, Asia/Ho_Chi_Minh: seven hours ahead of UTC
// since 1975 and without summer time.
func LawTime() *time.Location { return time.FixedZone("+07", 7*60*60) }

// Calendar is which days nobody works. Saturdays and Sundays are always among them.
type Calendar struct {
	Holidays []string `json:"holidays"`         // 2006-01-02, of the Labour Code's Art. 112
	Worked   []string `json:"worked,omitempty"` // weekend days that are worked for others
	ListedTo string   `json:"listed_to"`        // the last day that holidays are listed for
}

// Works reports whether a day of legal time is a working day.
func (c *Calendar) Works(t time.Time) bool {
	t = t.In(LawTime())
	day := t.Format(time.DateOnly)
	switch {
	case slices.Contains(c.Worked, day):
		return true
	case slices.Contains(c.Holidays, day):
		return false
	}
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday
}

// Ends is the first moment of legal time that the calendar says nothing of; the zero time
// where ListedTo is no day.
func (c *Calendar) Ends() time.Time {
	last, err := time.ParseInLocation(time.DateOnly, c.ListedTo, LawTime())
	if err != nil {
		return time.Time{}
	}
	return last.AddDate(0, 0, 1)
}

// Due is the last second of the working day that ends a term of so many working days.
// The day on which it begins does not count, and it ends with its last day (Civil Code
// 2015, Arts. 147 and 148). A term of no days is over at once.
func (r *RuleSet) Due(from time.Time, days int) time.Time {
	if days <= 0 {
		return from
	}
	day := from.In(LawTime())
	for days > 0 {
		day = day.AddDate(0, 0, 1)
		if r.Calendar.Works(day) {
			days--
		}
	}
	y, m, d := day.Date()
	return time.Date(y, m, d, 23, 59, 59, 0, LawTime())
}
