package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"eidgate/config"
)

// newConfig makes `eidgate config`.
func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "show the configuration, and what may stand in one", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigShow(), newConfigSchema())
	return c
}

func newConfigShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show", Short: "show what holds after file, environment and defaults", Args: noArgs,
		Long: `show prints the configuration as YAML, with a comment at each key that says
whether its value stands in the file, came from a variable or is the default.
Secrets are redacted.`,
	}
	path := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		text, err := config.Show(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	}
	return c
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "print the JSON Schema of the configuration file, for editors", Args: noArgs,
		Long: `schema prints a JSON Schema (draft 2020-12). An editor that knows YAML completes
and checks a configuration that begins with

  # yaml-language-server: $schema=eidgate.schema.json

after: eidgate config schema > eidgate.schema.json`,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}
