package audit

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Actions on the audit itself.
const (
	ActionPruned     = "audit.pruned"      // retention removed rows
	ActionHeld       = "audit.held"        // rows are kept whatever their age
	ActionHoldLifted = "audit.hold_lifted" // and no longer
	ActionLookedUp   = "audit.looked_up"   // somebody looked a person up
)

// Rule is how long the law wants the history of use kept, from a date on.
type Rule struct {
	From  time.Time
	Years int
	Law   string
}

// Rules are the rules of retention by date, oldest first (half-open, Việt Nam's time).
func Rules() []Rule {
	vietnam := time.FixedZone("Asia/Ho_Chi_Minh", 7*3600)
	return []Rule{
		{time.Date(2022, 10, 20, 0, 0, 0, 0, vietnam), 5, "Decree 59/2022/NĐ-CP, Art. 21"},
		// Decree 69 replaced Decree 59. That it keeps the five years is assumed, not seen.
		{time.Date(2024, 7, 1, 0, 0, 0, 0, vietnam), 5, "Decree 69/2024/NĐ-CP, which replaced it"},
	}
}

// RuleAt is the rule in force at a time; before the first one it is the first.
func RuleAt(t time.Time) Rule {
	rules := Rules()
	in := rules[0]
	for _, r := range rules {
		if !t.Before(r.From) {
			in = r
		}
	}
	return in
}

// Cutoff is before when rows may go at a time, where they are kept for years; fewer
// than the law wants count as what it wants.
func Cutoff(now time.Time, years int) time.Time {
	return now.AddDate(-max(years, RuleAt(now).Years), 0, 0)
}

// Pruning is the detail of an audit row that tells of rows that retention removed.
type Pruning struct {
	Before time.Time  `json:"before"` // rows of checkpoints made before went
	Years  int        `json:"years"`
	Law    string     `json:"law"`
	Rows   int        `json:"rows"`
	Ranges [][2]int64 `json:"ranges"` // ids, both ends included
}

// lawful knows the rows that retention removed by the law.
type lawful struct {
	now    time.Time
	seen   int64 // id of the last row that told of a pruning
	ranges []pruned
}

// pruned is a range of rows that went, and of what time they had to be.
type pruned struct {
	first, last int64
	before      time.Time
}

// learn reads the prunings that were not read yet. One that removed what was not old
// enough by the law of its day is none, nor one of a day to come.
func (l *lawful) learn(ctx context.Context, e Evidence) error {
	rows, err := e.Prunings(ctx, l.seen)
	if err != nil {
		return err
	}
	for _, r := range rows {
		l.seen = r.ID
		var p Pruning
		if json.Unmarshal([]byte(r.Detail), &p) != nil || p.Before.After(Cutoff(r.Time(), 0)) || r.Time().After(l.now.Add(clockSkew)) {
			continue
		}
		for _, ids := range p.Ranges {
			l.ranges = append(l.ranges, pruned{ids[0], ids[1], p.Before})
		}
	}
	if len(rows) > 0 {
		slices.SortFunc(l.ranges, func(a, b pruned) int { return int(min(1, max(-1, a.first-b.first))) })
	}
	return nil
}

// covers reports whether a row of a checkpoint of that time was removed lawfully.
func (l *lawful) covers(id int64, at time.Time) bool {
	n, found := slices.BinarySearchFunc(l.ranges, id, func(p pruned, id int64) int { return int(min(1, max(-1, p.first-id))) })
	if !found {
		n--
	}
	return n >= 0 && id <= l.ranges[n].last && at.Before(l.ranges[n].before)
}
