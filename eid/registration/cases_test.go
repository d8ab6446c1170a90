package registration_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/eid/registration"
	"eidgate/store/sqlstore"
)

const officer = eid.AccountID("officer-1")

// filed gives the one case of a form that leaves a doubt.
func (w *world) filed(t *testing.T, f registration.Form) registration.Case {
	t.Helper()
	if _, stage := w.through(t, f, somewhere(1)); stage != registration.StageRefused {
		t.Fatalf("a doubt ends at %s", stage)
	}
	list, err := w.cases.Open(t.Context(), 10)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d cases, want one", len(list))
	}
	return list[0]
}

func accents() registration.Form {
	return with(func(f *registration.Form) { f.Name = "Nguyen Van Hoa" })
}

// An officer sees both sides, which is on record, and approves: the account has the
// registry's data, waits for its activation, and its holder is told.
func TestRow19Approved(t *testing.T) {
	w := newWorld(t)
	c := w.filed(t, accents())
	if !c.DueAt.After(w.clock()) || c.Rules != "decree-69-2024" || w.audited(t, eid.ActionCaseOpened) != 1 {
		t.Errorf("the case is due at %v under %s", c.DueAt, c.Rules)
	}
	_, sides, err := w.cases.Show(t.Context(), c.ID, officer, "ref-2")
	must(t, err)
	if sides.Said.Name != "Nguyen Van Hoa" || sides.Held.Name != "NGUYỄN VĂN HOÀ" || sides.Proved != registration.FieldPhone || w.audited(t, eid.ActionCaseShown) != 1 {
		t.Errorf("the sides are %q and %q", sides.Said.Name, sides.Held.Name)
	}
	_, err = w.cases.Approve(t.Context(), c.ID, officer, " ", "ref-3")
	wantErr(t, "Approve() without a reason", err, registration.ErrReason)
	id, err := w.cases.Approve(t.Context(), c.ID, officer, "cùng một người", "ref-3")
	must(t, err)
	got, err := w.db.Account(t.Context(), id)
	must(t, err)
	if got.Status != eid.PendingActivation || got.Level != eid.Level1 || got.Person.Name != "NGUYỄN VĂN HOÀ" || got.Has(eid.Password) {
		t.Errorf("the account is %s at %s", got.Status, got.Level)
	}
	if told := w.outbox.of(notify.RegistrationAccepted); len(told) != 1 || told[0].To.Reveal() != "+84912345678" || told[0].Ref != c.Ref {
		t.Errorf("told %d times", len(told))
	}
	_, err = w.cases.Approve(t.Context(), c.ID, officer, "lần nữa", "ref-4")
	wantErr(t, "Approve() again", err, registration.ErrDecided)
	wantErr(t, "Reject() of an approved one", w.cases.Reject(t.Context(), c.ID, officer, "không", "ref-4"), registration.ErrDecided)
	if list, err := w.cases.Open(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%d cases are open, %v", len(list), err)
	}
}

// Rejected: no account, and a message that says no more.
func TestRow19Rejected(t *testing.T) {
	w := newWorld(t)
	c := w.filed(t, accents())
	must(t, w.cases.Reject(t.Context(), c.ID, officer, "người khác", "ref-3"))
	_, err := w.cases.Approve(t.Context(), c.ID, officer, "thôi thì", "ref-4")
	wantErr(t, "Approve() of a rejected one", err, registration.ErrDecided)
	if _, err := w.holder(t, citizen()); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("an account was made: %v", err)
	}
	if told := w.outbox.of(notify.RegistrationRefused); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
	_, _, err = w.cases.Show(t.Context(), "nothing", officer, "ref")
	wantErr(t, "Show() of no case", err, eid.ErrNotFound)
}

// Of sixteen decisions at a time one stands.
func TestDecisionsRace(t *testing.T) {
	w := newWorld(t)
	c := w.filed(t, accents())
	var approved, rejected atomic.Int64
	together(16, func(i int) {
		if i%2 == 0 {
			if err := w.cases.Reject(t.Context(), c.ID, officer, "không", "ref"); err == nil {
				rejected.Add(1)
			}
			return
		}
		if _, err := w.cases.Approve(t.Context(), c.ID, officer, "được", "ref"); err == nil {
			approved.Add(1)
		}
	})
	_, err := w.holder(t, citizen())
	if approved.Load()+rejected.Load() != 1 || (err == nil) != (approved.Load() == 1) {
		t.Errorf("%d approvals and %d rejections, account %v", approved.Load(), rejected.Load(), err)
	}
}

// A number that got its account meanwhile closes the case; a date that nobody knows
// whole is for the counter.
func TestCasesThatCannotBeApproved(t *testing.T) {
	w := newWorld(t)
	c := w.filed(t, accents())
	token, _ := w.through(t, with(func(f *registration.Form) { f.Phone = "0987654321" }), somewhere(2))
	if stage, err := w.service.Activate(t.Context(), token, "hash", somewhere(2)); err != nil || stage != registration.StageDone {
		t.Fatalf("Activate() = %q, %v", stage, err)
	}
	_, err := w.cases.Approve(t.Context(), c.ID, officer, "được", "ref")
	wantErr(t, "Approve() of a number with an account", err, eid.ErrExists)
	if list, err := w.cases.Open(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%d cases are open, %v", len(list), err)
	}
	c = w.filed(t, with(func(f *registration.Form) {
		f.Number, f.Name, f.Gender, f.Year, f.YearOnly = numberYear, "Trần Thị Bình", "female", "1950", true
	}))
	_, err = w.cases.Approve(t.Context(), c.ID, officer, "được", "ref")
	wantErr(t, "Approve() without a date", err, registration.ErrUnknownBirthDate)
	if list, err := w.cases.Open(t.Context(), 10); err != nil || len(list) != 1 || list[0].Status != registration.CaseProcessing {
		t.Errorf("the case does not wait any more: %v", err)
	}
}

// Strangers do not fill the queue in somebody's name, nor an audit row with their data.
func TestCasesAreFew(t *testing.T) {
	w := newWorld(t)
	w.deps.Rules = manyTries{t}
	var err error
	w.service, err = registration.New(w.deps)
	must(t, err)
	for i := range 6 {
		f := accents()
		f.Phone = "091234561" + string(rune('0'+i))
		w.through(t, f, somewhere(i))
	}
	list, err := w.cases.Open(t.Context(), 10)
	must(t, err)
	if len(list) != 3 || w.audited(t, eid.ActionCaseOpened) != 3 {
		t.Errorf("%d cases of one number", len(list))
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{})
	must(t, err)
	for _, row := range rows {
		if text := string(row.Detail); strings.Contains(text, numberMatch) || strings.Contains(text, "Hoa") || strings.Contains(text, "0912") {
			t.Errorf("the audit holds data of the person: %s", text)
		}
	}
}
