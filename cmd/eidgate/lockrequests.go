package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
)

// newLockRequests makes `eidgate lock-requests`: what service users ask for, decided one
// by one.
func newLockRequests() *cobra.Command {
	c := &cobra.Command{
		Use: "lock-requests", Short: "decide on locks that service users ask for", Args: noArgs,
		Long: `A service user (a portal, a bank) asks for the lock of an account at the gateway's
/lock-requests, or on paper. Nothing is locked until an officer says so; the term is that
of the rules in force (Decree 59/2022: two working days). The end of such a lock is asked
for, and decided on, in the same way. Holder and service user are told.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLockRequestsList(), newLockRequestsShow(), newLockRequestsAdd(),
		newLockRequestsDecide("accept", "do what was asked for", (*accounts.LockRequests).Accept),
		newLockRequestsDecide("reject", "refuse it, with the reason", (*accounts.LockRequests).Reject))
	return c
}

// lockRequestView is a request as programs read it.
type lockRequestView struct {
	ID        string            `json:"id"`
	Ref       string            `json:"ref,omitempty"`
	Client    string            `json:"client,omitempty"`
	Requester string            `json:"requester"`
	Account   eid.AccountID     `json:"account"`
	Document  string            `json:"document"`
	Reason    string            `json:"reason"`
	Undo      string            `json:"undo,omitempty"`
	Status    eid.RequestStatus `json:"status"`
	Rules     string            `json:"rules"`
	CreatedAt time.Time         `json:"created_at"`
	DueAt     time.Time         `json:"due_at"`
	Overdue   bool              `json:"overdue,omitempty"`
	DecidedAt time.Time         `json:"decided_at,omitzero"`
	DecidedBy string            `json:"decided_by,omitempty"`
	Why       string            `json:"decided_why,omitempty"`
	Lock      string            `json:"lock,omitempty"`
}

func viewLockRequest(r *eid.LockRequest) lockRequestView {
	return lockRequestView{
		r.ID, r.Ref, r.Client, r.Requester, r.Account, r.Document, r.Reason, r.Undo, r.Status, r.Rules, r.CreatedAt, r.DueAt, r.Overdue(time.Now()),
		r.DecidedAt, r.DecidedBy, r.Why, r.Lock,
	}
}

// asks is what a request wants, in a word.
func (v *lockRequestView) asks() string {
	if v.Undo != "" {
		return "unlock"
	}
	return "lock"
}

func newLockRequestsList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list what waits, the one due first before others", Args: noArgs}
	beside := newBesideFlags(c)
	all := c.Flags().Bool("all", false, "list what was decided as well")
	client := c.Flags().String("client", "", "of this client only")
	after := c.Flags().String("after", "", "id of the last request that was seen")
	limit := c.Flags().Int("limit", 100, "how many, 500 at most")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 1 || *limit > maxListed {
			return usageError{fmt.Errorf("--limit: want 1 to %d", maxListed)}
		}
		return beside.open(c.Context(), func(d *durable) error {
			_, requests, err := d.locks()
			if err != nil {
				return err
			}
			list, err := requests.List(c.Context(), accounts.LockRequestFilter{Decided: *all, Client: *client, After: *after, Most: *limit})
			if err != nil {
				return err
			}
			views := make([]lockRequestView, len(list))
			for i := range list {
				views[i] = viewLockRequest(&list[i])
			}
			return format.print(c.OutOrStdout(), views, func(w io.Writer) {
				if len(views) == 0 {
					fmt.Fprintln(w, "none: nothing waits; --all lists what was decided as well")
					return
				}
				fmt.Fprintln(w, "REQUEST\tASKS\tREQUESTER\tDOCUMENT\tDUE\tSTATUS")
				for _, v := range views {
					status := string(v.Status)
					if v.Overdue {
						status = "overdue"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.asks(), printable(v.Requester), printable(v.Document), lawDay(v.DueAt), status)
				}
			})
		})
	}
	return c
}

func newLockRequestsShow() *cobra.Command {
	c := &cobra.Command{Use: "show REQUEST", Short: "show one request and the locks that the account has; the holder sees that it was done", Args: oneArg("REQUEST")}
	beside := newBesideFlags(c)
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, words []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			_, requests, err := d.locks()
			if err != nil {
				return err
			}
			s, err := requests.Show(c.Context(), words[0])
			if err != nil {
				return noLockRequest(err, words[0])
			}
			if err := lookedUp(c.Context(), d, s.Account, audit.LookUp{Role: "officer", Reason: "lock request " + s.ID}); err != nil {
				return err
			}
			shown := struct {
				lockRequestView
				Number string `json:"number"`
				Locks  int    `json:"locks_in_force"`
			}{viewLockRequest(&s.LockRequest), s.Holder.Person.Identifier.String(), len(s.Holder.Locks)}
			return format.print(c.OutOrStdout(), shown, func(w io.Writer) {
				for _, line := range [][2]string{
					{"request", shown.ID}, {"asks for", shown.asks()}, {"requester", shown.Requester}, {"client", shown.Client}, {"document", shown.Document},
					{"reason", shown.Reason}, {"account", string(shown.Account)}, {"number", shown.Number}, {"locks in force", fmt.Sprint(shown.Locks)},
					{"since", local(shown.CreatedAt)}, {"due", local(shown.DueAt)}, {"rules", shown.Rules}, {"status", string(shown.Status)},
					{"decided by", shown.DecidedBy}, {"because", shown.Why},
				} {
					if line[1] != "" {
						fmt.Fprintf(w, "%s\t%s\n", line[0], printable(line[1]))
					}
				}
			})
		})
	}
	return c
}

func newLockRequestsAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "put what a service user asked for on paper into the queue", Args: noArgs,
		Example: `  eidgate lock-requests add --requester "Ngân hàng …" --document "CV-7/2026" --reason "…" < number.txt`,
	}
	who := newOfficerFlags(c)
	requester := c.Flags().String("requester", "", "who asks (required)")
	document := c.Flags().String("document", "", "number of the document that it rests on (required)")
	reason := c.Flags().String("reason", "", "why, in the words of the document (required)")
	undo := c.Flags().String("undo", "", "the accepted request of the same service user, whose lock shall end")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return who.use(c, func(d *durable, a eid.Account) error {
			_, requests, err := d.locks()
			if err != nil {
				return err
			}
			r, err := requests.Ask(c.Context(), accounts.LockWish{
				Requester: *requester, Account: a.ID, Document: *document, Reason: *reason, Undo: *undo, Actor: "operator:" + operator(),
			})
			if err != nil {
				return noLockRequest(err, *undo)
			}
			fmt.Fprintf(c.OutOrStdout(), "waits: %s, due %s\n", r.ID, lawDay(r.DueAt))
			return nil
		})
	}
	return c
}

func newLockRequestsDecide(verb, short string, decide func(*accounts.LockRequests, context.Context, string, accounts.LockDecision) (eid.LockRequest, error)) *cobra.Command {
	c := &cobra.Command{Use: verb + " REQUEST", Short: short, Args: oneArg("REQUEST")}
	beside := newBesideFlags(c)
	reason := c.Flags().String("reason", "", "what it rests on, such as papers seen; name nobody (required)")
	c.RunE = func(c *cobra.Command, words []string) error {
		why, err := lineOfReason(*reason)
		if err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			_, requests, err := d.locks()
			if err != nil {
				return err
			}
			r, err := decide(requests, c.Context(), words[0], accounts.LockDecision{Why: why, Actor: "operator:" + operator()})
			if err != nil {
				return noLockRequest(err, words[0])
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", r.Status, r.ID)
			return nil
		})
	}
	return c
}

// noLockRequest says in words what keeps an officer from deciding.
func noLockRequest(err error, id string) error {
	switch {
	case errors.Is(err, eid.ErrNotFound):
		return fmt.Errorf("there is no such request, or no lock of it in force to end: %s; see eidgate lock-requests list --all", id)
	case errors.Is(err, accounts.ErrDecided):
		return fmt.Errorf("%s was decided before; a decision stands", id)
	case errors.Is(err, accounts.ErrNoRoom):
		return errors.New("nothing was added: so many requests wait that there is no room")
	case errors.Is(err, eid.ErrExists):
		return errors.New("nothing was changed: the same lock is in force")
	case errors.Is(err, accounts.ErrInvalid):
		return usageError{fmt.Errorf("nothing was added; --requester, --document and --reason say what is wanted here:\n%w", err)}
	}
	return err
}
