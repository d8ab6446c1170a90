package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
)

var errRole = errors.New("--role: want officer, operator or auditor")

func newAuditPerson() *cobra.Command {
	c := &cobra.Command{
		Use: "person", Short: "show the rows of a person; the look-up goes on record and the holder sees it", Args: noArgs,
		Long: `person reads a personal number from standard input, or a file, and shows the rows of
the account that has it. Numbers are not in the audit: the account is found by a keyed
hash. Before anything is shown the look-up is written to the audit as an act on that
account, with who, in what role and why; its holder reads this at /history. A number
that no account has leaves a row as well, with a keyed hash of it.`,
		Example: `  eidgate audit person --role auditor --reason "Complaint 12/2026" < number.txt
  eidgate audit person --role officer --reason "Case 7/2026" --since 2026-01-01 --output json < number.txt`,
	}
	who := holderFlags{newBesideFlags(c), c.Flags().String("number-file", "-", "file of the personal number, - for standard input")}
	reason := reasonFlag(c)
	role := c.Flags().String("role", "", "officer, operator or auditor; the holder is told (required)")
	_ = c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(audit.Roles(), cobra.ShellCompDirectiveNoFileComp))
	since := sinceFlag(c, "")
	after := c.Flags().Int64("after", 0, "id of the last row that was seen")
	limit := c.Flags().Int("limit", 100, "how many rows, 1000 at most")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := parseSince(*since)
		if err != nil {
			return err
		}
		if !slices.Contains(audit.Roles(), *role) {
			return usageError{errRole}
		}
		if *limit < 1 || *limit > 1000 {
			return usageError{errors.New("--limit: want 1 to 1000")}
		}
		if err := checkReason(*reason); err != nil {
			return err
		}
		return who.find(c.Context(), c.InOrStdin(), audit.LookUp{Role: *role, Reason: *reason}, func(d *durable, a eid.Account) error {
			if err := lookedUp(c.Context(), d, a.ID, audit.LookUp{Role: *role, Reason: *reason}); err != nil {
				return err
			}
			rows, err := d.db.Evidence().Search(c.Context(), sqlstore.AuditSearch{Account: string(a.ID), Since: from, After: *after, Limit: *limit})
			if err != nil {
				return err
			}
			return printRows(c.OutOrStdout(), format, rows, *limit)
		})
	}
	return c
}

// lookedUp puts a look-up on record; without that nothing is shown.
func lookedUp(ctx context.Context, d *durable, id eid.AccountID, l audit.LookUp) error {
	l.Reason = strings.TrimSpace(l.Reason)
	detail, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing audit detail: %w", err)
	}
	return d.db.Record(ctx, eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator(), Action: audit.ActionLookedUp, Account: id, Detail: detail})
}
