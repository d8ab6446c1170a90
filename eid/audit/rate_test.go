package audit_test

import (
	"fmt"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// BenchmarkVerify goes over rows that are written and sealed once.
func BenchmarkVerify(b *testing.B) {
	const rows = 1_000_000
	d := newDesk(b)
	detail := []byte(`{"account":"acc-1","client":"portal-1","acr":{"name":"urn:vn:eid:level:2","level":2},"amr":["pwd","otp"],"terms":{"account":2,"method":2,"source":2,"link":2,"freshness":2,"mandate":2}}`)
	for n := 0; n < rows; n += 1000 {
		var page []eid.AuditEntry
		for k := range 1000 {
			page = append(page, eid.AuditEntry{At: d.clock.Now(), Actor: "holder", Action: eid.ActionGrantIssued, Account: "acc-1", Client: "portal-1", Ref: fmt.Sprint(n + k), Detail: detail})
		}
		must(b, d.db.Record(b.Context(), page...))
		d.seal()
	}
	for b.Loop() {
		start := time.Now()
		p, _ := d.plan()
		result, err := audit.Verify(b.Context(), d.db.Evidence(), p)
		if err != nil || result.Findings != 0 || result.Rows != rows {
			b.Fatalf("verify = %+v, %v, want %d rows", result, err, rows)
		}
		b.ReportMetric(rows/time.Since(start).Seconds(), "rows/s")
	}
}
