package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
		if err := usable(cfg, time.Now); err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		set, err := rulesInForce(cfg, time.Now())
		if err != nil {
			return err
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
		fmt.Fprintf(c.OutOrStdout(), "  registries: %s\n", strings.Join(registryNotes(cfg), ", "))
		for _, src := range cfg.Sources {
			provisions := ""
			if src.Provision {
				provisions = ", makes accounts"
			}
			fmt.Fprintf(c.OutOrStdout(), "  source %-20s %-8s asserts %v%s\n", src.ID, src.Kind, src.MayAssert, provisions)
		}
		return nil
	}
	return c
}

// usable makes what a configuration declares, calling nobody: all that its own keys cannot
// tell, such as files that are missing. Errors name the key.
func usable(cfg *config.Config, now func() time.Time) error {
	var errs []error
	try := func(_ any, err error) { errs = append(errs, err) }
	try(federationSources(cfg))
	if cfg.TLS.On() {
		_, err := loadCertificate(cfg.TLS, now())
		try(nil, inside("tls", err))
	}
	try(openCustodies(cfg, now))
	try(openRules(cfg))
	try(openLeaks(cfg))
	try(openRegistries(cfg, now))
	try(senders(cfg, now))
	return errors.Join(errs...)
}

// registryNotes say of each registry where it is asked.
func registryNotes(cfg *config.Config) []string {
	r := &cfg.Registries
	at := func(name string, r *config.Registry) string {
		if r.PeopleFile != "" {
			return name + " invented"
		}
		return name + " " + cmp.Or(hostIn(r.URL), "none")
	}
	notes := []string{at("population", &r.Population), at("citizen_card", &r.CitizenCard), at("immigration", &r.Immigration)}
	if r.DevelopmentMatcher {
		return append(notes, "matcher invented")
	}
	return append(notes, at("matcher", &r.Matcher))
}

// hostIn is the host and port of a URL, empty where there is none.
func hostIn(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// inside says where in the configuration an error is; nil stays nil.
func inside(at string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", at, err)
}

func levels(list []eid.Level) []string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.String()
	}
	return names
}
