package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
)

func newAccountsRenewPaper() *cobra.Command {
	c := &cobra.Command{
		Use: "renew-paper", Short: "replace the passport that a foreigner signs in with by the one that followed it", Args: noArgs,
		Long: `renew-paper ends the old passport number of an account and begins the new one. The account,
what portals call its holder, level, password and sessions stay; the old number opens nothing
any more, and the holder is told. Two lines say which, the old passport before the new one:

  LAO PA0000024
  LAO PB0000031

A passport of another country is no renewal. A personal number is not replaced: one that was
re-established locks its account (eidgate accounts lock --reason number).`,
		Example: `  eidgate accounts renew-paper --document "XNC-31/2026" < passports.txt`,
	}
	beside := newBesideFlags(c)
	file := c.Flags().String("number-file", "-", "file of the two passports, - for standard input")
	document := c.Flags().String("document", "", "number of the document that it rests on, such as the immigration authority's (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if strings.TrimSpace(*document) == "" {
			return usageError{errors.New("--document: name the document that it rests on")}
		}
		raw, err := readSmall(*file, c.InOrStdin())
		if err != nil {
			return fmt.Errorf("--number-file: %w", err)
		}
		r, err := parseRenewal(string(raw))
		if err != nil {
			return fmt.Errorf("--number-file: %w", err)
		}
		r.Document, r.Actor = strings.TrimSpace(*document), "operator:"+operator()
		return beside.open(c.Context(), func(d *durable) error {
			if err := renewPaper(c.Context(), d, r); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "renewed: %s is now %s\n", r.Old, r.New)
			return nil
		})
	}
	return c
}

// parseRenewal reads the two lines. Its errors repeat neither.
func parseRenewal(text string) (accounts.PaperRenewal, error) {
	var papers []eid.Identifier
	for line := range strings.Lines(text) {
		country, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if country == "" {
			continue
		}
		paper, err := eid.ParsePassport(strings.ToUpper(country), number)
		if err != nil {
			return accounts.PaperRenewal{}, fmt.Errorf("line %d: want a country of three letters and the number of a passport", len(papers)+1)
		}
		papers = append(papers, paper)
	}
	if len(papers) != 2 {
		return accounts.PaperRenewal{}, errors.New("want two lines: the old passport, then the new one")
	}
	return accounts.PaperRenewal{Old: papers[0], New: papers[1]}, nil
}

func renewPaper(ctx context.Context, d *durable, r accounts.PaperRenewal) error {
	a, err := d.db.AccountByIdentifier(ctx, r.Old)
	if errors.Is(err, eid.ErrNotFound) {
		if err := lookedUp(ctx, d, "", audit.LookUp{Role: "operator", Number: d.db.MarkOf(r.Old)}); err != nil {
			return err
		}
		return fmt.Errorf("no account with the passport %s", r.Old)
	}
	if err != nil {
		return err
	}
	err = accounts.NewPapers(d.db, time.Now).Renew(ctx, a.ID, r)
	switch {
	case errors.Is(err, eid.ErrExists):
		return fmt.Errorf("nothing was changed: an account with the passport %s exists already", r.New)
	case errors.Is(err, eid.ErrLocked):
		return errors.New("nothing was changed: the account is locked; see eidgate accounts locks")
	case errors.Is(err, eid.ErrNotActivated):
		return errors.New("nothing was changed: the account was not activated; register again with the new passport")
	case errors.Is(err, accounts.ErrClosed):
		return errors.New("nothing was changed: the account is closed")
	case errors.Is(err, accounts.ErrManaged):
		return errors.New("nothing was changed: the account follows a national source, and is changed there")
	case errors.Is(err, accounts.ErrOtherPaper):
		return errors.New("nothing was changed: that is no renewal; want another passport of the same country, of a foreigner")
	}
	return err
}
