// Command eidgate owns the one binary of the gateway: a verb per file, wired by
// hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run exits 0 on success, 1 on a failure and 2 when the call's words are off.
func run() int {
	// Libraries log to the default logger, in words that may repeat a request.
	// The gateway writes one line of its own for each request.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(os.Stdout, os.Stderr)
	root.SetArgs(kidsLast(os.Args[1:]))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "eidgate: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError marks an error of the call's own words.
type usageError struct{ error }

// noArgs refuses words that mean nothing.
func noArgs(c *cobra.Command, words []string) error {
	if err := cobra.NoArgs(c, words); err != nil {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
	}
	return nil
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "eidgate",
		Short:         "OpenID Connect gateway to Vietnam's electronic identities",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
	})
	root.AddCommand(newInit(), newServe(), newPortal(), newDemo(), newMigrate(), newCheck(), newDoctor(), newConfig(), newKeys(), newBackup(), newState(),
		newConsents(), newReviews(), newConflicts(), newAudit(), newAccounts(), newSubjects(), newSources(), newTransition(), newNotices(), newOfficers())
	return root
}

// configFlag adds the flag that names the configuration file.
func configFlag(c *cobra.Command) *string {
	return c.Flags().String("config", os.Getenv("EIDGATE_CONFIG"), "configuration file (default $EIDGATE_CONFIG)")
}
