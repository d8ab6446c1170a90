package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/keys"
)

// newKeys makes `eidgate keys`.
func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "list and rotate signing keys", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysList(), newKeysRotate(), newKeysMaster())
	return c
}

func newKeysList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list signing keys with their states", Args: noArgs}
	where := newBesideFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withRing(c.Context(), where, func(ring *keys.Ring) error {
			list, err := ring.List(c.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tFOR\tALG\tSTATE\tPUBLISHED\tSIGNS FROM\tNEXT")
			for _, k := range list {
				next := ""
				if k.Next != "" {
					next = fmt.Sprintf("%s at %s", k.Next, clock(k.NextAt))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Purpose, k.Algorithm, k.State, clock(k.PublishedAt), clock(k.SigningAt), next)
			}
			return w.Flush()
		})
	}
	return c
}

func newKeysRotate() *cobra.Command {
	c := &cobra.Command{
		Use: "rotate", Short: "let the standby key sign and publish a new standby", Args: noArgs,
		Long: `rotate lets the published standby key of an algorithm sign, publishes a new
standby and keeps the old key for verifying until every token it signed has
expired. A standby that portals may not have fetched yet is scheduled instead:
it signs once every cache that lacks it has run out. Running gateways follow
within seconds.`,
	}
	where := newBesideFlags(c)
	alg := c.Flags().String("alg", "", "algorithm: RS256 or ES256 (required)")
	reason := c.Flags().String("reason", "", "why, for the audit (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !keys.Algorithm(*alg).Valid() {
			return usageError{errors.New("--alg: want RS256 or ES256")}
		}
		if strings.TrimSpace(*reason) == "" {
			return usageError{errors.New("--reason: say why; the audit keeps it")}
		}
		return withRing(c.Context(), where, func(ring *keys.Ring) error {
			r, err := ring.Rotate(c.Context(), keys.Tokens, keys.Algorithm(*alg), "operator:"+operator(), *reason)
			if err != nil {
				return err
			}
			if r.Pending {
				fmt.Fprintf(c.OutOrStdout(), "scheduled: %s key %s signs from %s, once every cache has it; %s signs until then\n", r.Algorithm, r.To, clock(r.At), r.From)
				return nil
			}
			fmt.Fprintf(c.OutOrStdout(), "rotated: %s key %s signs since %s; %s verifies until its tokens have expired\n", r.Algorithm, r.To, clock(r.At), r.From)
			return nil
		})
	}
	return c
}

// withRing opens the key ring of a gateway's data.
func withRing(ctx context.Context, where *besideFlags, use func(*keys.Ring) error) error {
	return where.open(ctx, func(d *durable) error { return use(d.ring) })
}

// besideFlags say which gateway's data to work on, beside the gateway that may be
// running on it: by its configuration, or by the directory of a demo.
type besideFlags struct{ config, data *string }

func newBesideFlags(c *cobra.Command) *besideFlags {
	return &besideFlags{
		config: configFlag(c),
		data:   c.Flags().String("data", "", "data directory, instead of a configuration (for a demo)"),
	}
}

// settings are the configuration that the flags name.
func (f *besideFlags) settings() (*config.Config, error) {
	if *f.data != "" {
		cfg := config.Default()
		cfg.Data, cfg.MasterKeyFile = *f.data, masterKeyPath(*f.data)
		return cfg, nil
	}
	cfg, err := config.Load(*f.config, os.Environ())
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	return cfg, nil
}

// open opens the data for use. It makes nothing that is not there.
func (f *besideFlags) open(ctx context.Context, use func(*durable) error) (err error) {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	d, err := openDurable(ctx, cfg, slog.New(slog.DiscardHandler), time.Now, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	return use(d)
}

// operator is who runs this command, for the audit.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
