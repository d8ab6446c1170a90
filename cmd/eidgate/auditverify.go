package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid/audit"
)

// maxFindings is how many findings are listed; more are counted.
const maxFindings = 10_000

func newAuditVerify() *cobra.Command {
	c := &cobra.Command{
		Use: "verify", Short: "name every row and checkpoint that is not as it was sealed", Args: noArgs,
		Long: `verify holds every row of the audit against the signed checkpoints, and these
against each other, and names what was edited, deleted, reordered, inserted or cut
off. It exits with 1 if it found something and with 2 if the call was wrong. It only
reads: beside a gateway that runs, or over a backup (--data names its directory).

What was cut off with everything that the database knows of it, or an old database
put in place of a new one, shows only against checkpoints that were kept elsewhere:
--checkpoints names a file that audit.ship wrote. --export verifies a file of
'eidgate audit export' where there is no gateway.`,
		Example: `  eidgate audit verify
  eidgate audit verify --checkpoints /mnt/worm/checkpoints.jsonl
  eidgate audit verify --since 2026-01-31 --output json
  eidgate audit verify --export evidence.jsonl --keys auditors-copy.jsonl`,
	}
	beside := newBesideFlags(c)
	since := sinceFlag(c, "")
	shipped := c.Flags().String("checkpoints", "", "file of checkpoints that were kept elsewhere")
	export := c.Flags().String("export", "", "file of 'eidgate audit export' to verify instead of a database")
	trusted := c.Flags().String("keys", "", "with --export: another export, such as one of an earlier year, whose keys are trusted instead of its own")
	grace := c.Flags().Duration("grace", 10*time.Second, "how long a row may wait for its checkpoint")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		from, err := parseSince(*since)
		if err != nil {
			return err
		}
		if *export == "" && *trusted != "" {
			return usageError{errors.New("--keys: the gateway has its own; it goes with --export")}
		}
		if *export != "" && (*shipped != "" || *since != "") {
			return usageError{errors.New("--export: a file is verified whole, without --since and --checkpoints")}
		}
		v := newVerification(format, c.OutOrStdout(), c.ErrOrStderr())
		v.plan.Since, v.plan.Grace = from, *grace
		if *export != "" {
			return v.file(c, *export, *trusted)
		}
		return beside.look(c.Context(), func(e evidence) error { return v.database(c, e, *shipped) })
	}
	return c
}

// verification is one run of `eidgate audit verify`.
type verification struct {
	plan   audit.Plan
	format *output
	out    io.Writer
	Result struct {
		audit.Result
		Sound bool            `json:"sound"`
		List  []audit.Finding `json:"list"`
	}
	// trust says whose word the keys are.
	trust string
}

func newVerification(format *output, out, progress io.Writer) *verification {
	v := &verification{format: format, out: out}
	v.Result.List = []audit.Finding{}
	v.plan.Now = time.Now()
	v.plan.Report = func(f audit.Finding) {
		if *format == outputTable {
			fmt.Fprintln(out, printable(f.String()))
			return
		}
		if len(v.Result.List) < maxFindings {
			v.Result.List = append(v.Result.List, f)
		}
	}
	v.plan.Progress = func(rows int64) { fmt.Fprintf(progress, "%d rows\n", rows) }
	return v
}

func (v *verification) database(c *cobra.Command, e evidence, shipped string) (err error) {
	if v.plan.Keys, err = audit.NewKeySet(e.keys); err != nil {
		return err
	}
	if shipped != "" {
		in, err := os.Open(shipped)
		if err != nil {
			return fmt.Errorf("--checkpoints: %w", err)
		}
		defer in.Close()
		f, err := audit.Open(in)
		if err != nil {
			return fmt.Errorf("--checkpoints: %w", err)
		}
		v.plan.Shipped = f.Shipped
	}
	result, err := audit.Verify(c.Context(), e, v.plan)
	return v.end(result, err)
}

func (v *verification) file(c *cobra.Command, path, trusted string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	defer in.Close()
	f, err := audit.Open(in)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	if f.Header() == nil {
		return errors.New("--export: the file has no header: it was shipped, not exported; give it as --checkpoints beside a database")
	}
	list := f.Header().Keys
	v.trust = "the keys are those that the file itself brings: compare them with what the gateway's operator published"
	if trusted != "" {
		if list, err = readKeys(trusted); err != nil {
			return fmt.Errorf("--keys: %w", err)
		}
		v.trust = ""
	}
	if v.plan.Keys, err = audit.NewKeySet(list); err != nil {
		return err
	}
	result, err := audit.VerifyFile(c.Context(), f, v.plan)
	return v.end(result, err)
}

// readKeys reads the keys of another export.
func readKeys(path string) ([]audit.PublicKey, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var header audit.Header
	if err := json.NewDecoder(io.LimitReader(in, 1<<20)).Decode(&header); err != nil || len(header.Keys) == 0 {
		return nil, errors.New("its first line names no keys")
	}
	return header.Keys, nil
}

// end prints what was found; the error makes the command exit with 1.
func (v *verification) end(result audit.Result, err error) error {
	if err != nil {
		return err
	}
	v.Result.Result, v.Result.Sound = result, result.Findings == 0
	err = v.format.print(v.out, v.Result, func(w io.Writer) {
		fmt.Fprintf(w, "%d rows in %d checkpoints", result.Rows, result.Checkpoints)
		if result.Pruned > 0 {
			fmt.Fprintf(w, ", %d more were removed as the law allows", result.Pruned)
		}
		if result.Waiting > 0 {
			fmt.Fprintf(w, ", %d wait for the next one", result.Waiting)
		}
		fmt.Fprintln(w)
		if result.Last.N > 0 {
			fmt.Fprintf(w, "last checkpoint %d of %s, %s\n", result.Last.N, local(result.Last.At), result.Last.Hash)
		}
		if result.Shipped > 0 {
			fmt.Fprintf(w, "%d checkpoints that were kept elsewhere\n", result.Shipped)
		}
		if len(result.Keys) > 0 {
			fmt.Fprintf(w, "signed by %s\n", strings.Join(result.Keys, ", "))
		}
		if v.trust != "" {
			fmt.Fprintln(w, v.trust)
		}
		if result.Findings == 0 {
			fmt.Fprintln(w, "all is as it was sealed")
		}
	})
	if err == nil && result.Findings > 0 {
		err = fmt.Errorf("%d findings: the audit is not as it was sealed", result.Findings)
	}
	return err
}
