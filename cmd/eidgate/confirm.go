package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// actFlags are the flags of a verb that changes something for everybody.
type actFlags struct {
	reason      *string
	dryRun, yes *bool
}

func newActFlags(c *cobra.Command, asks string) actFlags {
	f := actFlags{
		reason: c.Flags().String("reason", "", "why, for the audit; name nobody (required)"),
		dryRun: c.Flags().Bool("dry-run", false, "say what would happen, and do nothing"),
		yes:    new(bool),
	}
	if asks != "" {
		c.Flags().BoolVar(f.yes, "yes", false, asks)
	}
	return f
}

// why is the reason that was given. Who only looks needs none.
func (f actFlags) why() (string, error) {
	if *f.dryRun {
		return "", nil
	}
	return lineOfReason(*f.reason)
}

// maxReason is the longest reason, in characters.
const maxReason = 300

// lineOfReason refuses what is no reason for the audit.
func lineOfReason(text string) (string, error) {
	why := strings.TrimSpace(text)
	if why == "" || len([]rune(why)) > maxReason || strings.ContainsFunc(why, unicode.IsControl) {
		return "", usageError{fmt.Errorf("--reason: say why in a line of %d characters at most; the audit keeps it", maxReason)}
	}
	return why, checkReason(why)
}

// agree asks on a terminal whether to go on. Where nobody can answer, --yes has to
// stand in the call.
func (f actFlags) agree(c *cobra.Command, question string) error {
	if *f.yes {
		return nil
	}
	if !isTerminal(os.Stdin) || !isTerminal(os.Stderr) {
		return usageError{fmt.Errorf("nothing was done: nobody is there to confirm it. To do it, type:\n  %s", retyped(c.CommandPath(), os.Args))}
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s Type yes: ", question)
	answer, err := readLine(c.Context(), c.InOrStdin())
	if err != nil {
		fmt.Fprintln(c.ErrOrStderr())
		return fmt.Errorf("nothing was done: %w", err)
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		return errors.New("nothing was done")
	}
	return nil
}

// readLine reads what somebody types, until ctx ends: Ctrl-C ends it.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type typed struct {
		text string
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		const most = 256
		text, err := bufio.NewReader(io.LimitReader(in, most)).ReadString('\n')
		got <- typed{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case t := <-got:
		if errors.Is(t.err, io.EOF) {
			return t.text, nil
		}
		return t.text, t.err
	}
}

// isTerminal reports whether somebody sits there: a terminal has a size.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// retyped is a call of a verb with --yes, as one types it into a shell.
func retyped(verb string, args []string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:=,@%+", r)
	}
	words := []string{verb, "--yes"} // before any --
	for _, word := range args[len(strings.Fields(verb)):] {
		word = printable(word)
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
