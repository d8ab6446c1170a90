package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// weeksShown is how many weeks of verified accounts are listed.
const weeksShown = 12

// progressView is how far the old accounts of a source have come.
type progressView struct {
	Portal   string                    `json:"portal"`
	Source   string                    `json:"source"`
	VerifyBy time.Time                 `json:"verify_by"`
	Passed   bool                      `json:"passed"`    // verify_by is over
	DaysLeft int                       `json:"days_left"` // whole days until then; 0 afterwards
	Total    int                       `json:"total"`
	States   map[eid.ImportedState]int `json:"states"`
	Overdue  int                       `json:"overdue"` // not verified, and verify_by has passed
	Matches  map[eid.ImportedMatch]int `json:"matches"`
	Weeks    []weekView                `json:"verified_per_week"`

	ConflictsWaiting int       `json:"conflicts_waiting"`
	ConflictsSince   time.Time `json:"conflicts_since,omitzero"` // the oldest that waits
	Imports          int       `json:"imports"`
	FirstImport      time.Time `json:"first_import,omitzero"`
	LastImport       time.Time `json:"last_import,omitzero"`
}

// weekView is a week, by its Monday.
type weekView struct {
	From     string `json:"from"` // 2006-01-02
	Verified int    `json:"verified"`
}

func viewProgress(src eid.Source, p sqlstore.ImportedProgress, waiting []sqlstore.ConflictsWaiting, now time.Time) progressView {
	v := progressView{
		Portal: src.Portal.Client, Source: src.ID, VerifyBy: src.Portal.VerifyBy, States: map[eid.ImportedState]int{}, Matches: p.Matches, Weeks: []weekView{},
		Imports: p.Imports, FirstImport: p.FirstImport, LastImport: p.LastImport,
	}
	for _, state := range eid.ImportedStates() {
		v.States[state] = p.States[state]
		v.Total += p.States[state]
	}
	if left := v.VerifyBy.Sub(now); left > 0 {
		v.DaysLeft = int(left.Hours() / 24)
	} else {
		v.Passed, v.Overdue = true, v.States[eid.ImportedWaiting]+v.States[eid.ImportedContested]
	}
	for _, week := range p.Weeks {
		v.Weeks = append(v.Weeks, weekView{week.From.In(vietnam).Format(time.DateOnly), week.Verified})
	}
	for _, w := range waiting {
		if w.Source == src.ID {
			v.ConflictsWaiting, v.ConflictsSince = w.Waiting, w.Oldest
		}
	}
	return v
}

func printProgress(c *cobra.Command, d *durable, sources []eid.Source, format *output) error {
	now := time.Now()
	waiting, err := d.db.ConflictsWaiting(c.Context())
	if err != nil {
		return err
	}
	views := []progressView{}
	for _, src := range sources {
		p, err := d.db.ImportedProgress(c.Context(), src.ID, now.AddDate(0, 0, -7*weeksShown))
		if err != nil {
			return err
		}
		views = append(views, viewProgress(src, p, waiting, now))
	}
	return format.print(c.OutOrStdout(), views, func(w io.Writer) {
		for i := range views {
			if i > 0 {
				fmt.Fprintln(w)
			}
			views[i].table(w)
		}
	})
}

func (v *progressView) table(w io.Writer) {
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("portal", "%s, source %s", v.Portal, v.Source)
	if v.Passed {
		line("verify by", "%s, which has passed", local(v.VerifyBy))
	} else {
		line("verify by", "%s, in %d days", local(v.VerifyBy), v.DaysLeft)
	}
	line("imported", "%d", v.Total)
	for _, state := range eid.ImportedStates() {
		share := 0.0
		if v.Total > 0 {
			share = 100 * float64(v.States[state]) / float64(v.Total)
		}
		line("  "+string(state), "%d (%.1f %%)", v.States[state], share)
	}
	line("overdue", "%d", v.Overdue)
	line("matches", "agrees %d, differs %d, unknown %d, no number %d",
		v.Matches[eid.MatchAgrees], v.Matches[eid.MatchDiffers], v.Matches[eid.MatchUnknown], v.Matches[eid.MatchNoNumber])
	if v.ConflictsWaiting > 0 {
		line("conflicts", "%d wait, the oldest since %s", v.ConflictsWaiting, local(v.ConflictsSince))
	} else {
		line("conflicts", "none waits")
	}
	if v.Imports > 0 {
		line("imports", "%d, from %s to %s", v.Imports, local(v.FirstImport), local(v.LastImport))
	} else {
		line("imports", "none")
	}
	for _, week := range v.Weeks {
		line("verified", "%d in the week of %s", week.Verified, week.From)
	}
}

// exportEntry tells on record that login names leave the gateway.
func exportEntry(source, state, reason string) (eid.AuditEntry, error) {
	detail, err := json.Marshal(struct {
		Source string `json:"source"`
		State  string `json:"state"`
		Reason string `json:"reason"`
	}{source, state, reason})
	if err != nil {
		return eid.AuditEntry{}, fmt.Errorf("writing audit detail: %w", err)
	}
	return eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator(), Action: eid.ActionAccountsExport, Detail: detail}, nil
}
