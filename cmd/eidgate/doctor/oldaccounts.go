package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// tellHolders is how long before a date people have to hear of it at the latest.
const tellHolders = 30 * 24 * time.Hour

// OldAccounts looks at how far portals' old accounts have come, and at the conflicts
// that wait for officers.
type OldAccounts struct {
	Database string // path of the file
	Sources  []eid.Source
	Now      func() time.Time
}

// Look fills Check.
func (o OldAccounts) Look(ctx context.Context) []Finding {
	return counting(ctx, o.Database, func(e *sqlstore.Examination) ([]Finding, error) {
		counts, err := e.ImportedCounts(ctx)
		if err != nil {
			return nil, err
		}
		waiting, err := e.ConflictsWaiting(ctx)
		if err != nil {
			return nil, err
		}
		return o.judge(counts, waiting), nil
	})
}

// counting looks at rows of a database that a gateway made.
func counting(ctx context.Context, database string, look func(*sqlstore.Examination) ([]Finding, error)) []Finding {
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: database})
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{ok("none yet: no gateway has run here")}
	}
	var list []Finding
	if err == nil {
		defer func() { _ = e.Close() }()
		list, err = look(e)
	}
	if err != nil {
		return []Finding{fault("mend what the check of the database says", "they cannot be counted: %v", err)}
	}
	return list
}

func (o OldAccounts) judge(counts []sqlstore.ImportedCount, waiting []sqlstore.ConflictsWaiting) []Finding {
	var list []Finding
	var unlinked []string
	now := o.Now()
	for i := range o.Sources {
		src := &o.Sources[i]
		switch {
		case src.Portal != nil:
			list = append(list, judgePortal(src, counts, now))
		case !src.National && src.Linking == nil:
			unlinked = append(unlinked, src.ID)
		}
	}
	for _, w := range waiting {
		if now.After(workingDays(w.Oldest, 2)) {
			list = append(list, warning("eidgate conflicts list --source "+w.Source+"; two officers accept, one rejects",
				"%s at %s, the oldest since %s: longer than two working days", counted(w.Waiting, "conflict"), w.Source, day(w.Oldest)))
		}
	}
	if len(unlinked) > 0 {
		list = append(list, ok("whoever comes for the first time through %s is refused: no linking is registered there", strings.Join(unlinked, ", ")))
	}
	if len(list) == 0 {
		list = append(list, ok("no portal has any here, and no conflict waits long"))
	}
	return list
}

// judgePortal looks at the old accounts of one portal.
func judgePortal(src *eid.Source, counts []sqlstore.ImportedCount, now time.Time) Finding {
	all, open := 0, 0
	for _, c := range counts {
		if c.Source != src.ID {
			continue
		}
		all += c.Accounts
		if c.State == eid.ImportedWaiting || c.State == eid.ImportedContested {
			open += c.Accounts
		}
	}
	by, portal := src.Portal.VerifyBy, src.Portal.Client
	left := by.Sub(now)
	switch {
	case all == 0:
		return warning("eidgate accounts import --portal "+portal+", or remove the source", "%s has no old accounts: nothing was imported", src.ID)
	case open == 0:
		return ok("%s: %s, none waits", src.ID, counted(all, "account"))
	case left <= 0:
		return ok("%s: %d of %s were not verified by %s, and are refused until they are", src.ID, open, counted(all, "account"), day(by))
	case left <= tellHolders:
		return warning("have their holders told (eidgate accounts imported --portal "+portal+" --export FILE has the login names), or set a later portal.verify_by",
			"%s: %d of %s are not verified, and stop on %s", src.ID, open, counted(all, "account"), day(by))
	}
	return ok("%s: %d of %s are not verified; they stop on %s", src.ID, open, counted(all, "account"), day(by))
}

// workingDays is a time so many days later that are neither Saturday nor Sunday in
// Việt Nam. It knows no holidays.
func workingDays(from time.Time, days int) time.Time {
	at := from.In(time.FixedZone("+07", 7*60*60))
	for days > 0 {
		at = at.AddDate(0, 0, 1)
		if at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
			days--
		}
	}
	return at
}
