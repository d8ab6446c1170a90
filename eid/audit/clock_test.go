package audit_test

import (
	"log/slog"
	"reflect"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
)

// TestRetentionDoubtsClocks: a clock that is ten years ahead removes nothing, whether it
// was so before the gateway started or comes to be so while it seals.
func TestRetentionDoubtsClocks(t *testing.T) {
	d := newDesk(t).filled()
	const ahead = 2 * years5
	d.clock.Advance(ahead)
	if n := d.retain(5); n != 0 {
		t.Errorf("at the start: %d rows went", n)
	}
	d.write(10)
	d.seal()
	d.clock.Advance(23 * time.Hour)
	if n := d.retain(5); n != 0 {
		t.Errorf("after sealing for a day: %d rows went", n)
	}
	d.clock.Advance(-ahead)
	d.write(10)
	d.seal()
	if n := d.retain(5); n != 0 {
		t.Errorf("back in time: %d rows went", n)
	}
	if got, _ := d.verify(); got != nil {
		t.Errorf("verify = %q, want nothing", got)
	}
}

// TestKeysAfterAClockAhead: checkpoints keep the time of one that a clock dated ahead,
// and the key that signs them then is not blamed for it. One that goes back in time is.
func TestKeysAfterAClockAhead(t *testing.T) {
	d := newDesk(t).filled()
	d.clock.Advance(time.Hour)
	d.write(10)
	d.seal()
	d.clock.Advance(-time.Hour)
	first := d.key.public()
	first.Until = d.clock.Now().Add(time.Hour)
	d.key = newKey(t)
	second := d.key.public()
	second.From, second.Until = d.clock.Now(), d.clock.Now().Add(10*time.Minute)
	d.sealer = d.newSealer()
	d.write(10)
	d.seal()
	set, err := audit.NewKeySet([]audit.PublicKey{first, second})
	must(t, err)
	p, found := d.plan()
	p.Keys = set
	if _, err = audit.Verify(t.Context(), d.db.Evidence(), p); err != nil || len(*found) != 0 {
		t.Errorf("findings = %q, %v, want none", *found, err)
	}

	// Whoever has a key may date what they sign, but not before what it follows.
	e := newDesk(t).filled()
	head, err := e.db.Head(t.Context())
	must(t, err)
	e.write(10)
	rows, err := e.db.RowsAfter(t.Context(), head.Last, 10)
	must(t, err)
	forged, next := e.statement(head, rows, head.At.Add(-time.Second))
	must(t, e.db.Append(t.Context(), forged, next))
	if got, _ := e.verify(); !reflect.DeepEqual(got, []string{"checkpoint_altered/6"}) {
		t.Errorf("dated back: findings = %q, want checkpoint 6", got)
	}
}

// TestSinceIsSigned: the times beside checkpoints hide none from --since.
func TestSinceIsSigned(t *testing.T) {
	d := newDesk(t).filled()
	d.tamper("UPDATE audit SET ref = '' WHERE id IN (25, 35)", "UPDATE checkpoints SET at = 0 WHERE n IN (3, 4)")
	p, found := d.plan()
	p.Since = d.clock.Now().Add(-25 * time.Second)
	_, err := audit.Verify(t.Context(), d.db.Evidence(), p)
	if got, want := brief(*found), []string{"row_edited 25/3", "row_edited 35/4"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("findings = %q, %v, want %q", got, err, want)
	}
}

// TestHoldOnAll: while everything is held retention writes nothing, however much is old.
func TestHoldOnAll(t *testing.T) {
	d := newDesk(t).filled()
	d.clock.Advance(years5)
	d.write(1)
	d.seal()
	d.clock.Advance(48 * time.Hour)
	must(t, d.db.AddHold(t.Context(), audit.Hold{ID: "h", Kind: audit.HoldAll, Reason: "r", SetBy: "operator:A", SetAt: d.clock.Now()},
		eid.AuditEntry{At: d.clock.Now(), Actor: "operator:A", Action: audit.ActionHeld}))
	if n := d.retain(5); n != 0 {
		t.Errorf("under a hold on all: %d rows went", n)
	}
}

// TestHeldMeanwhile: a row that is held after retention found it stays, and so do those
// that would have gone with it.
func TestHeldMeanwhile(t *testing.T) {
	d := newDesk(t).filled()
	d.clock.Advance(years5)
	d.write(1)
	d.seal()
	d.clock.Advance(50 * time.Hour)
	// The trigger is what stands between: it acts as if the hold came after the look.
	d.exec("CREATE TRIGGER late BEFORE INSERT ON audit_retention BEGIN INSERT INTO audit_holds (id, kind, value, reason, set_by, set_at) VALUES ('h', 'client', 'portal-1', 'r', 'operator:A', 1); END")
	_, err := audit.NewRetainer(d.db, 5, slog.New(slog.DiscardHandler), d.clock.Now).Turn(t.Context())
	if err == nil {
		t.Error("Turn() = nil, want a refusal of what is held")
	}
	if got, result := d.verify(); got != nil || result.Pruned != 0 || result.Rows != 51 {
		t.Errorf("verify = %q, %+v, want all rows", got, result)
	}
}
