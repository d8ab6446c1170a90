package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// newAuditHold makes `eidgate audit hold`.
func newAuditHold() *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "keep rows whatever their age, such as for a court", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newHoldAdd(), newHoldList(), newHoldLift())
	return c
}

// reasonFlag adds --reason, which goes on record.
func reasonFlag(c *cobra.Command) *string {
	return c.Flags().String("reason", "", "why, such as the number of a document; the audit keeps it (required)")
}

func checkReason(reason string) error {
	if err := audit.CheckReason(reason); err != nil {
		return usageError{fmt.Errorf("--reason: %w", err)}
	}
	return nil
}

func newHoldAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "hold the rows of an account, of a client, or all", Args: noArgs,
		Example: `  eidgate audit hold add --account 3f0c… --reason "Court order 12/2026"
  eidgate audit hold add --all --reason "Inspection 7/2026"`,
	}
	beside := newBesideFlags(c)
	account := c.Flags().String("account", "", "id of the account")
	client := c.Flags().String("client", "", "id of the client")
	all := c.Flags().Bool("all", false, "every row")
	reason := reasonFlag(c)
	c.MarkFlagsMutuallyExclusive("account", "client", "all")
	c.RunE = func(c *cobra.Command, _ []string) error {
		h := audit.Hold{ID: rand.Text()[:10], Kind: audit.HoldAll, Reason: *reason, SetBy: "operator:" + operator(), SetAt: time.Now()}
		switch {
		case *account != "":
			h.Kind, h.Value = audit.HoldAccount, *account
		case *client != "":
			h.Kind, h.Value = audit.HoldClient, *client
		case !*all:
			return usageError{errors.New("say what to hold: --account, --client or --all")}
		}
		if err := checkReason(*reason); err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			if err := known(c.Context(), d, h); err != nil {
				return err
			}
			entry, err := holdEntry(h, audit.ActionHeld, h.SetBy, h.Reason, h.SetAt)
			if err == nil {
				err = d.db.AddHold(c.Context(), h, entry)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "held: %s; lift it with: eidgate audit hold lift %[1]s --reason …\n", h.ID)
			return nil
		})
	}
	return c
}

// known refuses a hold on what is not there: a slip of the keys would hold nothing.
func known(ctx context.Context, d *durable, h audit.Hold) (err error) {
	switch h.Kind {
	case audit.HoldAccount:
		_, err = d.db.Account(ctx, eid.AccountID(h.Value))
	case audit.HoldClient:
		_, err = d.db.RelyingParty(ctx, h.Value)
	case audit.HoldAll:
	}
	if errors.Is(err, eid.ErrNotFound) {
		return fmt.Errorf("there is no %s %s", h.Kind, h.Value)
	}
	return err
}

// holdEntry tells of a hold on record.
func holdEntry(h audit.Hold, action, by, reason string, at time.Time) (eid.AuditEntry, error) {
	detail, err := json.Marshal(struct {
		Hold   string         `json:"hold"`
		Kind   audit.HoldKind `json:"kind"`
		Reason string         `json:"reason"`
	}{h.ID, h.Kind, reason})
	if err != nil {
		return eid.AuditEntry{}, fmt.Errorf("writing audit detail: %w", err)
	}
	e := eid.AuditEntry{At: at, Actor: by, Action: action, Detail: detail}
	switch h.Kind {
	case audit.HoldAccount:
		e.Account = eid.AccountID(h.Value)
	case audit.HoldClient:
		e.Client = h.Value
	case audit.HoldAll:
	}
	return e, nil
}

func newHoldList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list holds", Args: noArgs}
	beside := newBesideFlags(c)
	all := c.Flags().Bool("lifted", false, "those that were lifted as well")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			list, err := d.db.Holds(c.Context(), *all)
			if err != nil {
				return err
			}
			return format.print(c.OutOrStdout(), list, func(w io.Writer) {
				fmt.Fprintln(w, "HOLD\tON\tSINCE\tBY\tLIFTED\tREASON")
				for _, h := range list {
					fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\t%s\n", h.ID, h.Kind, printable(h.Value), local(h.SetAt), printable(h.SetBy), local(h.LiftedAt), printable(h.Reason))
				}
			})
		})
	}
	return c
}

func newHoldLift() *cobra.Command {
	c := &cobra.Command{
		Use: "lift HOLD", Short: "end a hold", Args: oneArg("HOLD"),
		Long: `lift ends a hold. Rows under it that are older than retention wants are removed by
the gateway within the hour, unless another hold keeps them.`,
	}
	beside := newBesideFlags(c)
	reason := reasonFlag(c)
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := checkReason(*reason); err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			by, now := "operator:"+operator(), time.Now()
			err := d.db.LiftHold(c.Context(), words[0], by, now, func(h audit.Hold) (eid.AuditEntry, error) {
				return holdEntry(h, audit.ActionHoldLifted, by, *reason, now)
			})
			if errors.Is(err, eid.ErrNotFound) {
				return fmt.Errorf("there is no hold %s in force; eidgate audit hold list shows them", words[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "lifted: %s\n", words[0])
			return nil
		})
	}
	return c
}
