package doctor

import (
	"errors"
	"testing"
	"time"

	"eidgate/eid"
)

func TestJudgeRules(t *testing.T) {
	set := eid.RuleSet{ID: "decree-69-2024", Calendar: eid.Calendar{ListedTo: "2026-12-31"}}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, eid.LawTime())
	for _, tt := range []struct {
		name string
		set  eid.RuleSet
		err  error
		now  time.Time
		word string
		want Status
	}{
		{"listed", set, nil, end.Add(-calendarAhead), "listed to 2026-12-31", OK},
		{"ends soon", set, nil, end.Add(-calendarAhead + time.Second), "2026-12-31 only", Warning},
		{"the last second", set, nil, end.Add(-time.Second), "2026-12-31 only", Warning},
		{"ended", set, nil, end, "every later one as a working day", Warning},
		{"no day", eid.RuleSet{}, nil, end, "every later one", Warning},
		{"not read", eid.RuleSet{}, errors.New("rule set x: not JSON"), end, "rule set x", Fault},
	} {
		wants(t, tt.name, Rules(tt.set, tt.err, tt.now), tt.word, tt.want)
	}
}
