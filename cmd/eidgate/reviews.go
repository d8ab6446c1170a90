package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// maxListed is how many reviews one list shows.
const maxListed = 500

// newReviews makes `eidgate reviews`: comparisons with a civil registry that left
// a doubt, decided one by one.
func newReviews() *cobra.Command {
	c := &cobra.Command{
		Use: "reviews", Short: "decide on details that almost match the population registry", Args: noArgs,
		Long: `A sign-in through a legacy provider gives a level only where number, names and
date of birth match the population registry. Accents that differ, and dates known
by their year only, wait here for an officer. An accepted difference lets that
account in through that source, as long as neither side says anything else.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newReviewsList(), newReviewsShow(), newReviewsDecide("accept", eid.Accepted), newReviewsDecide("reject", eid.Rejected))
	return c
}

func newReviewsList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list what waits, the oldest first", Args: noArgs}
	beside := newBesideFlags(c)
	all := c.Flags().Bool("all", false, "list what was decided as well")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withReviews(c.Context(), beside, func(q *accounts.Reviews) error {
			list, err := q.List(c.Context(), !*all, maxListed)
			if err != nil {
				return err
			}
			if *asJSON {
				views := make([]reviewView, len(list))
				for i, r := range list {
					views[i] = viewReview(r)
				}
				return printJSON(c.OutOrStdout(), views)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "REVIEW\tSINCE\tSOURCE\tACCOUNT\tDECISION")
			for _, r := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, clock(r.OpenedAt), r.Source, r.Account, r.Decision)
			}
			return w.Flush()
		})
	}
	return c
}

func newReviewsShow() *cobra.Command {
	c := &cobra.Command{Use: "show REVIEW", Short: "show both sides of one review", Args: oneArg("REVIEW")}
	beside := newBesideFlags(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, words []string) error {
		return withReviews(c.Context(), beside, func(q *accounts.Reviews) error {
			r, sides, err := q.Show(c.Context(), words[0])
			if err != nil {
				return noReview(err, words[0])
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), struct {
					reviewView
					accounts.Sides
				}{viewReview(r), sides})
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "\tNUMBER\tNAME\tBORN\n")
			fmt.Fprintf(w, "%s says\t%s\t%s\t%s\n", r.Source, sides.Said.Number, sides.Said.Name, sides.Said.BirthDate)
			fmt.Fprintf(w, "registry holds\t%s\t%s\t%s\n", sides.Held.Number, sides.Held.Name, sides.Held.BirthDate)
			if r.Decision != eid.Undecided {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Decision, clock(r.DecidedAt), r.DecidedBy, r.Why)
			}
			return w.Flush()
		})
	}
	return c
}

func newReviewsDecide(verb string, decision eid.Ruling) *cobra.Command {
	c := &cobra.Command{Use: verb + " REVIEW", Short: verb + " one difference, with the reason", Args: oneArg("REVIEW")}
	beside := newBesideFlags(c)
	why := c.Flags().String("reason", "", "what the decision rests on, such as papers seen (required)")
	c.RunE = func(c *cobra.Command, words []string) error {
		if *why == "" {
			return usageError{errors.New("--reason: say what the decision rests on")}
		}
		return withReviews(c.Context(), beside, func(q *accounts.Reviews) error {
			err := q.Decide(c.Context(), words[0], decision, *why, "operator:"+operator())
			switch {
			case errors.Is(err, accounts.ErrDecided):
				return fmt.Errorf("%s was decided before; a decision stands", words[0])
			case err != nil:
				return noReview(err, words[0])
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", decision, words[0])
			return nil
		})
	}
	return c
}

func withReviews(ctx context.Context, beside *besideFlags, use func(*accounts.Reviews) error) error {
	return beside.open(ctx, func(d *durable) error { return use(accounts.NewReviews(d.db, time.Now)) })
}

func noReview(err error, id string) error {
	if errors.Is(err, eid.ErrNotFound) {
		return fmt.Errorf("there is no review %s; see eidgate reviews list --all", id)
	}
	return err
}

// reviewView is a review as JSON shows it.
type reviewView struct {
	ID        string        `json:"id"`
	OpenedAt  time.Time     `json:"opened_at"`
	Source    string        `json:"source"`
	Account   eid.AccountID `json:"account"`
	Decision  eid.Ruling    `json:"decision"`
	DecidedAt time.Time     `json:"decided_at,omitzero"`
	DecidedBy string        `json:"decided_by,omitempty"`
	Why       string        `json:"reason,omitempty"`
}

func viewReview(r eid.Review) reviewView {
	return reviewView{r.ID, r.OpenedAt, r.Source, r.Account, r.Decision, r.DecidedAt, r.DecidedBy, r.Why}
}

// oneArg wants one word.
func oneArg(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, words []string) error {
		if len(words) != 1 {
			return usageError{fmt.Errorf("name one %s; see '%s --help'", name, c.CommandPath())}
		}
		return nil
	}
}
