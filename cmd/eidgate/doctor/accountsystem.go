package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/eid/rules"
)

// holidaysAhead is how long before the holidays that are listed end somebody has to hear
// of it: terms of working days reach beyond the end by then.
const holidaysAhead = 45 * 24 * time.Hour

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
	list := []Finding{ok("%s is in force, of %s", set.ID, counted(len(book.All()), "rule set"))}
	if f, ends := holidays(&set, now); ends {
		list = append(list, f)
	}
	return list
}

// holidays warns when those that a rule set lists end.
func holidays(set *eid.RuleSet, now time.Time) (Finding, bool) {
	listed, err := time.ParseInLocation(time.DateOnly, set.Calendar.ListedTo, eid.LawTime())
	if err != nil || now.Add(holidaysAhead).Before(listed) {
		return Finding{}, false
	}
	return warning("take a newer version, or put a copy of "+set.ID+" with the days that were announced into rules.directory (eidgate rules show --json begins one)",
		"its holidays are listed to %s only: terms of working days that reach beyond count holidays as working days", set.Calendar.ListedTo), true
}

// Passkeys says which host they belong to. carries is the level that one carries.
func Passkeys(issuer string, carries eid.Level) []Finding {
	if carries == eid.LevelNone {
		return []Finding{ok("switched off by account_system.methods.passkey")}
	}
	host, err := credential.RPID(issuer)
	switch {
	case errors.Is(err, credential.ErrNoPasskeys):
		return []Finding{warning("give the issuer the host name that it keeps for good, before people come; on one machine, http://localhost and a port", "browsers have none: the issuer is an IP address")}
	case err != nil:
		return []Finding{fault("mend issuer", "%v", err)}
	}
	return []Finding{ok("they belong to %s: under another host no browser finds them any more", host)}
}
