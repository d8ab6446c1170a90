package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/cmd/eidgate/doctor"
	"eidgate/config"
	"eidgate/eid"
)

// newCheck makes `eidgate check`: every fault of a configuration, named by its
// path, without starting anything.
func newCheck() *cobra.Command {
	c := &cobra.Command{Use: "check", Short: "check a configuration and say what it declares", Args: noArgs}
	path := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		sources, err := federationSources(cfg)
		if err != nil {
			return err
		}
		if cfg.TLS.On() {
			if _, err := loadCertificate(cfg.TLS, time.Now()); err != nil {
				return fmt.Errorf("tls: %w", err)
			}
		}
		if _, err := openCustodies(cfg, time.Now); err != nil {
			return err
		}
		if _, err := senders(cfg, time.Now); err != nil {
			return err
		}
		set, err := rulesInForce(cfg, time.Now())
		if err != nil {
			return err
		}
		for _, f := range doctor.Rules(set, nil, time.Now()) {
			if f.Status != doctor.OK {
				fmt.Fprintf(c.ErrOrStderr(), "warning: rules: %s; %s\n", f.Found, f.Mend)
			}
		}
		for _, fault := range cfg.Exposed() {
			fmt.Fprintf(c.ErrOrStderr(), "warning: %v\n", fault)
		}
		fmt.Fprintf(c.OutOrStdout(), "ok: issuer %s, %d clients, %d sources, version %s\n",
			cfg.Issuer, len(cfg.Clients), len(cfg.Sources), cfg.Version())
		for _, rp := range cfg.RelyingParties() {
			fmt.Fprintf(c.OutOrStdout(), "  client %-20s level %s  %-14s sources %v\n", rp.ID, rp.Levels.Minimum, rp.Category, rp.Sources)
		}
		for _, note := range append(cfg.KeyFetchNotes(), cfg.DocumentNotes()...) {
			fmt.Fprintf(c.OutOrStdout(), "  %s\n", note)
		}
		fmt.Fprintf(c.OutOrStdout(), "  rules %s, %s\n", set.ID, set.Title)
		fmt.Fprintf(c.OutOrStdout(), "  notices to holders: mail %s, SMS %s\n", cmp.Or(cfg.Notify.SMTP.Address, "none (notify.smtp)"), cmp.Or(smsAt(cfg), "none (notify.sms)"))
		for _, src := range sources {
			provisions := ""
			if src.Provision {
				provisions = ", makes accounts"
			}
			fmt.Fprintf(c.OutOrStdout(), "  source %-20s %-8s asserts %v%s\n", src.ID, src.Kind, levels(src.MayAssert), provisions)
		}
		return nil
	}
	return c
}

func levels(list []eid.Level) []string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.String()
	}
	return names
}
