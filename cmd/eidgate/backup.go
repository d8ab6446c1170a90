package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/store/sqlstore"
)

// newBackup makes `eidgate backup`.
func newBackup() *cobra.Command {
	c := &cobra.Command{
		Use: "backup", Short: "copy the database while the gateway runs", Args: noArgs,
		Long: `backup writes the database, as it is at this moment, to eidgate.db in a directory,
and opens the copy with the master key to see that the two belong together. The
key is not copied: keep it apart, for nothing sealed opens without it. Sessions
are not copied either: after a restore everybody signs in again.`,
	}
	path := configFlag(c)
	dir := c.Flags().String("out", "", "directory to write to, made if it is not there (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *dir == "" {
			return usageError{errors.New("--out: name the directory to write to")}
		}
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		return backup(c.Context(), cfg, *dir, c.OutOrStdout())
	}
	return c
}

func backup(ctx context.Context, cfg *config.Config, dir string, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	copied := *cfg
	copied.Data = dir
	if err := sqlstore.Backup(ctx, sqlstore.Config{Path: databasePath(cfg)}, databasePath(&copied)); err != nil {
		return err
	}
	d, err := openDurable(ctx, &copied, slog.New(slog.DiscardHandler), time.Now, nil)
	if err != nil {
		return errors.Join(fmt.Errorf("the copy does not open: %w", err), os.Remove(databasePath(&copied)))
	}
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("closing the copy: %w", err)
	}
	info, err := os.Stat(databasePath(&copied))
	if err != nil {
		return fmt.Errorf("looking at the copy: %w", err)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "written:\t%s, %d KiB\n", databasePath(&copied), info.Size()>>10)
	fmt.Fprintf(w, "opens with:\t%s, which is not in it\n", cfg.MasterKeyFile)
	return w.Flush()
}
