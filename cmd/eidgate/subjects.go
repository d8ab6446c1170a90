package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/eid/portability"
	"eidgate/federation"
)

// newSubjects makes `eidgate subjects`.
func newSubjects() *cobra.Command {
	c := &cobra.Command{
		Use: "subjects", Short: "bring the subjects that portals knew people by before, and count them", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSubjectsImport(), newSubjectsStatus())
	return c
}

// subjectFlags are those of `eidgate subjects import`.
type subjectFlags struct {
	*besideFlags
	portal, source         string
	file, faults, encoding string
	dryRun, asJSON         bool
}

func newSubjectsImport() *cobra.Command {
	c := &cobra.Command{
		Use: "import --portal NAME --source SOURCE --file FILE", Short: "bring what a portal called people before (sub)", Args: noArgs,
		Long: `import reads the subjects that a portal knew people by before it came here, so that it
can go on knowing them. It may run beside the gateway.

The file is CSV, its first line names the columns:

  source_subject  what the source calls the person (its sub, NameID, login name …)
  subject         what the portal knew the person by: 1 to 255 printable ASCII characters

A subject is refused if it is shaped like a personal or passport number in any spelling, if rows give it
to several people, or if tokens of this gateway carry it already. What is refused stands in the file of
--faults with the reason. The same file again changes nothing.

Nobody is linked by this. A person whose account is linked to that name at the source, now or later, has
the subject; old_subjects of the client says whether tokens carry it (keep) or the portal is told at
/subjects which is which (map). What tokens carried once stays.`,
	}
	f := subjectFlags{besideFlags: newBesideFlags(c)}
	c.Flags().StringVar(&f.portal, "portal", "", "the client that knew the people (required)")
	c.Flags().StringVar(&f.source, "source", "", "the source that names them (default: the portal's own old accounts)")
	c.Flags().StringVar(&f.file, "file", "", "the file (required)")
	c.Flags().StringVar(&f.faults, "faults", "", "file of the rows that are wrong (default: beside --file, such as subjects.faults.csv)")
	c.Flags().StringVar(&f.encoding, "encoding", "", strings.Join(portability.Encodings(), ", ")+" (default utf-8, or what the file's mark says)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check, and write nothing but the file of faults")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case f.portal == "":
			return usageError{errors.New("--portal: name the client that knew the people")}
		case f.file == "":
			return usageError{errors.New("--file: name the file of the subjects")}
		case f.faults == "":
			f.faults = strings.TrimSuffix(f.file, filepath.Ext(f.file)) + ".faults.csv"
		}
		return f.open(c.Context(), func(d *durable) error { return f.run(c, d) })
	}
	return c
}

// find finds the portal and the source that names its people, as they are in force.
func (f *subjectFlags) find(ctx context.Context, d *durable) (eid.RelyingParty, eid.Source, error) {
	rp, err := d.db.RelyingParty(ctx, f.portal)
	if errors.Is(err, eid.ErrNotFound) {
		err = errors.New("--portal: no client of this id is registered: start the gateway with it once")
	}
	if err != nil {
		return rp, eid.Source{}, err
	}
	sources, err := d.db.Sources(ctx)
	if err != nil {
		return rp, eid.Source{}, err
	}
	var found []eid.Source
	for _, s := range sources {
		if f.source == s.ID || f.source == "" && s.Portal != nil && s.Portal.Client == rp.ID {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 0 && f.source == "":
		return rp, eid.Source{}, usageError{errors.New("--source: name the source that names the people; the portal has no old accounts of its own here")}
	case len(found) == 0:
		return rp, eid.Source{}, errors.New("--source: no source of this id is registered")
	case len(found) > 1:
		return rp, eid.Source{}, usageError{errors.New("--source: the portal has several sources of old accounts: name one")}
	case !rp.AllowsSource(found[0].ID):
		return rp, eid.Source{}, fmt.Errorf("--source: %s does not accept %s: nobody could come with these names", rp.ID, found[0].ID)
	}
	return rp, found[0], nil
}

func (f *subjectFlags) run(c *cobra.Command, d *durable) error {
	rp, source, err := f.find(c.Context(), d)
	if err != nil {
		return err
	}
	file := portability.File{Open: func() (io.ReadCloser, error) { return os.Open(f.file) }, Encoding: f.encoding, Faults: f.faults}
	result, err := portability.ImportSubjects(c.Context(), d.db, file, portability.SubjectOptions{
		Sector: rp.Sector, Source: source.ID, Logins: source.Kind == federation.KindPortal, Actor: "operator:" + operator(),
		DryRun: f.dryRun, Now: time.Now, Report: newSubjectsReport(c.ErrOrStderr()),
	})
	if err != nil {
		if result.Added > 0 && !f.dryRun {
			return fmt.Errorf("%d subjects were added, and the same command goes on: %w", result.Added, err)
		}
		return err
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), result)
	}
	f.print(c.OutOrStdout(), &rp, result)
	return nil
}

// newSubjectsReport says every second how far it is.
func newSubjectsReport(w io.Writer) func(portability.SubjectCounts, int) {
	began := time.Now()
	last := began
	return func(done portability.SubjectCounts, of int) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(w, "%d of %d rows, %.0f a second, %d faults\n", done.Rows, of, float64(done.Rows)/time.Since(began).Seconds(), done.Faults)
	}
}

func (f *subjectFlags) print(w io.Writer, rp *eid.RelyingParty, r portability.SubjectResult) {
	if f.dryRun {
		fmt.Fprintf(w, "nothing was written: %d rows, %d would be added, %d are there, %d are wrong\n", r.Rows, r.Added, r.There, r.Faults)
	} else {
		fmt.Fprintf(w, "%d rows: %d added, %d were there, %d are wrong; %d are of people linked already\n", r.Rows, r.Added, r.There, r.Faults, r.Taken)
	}
	if r.FaultsFile != "" {
		fmt.Fprintf(w, "what is wrong with them: %s\n", r.FaultsFile)
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintf(w, "columns that were not read: %s\n", strings.Join(r.Ignored, ", "))
	}
	if rp.OldSubjects == "" {
		fmt.Fprintf(w, "%s says nothing of old_subjects: tokens carry new ones until it says keep, and those stay\n", rp.ID)
	}
}

// subjectsRow is one line of `eidgate subjects status`.
type subjectsRow struct {
	Sector   string `json:"sector"`
	Source   string `json:"source"`
	Subjects int    `json:"subjects"`
	Taken    int    `json:"taken"`
	Kept     int    `json:"kept"`
	Mapped   int    `json:"mapped"`
}

func newSubjectsStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Aliases: []string{"list"}, Short: "count old subjects: brought, proved, kept, mapped", Args: noArgs,
		Long: `status counts, for each sector and source: the old subjects that there are (those that tokens
carried before an account was verified among them), those whose person proved to be it, and of these
those that tokens carry and those in whose place tokens carry another.`,
	}
	where := newBesideFlags(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error {
			counts, err := d.db.OldSubjects(c.Context())
			if err != nil {
				return err
			}
			rows := make([]subjectsRow, len(counts))
			for i, n := range counts {
				rows[i] = subjectsRow(n)
			}
			if *asJSON {
				return printJSON(c.OutOrStdout(), rows)
			}
			if len(rows) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "no old subjects were brought")
				return nil
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SECTOR\tSOURCE\tSUBJECTS\tPROVED\tKEPT\tMAPPED")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", r.Sector, r.Source, r.Subjects, r.Taken, r.Kept, r.Mapped)
			}
			return w.Flush()
		})
	}
	return c
}
