package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/portability"
)

// importReport tells how far an import is: on a terminal in one line that moves, else
// now and then.
type importReport struct {
	out   io.Writer
	moves bool
	began time.Time
	last  time.Time
}

func newImportReport(out io.Writer, began time.Time) *importReport {
	file, ok := out.(*os.File)
	return &importReport{out: out, moves: ok && isTerminal(file), began: began, last: began}
}

func (r *importReport) tell(p portability.Progress) {
	every, end := 10*time.Second, "\n"
	if r.moves {
		every, end = 500*time.Millisecond, "\r"
	}
	now, finished := time.Now(), p.Rows >= p.Of
	if now.Sub(r.last) < every && !finished {
		return
	}
	r.last = now
	if finished {
		end = "\n"
	}
	rate := float64(p.Rows-p.Begun) / now.Sub(r.began).Seconds()
	left := time.Duration(float64(p.Of-p.Rows) / max(rate, 1) * float64(time.Second))
	fmt.Fprintf(r.out, "%d of %d rows, %.0f a second, %d faults, %s left   %s", p.Rows, p.Of, rate, p.Counts.Faults, left.Round(time.Second), end)
}

// importDone is how an import ended, for programs.
type importDone struct {
	importRow
	DryRun  bool     `json:"dry_run"`
	Resumed int      `json:"resumed_after"` // rows that an earlier run had done
	Ignored []string `json:"ignored_columns"`
	Faults  string   `json:"faults_file,omitempty"`
	Seconds float64  `json:"seconds"`
	Rate    float64  `json:"rows_per_second"`
}

// importRow is an import, for programs.
type importRow struct {
	ID         string                `json:"import,omitempty"`
	Source     string                `json:"source"`
	Digest     string                `json:"sha256"`
	Rows       int                   `json:"rows"`
	Counts     accounts.ImportCounts `json:"counts"`
	StartedBy  string                `json:"started_by,omitempty"`
	StartedAt  time.Time             `json:"started_at,omitzero"`
	FinishedAt time.Time             `json:"finished_at,omitzero"`
}

func newImportRow(i *accounts.Import) importRow {
	return importRow{i.ID, i.Source, hex.EncodeToString(i.Digest[:]), i.Rows, i.Counts, i.StartedBy, i.StartedAt, i.FinishedAt}
}

func newImportDone(f *importFlags, source eid.Source, r portability.Result, took time.Duration) importDone {
	d := importDone{
		importRow: newImportRow(&r.Import), DryRun: f.dryRun, Resumed: r.Resumed, Ignored: r.Ignored, Faults: r.Faults, Seconds: took.Seconds(),
		Rate: float64(r.Import.Rows-r.Resumed) / took.Seconds(),
	}
	d.Source = source.ID
	if d.Ignored == nil {
		d.Ignored = []string{}
	}
	return d
}

func (d *importDone) print(out io.Writer) {
	verb := "imported into"
	if d.DryRun {
		verb = "nothing was written; checked for"
	}
	c := d.Counts
	fmt.Fprintf(out, "%s %s: %d rows in %.1f s, %.0f a second\n", verb, d.Source, d.Rows, d.Seconds, d.Rate)
	if d.Resumed > 0 {
		fmt.Fprintf(out, "%d of them were done before it was broken off\n", d.Resumed)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(n int, text string) { fmt.Fprintf(w, "%d\t  %s\n", n, text) }
	line(c.New, "new accounts")
	line(c.Changed, "changed: they wait, and the row says something else now")
	line(c.Unchanged, "unchanged")
	line(c.Duplicates, "the same as a row before")
	line(c.Faults, "faults: not imported")
	_ = w.Flush() // to a writer whose errors are its own
	if c.New+c.Changed > 0 {
		fmt.Fprintln(out, "of those that are new or changed, by the personal number:")
		line(c.Agrees, "an account here has it, and the details agree")
		line(c.Differs, "an account here has it, and name or date of birth differ")
		line(c.Unknown, "no account here has it")
		line(c.NoNumber, "the portal knew none")
		_ = w.Flush()
	}
	if c.Contested > 0 {
		fmt.Fprintf(out, "%d accounts share a personal number with another of the portal: officers decide, see eidgate conflicts list\n", c.Contested)
	}
	for _, name := range d.Ignored {
		fmt.Fprintf(out, "column %s: not one that is read\n", printable(name))
	}
	if d.Faults != "" {
		fmt.Fprintf(out, "rows with faults: %s\ncorrect them there, and import that file\n", d.Faults)
	}
}

// printImports lists imports, the latest first.
func (f *importFlags) printImports(ctx context.Context, d *durable, out io.Writer) error {
	id := ""
	if f.portal != "" || f.source != "" {
		source, err := f.find(ctx, d)
		if err != nil {
			return err
		}
		id = source.ID
	}
	list, err := d.db.Imports(ctx, id)
	if err != nil {
		return err
	}
	rows := make([]importRow, len(list))
	for i := range list {
		rows[i] = newImportRow(&list[i])
	}
	if f.asJSON {
		return printJSON(out, rows)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSTARTED\tFINISHED\tBY\tROWS\tNEW\tCHANGED\tFAULTS\tSHA-256")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.12s\n", r.Source, clock(r.StartedAt), clock(r.FinishedAt), r.StartedBy, r.Rows,
			r.Counts.New, r.Counts.Changed, r.Counts.Faults, r.Digest)
	}
	return w.Flush()
}
