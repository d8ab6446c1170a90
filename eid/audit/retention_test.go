package audit_test

import (
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
)

const years5 = 5 * 366 * 24 * time.Hour

func (d *desk) retain(years int) int {
	d.t.Helper()
	d.clock.Advance(2 * time.Minute) // the lease of the one before ends
	n, err := audit.NewRetainer(d.db, years, slog.New(slog.DiscardHandler), d.clock.Now).Turn(d.t.Context())
	must(d.t, err)
	return n
}

// TestRetention removes what is old and not held, says so on record, and the verifier
// takes that and nothing else.
func TestRetention(t *testing.T) {
	d := newDesk(t).filled()
	if n := d.retain(5); n != 0 {
		t.Errorf("at once: %d rows went, want none", n)
	}
	d.clock.Advance(years5 - 4*24*time.Hour)
	if n := d.retain(1); n != 0 {
		t.Errorf("a year by configuration: %d rows went before the law allows it", n)
	}
	must(t, d.db.Record(t.Context(), eid.AuditEntry{At: d.clock.Now(), Actor: "holder", Action: eid.ActionSignedIn, Account: "acc-2", Ref: "new"}))
	d.seal()
	d.clock.Advance(8 * 24 * time.Hour)
	if n := d.retain(10); n != 0 {
		t.Errorf("ten years by configuration: %d rows went", n)
	}
	held := audit.Hold{ID: "h1", Kind: audit.HoldAccount, Value: "acc-1", Reason: "án 1/2026", SetBy: "operator:A", SetAt: d.clock.Now()}
	act := eid.AuditEntry{At: d.clock.Now(), Actor: "operator:A", Action: audit.ActionHeld, Account: "acc-1"}
	must(t, d.db.AddHold(t.Context(), held, act))
	if n := d.retain(5); n != 0 {
		t.Errorf("under a hold: %d rows went", n)
	}
	lift := func(id string) error {
		return d.db.LiftHold(t.Context(), id, "operator:B", d.clock.Now(), func(h audit.Hold) (eid.AuditEntry, error) {
			return eid.AuditEntry{At: d.clock.Now(), Actor: "operator:B", Action: audit.ActionHoldLifted, Account: eid.AccountID(h.Value)}, nil
		})
	}
	must(t, lift("h1"))
	for _, id := range []string{"h1", "none"} {
		if err := lift(id); !errors.Is(err, eid.ErrNotFound) {
			t.Errorf("lifting %s again = %v, want %v", id, err, eid.ErrNotFound)
		}
	}
	d.seal()
	d.clock.Advance(26 * time.Hour)
	if n := d.retain(5); n != 50 {
		t.Errorf("after it: %d rows went, want 50", n)
	}
	d.seal()
	got, result := d.verify()
	if got != nil || result.Pruned != 50 || result.Checkpoints != 8 {
		t.Errorf("verify = %q, %+v, want 50 pruned and nothing wrong", got, result)
	}
	if n := d.retain(5); n != 0 {
		t.Errorf("again: %d rows went", n)
	}
	// Rows that nobody may remove stay: the new one, and the one that tells.
	d.tamper("DELETE FROM audit WHERE ref = 'new'")
	if got, _ := d.verify(); !reflect.DeepEqual(got, []string{"row_deleted 51/6"}) {
		t.Errorf("verify = %q, want row 51 deleted", got)
	}
	d.tamper("DELETE FROM audit WHERE action = 'audit.pruned'")
	if got, _ := d.verify(); len(got) != 7 {
		t.Errorf("verify = %q, want the rows of five checkpoints, 51, and the one that told", got)
	}
}

// TestRetentionGuards: by SQL with the triggers in place nothing goes before its time.
func TestRetentionGuards(t *testing.T) {
	d := newDesk(t).filled()
	for name, sql := range map[string]string{
		"a row":                     "DELETE FROM audit WHERE id = 1",
		"a row beside the mark":     "INSERT INTO audit_retention VALUES (1, 2, 5, 9e15); DELETE FROM audit WHERE id = 1",
		"a row newer than the mark": "INSERT INTO audit_retention VALUES (1, 1, 5, 1000); DELETE FROM audit WHERE id = 1",
		"a held row":                "INSERT INTO audit_holds (id, kind, value, reason, set_by, set_at) VALUES ('h', 'client', 'portal-1', 'r', 'a', 1); INSERT INTO audit_retention VALUES (1, 1, 5, 9e15); DELETE FROM audit WHERE id = 1",
		"a checkpoint":              "DELETE FROM checkpoints WHERE n = 1",
		"a checkpoint's signature":  "UPDATE checkpoints SET jws = '' WHERE n = 1",
		"a checkpoint between":      "INSERT INTO checkpoints SELECT 0, last_id, at, hashes, jws FROM checkpoints WHERE n = 1",
		"a row's value":             "UPDATE audit SET actor = 'x' WHERE id = 1",
	} {
		if err := d.inTransaction(sql); err == nil || !strings.Contains(err.Error(), "audit rows are never") && !strings.Contains(err.Error(), "checkpoints are") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if got, _ := d.verify(); got != nil {
		t.Errorf("verify = %q, want nothing", got)
	}
}

// TestForgedPruning: whoever writes by SQL that rows were pruned has to wait five years.
func TestForgedPruning(t *testing.T) {
	for name, detail := range map[string]string{
		"too young": `{"before":"2100-01-01T00:00:00Z","ranges":[[11,20]]}`,
		"too early": `{"before":"2000-01-01T00:00:00Z","ranges":[[11,20]]}`,
		"not JSON":  `x`,
	} {
		d := newDesk(t).filled()
		d.tamper("DELETE FROM audit WHERE id BETWEEN 11 AND 20",
			"INSERT INTO audit (at, actor, action, account, client, ref, detail) SELECT at, 'system', 'audit.pruned', '', '', '', '"+detail+"' FROM audit WHERE id = 50")
		d.seal()
		if got, _ := d.verify(); !reflect.DeepEqual(got, []string{"row_deleted 11-20/2"}) {
			t.Errorf("%s: verify = %q, want the rows", name, got)
		}
	}
	// Nor does a row of a day to come help.
	d := newDesk(t).filled()
	d.tamper("DELETE FROM audit WHERE id BETWEEN 11 AND 20",
		"INSERT INTO audit (at, actor, action, account, client, ref, detail) VALUES (6000000000000000, 'system', 'audit.pruned', '', '', '', '{\"before\":\"2100-01-01T00:00:00Z\",\"ranges\":[[11,20]]}')")
	d.seal()
	if got, _ := d.verify(); !reflect.DeepEqual(got, []string{"row_deleted 11-20/2", "row_misdated 51/6"}) {
		t.Errorf("of a day to come: verify = %q, want both", got)
	}
}

func TestRules(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for years, want := range map[int]string{0: "2021-11-22", 1: "2021-11-22", 5: "2021-11-22", 7: "2019-11-22"} {
		if got := audit.Cutoff(now, years).Format(time.DateOnly); got != want {
			t.Errorf("Cutoff(%d years) = %s, want %s", years, got, want)
		}
	}
	if law := audit.RuleAt(time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)).Law; !strings.Contains(law, "59/2022") {
		t.Errorf("in 2023: %s, want Decree 59", law)
	}
}

func TestCheckReason(t *testing.T) {
	for text, ok := range map[string]bool{
		"": false, "  ": false, "khiếu nại số 12/2026": true, "of 079099000001": false, "079 099 000 001": false, "0901.234.567": false,
		"０７９０９９０００００１": false, "079_099_000_001": false, "079\u00a0099\u2013000,001": false, "a\u202eb": false, "a\u200fb": false, "a\u0085b": false, "a\u2028b": false, "a\xffb": false,
		"a\nb": false, strings.Repeat("a", 501): false, "ngày 01/01/2026 và 02/02/2026": true,
	} {
		if err := audit.CheckReason(text); (err == nil) != ok {
			t.Errorf("CheckReason(%q) = %v, want ok %v", text, err, ok)
		}
	}
}
