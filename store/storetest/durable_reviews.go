package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/store/sqlstore"
)

func (s durableSuite) reviews(t *testing.T) {
	d := s.desk(t)
	queue := accounts.NewReviews(d.DB, d.clock.Now)
	holder, err := d.accounts.Create(t.Context(), Citizen(t, "011190000001"), "operator:test")
	if err != nil {
		t.Fatal(err)
	}
	difference := func(name string) civil.Difference {
		n, err := eid.ParsePersonalNumber("011190000001")
		if err != nil {
			t.Fatal(err)
		}
		born := civil.Date{Year: 1990, Month: 2, Day: 28}
		return civil.Difference{
			Account: holder, Source: "old", Said: civil.Person{Number: n, Name: name, BirthDate: born},
			Held: civil.Person{Number: n, Name: "Nguyễn Thử Nghiệm", BirthDate: born},
		}
	}
	consider := func(d civil.Difference) eid.Ruling {
		t.Helper()
		decision, err := queue.Consider(t.Context(), d, "ref")
		if err != nil {
			t.Fatalf("Consider(): %v", err)
		}
		return decision
	}
	waiting := func() []eid.Review {
		t.Helper()
		list, err := queue.List(t.Context(), true, 100)
		if err != nil {
			t.Fatalf("List(): %v", err)
		}
		return list
	}
	// The same difference from many sides at once waits once.
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := queue.Consider(t.Context(), difference("Nguyen Thu Nghiem"), "ref"); got != eid.Undecided || err != nil {
				t.Errorf("Consider() = %q, %v, want undecided", got, err)
			}
		})
	}
	all.Wait()
	list := waiting()
	if len(list) != 1 || list[0].Account != holder || list[0].Source != "old" {
		t.Fatalf("waiting = %+v, want one of the account", list)
	}
	r, sides, err := queue.Show(t.Context(), list[0].ID)
	if err != nil || sides.Said.Name != "Nguyen Thu Nghiem" || sides.Held.Name != "Nguyễn Thử Nghiệm" || strings.Contains(sides.Said.Number, "011190") {
		t.Errorf("Show() = %+v, %+v, %v; want both names, and the number masked", r, sides, err)
	}
	if err := queue.Decide(t.Context(), r.ID, eid.Accepted, "", "operator:test"); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("Decide() without a reason = %v, want %v", err, accounts.ErrInvalid)
	}
	if err := queue.Decide(t.Context(), r.ID, eid.Accepted, "card seen", "operator:test"); err != nil {
		t.Fatalf("Decide(): %v", err)
	}
	if err := queue.Decide(t.Context(), r.ID, eid.Rejected, "second thoughts", "operator:test"); !errors.Is(err, accounts.ErrDecided) {
		t.Errorf("a second Decide() = %v, want %v", err, accounts.ErrDecided)
	}
	if err := queue.Decide(t.Context(), "nothing", eid.Rejected, "x", "operator:test"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Decide() of none = %v, want %v", err, eid.ErrNotFound)
	}
	if got := consider(difference("Nguyen Thu Nghiem")); got != eid.Accepted {
		t.Errorf("the accepted difference = %q, want %q", got, eid.Accepted)
	}
	// Another difference of the same person was never looked at.
	if got := consider(difference("Nguyễn Thu Nghiệm")); got != eid.Undecided {
		t.Errorf("another difference = %q, want none", got)
	}
	// No source fills the queue.
	for i := range 20 {
		if got := consider(difference(fmt.Sprintf("Nguyễn Thử Nghiệm %d", i))); got != eid.Undecided {
			t.Errorf("difference %d = %q, want none", i, got)
		}
	}
	if got := len(waiting()); got != 5 {
		t.Errorf("%d wait, want 5 at most of one account", got)
	}
	if _, err := queue.Consider(t.Context(), civil.Difference{Account: "nobody", Source: "old"}, ""); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Consider() for no account = %v, want %v", err, eid.ErrNotFound)
	}
	for action, want := range map[string]int{eid.ActionReviewOpened: 6, eid.ActionReviewDecided: 1} {
		rows, err := d.Audit(t.Context(), sqlstore.AuditFilter{Action: action})
		if err != nil || len(rows) != want {
			t.Errorf("%d audit rows %s, %v; want %d", len(rows), action, err, want)
		}
	}
}
