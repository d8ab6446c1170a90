package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
)

// lockFlags say who asks for a lock or its end, and what that rests on.
type lockFlags struct {
	officerFlags
	by, requester, document, proof, remedy *string
}

func newLockFlags(c *cobra.Command) lockFlags {
	return lockFlags{
		newOfficerFlags(c),
		c.Flags().String("by", "", "who asks: holder, authority, operator or registry (required)"),
		c.Flags().String("requester", "", "name of the authority, or of whoever else asks (required, save of a holder)"),
		c.Flags().String("document", "", "number of the document that it rests on"),
		c.Flags().String("proof", "", "of a holder at the counter: the record of how it was seen who that is"),
		c.Flags().String("remedy", "", "how a breach was remedied, and who asked for the end"),
	}
}

// act is what the flags say. An operator writes it; the document says why.
func (f lockFlags) act() (accounts.LockAct, error) {
	by := eid.LockParty(*f.by)
	if by == eid.ByServiceUser {
		return accounts.LockAct{}, usageError{errors.New("--by: what a service user asks for is decided on; see eidgate lock-requests")}
	}
	if !slices.Contains(eid.LockParties(), by) {
		return accounts.LockAct{}, usageError{errors.New("--by: want holder, authority, operator or registry")}
	}
	return accounts.LockAct{
		By: by, Requester: *f.requester, Document: *f.document, Proof: *f.proof, Remedy: *f.remedy, Actor: "operator:" + operator(),
	}, nil
}

func newAccountsLock() *cobra.Command {
	c := &cobra.Command{
		Use: "lock", Short: "lock an account, for whom the rules let do so", Args: noArgs,
		Long: `lock puts a lock in force (Decision 34/2021, Art. 11; Decree 69/2024, Art. 17): sign-in is
refused, tokens end, sessions end, portals are told, and so is the holder. Who may ask
for which lock, and what has to be on record, the rules in force say: eidgate rules show.`,
		Example: `  eidgate accounts lock --reason authority --by authority --requester "Tòa án …" --document "12/QĐ-TA" < number.txt`,
	}
	f := newLockFlags(c)
	reason := c.Flags().String("reason", "", "self, authority, terms, number or death (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		act, err := f.act()
		if err != nil {
			return err
		}
		if !slices.Contains(eid.LockReasons(), eid.LockReason(*reason)) {
			return usageError{errors.New("--reason: want self, authority, terms, number or death")}
		}
		return f.use(c, func(d *durable, a eid.Account) error {
			locks, _, err := d.locks()
			if err != nil {
				return err
			}
			l, err := locks.Set(c.Context(), a.ID, eid.LockReason(*reason), act)
			if err != nil {
				return lockRefused(err)
			}
			fmt.Fprintf(c.OutOrStdout(), "locked: %s, lock %s\n", a.Person.Identifier, l.ID)
			return nil
		})
	}
	return c
}

func newAccountsUnlock() *cobra.Command {
	c := &cobra.Command{
		Use: "unlock LOCK", Short: "lift one lock, for whom the rules let do so", Args: oneArg("LOCK"),
		Long: `unlock lifts one lock of an account; others stay in force. What an authority asked for is
lifted for the same authority, with its document. Locks for the number and for death are
lifted by an authority that corrects an error alone: --correction with its document.`,
		Example: `  eidgate accounts unlock L7Q… --by authority --requester "Tòa án …" --document "15/QĐ-TA" < number.txt`,
	}
	f := newLockFlags(c)
	correction := c.Flags().Bool("correction", false, "an authority corrects an error")
	c.RunE = func(c *cobra.Command, words []string) error {
		act, err := f.act()
		if err != nil {
			return err
		}
		act.Correction = *correction
		return f.use(c, func(d *durable, a eid.Account) error {
			locks, _, err := d.locks()
			if err != nil {
				return err
			}
			if err := locks.Lift(c.Context(), a.ID, words[0], act); err != nil {
				return lockRefused(err)
			}
			fmt.Fprintf(c.OutOrStdout(), "lifted: %s, lock %s\n", a.Person.Identifier, words[0])
			return nil
		})
	}
	return c
}

// lockView is a lock as programs read it.
type lockView struct {
	ID           string         `json:"id"`
	Reason       eid.LockReason `json:"reason"`
	By           eid.LockParty  `json:"by"`
	Requester    string         `json:"requester,omitempty"`
	Client       string         `json:"client,omitempty"`
	Document     string         `json:"document,omitempty"`
	SetAt        time.Time      `json:"set_at"`
	LiftedAt     time.Time      `json:"lifted_at,omitzero"`
	LiftedBy     eid.LockParty  `json:"lifted_by,omitempty"`
	LiftedFor    string         `json:"lifted_for,omitempty"`
	LiftDocument string         `json:"lift_document,omitempty"`
	Remedy       string         `json:"remedy,omitempty"`
}

func newAccountsLocks() *cobra.Command {
	c := &cobra.Command{Use: "locks", Short: "list the locks that an account has and had, the newest first; the holder sees that it was done", Args: noArgs}
	who := newOfficerFlags(c)
	reason := c.Flags().String("reason", "", "why you look, for the audit; name nobody (required)")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		why, err := lineOfReason(*reason)
		if err != nil {
			return err
		}
		return who.use(c, func(d *durable, a eid.Account) error {
			if err := lookedUp(c.Context(), d, a.ID, audit.LookUp{Role: "operator", Reason: why}); err != nil {
				return err
			}
			locks, _, err := d.locks()
			if err != nil {
				return err
			}
			list, err := locks.Of(c.Context(), a.ID)
			if err != nil {
				return err
			}
			views := make([]lockView, len(list))
			for i, l := range list {
				views[i] = lockView{l.ID, l.Reason, l.SetBy, l.Requester, l.Client, l.Document, l.SetAt, l.LiftedAt, l.LiftedBy, l.LiftedFor, l.LiftDocument, l.Remedy}
			}
			return format.print(c.OutOrStdout(), views, func(w io.Writer) {
				if len(views) == 0 {
					fmt.Fprintln(w, "no lock is in force, and none was before")
					return
				}
				fmt.Fprintln(w, "LOCK\tREASON\tASKED BY\tREQUESTER\tDOCUMENT\tSINCE\tLIFTED")
				for _, l := range views {
					fmt.Fprintln(w, strings.Join([]string{l.ID, string(l.Reason), string(l.By), cmp.Or(printable(l.Requester), "-"), cmp.Or(printable(l.Document), "-"), local(l.SetAt), local(l.LiftedAt)}, "\t"))
				}
			})
		})
	}
	return c
}

// lockRefused says in words what the rules hold against an act.
func lockRefused(err error) error {
	switch {
	case errors.Is(err, accounts.ErrTerminal):
		return errors.New("nothing was lifted: this lock ends only where an authority corrects an error (--by authority --correction, with --requester and --document)")
	case errors.Is(err, accounts.ErrOtherRequester):
		return errors.New("nothing was lifted: only who asked for this lock can have it lifted; eidgate accounts locks shows who that is, and a lock that a service user asked for ends by its own request")
	case errors.Is(err, eid.ErrNotFound):
		return errors.New("the account has no such lock in force; see eidgate accounts locks")
	case errors.Is(err, eid.ErrExists):
		return errors.New("nothing was changed: the same lock is in force")
	case errors.Is(err, accounts.ErrInvalid):
		return usageError{fmt.Errorf("nothing was changed; --requester, --document, --proof and --remedy say what is wanted here:\n%w", err)}
	}
	return err
}
