package doctor

import (
	"testing"
	"time"

	"eidgate/eid"
)

func TestHolidays(t *testing.T) {
	set := eid.RuleSet{ID: "decree-69-2024", Calendar: eid.Calendar{ListedTo: "2026-12-31"}}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, eid.LawTime())
	for _, tt := range []struct {
		name string
		set  eid.RuleSet
		now  time.Time
		word string
		want Status
	}{
		{"listed", set, end.Add(-calendarAhead), "listed to 2026-12-31", OK},
		{"ends soon", set, end.Add(-calendarAhead + time.Second), "2026-12-31 only", Warning},
		{"the last second", set, end.Add(-time.Second), "2026-12-31 only", Warning},
		{"ended", set, end, "every later one as a working day", Warning},
		{"no day", eid.RuleSet{}, end, "every later one", Warning},
	} {
		wants(t, tt.name, []Finding{holidays(&tt.set, tt.now)}, tt.word, tt.want)
	}
}
