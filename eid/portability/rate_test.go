package portability_test

import (
	"bytes"
	"testing"

	"eidgate/eid/portability"
)

// BenchmarkImport imports 20,000 rows a time into a database in which every fourth
// person has an account already. See docs/performance.md.
func BenchmarkImport(b *testing.B) {
	const rows = 20_000
	w := newWorld(b)
	for i := 0; i < rows; i += 40 {
		w.account(b, numberOf(i), "Nguyễn Văn An", bornOf(i))
	}
	done := 0
	for b.Loop() {
		var text bytes.Buffer
		text.WriteString(header)
		synthetic(&text, done, rows)
		got, err := portability.Run(b.Context(), w.importer(), w.file(b, text.String()), w.options())
		if err != nil || got.Import.Counts.New < rows*9/10 {
			b.Fatalf("Run() = %+v, %v", got.Import.Counts, err)
		}
		done += rows
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "rows/s")
}
