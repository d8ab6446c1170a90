package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/rules"
)

// newRules makes `eidgate rules`.
func newRules() *cobra.Command {
	c := &cobra.Command{
		Use: "rules", Short: "show what the law says here, and since when", Args: noArgs,
		Long: `Ages, declarations, levels, terms and locks follow dated rule sets: one for each decision
or decree, in force from its first day until the next one begins, in the time of Việt Nam.
Those of Decision 34/2021, Decree 59/2022 and Decree 69/2024 come with the program;
rules.directory of the configuration names a directory of others. Each value says which
article it is from, and whether a source was seen to say it or it is assumed.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newRulesList(), newRulesShow())
	return c
}

func newRulesList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list the rule sets, the oldest first", Args: noArgs}
	beside := newBesideFlags(c)
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		book, err := beside.rules()
		if err != nil {
			return err
		}
		type line struct {
			ID      string    `json:"id"`
			Title   string    `json:"title"`
			From    time.Time `json:"from"`
			Until   time.Time `json:"until,omitzero"`
			InForce bool      `json:"in_force"`
		}
		var list []line
		for _, set := range book.All() {
			list = append(list, line{set.ID, set.Title, set.From, set.Until, set.InForce(time.Now())})
		}
		return format.print(c.OutOrStdout(), list, func(w io.Writer) {
			fmt.Fprintln(w, "RULES\tFROM\tUNTIL\tIN FORCE\tTITLE")
			for _, l := range list {
				now := "-"
				if l.InForce {
					now = "now"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.ID, lawDay(l.From), lawDay(l.Until), now, l.Title)
			}
		})
	}
	return c
}

func newRulesShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show", Short: "show the rules in force on a day, and where each value is from", Args: noArgs,
		Example: `  eidgate rules show
  eidgate rules show --at 2022-12-31 --output json`,
	}
	beside := newBesideFlags(c)
	at := c.Flags().String("at", "", "a day such as 2024-07-01, or a time such as 2024-07-01T00:00:00+07:00 (default: now)")
	format := outputFlag(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		when, err := lawTime(*at)
		if err != nil {
			return err
		}
		if *asJSON {
			*format = outputJSON
		}
		book, err := beside.rules()
		if err != nil {
			return err
		}
		set, err := book.At(when)
		if err != nil {
			return err
		}
		values := rules.Values(&set)
		shown := struct {
			eid.RuleSet
			Values []rules.Value `json:"values"`
		}{set, values}
		return format.print(c.OutOrStdout(), shown, func(w io.Writer) {
			until := "with no end yet"
			if !set.Until.IsZero() {
				until = "until " + lawDay(set.Until)
			}
			fmt.Fprintf(w, "%s (%s)\nin force from %s, %s; shown as on %s\n\n", set.Title, set.ID, lawDay(set.From), until, local(when))
			fmt.Fprintln(w, "VALUE\tIS\tFROM\tARTICLE\tNOTE")
			for _, v := range values {
				if v.Text == "false" || v.Text == "none" && v.Basis.Note == "" { // what is not asked for
					continue
				}
				from := "assumed"
				if v.Basis.Seen {
					from = "seen"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Place, v.Text, from, v.Basis.Article, v.Basis.Note)
			}
		})
	}
	return c
}

// lawTime reads a day or a time; a day begins at midnight in Việt Nam.
func lawTime(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, eid.LawTime()); err == nil {
		return day, nil
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usageError{errors.New("--at: want a day such as 2024-07-01, or a time such as 2024-07-01T00:00:00+07:00")}
	}
	return when, nil
}

func lawDay(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(eid.LawTime()).Format(time.DateOnly)
}

// rules are those that the flags' configuration names. Without one, those of the program.
func (f *besideFlags) rules() (*rules.Book, error) {
	if *f.config == "" && *f.data == "" {
		return openRules(config.Default())
	}
	cfg, err := f.settings()
	if err != nil {
		return nil, err
	}
	return openRules(cfg)
}

// locks are the writers of locks beside a gateway that may be running.
func (d *durable) locks() (*accounts.Locks, *accounts.LockRequests, error) {
	book, err := rules.Open(d.rulesAt)
	if err != nil {
		return nil, nil, fmt.Errorf("rules.directory: %w", err)
	}
	return accounts.NewLocks(d.db, book, time.Now), accounts.NewLockRequests(d.db, book, time.Now), nil
}

// openRules reads the rule sets that a configuration names, and those of the program.
func openRules(cfg *config.Config) (*rules.Book, error) {
	book, err := rules.Open(cfg.Rules.Directory)
	if err != nil {
		return nil, fmt.Errorf("rules.directory: %w", err)
	}
	return book, nil
}

// reloadRules is what a subject calls when files of rule sets changed. A fault leaves
// the rules in force as they are, and is looked at again.
func (g *gateway) reloadRules(ctx context.Context, _ bool) bool {
	cfg := g.front.Load().cfg
	if cfg.Rules.Directory == "" {
		return true // those of the program never change
	}
	book, err := openRules(cfg)
	if err != nil {
		g.log.ErrorContext(ctx, "rule sets refused", "err", err)
		return false
	}
	g.rules.Replace(book)
	g.log.InfoContext(ctx, "rule sets live", "sets", len(book.All()))
	return true
}
