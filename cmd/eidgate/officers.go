package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// newOfficers makes `eidgate officers`: who may act for others at a counter.
func newOfficers() *cobra.Command {
	c := &cobra.Command{
		Use: "officers", Short: "name those who may act for others at a counter", Args: noArgs,
		Long: `Officers sign in at /officer of the gateway with their own account, at Level 2. What
they may do there operators say here, and nobody else: they are asked for anew at each
request, so an end is in force at once. Each change is in the audit.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newOfficersAdd(), newOfficersList(), newOfficersEnd())
	return c
}

// officerFlags say who: by an account's id, or by a file of the personal number.
type officerFlags struct {
	holderFlags
	account *string
}

func newOfficerFlags(c *cobra.Command) officerFlags {
	return officerFlags{
		holderFlags{newBesideFlags(c), c.Flags().String("number-file", "-", "file of the personal number, - for standard input")},
		c.Flags().String("account", "", "id of the account, instead of a number"),
	}
}

// use opens the data and finds the account.
func (f officerFlags) use(c *cobra.Command, then func(*durable, eid.Account) error) error {
	if *f.account == "" {
		return f.find(c.Context(), c.InOrStdin(), audit.LookUp{Role: "operator"}, then)
	}
	return f.open(c.Context(), func(d *durable) error {
		a, err := d.db.Account(c.Context(), eid.AccountID(*f.account))
		if errors.Is(err, eid.ErrNotFound) {
			return fmt.Errorf("there is no account %s", *f.account)
		}
		if err != nil {
			return err
		}
		return then(d, a)
	})
}

func newOfficersAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "make the holder of an account an officer, or change office and tasks", Args: noArgs,
		Example: `  eidgate officers add --office "Công an phường Mẫu" --tasks intake,approve < number.txt`,
	}
	who := newOfficerFlags(c)
	office := c.Flags().String("office", "", "the office, as its officers read it (required)")
	words := c.Flags().String("tasks", "", "of intake, approve, review and locks, with commas between (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		tasks, err := parseTasks(*words)
		if err != nil {
			return err
		}
		if strings.TrimSpace(*office) != *office || *office == "" || utf8.RuneCountInString(*office) > maxOffice || strings.ContainsFunc(*office, unicode.IsControl) || !utf8.ValidString(*office) {
			return usageError{fmt.Errorf("--office: want a name of at most %d characters", maxOffice)}
		}
		return who.use(c, func(d *durable, a eid.Account) error {
			if a.Level < eid.Level2 || a.Status != eid.Active {
				return fmt.Errorf("%s: an officer needs an active account of Level 2", a.Person.Identifier)
			}
			err := d.db.PutOfficer(c.Context(), eid.Officer{Account: a.ID, Office: *office, Tasks: tasks},
				eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator()})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "officer: %s, %s, %s\n", a.ID, printable(*office), joined(tasks))
			return nil
		})
	}
	return c
}

// maxOffice is the longest name of an office, in characters.
const maxOffice = 120

func parseTasks(words string) ([]eid.Task, error) {
	var list []eid.Task
	for word := range strings.SplitSeq(words, ",") {
		t := eid.Task(strings.TrimSpace(word))
		if !slices.Contains(eid.Tasks(), t) {
			return nil, usageError{fmt.Errorf("--tasks: %q is no task; want some of %s", word, joined(eid.Tasks()))}
		}
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list, nil
}

func newOfficersEnd() *cobra.Command {
	c := &cobra.Command{Use: "end", Short: "take the office from somebody, at once", Args: noArgs}
	who := newOfficerFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return who.use(c, func(d *durable, a eid.Account) error {
			err := d.db.EndOfficer(c.Context(), a.ID, eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator()})
			if errors.Is(err, eid.ErrNotFound) {
				return fmt.Errorf("%s is no officer", a.ID)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "ended: %s\n", a.ID)
			return nil
		})
	}
	return c
}

func newOfficersList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list the officers of now, by office", Args: noArgs}
	beside := newBesideFlags(c)
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			list, err := d.db.Officers(c.Context())
			if err != nil {
				return err
			}
			rows := make([]officerRow, len(list))
			for i, o := range list {
				rows[i] = officerRow{o.Account, o.Name, o.Office, o.Tasks, o.AddedAt.UTC()}
			}
			return format.print(c.OutOrStdout(), rows, func(w io.Writer) {
				if len(rows) == 0 {
					fmt.Fprintln(w, "no officers yet: eidgate officers add names one")
					return
				}
				fmt.Fprintln(w, "ACCOUNT\tNAME\tOFFICE\tTASKS\tSINCE")
				for _, o := range rows {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.Account, printable(o.Name), printable(o.Office), joined(o.Tasks), local(o.Since))
				}
			})
		})
	}
	return c
}

// joined writes tasks as --tasks takes them.
func joined(tasks []eid.Task) string {
	words := make([]string, len(tasks))
	for i, t := range tasks {
		words[i] = string(t)
	}
	return strings.Join(words, ",")
}

// officerRow is an officer as JSON.
type officerRow struct {
	Account eid.AccountID `json:"account"`
	Name    string        `json:"name"`
	Office  string        `json:"office"`
	Tasks   []eid.Task    `json:"tasks"`
	Since   time.Time     `json:"since"`
}
