package audit_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
)

// failing is a store that ends a process at one step.
type failing struct {
	*sqlstore.DB
	before, after error // of Append
}

func (f *failing) Append(ctx context.Context, c audit.Checkpoint, head audit.Head) error {
	if f.before != nil {
		return f.before
	}
	return errors.Join(f.DB.Append(ctx, c, head), f.after)
}

// TestCrash: wherever a sealer ends, nothing is lost and nothing sealed twice.
func TestCrash(t *testing.T) {
	for name, crash := range map[string]func(d *desk, f *failing){
		"signing fails":              func(d *desk, _ *failing) { d.key.away = errAway },
		"before it is written":       func(_ *desk, f *failing) { f.before = errAway },
		"after, the answer was lost": func(_ *desk, f *failing) { f.after = errAway },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.write(10)
			f := &failing{DB: d.db}
			crash(d, f)
			if _, err := d.sealerOver(f).Seal(t.Context()); !errors.Is(err, errAway) {
				t.Fatalf("Seal() = %v, want %v", err, errAway)
			}
			d.key.away = nil
			d.clock.Advance(time.Minute) // the lease of the dead ends
			d.write(3)
			d.seal()
			got, result := d.verify()
			if got != nil || result.Rows != 13 || result.Waiting != 0 {
				t.Errorf("findings = %q, %+v, want 13 rows sealed", got, result)
			}
		})
	}
}

// TestTwoSealers: of several processes one seals; together they lose and double
// nothing.
func TestTwoSealers(t *testing.T) {
	d := newDesk(t)
	second := d.sealerOver(d.db)
	d.write(1)
	d.seal()
	d.write(1)
	if made, err := second.Seal(t.Context()); err != nil || made != 0 {
		t.Errorf("without the lease: %d, %v, want none", made, err)
	}
	d.clock.Advance(11 * time.Second)
	if made, err := second.Seal(t.Context()); err != nil || made != 1 {
		t.Errorf("after the lease: %d, %v, want 1", made, err)
	}
	var group sync.WaitGroup
	for range 3 {
		s := d.sealerOver(greedy{d.db}) // each believes to have the lease
		group.Go(func() {
			for n := range 20 {
				if err := d.db.Record(t.Context(), entry(d, fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
				if _, err := s.Seal(t.Context()); err != nil {
					t.Errorf("Seal(): %v", err)
				}
			}
		})
	}
	group.Wait()
	if got, result := d.verify(); got != nil || result.Rows != 62 || result.Waiting != 0 {
		t.Errorf("findings = %q, %+v, want 62 rows", got, result)
	}
}

type greedy struct{ *sqlstore.DB }

func (greedy) TakeLease(context.Context, string, string, time.Duration) (bool, error) {
	return true, nil
}

func entry(d *desk, ref string) eid.AuditEntry {
	return eid.AuditEntry{At: d.clock.Now(), Actor: "holder", Action: eid.ActionSignedIn, Ref: ref}
}

// TestIdle: nothing written, nothing sealed.
func TestIdle(t *testing.T) {
	d := newDesk(t)
	d.write(1)
	for want := range 2 {
		if made, err := d.sealer.Seal(t.Context()); err != nil || made != 1-want {
			t.Errorf("Seal() = %d, %v, want %d", made, err, 1-want)
		}
	}
	if got, result := d.verify(); got != nil || result.Last.N != 1 || !result.Last.At.Equal(d.clock.Now()) {
		t.Errorf("verify = %q, %+v, want the time of the one checkpoint", got, result)
	}
}

// TestBacklog: an old database is sealed in pages.
func TestBacklog(t *testing.T) {
	d := newDesk(t)
	var many []eid.AuditEntry
	for n := range 2*audit.MaxRows + 5 {
		many = append(many, entry(d, fmt.Sprint(n)))
	}
	must(t, d.db.Record(t.Context(), many...))
	if made, err := d.sealer.Seal(t.Context()); err != nil || made != 3 {
		t.Errorf("Seal() = %d, %v, want 3", made, err)
	}
	if got, result := d.verify(); got != nil || result.Rows != int64(len(many)) {
		t.Errorf("verify = %q, %+v, want %d rows", got, result, len(many))
	}
}

// TestUnsealed: rows may wait for a moment and no longer.
func TestUnsealed(t *testing.T) {
	d := newDesk(t)
	d.write(2)
	if got, result := d.verify(); got != nil || result.Waiting != 2 {
		t.Errorf("at once: %q, %+v, want 2 that wait", got, result)
	}
	d.clock.Advance(time.Minute)
	if got, _ := d.verify(); !reflect.DeepEqual(got, []string{"row_unsealed 1-2"}) {
		t.Errorf("a minute later: %q, want both", got)
	}
}

// TestSealerNoticesCuts: over checkpoints that were cut off or changed nobody seals on.
func TestSealerNoticesCuts(t *testing.T) {
	for name, sql := range map[string]string{
		"last cut off":        "DELETE FROM checkpoints WHERE n = 5",
		"all cut off":         "DELETE FROM checkpoints",
		"all and the note":    "DELETE FROM checkpoints; DELETE FROM audit_head",
		"the note exchanged":  "UPDATE audit_head SET sealed = x'00'",
		"the note is gone":    "DELETE FROM audit_head",
		"the last exchanged":  "UPDATE checkpoints SET jws = 'x' WHERE n = 5",
		"one too many at end": "INSERT INTO checkpoints SELECT 6, last_id, at, hashes, jws FROM checkpoints WHERE n = 5",
	} {
		d := newDesk(t).filled()
		d.tamper(sql)
		d.write(1)
		if made, err := d.sealer.Seal(t.Context()); !errors.Is(err, audit.ErrTampered) || made != 0 {
			t.Errorf("%s: Seal() = %d, %v, want %v", name, made, err, audit.ErrTampered)
		}
	}
}

// TestRun seals while it runs, and at the end what was written last.
func TestRun(t *testing.T) {
	d := newDesk(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.sealer.Run(ctx) }()
	d.write(5)
	stop()
	must(t, <-done)
	d.sealer.Finish(ctx)
	if got, result := d.verify(); got != nil || result.Rows != 5 || result.Waiting != 0 {
		t.Errorf("verify = %q, %+v, want 5 rows sealed", got, result)
	}
}
