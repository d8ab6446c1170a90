package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// newConsents makes `eidgate consents`: what an officer does for a holder who
// asks at the counter, until holders have pages of their own.
func newConsents() *cobra.Command {
	c := &cobra.Command{
		Use: "consents", Short: "show and withdraw what a holder agreed to share", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConsentsList(), newConsentsWithdraw())
	return c
}

// holderFlags say whose consents: by a file, since command lines are seen by
// everybody on the machine.
type holderFlags struct {
	*besideFlags
	number *string
}

func newHolderFlags(c *cobra.Command) holderFlags {
	return holderFlags{newBesideFlags(c),
		c.Flags().String("number-file", "", "file of the holder's personal number, - for standard input (required)")}
}

func newConsentsList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list the standing consents of a holder, who sees that it was done", Args: noArgs}
	who := newHolderFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return who.find(c.Context(), c.InOrStdin(), atTheCounter(), func(d *durable, a eid.Account) error {
			if err := lookedUp(c.Context(), d, a.ID, atTheCounter()); err != nil {
				return err
			}
			consents, err := d.db.ConsentsOf(c.Context(), a.ID)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "CLIENT\tSINCE\tUNTIL\tDATA\tDECLINED")
			for _, given := range consents {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", given.Client, clock(given.GivenAt), clock(given.Until),
					strings.Join(given.Claims, " "), strings.Join(given.Declined, " "))
			}
			return w.Flush()
		})
	}
	return c
}

func newConsentsWithdraw() *cobra.Command {
	c := &cobra.Command{
		Use: "withdraw", Short: "withdraw a holder's consent to one client", Args: noArgs,
		Long: `withdraw ends what a holder agreed to share with one client (Decree 13/2023,
Art. 12). Tokens that share the data stop at once; the next sign-in asks again.`,
	}
	who := newHolderFlags(c)
	client := c.Flags().String("client", "", "the client (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *client == "" {
			return usageError{errors.New("--client: name the client, as eidgate consents list shows it")}
		}
		return who.find(c.Context(), c.InOrStdin(), atTheCounter(), func(d *durable, a eid.Account) error {
			err := d.db.WithdrawConsent(c.Context(), a.ID, *client, eid.AuditEntry{
				At: time.Now(), Actor: "operator:" + operator(), Action: eid.ActionConsentEnded,
			})
			if errors.Is(err, eid.ErrNotFound) {
				return fmt.Errorf("%s has no consent of this holder", *client)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "withdrawn: %s, %s\n", a.Person.Identifier, *client)
			return nil
		})
	}
	return c
}

// atTheCounter is what a look at a holder's consents goes on record as.
func atTheCounter() audit.LookUp { return audit.LookUp{Role: "officer"} }

// find opens the data and finds the holder. A number that nobody has goes on record:
// numbers are few enough to try.
func (f holderFlags) find(ctx context.Context, stdin io.Reader, l audit.LookUp, use func(*durable, eid.Account) error) error {
	if *f.number == "" {
		return usageError{errors.New("--number-file: name the file of the personal number")}
	}
	raw, err := readSmall(*f.number, stdin)
	if err != nil {
		return fmt.Errorf("--number-file: %w", err)
	}
	number, err := eid.ParsePersonalNumber(strings.TrimSpace(string(raw)))
	if err != nil {
		return fmt.Errorf("--number-file: %w", err)
	}
	return f.open(ctx, func(d *durable) error {
		account, err := d.db.AccountByIdentifier(ctx, eid.IdentifierOf(number))
		if errors.Is(err, eid.ErrNotFound) {
			l.Number = d.db.MarkOf(eid.IdentifierOf(number))
			if err := lookedUp(ctx, d, "", l); err != nil {
				return err
			}
			return fmt.Errorf("no account with the number %s", number)
		}
		if err != nil {
			return err
		}
		return use(d, account)
	})
}
