package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
)

// newConflicts makes `eidgate conflicts`: links that were not made, decided one by one.
func newConflicts() *cobra.Command {
	c := &cobra.Command{
		Use: "conflicts", Short: "decide on links of old accounts that were not made", Args: noArgs,
		Long: `A holder who proves an old account and the national identity in one sign-in links
them, unless something speaks against it: another personal number, other names or
another date of birth, or somebody else's link. It waits here for officers, as do old
accounts of one portal that state the same number.

Two different officers accept: the first proposes, the second accepts. One is enough
to reject. Accepting makes no link: the holder proves both sides once more.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConflictsList(), newConflictsShow(), newConflictsAccept(), newConflictsWithdraw(), newConflictsReject())
	return c
}

func newConflictsList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "list what waits, the oldest first", Args: noArgs,
		Example: `  eidgate conflicts list
  eidgate conflicts list --portal so-y-te --all --output json`,
	}
	beside := newBesideFlags(c)
	all := c.Flags().Bool("all", false, "list what was decided as well")
	portal := c.Flags().String("portal", "", "id of the client whose old accounts they are about")
	source := c.Flags().String("source", "", "id of the source that they are about")
	after := c.Flags().String("after", "", "id of the last conflict that was seen")
	limit := c.Flags().Int("limit", 100, "how many, 500 at most")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 1 || *limit > maxListed {
			return usageError{fmt.Errorf("--limit: want 1 to %d", maxListed)}
		}
		return beside.open(c.Context(), func(d *durable) error {
			f := accounts.ConflictFilter{Decided: *all, After: *after, Most: *limit}
			switch {
			case *portal != "":
				sources, err := portalSources(c.Context(), d, *portal, *source)
				if err != nil {
					return err
				}
				for i := range sources {
					f.Sources = append(f.Sources, sources[i].ID)
				}
			case *source != "":
				f.Sources = []string{*source}
			}
			list, err := accounts.NewConflicts(d.db, time.Now).List(c.Context(), f)
			if err != nil {
				return noConflict(err, *after)
			}
			return printConflicts(c, list, *limit, format)
		})
	}
	return c
}

func printConflicts(c *cobra.Command, list []eid.Conflict, limit int, format *output) error {
	page := struct {
		Conflicts []conflictView `json:"conflicts"`
		Next      string         `json:"next,omitempty"` // for --after; empty on the last page
	}{Conflicts: []conflictView{}}
	for i := range list {
		page.Conflicts = append(page.Conflicts, viewConflict(&list[i]))
	}
	if len(list) == limit {
		page.Next = list[len(list)-1].ID
	}
	err := format.print(c.OutOrStdout(), page, func(w io.Writer) {
		fmt.Fprintln(w, "CONFLICT\tREFERENCE\tSINCE\tKIND\tSOURCE\tACCOUNT\tSTANDS")
		for i := range list {
			v := &list[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Ref, local(v.OpenedAt), v.Kind, v.Source, v.Account, stands(v))
		}
	})
	if err == nil && page.Next != "" {
		fmt.Fprintf(c.ErrOrStderr(), "There may be more: --after %s\n", page.Next)
	}
	return err
}

// stands is how far a conflict has come, in a word or two.
func stands(c *eid.Conflict) string {
	switch {
	case c.Decision != eid.Undecided:
		return string(c.Decision)
	case c.ProposedBy != "":
		return "proposed by " + printable(strings.TrimPrefix(c.ProposedBy, "operator:"))
	}
	return "waits"
}

func newConflictsShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show CONFLICT", Short: "show both sides of one conflict, and what accepting does", Args: oneArg("CONFLICT"),
		Long: `show puts the look-up on record for the people it is about, as eidgate audit person
does; numbers are masked.`,
	}
	beside := newBesideFlags(c)
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, words []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			s, err := accounts.NewConflicts(d.db, time.Now).Show(c.Context(), words[0])
			if err != nil {
				return noConflict(err, words[0])
			}
			if err := conflictSeen(c.Context(), d, &s); err != nil {
				return err
			}
			v, err := viewStanding(s)
			if err != nil {
				return err
			}
			if s.Kind == eid.ConflictRows {
				if v.Sharing, err = sharing(c.Context(), d, s.Imported.ID); err != nil {
					return err
				}
			}
			return format.print(c.OutOrStdout(), v, v.table)
		})
	}
	return c
}

// conflictSeen puts it on record that an officer looked at people.
func conflictSeen(ctx context.Context, d *durable, s *accounts.ConflictStanding) error {
	return lookedUp(ctx, d, s.Conflict.Account, audit.LookUp{Role: "officer", Reason: "conflict " + s.ID, OldAccount: s.Imported.ID})
}

func newConflictsAccept() *cobra.Command {
	c := &cobra.Command{
		Use: "accept CONFLICT", Short: "let one link be: the first officer proposes, the second accepts", Args: oneArg("CONFLICT"),
		Long: `accept lets the holder of the account link this old account at the next sign-in that
proves both sides. The first officer's accept is a proposal; another officer's accept
decides. Look at 'eidgate conflicts show' first: it says who loses what.`,
	}
	return decides(c, func(ctx context.Context, q *accounts.Conflicts, id, why string) (eid.Conflict, error) {
		return q.Accept(ctx, id, why, "operator:"+operator())
	}, func(c *eid.Conflict) string {
		if c.Decision == eid.Undecided {
			return "proposed: " + c.ID + "; another officer has to accept it, too"
		}
		return "accepted: " + c.ID
	})
}

func newConflictsWithdraw() *cobra.Command {
	c := &cobra.Command{Use: "withdraw CONFLICT", Short: "take back your proposal to accept", Args: oneArg("CONFLICT")}
	return decides(c, func(ctx context.Context, q *accounts.Conflicts, id, why string) (eid.Conflict, error) {
		return q.Withdraw(ctx, id, why, "operator:"+operator())
	}, func(c *eid.Conflict) string { return "withdrawn: " + c.ID + " waits as before" })
}

func newConflictsReject() *cobra.Command {
	c := &cobra.Command{
		Use: "reject CONFLICT", Short: "refuse one link for good, with the reason", Args: oneArg("CONFLICT"),
		Long: `reject refuses this very link for good, whoever proposed to accept it. The old account
waits for its holder as before; rejecting a conflict between rows of an import makes
it nobody's.`,
	}
	return decides(c, func(ctx context.Context, q *accounts.Conflicts, id, why string) (eid.Conflict, error) {
		return q.Reject(ctx, id, why, "operator:"+operator())
	}, func(c *eid.Conflict) string { return "rejected: " + c.ID })
}

// decides gives a verb its flags and its words.
func decides(c *cobra.Command, act func(ctx context.Context, q *accounts.Conflicts, id, why string) (eid.Conflict, error), said func(*eid.Conflict) string) *cobra.Command {
	beside := newBesideFlags(c)
	reason := c.Flags().String("reason", "", "what it rests on, such as papers seen; name nobody (required)")
	c.RunE = func(c *cobra.Command, words []string) error {
		why, err := lineOfReason(*reason)
		if err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			decided, err := act(c.Context(), accounts.NewConflicts(d.db, time.Now), words[0], why)
			if err != nil {
				return noConflict(err, words[0])
			}
			fmt.Fprintln(c.OutOrStdout(), said(&decided))
			return nil
		})
	}
	return c
}

// noConflict says in words what keeps an officer from deciding.
func noConflict(err error, id string) error {
	for _, because := range []struct {
		err  error
		text string
	}{
		{eid.ErrNotFound, "there is no conflict %s; see eidgate conflicts list --all"},
		{accounts.ErrDecided, "%s was decided before; a decision stands"},
		{accounts.ErrSameOfficer, "you proposed to accept %s; another officer has to accept it, and you may withdraw"},
		{accounts.ErrNotProposed, "%s has no proposal of yours to withdraw"},
		{accounts.ErrBarred, "nothing was done with %s: the account is locked or not active, so nothing could be linked to it; you may reject, or wait"},
		{accounts.ErrChanged, "nothing was done with %s: the old account is another person's by now than when it was opened; the holder's next try opens a conflict about that"},
		{accounts.ErrLinkedMeanwhile, "nothing was done with %s: the link has been made meanwhile; if it is wrong, end it"},
	} {
		if errors.Is(err, because.err) {
			return fmt.Errorf(because.text, id)
		}
	}
	return err
}
