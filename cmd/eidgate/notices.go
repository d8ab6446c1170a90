package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store/sqlstore"
)

// openNotices makes what tells holders, nil where the configuration names no server for it.
func openNotices(cfg *config.Config, g *gateway) (*notify.Runner, error) {
	if !cfg.Notify.On() {
		return nil, nil
	}
	by, err := senders(cfg, g.now)
	if err != nil {
		return nil, err
	}
	texts, err := notify.NewTexts(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	return notify.NewRunner(cfg.Notify.PerMinute, notify.Deps{
		Outbox: g.db, Ledger: g.db, Registry: g.db, Leases: g.db, Senders: by, Texts: texts, Meter: g.metrics, Log: g.log, Now: g.now,
	})
}

// newNotices makes `eidgate notices`.
func newNotices() *cobra.Command {
	c := &cobra.Command{
		Use: "notices", Short: "what holders are told by message", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNoticesStatus(), newNoticesTest())
	return c
}

func newNoticesStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "what waits, went, and was given up; how many holders know that their old account stops", Args: noArgs,
		Long: `status counts the messages of every kind and channel that wait, went in the last 30 days, or
were given up in the last 90, whomever they were for; and the old accounts of portals that stop
on their day unless they are verified: how many holders were told, or have no address. With
--portal or --source it counts those old accounts alone. It names nobody, and only reads.`,
	}
	beside, out := newBesideFlags(c), outputFlag(c)
	portal := c.Flags().String("portal", "", "id of the client whose old accounts they are; all, if empty")
	source := c.Flags().String("source", "", "id of the source, where a portal has several")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			find, every := portalSources, *portal == "" && *source == ""
			if every { // there may be messages and no old accounts
				find = oldSources
			}
			sources, err := find(c.Context(), d, *portal, *source)
			if err != nil {
				return err
			}
			all := noticesStatus{OldAccounts: make([]oldNoticesStatus, len(sources))}
			for i := range sources {
				if all.OldAccounts[i], err = oldNoticesOf(c.Context(), d.db, &sources[i], time.Now()); err != nil {
					return err
				}
			}
			if every {
				if all.Messages, err = messagesOf(c.Context(), d.db); err != nil {
					return err
				}
			}
			return out.print(c.OutOrStdout(), all, func(w io.Writer) { tableOfNotices(w, &all) })
		})
	}
	return c
}

// noticesStatus is what `eidgate notices status` says.
type noticesStatus struct {
	Messages    []messagesView     `json:"messages,omitempty"`
	OldAccounts []oldNoticesStatus `json:"old_accounts"`
}

// messagesView are the messages of one kind on one channel.
type messagesView struct {
	Channel notify.Channel `json:"channel"`
	noticesKindView
	Oldest time.Time `json:"oldest_waiting,omitzero"`
}

func messagesOf(ctx context.Context, db *sqlstore.DB) ([]messagesView, error) {
	counts, err := db.AllNotices(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]messagesView, len(counts))
	for i, n := range counts {
		list[i] = messagesView{n.Channel, noticesKindView(n.NoticesOfKind), n.Oldest}
	}
	return list, nil
}

// oldNoticesStatus is how far the notices of the old accounts of one source came.
type oldNoticesStatus struct {
	Portal      string            `json:"portal"`
	Source      string            `json:"source"`
	StopsAt     time.Time         `json:"stops_at"`
	NextNotice  time.Time         `json:"next_notice,omitzero"` // the next day of notices; zero: none is left
	Accounts    int64             `json:"accounts"`             // that stop unless they are verified
	Told        int64             `json:"told"`
	Unreachable int64             `json:"without_address"`
	NotYet      int64             `json:"not_yet"`
	Notices     []noticesKindView `json:"notices"`
}

type noticesKindView struct {
	Kind    notify.Kind `json:"kind"`
	Waiting int64       `json:"waiting"`
	Sent    int64       `json:"sent_30_days"`
	GivenUp int64       `json:"given_up_90_days"`
}

func oldNoticesOf(ctx context.Context, db *sqlstore.DB, src *eid.Source, now time.Time) (oldNoticesStatus, error) {
	count, err := db.NoticesOf(ctx, src.ID)
	if err != nil {
		return oldNoticesStatus{}, err
	}
	s := oldNoticesStatus{
		Portal: src.Portal.Client, Source: src.ID, StopsAt: src.Portal.VerifyBy, NextNotice: notify.NextStops(src, now), Accounts: count.Accounts,
		Told: count.Told, Unreachable: count.Unreachable, NotYet: count.Accounts - count.Told - count.Unreachable, Notices: []noticesKindView{},
	}
	for _, k := range count.Kinds {
		s.Notices = append(s.Notices, noticesKindView(k))
	}
	return s, nil
}

func tableOfNotices(w io.Writer, all *noticesStatus) {
	if len(all.Messages) > 0 {
		fmt.Fprintln(w, "MESSAGE\tCHANNEL\tWAITING\tOLDEST WAITS SINCE\tSENT (30 DAYS)\tGIVEN UP (90 DAYS)")
		for _, m := range all.Messages {
			oldest := ""
			if !m.Oldest.IsZero() {
				oldest = local(m.Oldest)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\n", m.Kind, m.Channel, m.Waiting, oldest, m.Sent, m.GivenUp)
		}
	}
	if len(all.OldAccounts) == 0 {
		if len(all.Messages) == 0 {
			fmt.Fprintln(w, "No message waits, and none is on record.")
		}
		return
	}
	if len(all.Messages) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "SOURCE\tSTOPS\tNEXT NOTICE\tACCOUNTS\tTOLD\tNO ADDRESS\tNOT YET")
	for _, s := range all.OldAccounts {
		next := "none"
		if !s.NextNotice.IsZero() {
			next = local(s.NextNotice)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", s.Source, local(s.StopsAt), next, s.Accounts, s.Told, s.Unreachable, s.NotYet)
	}
	fmt.Fprintln(w, "\nSOURCE\tNOTICE\tWAITING\tSENT (30 DAYS)\tGIVEN UP (90 DAYS)")
	for _, s := range all.OldAccounts {
		for _, k := range s.Notices {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", s.Source, k.Kind, k.Waiting, k.Sent, k.GivenUp)
		}
	}
}

func newNoticesTest() *cobra.Command {
	c := &cobra.Command{
		Use: "test (--email ADDRESS | --sms NUMBER) --config FILE", Short: "send one message through the servers of the configuration", Args: noArgs,
		Long: `test sends a message to an address or a phone of yours, and says how the server took it:
by mail that of an old account that stops, at an invented portal; by SMS a code that
opens nothing.`,
	}
	path := configFlag(c)
	email := c.Flags().String("email", "", "e-mail address to send a mail to")
	number := c.Flags().String("sms", "", "number of a mobile phone to send an SMS to, such as 0901234567 or +84901234567")
	c.RunE = func(c *cobra.Command, _ []string) error {
		n := testNotice(time.Now())
		switch {
		case (*email == "") == (*number == ""):
			return usageError{errors.New("one of --email and --sms")}
		case *number != "":
			n.Channel, n.Kind, n.Code, n.To = notify.SMS, notify.Code, eid.NewSecret("000000"), eid.NewSecret(*number)
		default:
			n.Channel, n.Kind, n.To = notify.Email, notify.OldStops, eid.NewSecret(*email)
		}
		to, err := notify.ParseAddress(n.Channel, n.To.Reveal())
		if err != nil {
			return usageError{errors.New("--sms wants a mobile number, such as 0901234567 or +84901234567; --email one e-mail address")}
		}
		n.To = eid.NewSecret(to)
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		return sendTest(c.Context(), cfg, n, c.OutOrStdout())
	}
	return c
}

// testNotice is one that tells nobody of anything.
func testNotice(now time.Time) notify.Notice {
	return notify.Notice{ID: "test-" + now.UTC().Format("20060102150405"), CreatedAt: now, Until: now.Add(5 * time.Minute)}
}

func sendTest(ctx context.Context, cfg *config.Config, n notify.Notice, out io.Writer) error {
	by, err := senders(cfg, time.Now)
	if err != nil {
		return err
	}
	sender, named := by[n.Channel]
	if !named {
		return fmt.Errorf("the configuration names nobody to send by %s: notify.%s", n.Channel, map[notify.Channel]string{notify.Email: "smtp", notify.SMS: "sms"}[n.Channel])
	}
	defer sender.Close(ctx)
	texts, err := notify.NewTexts(cfg.Issuer)
	if err != nil {
		return err
	}
	m, err := texts.Message(n, notify.Place{
		Portal: "Cổng thử nghiệm (giả định)", PortalEN: "Trial portal (invented)", Stops: n.CreatedAt.Truncate(24*time.Hour).AddDate(0, 0, 30).Add(-7 * time.Hour), // midnight in Việt Nam
	})
	if err != nil {
		return err
	}
	m.Lasts = n.Until.Sub(n.CreatedAt)
	if err := sender.Send(ctx, m); err != nil {
		return err
	}
	if n.Channel == notify.SMS {
		fmt.Fprintf(out, "%s took the SMS. Whether it arrives, the phone shows.\n", smsAt(cfg))
		return nil
	}
	fmt.Fprintf(out, "The mail server %s took the message.\n", cfg.Notify.SMTP.Address)
	return nil
}
