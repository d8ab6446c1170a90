package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
)

func base64url(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }

func newAuditExport() *cobra.Command {
	c := &cobra.Command{
		Use: "export", Short: "write rows with their checkpoints to a file", Args: noArgs,
		Long: `export writes the audit as JSON lines with the checkpoints and public keys that
prove it: 'eidgate audit verify --export FILE' needs nothing else. --since and --until
choose whole checkpoints, so that a row or two more may come along. As syslog it
writes one message a row (RFC 5424), which proves nothing by itself.

A file is made for its owner alone and replaces none; - is standard output.`,
		Example: `  eidgate audit export --out evidence.jsonl --since 2026-01-01 --until 2026-02-01
  eidgate audit export --format syslog --since 2026-01-31 --out - | logger-of-your-choice`,
	}
	beside := newBesideFlags(c)
	flags := &searchFlags{since: sinceFlag(c, ""), until: c.Flags().String("until", "", "first day or time that is not wanted any more")}
	format := c.Flags().String("format", "jsonl", "jsonl, or syslog (RFC 5424)")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"jsonl", "syslog"}, cobra.ShellCompDirectiveNoFileComp))
	out := c.Flags().String("out", "", "file to write, - for standard output (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := flags.parse()
		if err != nil {
			return err
		}
		if *format != "jsonl" && *format != "syslog" {
			return usageError{errors.New("--format: want jsonl or syslog")}
		}
		if *out == "" {
			return usageError{errors.New("--out: name the file to write, or -")}
		}
		return beside.look(c.Context(), func(e evidence) error {
			return writeTo(*out, c.OutOrStdout(), func(w io.Writer) error {
				if *format == "syslog" {
					return exportSyslog(c.Context(), e, s, w)
				}
				return exportEvidence(c.Context(), e, s, w)
			})
		})
	}
	return c
}

// writeTo fills a new file of its owner alone, or standard output. After an error there
// is no file.
func writeTo(path string, stdout io.Writer, fill func(io.Writer) error) (err error) {
	if path == "-" {
		w := bufio.NewWriter(stdout)
		return errors.Join(fill(w), w.Flush())
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = fill(w)
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func exportSyslog(ctx context.Context, e evidence, s sqlstore.AuditSearch, w io.Writer) error {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	// A page at a time: what is read in one go keeps the database's log from being
	// emptied, and who reads the other end of a pipe may be slow.
	for {
		rows, err := e.Search(ctx, s)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := fmt.Fprintln(w, r.Syslog(host)); err != nil {
				return err
			}
			s.After = r.ID
		}
		if len(rows) == 0 {
			return nil
		}
	}
}

// exportPage is how many checkpoints are read at a time.
const exportPage = 20

// exportEvidence writes whole checkpoints, each with the rows that stand where it says.
func exportEvidence(ctx context.Context, e evidence, s sqlstore.AuditSearch, w io.Writer) error {
	known, err := e.Known(ctx)
	if err != nil {
		return err
	}
	prunings, err := e.Prunings(ctx, 0)
	if err != nil {
		return err
	}
	file := audit.NewWriter(w)
	if err := file.Header(audit.Header{MadeAt: time.Now().UTC(), Dense: known.Dense, Keys: e.keys, Prunings: prunings}); err != nil {
		return err
	}
	n, after := int64(1), int64(-1<<63)
	if !s.Since.IsZero() {
		if n, err = e.Since(ctx, s.Since); err != nil {
			return err
		}
		if before, err := e.Checkpoints(ctx, n-2, 1); err != nil {
			return err
		} else if len(before) == 1 && before[0].N == n-1 {
			if _, after, err = endOf(before[0].JWS); err != nil {
				return err
			}
		}
	}
	for ended := false; !ended; {
		page, err := e.Checkpoints(ctx, n-1, exportPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			at, last, err := endOf(c.JWS)
			if err != nil {
				return err
			}
			if err := file.Checkpoint(c); err != nil {
				return err
			}
			if err := e.EachRow(ctx, after, last, file.Row); err != nil {
				return err
			}
			n, after = c.N+1, last
			if ended = !s.Until.IsZero() && !at.Before(s.Until); ended {
				break
			}
		}
	}
	if s.Until.IsZero() {
		if err := file.Unsealed(); err != nil {
			return err
		}
		if err := e.EachRow(ctx, after, 1<<63-1, file.Row); err != nil {
			return err
		}
	}
	// What retention removed meanwhile, the beginning of the file does not know of.
	var last int64
	if len(prunings) > 0 {
		last = prunings[len(prunings)-1].ID
	}
	if later, err := e.Prunings(ctx, last); err != nil || len(later) > 0 {
		return cmp.Or(err, errPruned)
	}
	return file.End()
}

var errPruned = errors.New("retention removed old rows while they were exported: run the export again")
