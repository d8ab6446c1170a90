package main

import (
	"context"
	"encoding/json"
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
		fmt.Fprintln(w, "CONFLICT\tSINCE\tKIND\tSOURCE\tACCOUNT\tSTANDS")
		for i := range list {
			v := &list[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, local(v.OpenedAt), v.Kind, v.Source, v.Account, stands(v))
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

// conflictView is a conflict as JSON shows it.
type conflictView struct {
	ID          string           `json:"id"`
	Kind        eid.ConflictKind `json:"kind"`
	Source      string           `json:"source"`
	Account     eid.AccountID    `json:"account,omitempty"`
	Other       eid.AccountID    `json:"other,omitempty"`
	OpenedAt    time.Time        `json:"opened_at"`
	Ref         string           `json:"ref"`
	ProposedBy  string           `json:"proposed_by,omitempty"`
	ProposedAt  time.Time        `json:"proposed_at,omitzero"`
	ProposedWhy string           `json:"proposed_reason,omitempty"`
	Decision    eid.Ruling       `json:"decision"`
	DecidedAt   time.Time        `json:"decided_at,omitzero"`
	DecidedBy   string           `json:"decided_by,omitempty"`
	Why         string           `json:"reason,omitempty"`
}

func viewConflict(c *eid.Conflict) conflictView {
	return conflictView{
		c.ID, c.Kind, c.Source, c.Account, c.Other, c.OpenedAt, c.Ref, c.ProposedBy, c.ProposedAt, c.ProposedWhy, c.Decision, c.DecidedAt, c.DecidedBy, c.Why,
	}
}

// standingView is a conflict with both sides and what its parts are now.
type standingView struct {
	conflictView
	Legacy        accounts.ConflictSide `json:"legacy"`
	National      accounts.ConflictSide `json:"national"`
	Client        string                `json:"client,omitempty"` // that the sign-in was for
	AccountStatus string                `json:"account_status,omitempty"`
	LinkedTo      eid.AccountID         `json:"linked_to,omitempty"` // whose the old account is now
	Imported      *importedView         `json:"imported,omitempty"`
	Meaning       string                `json:"meaning"`
	Accepting     string                `json:"accepting"`
	Rejecting     string                `json:"rejecting"`
}

func viewStanding(s accounts.ConflictStanding) (standingView, error) {
	v := standingView{conflictView: viewConflict(&s.Conflict)}
	var sides accounts.ConflictSides
	if err := json.Unmarshal(s.Sides, &sides); err != nil {
		return v, errors.New("the sides of the conflict cannot be read")
	}
	v.Legacy, v.National, v.Client = sides.Legacy, sides.National, sides.Client
	v.Legacy.Subject = maskedLogin(v.Legacy.Subject)
	if s.Account.ID != "" {
		v.AccountStatus = string(s.Account.Status)
		if s.Account.Status == eid.Active && s.Account.Usable() != nil {
			v.AccountStatus = "locked"
		}
	}
	if s.Link.ID != "" && !s.StandIn {
		v.LinkedTo = s.Link.Account
	}
	if s.Imported.ID != "" {
		i := viewImported(s.Imported)
		v.Imported = &i
	}
	v.Meaning, v.Accepting, v.Rejecting = effects(&s)
	return v, nil
}

// effects says in words what a conflict is, and what either decision does.
func effects(s *accounts.ConflictStanding) (meaning, accepting, rejecting string) {
	const next = "the holder of the account may link the old account at the next sign-in that proves both"
	rejecting = "this account can never link this old account; whoever it belongs to still can"
	switch s.Kind {
	case eid.ConflictOtherNumber:
		return "the old account has another personal number than the account", next + ", in spite of the number", rejecting
	case eid.ConflictDetails:
		return "names or dates of birth differ", next + ", in spite of the difference", rejecting
	case eid.ConflictLinked:
		accepting = next
		if s.Loses() {
			accepting = fmt.Sprintf("account %s loses the old account at once, with every sign-in through it and the old subject at the portal; then %s", s.Other, next)
		}
		return fmt.Sprintf("the old account is linked to another person, account %s", s.Other), accepting, rejecting
	case eid.ConflictFormer:
		return fmt.Sprintf("the old account was linked to another person before, account %s", s.Other),
			fmt.Sprintf("%s, with the old subject at the portal; account %s cannot link it again without officers", next, s.Other), rejecting
	case eid.ConflictSecond:
		return "the account has another old account linked at this source", next + " as well; both then sign in as one person", rejecting
	case eid.ConflictRows:
		return "several old accounts of this portal state the same personal number", "this one waits for its holder again; the others are decided on their own",
			"this one is nobody's: it is refused for good"
	}
	return string(s.Kind), next, rejecting
}

func (v standingView) table(w io.Writer) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(text))
		}
	}
	line("conflict", v.ID)
	line("since", local(v.OpenedAt))
	line("reference", v.Ref)
	line("kind", string(v.Kind)+": "+v.Meaning)
	if v.ProposedBy != "" {
		line("proposed", fmt.Sprintf("%s by %s: %s", local(v.ProposedAt), v.ProposedBy, v.ProposedWhy))
	}
	if v.Decision != eid.Undecided {
		line(string(v.Decision), fmt.Sprintf("%s by %s: %s", local(v.DecidedAt), v.DecidedBy, v.Why))
	}
	line("account", strings.TrimSpace(string(v.Account)+" "+v.AccountStatus))
	line("linked now", string(v.LinkedTo))
	if v.Imported != nil {
		line("imported", fmt.Sprintf("%s, number %s, since %s", v.Imported.State, v.Imported.Match, local(v.Imported.CreatedAt)))
	}
	fmt.Fprintf(w, "\n\tOLD ACCOUNT\tNATIONAL IDENTITY\n")
	old, national := v.Legacy, v.National
	for _, row := range [][3]string{
		{"source", old.Source, national.Source},
		{"called", old.Subject, ""},
		{"number", old.Number, national.Number},
		{"name", old.Name, national.Name},
		{"born", old.BirthDate, national.BirthDate},
		{"proved", proved(old), proved(national)},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row[0], printable(row[1]), printable(row[2]))
	}
	fmt.Fprintln(w)
	if v.Decision == eid.Undecided {
		line("accepting", v.Accepting)
		line("rejecting", v.Rejecting)
	}
}

// proved says how and when a side was proved; empty where it was not.
func proved(s accounts.ConflictSide) string {
	if s.At.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, %s, level %s", local(s.At), strings.Join(s.Methods, " "), s.Level)
}
