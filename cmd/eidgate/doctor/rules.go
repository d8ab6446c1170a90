package doctor

import (
	"time"

	"eidgate/eid"
)

// calendarAhead is how long before its end a calendar has to be continued.
const calendarAhead = 60 * 24 * time.Hour

// Rules looks at the rules in force, or why none are: whether the holidays are listed by
// which terms of working days count, now and for calendarAhead.
func Rules(set eid.RuleSet, err error, now time.Time) []Finding {
	if err != nil {
		return []Finding{fault("mend the files of rules.directory; eidgate rules list reads them", "%v", err)}
	}
	const mend = "save eidgate rules show --file in rules.directory as the id of the set with .json, and add the holidays of the year to come to its calendar"
	switch end := set.Calendar.Ends(); {
	case !now.Before(end):
		return []Finding{warning(mend, "the holidays of %s are listed to %s: terms count every later one as a working day", set.ID, set.Calendar.ListedTo)}
	case end.Sub(now) < calendarAhead:
		return []Finding{warning(mend, "the holidays of %s are listed to %s only", set.ID, set.Calendar.ListedTo)}
	}
	return []Finding{ok("%s is in force, its holidays are listed to %s", set.ID, set.Calendar.ListedTo)}
}
