package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// newAudit makes `eidgate audit`.
func newAudit() *cobra.Command {
	c := &cobra.Command{
		Use: "audit", Short: "evidence: verify, search, export; why a level was given", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAuditVerify(), newAuditSearch(), newAuditExport(), newAuditPerson(), newAuditHold(), newAuditLevels(), newAuditExplain())
	return c
}

// sinceFlag says from when on the audit is read.
func sinceFlag(c *cobra.Command, standard string) *string {
	return c.Flags().String("since", standard, "first day, such as 2026-01-31 in Việt Nam, or a time such as 2026-01-31T08:00:00+07:00; empty for all")
}

func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return parseMoment("--since", text)
}

// parseMoment reads the value of a flag: a day in Việt Nam, or a time.
func parseMoment(flag, text string) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, vietnam); err == nil {
		return day, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("%s %s: want a day such as 2026-01-31, or a time such as 2026-01-31T08:00:00+07:00", flag, text)}
	}
	return t, nil
}

func newAuditLevels() *cobra.Command {
	c := &cobra.Command{
		Use: "levels", Short: "derive the level of every grant again", Args: noArgs,
		Long: `levels derives each granted acr again from the terms that were stored with it:
account, method, source, link, age and mandate. It exits with 1 if one does not
follow. It only reads, beside the gateway that runs.`,
	}
	beside := newBesideFlags(c)
	since := sinceFlag(c, "")
	format := outputFlag(c)
	jsonFlag(c, format)
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := parseSince(*since)
		if err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			result, err := auditLevels(c.Context(), d, from, c.ErrOrStderr())
			if err != nil {
				return err
			}
			err = format.print(c.OutOrStdout(), result, result.print)
			if err == nil && len(result.Unsound) > 0 {
				err = fmt.Errorf("%d of %d grants do not follow from their record", len(result.Unsound), result.Grants)
			}
			return err
		})
	}
	return c
}

// levelsAudited is what `eidgate audit levels` found.
type levelsAudited struct {
	Grants  int            `json:"grants"`
	Levels  map[string]int `json:"levels"` // grants by the level of their acr
	Unsound []unsound      `json:"unsound"`
}

// unsound is a grant that does not follow from its record.
type unsound struct {
	Row    int64     `json:"row"`
	At     time.Time `json:"at"`
	Ref    string    `json:"ref"`
	Client string    `json:"client"`
	Why    []string  `json:"why"`
}

// progressEvery is how many rows go by between two words of progress.
const progressEvery = 100_000

func auditLevels(ctx context.Context, d *durable, since time.Time, progress io.Writer) (levelsAudited, error) {
	result := levelsAudited{Levels: map[string]int{}, Unsound: []unsound{}}
	err := eachGrant(ctx, d, since, "", func(row sqlstore.AuditRow, g eid.Grant, readable bool) {
		if result.Grants++; result.Grants%progressEvery == 0 {
			fmt.Fprintf(progress, "%d grants, up to %s\n", result.Grants, clock(row.At))
		}
		result.Levels[g.ACR.Level.String()]++
		why := wrongWith(d, row, g, readable)
		if len(why) > 0 {
			result.Unsound = append(result.Unsound, unsound{row.ID, row.At, row.Ref, row.Client, why})
		}
	})
	return result, err
}

// wrongWith says what is wrong with a grant, and with the row that it stands in.
func wrongWith(d *durable, row sqlstore.AuditRow, g eid.Grant, readable bool) []string {
	if !readable {
		return []string{"its record cannot be read"}
	}
	why := g.Derive(d.vocabulary)
	if row.Account != g.Account || row.Client != g.Client {
		why = append(why, "its row names another account or client")
	}
	return why
}

// eachGrant goes over the grants on record since a time, those of one reference
// where it is given.
func eachGrant(ctx context.Context, d *durable, since time.Time, ref string, visit func(row sqlstore.AuditRow, g eid.Grant, readable bool)) error {
	filter := sqlstore.AuditFilter{Action: eid.ActionGrantIssued, Ref: ref}
	if !since.IsZero() {
		var err error
		if filter.After, err = d.db.AuditBefore(ctx, since); err != nil {
			return err
		}
	}
	for {
		rows, err := d.db.Audit(ctx, filter)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			filter.After = row.ID
			if row.At.Before(since) {
				continue
			}
			var g eid.Grant
			err := json.Unmarshal(row.Detail, &g)
			visit(row, g, err == nil)
		}
	}
}

func (r levelsAudited) print(w io.Writer) {
	var counts []string
	for _, level := range slices.Sorted(maps.Keys(r.Levels)) {
		counts = append(counts, fmt.Sprintf("%d at Level %s", r.Levels[level], level))
	}
	if r.Grants == 0 {
		counts = []string{"none"}
	}
	fmt.Fprintf(w, "%d grants: %s\n", r.Grants, strings.Join(counts, ", "))
	for _, u := range r.Unsound {
		fmt.Fprintf(w, "row %d, %s, reference %s, client %s: %s\n", u.Row, clock(u.At), u.Ref, u.Client, strings.Join(u.Why, "; "))
	}
	if r.Grants > 0 && len(r.Unsound) == 0 {
		fmt.Fprintln(w, "each follows from its record")
	}
}

func newAuditExplain() *cobra.Command {
	c := &cobra.Command{
		Use: "explain REFERENCE", Short: "show why one sign-in got its level", Args: oneArg("REFERENCE"),
		Long: `explain shows each term of the grants that one request made: what was required,
what each term allowed, and the acr that follows. The reference stands on pages and
in the log line of the request; the audit is searched since 31 days ago, or --since.`,
	}
	beside := newBesideFlags(c)
	since := sinceFlag(c, "")
	format := outputFlag(c)
	jsonFlag(c, format)
	c.RunE = func(c *cobra.Command, words []string) error {
		from, err := parseSince(*since)
		if err != nil {
			return err
		}
		if from.IsZero() {
			from = time.Now().AddDate(0, 0, -31)
		}
		return beside.open(c.Context(), func(d *durable) error {
			var found []explained
			err := eachGrant(c.Context(), d, from, words[0], func(row sqlstore.AuditRow, g eid.Grant, readable bool) {
				found = append(found, explained{g, wrongWith(d, row, g, readable)})
			})
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				return fmt.Errorf("no grant with the reference %s since %s; --since looks further back", words[0], clock(from))
			}
			return format.print(c.OutOrStdout(), found, func(w io.Writer) {
				for _, e := range found {
					e.print(w)
				}
			})
		})
	}
	return c
}

// explained is a grant with what does not follow in it.
type explained struct {
	Grant  eid.Grant `json:"grant"`
	Faults []string  `json:"faults"`
}

func (e explained) print(w io.Writer) {
	g := e.Grant
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("client", "%s", g.Client)
	line("account", "%s", g.Account)
	line("source", "%s, by %s at %s", g.Source, strings.Join(g.AMR, " "), clock(g.AuthTime))
	line("issued", "%s, rules %s, configuration %s", clock(g.IssuedAt), g.Rules, g.Config)
	line("minimum of the client", "%v", g.Requirement.Minimum)
	line("asked", "%s", askedText(g.Requirement.Asked))
	line("floor, target", "%v, %v", g.Requirement.Floor, g.Requirement.Target)
	for _, term := range []struct {
		name  string
		level eid.Level
	}{
		{"account", g.Terms.Account}, {"method", g.Terms.Method}, {"source on that day", g.Terms.Source},
		{"link", g.Terms.Link}, {"age of the proof", g.Terms.Freshness}, {"mandate", g.Terms.Mandate},
	} {
		line("  "+term.name, "%v", term.level)
	}
	line("achieved, the least of these", "%v", g.Terms.Achieved())
	line("acr", "%s (Level %v)", g.ACR.Name, g.ACR.Level)
	for _, fault := range e.Faults {
		line("WRONG", "%s", fault)
	}
}

func askedText(asked []eid.ACRValue) string {
	if len(asked) == 0 {
		return "nothing"
	}
	names := make([]string, len(asked))
	for i, a := range asked {
		names[i] = a.Name
	}
	return strings.Join(names, " ")
}
