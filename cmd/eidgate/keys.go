package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
)

// newKeys makes `eidgate keys`.
func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "look at keys, rotate and revoke them, and verify what they signed", Args: noArgs,
		Long: `keys works on the keys of a gateway, beside the processes that run: these follow
within two seconds. Each purpose and algorithm is a line of keys of its own, in which
one key signs and one stands by, known to everybody who verifies:

  tokens                what portals verify by the key set at /keys
  logout                logout tokens, by the same key set
  audit                 checkpoints of the audit
  source/ID/sign        what is signed for one source
  source/ID/decrypt     what one source encrypts to the gateway

list, show, fetches, verify and archive only read. rotate, activate and revoke want a
--reason, which the audit keeps with your name; they do nothing with --dry-run but say
what they would do.

A KID may be cut short.

The exit code is 0 when it is done, or what was asked holds; 1 when it is not, or does
not hold; 2 when the words of the call are off, or --yes was missing.`,
		Example: `  eidgate keys list
  eidgate keys rotate --alg ES256 --reason "quarterly"
  eidgate keys revoke KID --reason "key seen outside the machine"
  eidgate keys verify token.txt --archive keys.json`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		hint := ""
		if strings.Contains(err.Error(), "unknown shorthand") {
			hint = "; the beginning of a KID that begins with - stands last, after --"
		}
		return usageError{fmt.Errorf("%w%s; see '%s --help'", err, hint, c.CommandPath())}
	})
	c.AddCommand(newKeysList(), newKeysShow(), newKeysRotate(), newKeysActivate(), newKeysRevoke(), newKeysFetches(), newKeysVerify(), newKeysArchive(), newKeysMaster(),
		newMasterReseal()) // here as well as in keys master: it seals keys anew too
	return c
}

// kidLength is the length of a kid: SHA-256 in base64url (RFC 7638).
const kidLength = 43

// kidsLast moves kids that look like flags, since they begin with -, behind the flags
// of a verb for keys: one of 64 does, and an emergency is no time to learn of it.
func kidsLast(args []string) []string {
	if len(args) < 2 || args[0] != "keys" || slices.Contains(args, "--") {
		return args
	}
	var rest, kids []string
	for i, word := range args {
		raw, err := base64.RawURLEncoding.DecodeString(word)
		value := strings.HasPrefix(args[max(i-1, 0)], "--") && !strings.Contains(args[max(i-1, 0)], "=") // perhaps of that flag
		if err == nil && len(raw) == sha256.Size && word[0] == '-' && (!value || args[i-1] == "--yes" || args[i-1] == "--force" || args[i-1] == "--dry-run") {
			kids = append(kids, word)
			continue
		}
		rest = append(rest, word)
	}
	if kids == nil {
		return args
	}
	return slices.Concat(rest, []string{"--"}, kids)
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
func (f *besideFlags) open(ctx context.Context, use func(*durable) error) error {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	return useDurable(use)(openDurable(ctx, cfg, slog.New(slog.DiscardHandler), time.Now, nil))
}

// openAnyway is open for an emergency: a key that does not open keeps nobody from
// looking, or from revoking another.
func (f *besideFlags) openAnyway(ctx context.Context, use func(*durable) error) error {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	return useDurable(func(d *durable) error {
		infos, err := d.ring.List(ctx)
		if err != nil {
			return err
		}
		if err := planSources(ctx, d.db, d.ring, infos, cfg.Lifetimes.JWKSMaxAge); err != nil {
			return err
		}
		return use(d)
	})(openUnexamined(ctx, cfg, slog.New(slog.DiscardHandler), time.Now, nil))
}

// useDurable closes what was opened after use.
func useDurable(use func(*durable) error) func(*durable, error) error {
	return func(d *durable, err error) error {
		if err != nil {
			return err
		}
		return errors.Join(use(d), d.db.Close())
	}
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
