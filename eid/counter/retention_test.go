package counter_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/eid/counter"
	"eidgate/store/sqlstore"
)

// What was taken in of a person goes when it is not needed any more: soon where it came to
// nothing, late where an account rests on it, and never while an operator holds it.
func TestOldApplicationsGo(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	retainer := counter.NewRetainer(w.db, w.book, slog.New(slog.DiscardHandler), w.clock.Now)
	approved := w.confirmed(t, citizen(numberA))
	approved, err := w.Approve(ctx, w.second, approved.ID, approved.Revision)
	wantErr(t, "Approve()", err, nil)
	rejected := w.open(t, citizen(numberB))
	rejected, err = w.Reject(ctx, w.first, rejected.ID, rejected.Revision, "khai sai")
	wantErr(t, "Reject()", err, nil)
	left := w.open(t, citizen(numberB))
	there := func(after string, want string) {
		t.Helper()
		must(t, retainer.Turn(ctx))
		got := ""
		for _, a := range []counter.Application{approved, rejected, left} {
			if held, err := w.db.Application(ctx, a.ID); err == nil {
				got += string(held.Status) + " "
			} else {
				wantErr(t, "Application()", err, eid.ErrNotFound)
			}
		}
		if got != want {
			t.Errorf("after %s there are %q, want %q", after, got, want)
		}
	}
	const day = 24 * time.Hour
	w.clock.Advance(left.DueAt.Sub(w.clock.Now()) + 30*day)
	there("thirty days beyond the term", "approved rejected submitted ")
	var seen int64
	w.actions(t, &seen)
	w.clock.Advance(time.Second)
	there("a moment more", "approved rejected withdrawn ")
	same(t, "audit", w.actions(t, &seen), []string{eid.ActionApplicationDecided})
	w.clock.Advance(90 * day)
	there("ninety days", "approved withdrawn ")
	w.clock.Advance(time.Second)
	there("another", "approved ")
	decisions := sqlstore.AuditFilter{Action: eid.ActionApplicationDecided}
	if rows, err := w.db.Audit(ctx, decisions); err != nil || len(rows) != 3 {
		t.Errorf("%d decisions are on record, %v, want all 3", len(rows), err)
	}

	entry := eid.AuditEntry{At: w.clock.Now(), Actor: "operator:a", Action: "audit.held"}
	must(t, w.db.AddHold(ctx, audit.Hold{ID: "H1", Kind: audit.HoldAccount, Value: string(approved.Account), Reason: "án 1/2031", SetBy: "a", SetAt: w.clock.Now()}, entry))
	w.clock.Advance(w.clock.Now().AddDate(5, 0, 0).Sub(w.clock.Now()))
	there("five years, while it is held", "approved ")
	must(t, w.db.LiftHold(ctx, "H1", "a", w.clock.Now(), func(audit.Hold) (eid.AuditEntry, error) { return entry, nil }))
	there("five years", "")
}

// The digits of a number prove nothing; but the gender is nobody's word but the
// declaration's. The officer says that the card has it so, or the form comes back, and
// another officer looks at it, whatever the rules say.
func TestDigitsThatSayAnother(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, tt := range []struct {
		name   string
		change func(p *eid.Person)
		want   string
	}{
		{"gender", func(p *eid.Person) { p.Gender = "male" }, "gender digits"},
		{"year", func(p *eid.Person) { p.BirthDate = "1991-02-28" }, "birth_date digits"},
		{"century", func(p *eid.Person) { p.BirthDate = "1890-02-28" }, "birth_date digits"},
		{"both", func(p *eid.Person) { p.BirthDate, p.Gender = "1989-02-28", "male" }, "birth_date digits, gender digits"},
	} {
		asked, in := w.asked, citizen(numberA)
		tt.change(&in.Person)
		_, err := w.Open(ctx, w.first, eid.Level1, in, counter.Papers{})
		if got, want := fmt.Sprint(err), "opening application: invalid: "+tt.want; got != want || w.asked != asked {
			t.Errorf("%s: Open() = %q after %d questions, want %q and none", tt.name, got, w.asked-asked, want)
		}
	}
	in := citizen(numberA)
	in.AsOnCard = true // of what is no contradiction it says nothing
	a, err := w.Open(ctx, w.first, eid.Level1, in, counter.Papers{})
	wantErr(t, "Open()", err, nil)
	if a.Intake.AsOnCard || len(a.Doubts()) != 0 {
		t.Errorf("as on card = %t, doubts %v, want none", a.Intake.AsOnCard, a.Doubts())
	}
	in.Person.Gender, in.AsOnCard = "male", false
	_, err = w.Amend(ctx, w.first, a.ID, a.Revision, in)
	wantErr(t, "Amend() to another gender", err, accounts.ErrInvalid)
	in.AsOnCard = true
	a, err = w.Amend(ctx, w.first, a.ID, a.Revision, in)
	wantErr(t, "Amend() as on the card", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	shown, err := w.Show(ctx, w.first, a.ID)
	wantErr(t, "Show()", err, nil)
	if got := fmt.Sprint(shown.Doubts()); got != "[digits]" {
		t.Errorf("doubts = %s, want [digits]", got)
	}
	_, err = w.Approve(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Approve() at level 1 by the officer of the intake", err, counter.ErrSameOfficer)
	_, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
}

// An application is no way to ask registries about people one after another.
func TestQuestionsOfOneApplication(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a := w.open(t, citizen(numberA))
	var err error
	for range 19 {
		a, err = w.Amend(ctx, w.first, a.ID, a.Revision, citizen(numberA))
		must(t, err)
	}
	_, err = w.Amend(ctx, w.first, a.ID, a.Revision, citizen(numberB))
	wantErr(t, "the twentieth Amend()", err, counter.ErrTooMany)
	if w.asked != 20 {
		t.Errorf("registries were asked %d times, want 20", w.asked)
	}
}

// archive has so many to withdraw and to remove.
type archive struct{ left, old int }

func (a *archive) WithdrawLeft(_ context.Context, _ time.Time, most int, _ eid.AuditEntry) (int, error) {
	n := min(a.left, most)
	a.left -= n
	return n, nil
}

func (a *archive) PruneApplications(_ context.Context, _, _ time.Time, most int) (int, error) {
	n := min(a.old, most)
	a.old -= n
	return n, nil
}

// However many a day brings, a turn leaves none.
func TestATurnLeavesNone(t *testing.T) {
	w := newWorld(t)
	a := &archive{left: 101, old: 205}
	must(t, counter.NewRetainer(a, w.book, slog.New(slog.DiscardHandler), w.clock.Now).Turn(t.Context()))
	if a.left != 0 || a.old != 0 {
		t.Errorf("%d are left and %d kept, want none", a.left, a.old)
	}
}
