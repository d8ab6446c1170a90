package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/keys"
)

// newKeysMaster makes `eidgate keys master`.
func newKeysMaster() *cobra.Command {
	c := &cobra.Command{
		Use: "master", Short: "make and change the master key, which seals secrets at rest", Args: noArgs,
		Long: `master makes the master key and changes it while gateways run. Its keyset holds one
key that seals and any others that still open what they sealed. To change it: add a
key, give the keyset to every process, promote the key, reseal, and remove the old
one later; status shows how far that is. Keep copies apart from the database: what is
sealed opens with nothing else.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMasterNew(), newMasterStatus(), newMasterAdd(), newMasterPromote(), newMasterReseal(), newMasterRemove())
	return c
}

// newMasterNew makes `eidgate keys master new`, for a master key that comes from
// elsewhere than the data directory, where the first start makes one by itself.
func newMasterNew() *cobra.Command {
	c := &cobra.Command{
		Use: "new", Short: "make a master key for a new installation", Args: noArgs,
		Long: `new writes a new master key to a file that is not there yet, for a credential of
systemd or another vault. On a plain installation the first start makes master.key in
the data directory by itself.

With --kms the keyset is encrypted under the key master_key_transit of the
configuration, which is made in custody.transit if it is not there: the file alone
opens nothing.`,
		Example: `  eidgate keys master new --out master.key
  eidgate keys master new --kms --config /etc/eidgate/eidgate.yaml`,
	}
	path := configFlag(c)
	out := c.Flags().String("out", "", "file to write; with --kms, instead of the configuration's")
	kms := c.Flags().Bool("kms", false, "encrypt it under the KMS of the configuration")
	c.RunE = func(c *cobra.Command, _ []string) error {
		master := keys.MasterKey{File: *out}
		if *kms {
			var err error
			if master, err = wrappedMasterKey(c.Context(), *path, *out); err != nil {
				return err
			}
		}
		if master.File == "" {
			return usageError{errors.New("--out: name the file to write")}
		}
		made, err := master.Create(c.Context())
		if err != nil {
			return fmt.Errorf("writing the master key: %w", err)
		}
		if !made {
			return fmt.Errorf("%s is there already, and a master key is never replaced", master.File)
		}
		fmt.Fprintf(c.OutOrStdout(), "made: %s; back it up apart from the database\n", master.File)
		return nil
	}
	return c
}

// wrappedMasterKey makes the key of the KMS that the configuration names.
func wrappedMasterKey(ctx context.Context, path, out string) (keys.MasterKey, error) {
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return keys.MasterKey{}, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	if cfg.MasterKeyTransit == "" {
		return keys.MasterKey{}, errors.New("master_key_transit: missing; name the key of custody.transit to encrypt under")
	}
	held, master, err := openMasterKey(cfg, time.Now)
	if err != nil {
		return keys.MasterKey{}, err
	}
	wrapping, err := held.transit.Wrapping(cfg.MasterKeyTransit)
	if err == nil {
		err = wrapping.Make(ctx)
	}
	if out != "" {
		master.File = out
	}
	return master, err
}
