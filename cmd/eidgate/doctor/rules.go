package doctor

import (
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/rules"
)

// calendarAhead is how long before its end a calendar has to be continued.
const calendarAhead = 60 * 24 * time.Hour

// RuleSets looks at what the law says here: whether every rule set can be read, and for
// how long holidays are known.
func RuleSets(directory string, now time.Time) []Finding {
	book, err := rules.Open(directory)
	if err != nil {
		first, rest, more := strings.Cut(err.Error(), "\n")
		if more {
			first = fmt.Sprintf("%s, and %s more", first, counted(strings.Count(rest, "\n")+1, "fault"))
		}
		return []Finding{fault("mend what eidgate check names, or take the file away; a gateway that runs keeps the rules it has", "rules.directory: %s", first)}
	}
	set, err := book.At(now)
	if err != nil {
		return []Finding{fault("set this machine's clock", "no rules are in force: %v", err)}
	}
	return []Finding{ok("%s is in force, of %s", set.ID, counted(len(book.All()), "rule set")), holidays(&set, now)}
}

// holidays looks at whether those are listed by which terms of working days count, now
// and for calendarAhead.
func holidays(set *eid.RuleSet, now time.Time) Finding {
	const mend = "save eidgate rules show --file in rules.directory as the id of the set with .json, and add the holidays of the year to come to its calendar"
	switch end := set.Calendar.Ends(); {
	case !now.Before(end):
		return warning(mend, "the holidays of %s are listed to %s: terms count every later one as a working day", set.ID, set.Calendar.ListedTo)
	case end.Sub(now) < calendarAhead:
		return warning(mend, "the holidays of %s are listed to %s only", set.ID, set.Calendar.ListedTo)
	}
	return ok("its holidays are listed to %s", set.Calendar.ListedTo)
}
