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

// openNotices makes what tells holders, nil where the configuration names no mail server.
func openNotices(cfg *config.Config, g *gateway) (*notify.Runner, error) {
	if !cfg.Notify.On() {
		return nil, nil
	}
	sender, err := mailSender(cfg, g.now)
	if err != nil {
		return nil, err
	}
	texts, err := notify.NewTexts(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	return notify.NewRunner(cfg.Notify.PerMinute, notify.Deps{
		Outbox: g.db, Ledger: g.db, Registry: g.db, Leases: g.db, Senders: map[notify.Channel]notify.Sender{notify.Email: sender}, Texts: texts, Meter: g.metrics, Log: g.log, Now: g.now,
	})
}

// mailSender speaks to the mail server of the configuration.
func mailSender(cfg *config.Config, now func() time.Time) (*notify.SMTP, error) {
	s := &cfg.Notify.SMTP
	conf, err := clientTLS("notify.smtp", s.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	sender, err := notify.NewSMTP(notify.SMTPConfig{
		Address: s.Address, Security: notify.Security(s.Security), TLS: conf, Username: s.Username, Password: s.Password, From: s.From, ReplyTo: s.ReplyTo,
	}, now)
	if err != nil {
		return nil, fmt.Errorf("notify.smtp: %w", err)
	}
	return sender, nil
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
		Use: "status", Short: "how many holders were told that their old account stops", Args: noArgs,
		Long: `status counts the old accounts of portals that stop on their day unless they are
verified: how many holders were told, or have no address; and the notices that wait,
went in the last 30 days, or were given up in the last 90. It only reads.`,
	}
	beside, out := newBesideFlags(c), outputFlag(c)
	portal := c.Flags().String("portal", "", "id of the client whose old accounts they are; all, if empty")
	source := c.Flags().String("source", "", "id of the source, where a portal has several")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return beside.open(c.Context(), func(d *durable) error {
			sources, err := portalSources(c.Context(), d, *portal, *source)
			if err != nil {
				return err
			}
			all := make([]noticesStatus, len(sources))
			for i := range sources {
				if all[i], err = noticesOf(c.Context(), d.db, &sources[i], time.Now()); err != nil {
					return err
				}
			}
			return out.print(c.OutOrStdout(), all, func(w io.Writer) { tableOfNotices(w, all) })
		})
	}
	return c
}

// noticesStatus is what `eidgate notices status` says.
type noticesStatus struct {
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

func noticesOf(ctx context.Context, db *sqlstore.DB, src *eid.Source, now time.Time) (noticesStatus, error) {
	count, err := db.NoticesOf(ctx, src.ID)
	if err != nil {
		return noticesStatus{}, err
	}
	s := noticesStatus{
		Portal: src.Portal.Client, Source: src.ID, StopsAt: src.Portal.VerifyBy, NextNotice: notify.NextStops(src, now), Accounts: count.Accounts,
		Told: count.Told, Unreachable: count.Unreachable, NotYet: count.Accounts - count.Told - count.Unreachable, Notices: []noticesKindView{},
	}
	for _, k := range count.Kinds {
		s.Notices = append(s.Notices, noticesKindView(k))
	}
	return s, nil
}

func tableOfNotices(w io.Writer, all []noticesStatus) {
	fmt.Fprintln(w, "SOURCE\tSTOPS\tNEXT NOTICE\tACCOUNTS\tTOLD\tNO ADDRESS\tNOT YET")
	for _, s := range all {
		next := "none"
		if !s.NextNotice.IsZero() {
			next = local(s.NextNotice)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", s.Source, local(s.StopsAt), next, s.Accounts, s.Told, s.Unreachable, s.NotYet)
	}
	fmt.Fprintln(w, "\nSOURCE\tNOTICE\tWAITING\tSENT (30 DAYS)\tGIVEN UP (90 DAYS)")
	for _, s := range all {
		for _, k := range s.Notices {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", s.Source, k.Kind, k.Waiting, k.Sent, k.GivenUp)
		}
	}
}

func newNoticesTest() *cobra.Command {
	c := &cobra.Command{
		Use: "test --to ADDRESS --config FILE", Short: "send one message through the mail server of the configuration", Args: noArgs,
		Long: `test sends the message of an old account that stops, with an invented portal, to an
address of yours, and says how the mail server took it.`,
	}
	path := configFlag(c)
	to := c.Flags().String("to", "", "where to (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		address, err := notify.ParseMailbox(*to)
		if err != nil {
			return usageError{fmt.Errorf("--to: %w", err)}
		}
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		if !cfg.Notify.On() {
			return errors.New("the configuration names no mail server: notify.smtp.address")
		}
		sender, err := mailSender(cfg, time.Now)
		if err != nil {
			return err
		}
		texts, err := notify.NewTexts(cfg.Issuer)
		if err != nil {
			return err
		}
		n := notify.Notice{ID: "test-" + time.Now().UTC().Format("20060102150405"), Kind: notify.OldStops, To: eid.NewSecret(address.Address)}
		m, err := texts.Message(n, notify.Place{
			Portal: "Cổng thử nghiệm (giả định)", PortalEN: "Trial portal (invented)", Stops: time.Now().Truncate(24*time.Hour).AddDate(0, 0, 30).Add(-7 * time.Hour), // midnight in Việt Nam
		})
		if err != nil {
			return err
		}
		if err := sender.Send(c.Context(), m); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "The mail server %s took the message.\n", cfg.Notify.SMTP.Address)
		return nil
	}
	return c
}
