package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/store/sqlstore"
)

// newMigrate makes `eidgate migrate`.
func newMigrate() *cobra.Command {
	c := &cobra.Command{Use: "migrate", Short: "bring the database's tables up to date", Args: noArgs}
	path := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		if err := sqlstore.Migrate(c.Context(), sqlstore.Config{Path: databasePath(cfg)}); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "the database is up to date")
		return nil
	}
	return c
}
