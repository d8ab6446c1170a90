package audit_test

import (
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// TestVerifyBesideWriters: while two processes seal what others write, a verifier finds
// nothing, with and without what was shipped meanwhile; in the end everything is sealed.
func TestVerifyBesideWriters(t *testing.T) {
	d := newDesk(t).filled()
	const rows = 150
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for range rows {
				if err := d.db.Record(t.Context(), eid.AuditEntry{At: d.clock.Now(), Actor: "holder", Action: eid.ActionSignedIn, Account: "acc-1"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	var sealing sync.WaitGroup
	for range 2 {
		s := d.newSealer()
		sealing.Go(func() {
			for {
				if _, err := s.Seal(t.Context()); err != nil {
					t.Error(err)
				}
				d.clock.Advance(11 * time.Second) // the lease is lost in the middle
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 5 {
		p, found := d.plan()
		p.Grace = time.Hour
		if _, err := audit.Verify(t.Context(), d.db.Evidence(), p); err != nil || len(*found) != 0 {
			t.Errorf("beside writers: %q, %v, want nothing", *found, err)
		}
	}
	group.Wait()
	close(done)
	sealing.Wait()
	d.clock.Advance(time.Minute)
	d.seal()
	if got, result := d.verify(); got != nil || result.Rows != 50+2*rows || result.Waiting != 0 {
		t.Errorf("verify = %q, %+v, want %d rows", got, result, 50+2*rows)
	}
}

// BenchmarkSeal is a turn of the sealer: that of an idle gateway, and that over what a
// busy one writes in half a second.
func BenchmarkSeal(b *testing.B) {
	for name, rows := range map[string]int{"idle": 0, "100 rows": 100} {
		b.Run(name, func(b *testing.B) {
			d := newDesk(b)
			d.write(1)
			d.seal()
			var page []eid.AuditEntry
			for range rows {
				page = append(page, eid.AuditEntry{At: d.clock.Now(), Actor: "holder", Action: eid.ActionGrantIssued, Account: "acc-1", Client: "portal-1", Detail: []byte(`{"account":"acc-1","client":"portal-1","terms":{"account":2,"method":1}}`)})
			}
			for b.Loop() {
				b.StopTimer()
				must(b, d.db.Record(b.Context(), page...))
				b.StartTimer()
				d.seal()
			}
		})
	}
}
