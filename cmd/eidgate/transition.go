package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/federation"
)

// newTransition makes `eidgate transition`.
func newTransition() *cobra.Command {
	c := &cobra.Command{
		Use: "transition", Short: "what the end of a transition period does", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTransitionPlan())
	return c
}

func newTransitionPlan() *cobra.Command {
	c := &cobra.Command{
		Use: "plan --at DATE", Short: "which portals, sources and how many people stop by a date", Args: noArgs,
		Long: `plan compares two moments by the rules that decide at run time: who can sign in
where now, or at --from, and who can at --at. A day begins at midnight in Việt Nam,
so --at 2027-01-01 shows what a window that ends on that day leaves. Old accounts of
portals that were not verified stop at their own dates. It only reads.`,
	}
	beside := newBesideFlags(c)
	at := c.Flags().String("at", "", "the moment to look at, such as 2027-01-01 or 2027-01-01T08:00:00+07:00 (required)")
	from := c.Flags().String("from", "", "the moment to compare with; now if empty")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		span, err := parseSpan(*from, *at, time.Now())
		if err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			plan, err := planTransition(c.Context(), d, span, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), plan)
			}
			return printPlan(c.OutOrStdout(), plan)
		})
	}
	return c
}

// parseSpan reads the two moments of a plan.
func parseSpan(from, at string, now time.Time) (eid.Window, error) {
	span := eid.Window{From: now}
	var err error
	if from != "" {
		if span.From, err = parseMoment("--from", from); err != nil {
			return eid.Window{}, err
		}
	}
	if span.Until, err = parseMoment("--at", at); err != nil {
		return eid.Window{}, err
	}
	if !span.Until.After(span.From) {
		return eid.Window{}, usageError{fmt.Errorf("--at %s: not after %s; --from names an earlier moment to compare with", at, local(span.From))}
	}
	return span, nil
}

// planTransition counts everybody, with a word of progress now and then.
func planTransition(ctx context.Context, d *durable, span eid.Window, progress io.Writer) (federation.Plan, error) {
	parties, err := d.portals(ctx)
	if err != nil {
		return federation.Plan{}, err
	}
	sources, err := d.db.Sources(ctx)
	if err != nil {
		return federation.Plan{}, err
	}
	planner, n := federation.NewPlanner(parties, sources, span.From, span.Until), 0
	err = d.db.EachHolder(ctx, func(account *eid.Account, links []eid.Link) {
		planner.Add(account, links)
		if n++; n%progressEvery == 0 {
			fmt.Fprintf(progress, "%d people\n", n)
		}
	})
	if err != nil {
		return federation.Plan{}, err
	}
	old, err := d.db.ImportedCounts(ctx)
	for _, c := range old {
		planner.AddOld(c.Source, c.State, c.Accounts)
	}
	return planner.Plan(), err
}

func printPlan(out io.Writer, p federation.Plan) error {
	fmt.Fprintf(out, "From %s to %s\n\n", local(p.From), local(p.At))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PORTAL\tSOURCES\tAFTER\tPEOPLE\tSTOPPED\t")
	for _, party := range p.Parties {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", party.Client, party.SourcesBefore, party.SourcesAfter, party.People, party.Stopped, stops(party.Stops()))
	}
	fmt.Fprintln(w, "\nSOURCE\tPORTALS\tAFTER\tPEOPLE\tSTOPPED\t")
	for _, src := range p.Sources {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", src.Source, src.PortalsBefore, src.PortalsAfter, src.People, src.Stopped, stops(src.Stops()))
	}
	if len(p.Old) > 0 {
		fmt.Fprintln(w, "\nOLD ACCOUNTS OF\tSOURCE\tVERIFY BY\tWAITING\tCONTESTED\tSTOPPED\tOVERDUE")
	}
	for _, old := range p.Old {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", old.Client, old.Source, local(old.VerifyBy), old.Waiting, old.Contested, old.Stopped, old.Overdue)
	}
	if len(p.Ways) > 0 {
		fmt.Fprintln(w, "\nWHEN\tPORTAL\tSOURCE\tLEVEL\tAFTER\tWHY")
	}
	for _, way := range p.Ways {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", local(way.When), way.Client, way.Source, levelName(way.Before), levelName(way.After), way.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	n := p.People
	_, err := fmt.Fprintf(out, "\n%d people may sign in, %d of them somewhere today; %d lose a portal, %d of these every portal.\n", n.All, n.Able, n.LoseSome, n.LoseAll)
	if err == nil && len(p.Old) > 0 {
		_, err = fmt.Fprintf(out, "%d old accounts stop at their dates, unless they are verified before.\n", n.OldStopped)
	}
	return err
}

func stops(yes bool) string {
	if yes {
		return "STOPS"
	}
	return ""
}
