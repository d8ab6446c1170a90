package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/registration"
)

// caseOf is a new case of a number, due so many days from now.
func (d desk) caseOf(t *testing.T, id, number string, days int) registration.CaseRecord {
	t.Helper()
	n, err := eid.ParsePersonalNumber(number)
	must(t, err)
	now := d.clock.Now()
	return registration.CaseRecord{
		Case: registration.Case{
			ID: id, Ref: "K7QF-" + id, SubjectType: eid.Citizen, Doubt: registration.DoubtAccents, Status: registration.CaseProcessing,
			Rules: "decree-69-2024", DueAt: now.AddDate(0, 0, days), CreatedAt: now,
		},
		Number: eid.IdentifierOf(n), Sides: []byte("sides of " + id),
	}
}

func (d desk) entry(action string) eid.AuditEntry {
	return eid.AuditEntry{At: d.clock.Now(), Actor: "system", Action: action, Detail: []byte(`{}`)}
}

// open opens a case of a number that has room for it.
func (d desk) openCase(t *testing.T, id, number string, days int) registration.CaseRecord {
	t.Helper()
	r := d.caseOf(t, id, number, days)
	opened, err := d.OpenCase(t.Context(), r, 2, d.entry(eid.ActionCaseOpened))
	must(t, err)
	equal(t, "OpenCase() of "+id, opened, true)
	return r
}

func decided(c registration.Case, status registration.CaseStatus, at time.Time) registration.Case {
	c.Status, c.DecidedAt, c.DecidedBy, c.Reason = status, at, "officer-1", "a reason"
	return c
}

// cases are opened within the bound of a number, listed by their day, decided once, and
// go long after that.
func (s durableSuite) cases(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var seen int64
	late, soon := d.openCase(t, "late", numberA, 3), d.openCase(t, "soon", numberA, 1)
	other := d.openCase(t, "other", numberB, 2)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionCaseOpened, eid.ActionCaseOpened, eid.ActionCaseOpened})
	opened, err := d.OpenCase(ctx, d.caseOf(t, "third", numberA, 1), 2, d.entry(eid.ActionCaseOpened))
	must(t, err)
	equal(t, "OpenCase() of a third", opened, false)
	list, err := d.OpenCases(ctx, 10)
	must(t, err)
	equal(t, "OpenCases()", list, []registration.Case{soon.Case, other.Case, late.Case})
	list, err = d.OpenCases(ctx, 1)
	must(t, err)
	equal(t, "OpenCases() of one", list, []registration.Case{soon.Case})
	equal(t, "audit of a refused one and of lists", d.actions(t, &seen), []string(nil))

	got, sides, err := d.Case(ctx, "soon", d.entry(eid.ActionCaseShown))
	must(t, err)
	equal(t, "Case()", got, soon.Case)
	equal(t, "its sides", string(sides), "sides of soon")
	equal(t, "audit of a look", d.actions(t, &seen), []string{eid.ActionCaseShown})
	_, _, err = d.Case(ctx, "nothing", d.entry(eid.ActionCaseShown))
	wantErr(t, "Case() of none", err, eid.ErrNotFound)

	entry, at := d.entry(eid.ActionCaseDecided), d.clock.Now()
	person := d.person(t, numberC)
	d.actions(t, &seen)
	wantErr(t, "DecideCase() of none", d.DecideCase(ctx, decided(registration.Case{ID: "nothing"}, registration.CaseRejected, at), entry), eid.ErrNotFound)
	wantErr(t, "FinishCase() of an open one", d.FinishCase(ctx, registration.Case{ID: "soon", Status: registration.CaseApproved, Account: person}, entry), registration.ErrDecided)
	wantErr(t, "DecideCase()", d.DecideCase(ctx, decided(soon.Case, registration.CaseApproved, at), entry), nil)
	wantErr(t, "DecideCase() against it", d.DecideCase(ctx, decided(soon.Case, registration.CaseRejected, at), entry), registration.ErrDecided)
	wantErr(t, "DecideCase() of the same again", d.DecideCase(ctx, decided(soon.Case, registration.CaseApproved, at), entry), nil)
	half, err := d.OpenCases(ctx, 10)
	must(t, err)
	equal(t, "cases before the account is made", len(half), 3)
	done := decided(soon.Case, registration.CaseApproved, at)
	done.Account = person
	wantErr(t, "FinishCase()", d.FinishCase(ctx, done, entry), nil)
	wantErr(t, "FinishCase() again", d.FinishCase(ctx, done, entry), registration.ErrDecided)
	wantErr(t, "DecideCase() of a finished one", d.DecideCase(ctx, done, entry), registration.ErrDecided)
	wantErr(t, "DecideCase() of another", d.DecideCase(ctx, decided(other.Case, registration.CaseRejected, at), entry), nil)
	equal(t, "audit of decisions", len(d.actions(t, &seen)), 4)
	got, _, err = d.Case(ctx, "soon", eid.AuditEntry{})
	must(t, err)
	equal(t, "Case() when it is done", got, done)

	// A number has room again once one is decided. What is decided goes in time, and what
	// is open never does.
	d.openCase(t, "again", numberA, 1)
	for _, tt := range []struct {
		later time.Duration
		want  int
	}{{89 * 24 * time.Hour, 0}, {24 * time.Hour, 2}, {time.Hour, 0}} {
		d.clock.Advance(tt.later)
		n, err := d.PruneCases(ctx)
		must(t, err)
		equal(t, "PruneCases()", n, tt.want)
	}
	left, err := d.OpenCases(ctx, 10)
	must(t, err)
	equal(t, "open cases that are left", len(left), 2)
	_, _, err = d.Case(ctx, "soon", eid.AuditEntry{})
	wantErr(t, "Case() of a pruned one", err, eid.ErrNotFound)
}

// casesAtOnce: of many that are filed for a number as many wait as may, and of two
// officers who decide against each other one does.
func (s durableSuite) casesAtOnce(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	const many = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[string]int{}
	together := func(act func(i int) string) {
		clear(count)
		for i := range many {
			wg.Go(func() {
				outcome := act(i)
				mu.Lock()
				defer mu.Unlock()
				count[outcome]++
			})
		}
		wg.Wait()
	}
	records := make([]registration.CaseRecord, many)
	for i := range records {
		records[i] = d.caseOf(t, "case-"+strconv.Itoa(i), numberA, i)
	}
	entry := d.entry(eid.ActionCaseOpened)
	together(func(i int) string {
		opened, err := d.OpenCase(ctx, records[i], 3, entry)
		if err != nil {
			t.Errorf("OpenCase(): %v", err)
		}
		return strconv.FormatBool(opened)
	})
	equal(t, "cases that were opened at once", count["true"], 3)
	list, err := d.OpenCases(ctx, 1)
	must(t, err)
	c, at := list[0], d.clock.Now()
	together(func(i int) string {
		status := registration.CaseRejected
		if i%2 == 0 {
			status = registration.CaseApproved
		}
		switch err := d.DecideCase(ctx, decided(c, status, at), entry); {
		case err == nil:
			return string(status)
		case errors.Is(err, registration.ErrDecided):
			return "too late"
		default:
			t.Errorf("DecideCase(): %v", err)
			return "failed"
		}
	})
	if count[string(registration.CaseRejected)]+min(count[string(registration.CaseApproved)], 1) != 1 {
		t.Errorf("decisions at once ended %v, want one rejection, or approvals alone", count)
	}
}
