package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/federation"
)

// newSources makes `eidgate sources`.
func newSources() *cobra.Command {
	c := &cobra.Command{
		Use: "sources", Short: "show sources, and switch one off or on", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSourcesList(), newSourcesShow(), newSourcesSwitch(true), newSourcesSwitch(false), newSourceKey(), newSourceKeypair())
	return c
}

func newSourcesList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list sources with their windows and states", Args: noArgs}
	where := newBesideFlags(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error {
			sources, err := d.db.Sources(c.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			rows := make([]sourceRow, len(sources))
			for i := range sources {
				rows[i] = newSourceRow(&sources[i], now)
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), rows)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SOURCE\tKIND\tNATIONAL\tOPEN FROM\tUNTIL\tSTATE\tLEVEL NOW")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, yes(r.National), local(r.From), local(r.Until), r.State, levelName(r.Level))
			}
			return w.Flush()
		})
	}
	return c
}

func newSourcesShow() *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "show one source: window, levels, maintenance, state, who uses it, and keys kept for it", Args: oneSource}
	where := newBesideFlags(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, words []string) error {
		return where.open(c.Context(), func(d *durable) error {
			src, err := d.db.Source(c.Context(), words[0])
			if errors.Is(err, eid.ErrNotFound) {
				return noSource(words[0])
			}
			if err != nil {
				return err
			}
			now := time.Now()
			shown := sourceShown{sourceRow: newSourceRow(&src, now), Name: src.Name, Provider: src.Provider, MayAssert: src.MayAssert,
				GrantsAtMost: src.GrantsAtMost, Maintenance: src.Maintenance, Parties: []partyRow{}}
			parties, err := d.portals(c.Context())
			if err != nil {
				return err
			}
			for _, rp := range parties {
				if rp.AllowsSource(src.ID) {
					choice := federation.Consider(&src, &rp, federation.Wanted{Level: rp.Levels.Minimum}, now)
					shown.Parties = append(shown.Parties, partyRow{rp.ID, choice.Usable, choice.Why})
				}
			}
			if shown.People, err = d.db.PeopleThrough(c.Context(), src.ID, now.AddDate(0, 0, -30)); err != nil {
				return err
			}
			if shown.Keys, err = sourceKeyRows(c.Context(), d.ring, src.ID); err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), shown)
			}
			return shown.print(c.OutOrStdout())
		})
	}
	return c
}

// newSourcesSwitch makes `eidgate sources off` and `on`.
func newSourcesSwitch(off bool) *cobra.Command {
	c := &cobra.Command{
		Use: "on ID", Short: "switch a source on again", Args: oneSource,
		Long: `on takes back what off did: people may sign in through the source again. Sessions
and tokens of before stay ended.`,
	}
	if off {
		c = &cobra.Command{
			Use: "off ID", Short: "switch a source off, at once and everywhere", Args: oneSource,
			Long: `off ends a source until it is switched on again, whatever the configuration says:
nobody can choose it, sign-ins under way are refused, sessions that rest on it and
their tokens end, and portals are told of them by back-channel logout. Running
gateways follow within two seconds.`,
		}
	}
	where := newBesideFlags(c)
	reason := c.Flags().String("reason", "", "why, for the audit; name nobody (required)")
	c.RunE = func(c *cobra.Command, words []string) error {
		why, err := lineOfReason(*reason)
		if err != nil {
			return err
		}
		return where.open(c.Context(), func(d *durable) error {
			now := time.Now()
			err := d.db.SwitchSource(c.Context(), words[0], eid.Switch{Off: off, Reason: why, At: now}, eid.AuditEntry{Actor: "operator:" + operator()})
			switch {
			case errors.Is(err, eid.ErrNotFound):
				return noSource(words[0])
			case errors.Is(err, eid.ErrExists) && off:
				return fmt.Errorf("%s is switched off already", words[0])
			case errors.Is(err, eid.ErrExists):
				return fmt.Errorf("%s is not switched off", words[0])
			case err != nil:
				return err
			}
			if !off {
				fmt.Fprintf(c.OutOrStdout(), "on: %s, in force within two seconds; sessions and tokens of before stay ended\n", words[0])
				return nil
			}
			people, err := d.db.PeopleThrough(c.Context(), words[0], now.AddDate(0, 0, -30))
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "off: %s, in force within two seconds; subjects given through it in the last 30 days: %d, their portals are being told\n", words[0], people)
			return nil
		})
	}
	return c
}

// oneSource wants the id of a source.
func oneSource(c *cobra.Command, words []string) error {
	if len(words) != 1 || words[0] == "" {
		return usageError{fmt.Errorf("name one source, as eidgate sources list shows it; see '%s --help'", c.CommandPath())}
	}
	return nil
}

func noSource(id string) error {
	return fmt.Errorf("no source %q is registered; see eidgate sources list", id)
}

// stateOpen is the state of a source that nothing keeps from being used; other states
// are reasons of package federation.
const stateOpen = "open"

// sourceRow is a source at one time.
type sourceRow struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	National bool      `json:"national"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until,omitzero"`
	State    string    `json:"state"`
	Level    eid.Level `json:"level_now"`
	Switched time.Time `json:"switched_at,omitzero"`
	Reason   string    `json:"switch_reason,omitempty"`
}

func newSourceRow(src *eid.Source, now time.Time) sourceRow {
	// What any service could get of it: one whose owner decides and takes it.
	anybody := eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{src.ID}}
	choice := federation.Consider(src, &anybody, federation.Wanted{}, now)
	state := stateOpen
	if !choice.Stands() || choice.Why == federation.ReasonMaintenance {
		state = string(choice.Why)
	}
	return sourceRow{
		ID: src.ID, Kind: src.Kind, National: src.National, From: src.Window.From, Until: src.Window.Until, State: state, Level: choice.Reach,
		Switched: src.Switch.At, Reason: src.Switch.Reason,
	}
}

// sourceShown is all there is to say of a source; its settings may hold secrets and
// are left out.
type sourceShown struct {
	sourceRow
	Name         string        `json:"name"`
	Provider     string        `json:"provider"`
	MayAssert    []eid.Level   `json:"may_assert"`
	GrantsAtMost []eid.Ceiling `json:"grants_at_most"`
	Maintenance  []eid.Window  `json:"maintenance,omitempty"`
	Parties      []partyRow    `json:"clients"`
	People       int           `json:"subjects_last_30_days"`
	// Keys are those that the gateway keeps for the source itself.
	Keys []sourceKeyRow `json:"keys"`
}

// partyRow is a client that accepts the source, and whether it can use it now.
type partyRow struct {
	ID     string            `json:"id"`
	Usable bool              `json:"usable"`
	Why    federation.Reason `json:"why,omitempty"`
}

func (s *sourceShown) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", values...) }
	row("source", "%s (%s)", s.ID, s.Kind)
	row("name", "%s", s.Name)
	row("provider", "%s", s.Provider)
	row("national", "%s", yes(s.National))
	row("open from", "%s", local(s.From))
	row("until", "%s", local(s.Until))
	row("state", "%s", s.State)
	if !s.Switched.IsZero() {
		row("switched", "%s: %s", local(s.Switched), s.Reason)
	}
	row("may assert", "%s", strings.Join(levels(s.MayAssert), ", "))
	for _, c := range s.GrantsAtMost {
		row("grants at most", "%s from %s", c.Level, local(c.From))
	}
	for _, m := range s.Maintenance {
		row("maintenance", "%s to %s", local(m.From), local(m.Until))
	}
	for _, p := range s.Parties {
		why := "can use it now"
		if !p.Usable {
			why = "cannot use it now: " + strings.ReplaceAll(string(p.Why), "_", " ")
		}
		row("client", "%s %s", p.ID, why)
	}
	for _, k := range s.Keys {
		row("key", "%s", k)
	}
	row("subjects given in the last 30 days", "%d", s.People)
	return w.Flush()
}

func printJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func levelName(l eid.Level) string {
	if !l.Valid() {
		return "-"
	}
	return l.String()
}

// local is a time as the law counts it.
func local(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(vietnam).Format("2006-01-02 15:04:05 -07")
}
