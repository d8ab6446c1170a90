package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/portability"
	"eidgate/federation"
)

// importFlags are those of `eidgate accounts import`.
type importFlags struct {
	*besideFlags
	portal, source         string
	file, faults, encoding string
	pace                   string
	dryRun, asJSON, list   bool
}

// How an import shares the database with sign-ins.
const (
	paceYield = "yield"
	paceFull  = "full"
)

// newAccountsImport makes `eidgate accounts import`.
func newAccountsImport() *cobra.Command {
	c := &cobra.Command{
		Use: "import --portal NAME --file FILE", Short: "bring the accounts that a portal made itself", Args: noArgs,
		Long: `import reads accounts that a portal made before the national identity was there
(Decision 34/2021), for their holders to verify. It links nobody: each holder does, by
proving both sides in one sign-in. It may run beside the gateway, and lets sign-ins go first.

The file is CSV, its first line names the columns, in any order:

  login          what the account is called at the portal (required)
  number         the personal number, 12 digits
  name           family name first
  birth_date     dd/mm/yyyy, yyyy-mm-dd or a year alone
  phone, email   where notices go
  password_hash  as the portal kept it; it is replaced at the first sign-in
  subject        the sub that the portal knew the person by

Commas, semicolons and tabs part columns; UTF-8, and UTF-16 with its mark, are read without
--encoding. Rows that are wrong are left out and stand in the file of --faults with what to mend:
correct it there and import that file. The same file again changes nothing, a corrected row changes
an account that waits, a missing one removes nothing, and what a file has no column for stays.
Broken off, the same command goes on where it was.`,
	}
	f := importFlags{besideFlags: newBesideFlags(c)}
	c.Flags().StringVar(&f.portal, "portal", "", "the client that made the accounts (required, or --source)")
	c.Flags().StringVar(&f.source, "source", "", "the source of kind portal, where a portal has several")
	c.Flags().StringVar(&f.file, "file", "", "the file, - for standard input, which cannot go on where it was")
	c.Flags().StringVar(&f.faults, "faults", "", "file of the rows that are wrong (default: beside --file, such as accounts.faults.csv)")
	c.Flags().StringVar(&f.encoding, "encoding", "", strings.Join(portability.Encodings(), ", ")+" (default utf-8, or what the file's mark says)")
	c.Flags().StringVar(&f.pace, "pace", paceYield, "yield lets sign-ins go first; full is for a gateway that is down")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check and match, and write nothing but the file of faults")
	c.Flags().BoolVar(&f.list, "list", false, "list the imports of the portal instead, or all")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if f.list {
			return f.open(c.Context(), func(d *durable) error { return f.printImports(c.Context(), d, c.OutOrStdout()) })
		}
		if err := f.check(); err != nil {
			return err
		}
		return f.open(c.Context(), func(d *durable) error { return f.run(c, d) })
	}
	return c
}

func (f *importFlags) check() error {
	switch {
	case f.portal == "" && f.source == "":
		return usageError{errors.New("--portal: name the client that made the accounts")}
	case f.file == "":
		return usageError{errors.New("--file: name the file of the accounts")}
	case f.pace != paceYield && f.pace != paceFull:
		return usageError{errors.New("--pace: want yield or full")}
	case f.faults == "" && f.file == "-":
		return usageError{errors.New("--faults: standard input has no place beside it: name the file of the rows that are wrong")}
	}
	if f.faults == "" {
		ext := filepath.Ext(f.file)
		f.faults = strings.TrimSuffix(f.file, ext) + ".faults.csv"
	}
	return nil
}

// find finds the source of the portal's accounts: as it is in force, or as the
// configuration has it for a gateway that has not started with it yet.
func (f *importFlags) find(ctx context.Context, d *durable) (eid.Source, error) {
	inForce, err := d.db.Sources(ctx)
	if err != nil {
		return eid.Source{}, err
	}
	cfg, err := f.settings()
	if err != nil {
		return eid.Source{}, err
	}
	planned, err := cfg.FederationSources()
	if err != nil {
		return eid.Source{}, fmt.Errorf("reading sources: %w", err)
	}
	for _, sources := range [][]eid.Source{inForce, planned} {
		var found []eid.Source
		for _, s := range sources {
			if s.Kind == federation.KindPortal && s.Portal != nil && (f.portal == "" || s.Portal.Client == f.portal) && (f.source == "" || s.ID == f.source) {
				found = append(found, s)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return eid.Source{}, fmt.Errorf("--source: portal %s has several sources: name one", f.portal)
		}
	}
	return eid.Source{}, fmt.Errorf("no source of kind portal has the accounts of %s: see portal.client in the configuration", f.portal+f.source)
}

func (f *importFlags) run(c *cobra.Command, d *durable) error {
	source, err := f.find(c.Context(), d)
	if err != nil {
		return err
	}
	open, done, err := opener(f.file, c.InOrStdin())
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	defer done()
	began := time.Now()
	o := portability.Options{
		Place: accounts.Place{Source: source.ID, Sector: source.Portal.Sector}, Actor: "operator:" + operator(),
		DryRun: f.dryRun, Full: f.pace == paceFull, Now: time.Now, Report: newImportReport(c.ErrOrStderr(), began).tell,
		CheckHash: func(hash string) error { _, err := credential.CheckOldHash(hash); return err },
	}
	fmt.Fprintln(c.ErrOrStderr(), "looking through the file …")
	file := portability.File{Open: open, Encoding: f.encoding, Faults: f.faults}
	result, err := portability.Run(c.Context(), accounts.NewImporter(d.db, time.Now), file, o)
	if err != nil {
		if result.Import.Rows > 0 && !f.dryRun {
			return fmt.Errorf("after %d rows, and the same command goes on there: %w", result.Import.Rows, err)
		}
		return err
	}
	ended := newImportDone(f, source, result, time.Since(began))
	if f.asJSON {
		return printJSON(c.OutOrStdout(), ended)
	}
	ended.print(c.OutOrStdout())
	return nil
}

// opener opens a file as often as asked. Standard input is kept for that in a file
// without a name, which is gone with the process.
func opener(name string, stdin io.Reader) (open func() (io.ReadCloser, error), done func(), err error) {
	if name != "-" {
		return func() (io.ReadCloser, error) { return os.Open(name) }, func() {}, nil
	}
	kept, err := os.CreateTemp("", "eidgate-import-")
	if err != nil {
		return nil, nil, err
	}
	err = os.Remove(kept.Name())
	if err == nil {
		_, err = io.Copy(kept, stdin)
	}
	info, statErr := kept.Stat()
	if err = errors.Join(err, statErr); err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	open = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(kept, 0, info.Size())), nil }
	return open, func() { _ = kept.Close() }, nil
}
