package portability_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/portability"
	"eidgate/store/sqlstore"
)

// BenchmarkImport imports files into a database in which every fourth person of the
// file has an account already, up to 50,000 of them; every iteration is another
// portal's file of the same people. See docs/performance.md.
func BenchmarkImport(b *testing.B) {
	const mostPeople = 50_000
	for _, rows := range []int{20_000, 200_000, 1_000_000} {
		for _, pace := range []string{"full", "yield"} {
			b.Run(fmt.Sprintf("rows=%d/pace=%s", rows, pace), func(b *testing.B) {
				w := newWorld(b)
				for i := 0; i < min(rows, 4*mostPeople); i += 4 {
					w.account(b, numberOf(i), nameOf(i), bornOf(i))
				}
				file, o := w.people(b, rows), w.options()
				o.Full = pace == "full"
				before, done := processorTime(b), 0
				for b.Loop() {
					o.Place.Source = fmt.Sprint(source, done)
					o.Place.Sector = o.Place.Source
					got, err := portability.Run(b.Context(), w.importer(), file, o)
					// A few subjects look like numbers by chance, and are refused.
					if c := got.Import.Counts; err != nil || c.New < rows*97/100 || c.Agrees < min(rows/4, mostPeople)*97/100 {
						b.Fatalf("Run() = %+v, %v", c, err)
					}
					done += rows
				}
				used, most := usage(b)
				b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64((used-before).Microseconds())/float64(done), "cpu-µs/row")
				b.ReportMetric(float64(most)/1024, "peak-MiB")
			})
		}
	}
}

// BenchmarkSignInBeside is what a sign-in waits for its row in the audit: alone, and
// beside an import that yields.
func BenchmarkSignInBeside(b *testing.B) {
	const rows = 100_000
	for _, beside := range []string{"nothing", "import"} {
		b.Run(beside, func(b *testing.B) {
			w := newWorld(b)
			ctx, stop := context.WithCancel(b.Context())
			var group sync.WaitGroup
			if beside == "import" {
				group.Go(func() { w.besides(ctx, b, rows) })
			}
			var waits []time.Duration
			for b.Loop() {
				began := time.Now()
				entry := eid.AuditEntry{At: began, Actor: "holder", Action: eid.ActionSignedIn}
				if err := w.db.Record(ctx, entry); err != nil {
					b.Error(err)
				}
				waits = append(waits, time.Since(began))
				time.Sleep(10 * time.Millisecond) // people do not sign in all at once
			}
			stop()
			group.Wait()
			slices.Sort(waits)
			for _, p := range []int{50, 99} {
				b.ReportMetric(float64(waits[len(waits)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
			}
		})
	}
}

// besides imports file after file, as another process does, until ctx ends.
func (w *world) besides(ctx context.Context, b *testing.B, rows int) {
	db, err := sqlstore.Open(ctx, sqlstore.Config{Path: w.path}, w.sealer, time.Now)
	if err != nil {
		b.Error(err)
		return
	}
	other := &world{db: db, dir: w.dir, path: w.path, sealer: w.sealer}
	file, o := other.people(b, rows), other.options()
	o.Full = false
	for n := 0; ctx.Err() == nil; n++ {
		o.Place.Source = fmt.Sprint(source, n)
		o.Place.Sector = o.Place.Source
		if _, err := portability.Run(ctx, other.importer(), file, o); err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Error(err)
	}
}

// people is a file of that many.
func (w *world) people(b *testing.B, rows int) portability.File {
	path := filepath.Join(w.dir, "people.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	const part = 10_000
	var text bytes.Buffer
	text.WriteString(header)
	for i := 0; i < rows; i += part {
		synthetic(&text, i, min(part, rows-i))
		if _, err := text.WriteTo(f); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return portability.File{
		Open:   func() (io.ReadCloser, error) { return os.Open(path) },
		Faults: filepath.Join(w.dir, "people.faults.csv"),
	}
}

func processorTime(b *testing.B) time.Duration {
	used, _ := usage(b)
	return used
}

// usage is the processor time of this process, and the most memory it had, in KiB.
func usage(b *testing.B) (used time.Duration, most int64) {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss
}
