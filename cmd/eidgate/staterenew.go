package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/store/redisstore"
)

// newState makes `eidgate state`.
func newState() *cobra.Command {
	c := &cobra.Command{
		Use: "state", Short: "look after passing state on Redis", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newStateCheck(), newStateRenew())
	return c
}

func newStateCheck() *cobra.Command {
	c := &cobra.Command{
		Use: "check", Short: "say what Redis lacks", Args: noArgs,
		Long: "check asks Redis for everything that passing state depends on. It exits 1 if the\ngateway would not use the server.",
	}
	path := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withRedis(c, *path, func(_ *durable, s *redisstore.Store) error {
			findings, err := s.Inspect(c.Context())
			if err != nil {
				return err
			}
			refused := false
			for _, f := range findings {
				word := "note"
				if f.Refuses {
					word, refused = "REFUSED", true
				}
				fmt.Fprintf(c.OutOrStdout(), "%s  %s: %s\n      mend: %s\n", word, f.Node, f.Problem, f.Mend)
			}
			if refused {
				return errors.New("the gateway would not use this Redis")
			}
			fmt.Fprintln(c.OutOrStdout(), "the gateway can use this Redis")
			return nil
		})
	}
	return c
}

func newStateRenew() *cobra.Command {
	const what = `renew ends the present epoch of passing state on Redis. Everybody signs in again, and
sign-ins under way begin again; sessions, codes and tokens of before are worth
nothing, on all running replicas at once. Accounts, links, locks, consents and
keys are not touched. Run it after Redis was restored from a backup, so that
what was used up or ended since then stays so.`
	c := &cobra.Command{Use: "renew", Short: "end all sessions and tokens, after Redis was restored from a backup", Args: noArgs, Long: what}
	path := configFlag(c)
	yes := c.Flags().Bool("yes", false, "do it")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !*yes {
			fmt.Fprintln(c.OutOrStdout(), what)
			return usageError{errors.New("nothing was done: add --yes to do it")}
		}
		return withRedis(c, *path, func(d *durable, s *redisstore.Store) error {
			// The row comes first: what cannot be audited does not happen.
			err := d.db.Record(c.Context(), eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator(), Action: eid.ActionStateRenewed})
			if err != nil {
				return err
			}
			epoch, err := s.Renew(c.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "epoch %d begins: everybody signs in again\n", epoch)
			return nil
		})
	}
	return c
}

// withRedis runs f on the Redis of a configuration, beside running gateways.
func withRedis(c *cobra.Command, path string, f func(*durable, *redisstore.Store) error) (err error) {
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	server, err := cfg.StateServer()
	if err != nil {
		return err
	}
	if server.Kind == config.StateFile {
		return usageError{errors.New("state names no Redis: passing state is in " + statePath(cfg))}
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	d, err := openDurable(c.Context(), cfg, log, time.Now, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	s, err := newRedisState(cfg, server, d.db, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(d, s)
}
