package storetest

import (
	"fmt"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// wish is what a bank asks for.
func wish(id eid.AccountID) accounts.LockWish {
	return accounts.LockWish{
		Client: "bank", Requester: "Ngân hàng Giả Định", Account: id, Document: "CV-7", Reason: "nghi ngờ gian lận", Actor: "client:bank", Ref: "K7QF-2M9D",
	}
}

// ruled is an officer's decision.
func ruled(actor string) accounts.LockDecision {
	return accounts.LockDecision{Why: "đã kiểm tra", Actor: actor}
}

func (s durableSuite) lockRequests(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id := d.person(t, numberA)
	requests := Requests(t, d, d.clock.Now)
	var seen int64
	d.actions(t, &seen)

	made, err := requests.Ask(ctx, wish(id))
	must(t, err)
	again, err := requests.Ask(ctx, wish(id))
	must(t, err)
	equal(t, "the same wish", again, made)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionLockRequested})
	standing, err := requests.Show(ctx, made.ID)
	must(t, err)
	equal(t, "Show()", standing.LockRequest, made)
	if standing.Holder.ID != id || len(standing.Holder.Locks) != 0 {
		t.Errorf("Show() tells of %s with %v, want %s without locks", standing.Holder.ID, standing.Holder.Locks, id)
	}
	late, err := d.OverdueLockRequests(ctx, made.DueAt)
	must(t, err)
	later, err := d.OverdueLockRequests(ctx, made.DueAt.Add(time.Second))
	must(t, err)
	if late != 0 || later != 1 {
		t.Errorf("overdue at the end of the term and after it: %d and %d, want 0 and 1", late, later)
	}

	accepted, err := requests.Accept(ctx, made.ID, ruled("operator:A"))
	must(t, err)
	a, err := d.Account(ctx, id)
	must(t, err)
	if len(a.Locks) != 1 || a.Locks[0].ID != accepted.Lock || a.Locks[0].Client != "bank" || a.Locks[0].SetBy != eid.ByServiceUser {
		t.Errorf("locks = %+v, want the bank's %s", a.Locks, accepted.Lock)
	}
	if a.Counts(d.clock.Now()) || !a.Counts(d.clock.Now().Add(time.Microsecond)) {
		t.Errorf("what was proved counts from %v, want from after the lock", a.SessionsFrom)
	}
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountLocked, eid.ActionLockDecided})
	events, err := d.PendingEvents(ctx, 10)
	must(t, err)
	if len(events) != 1 || events[0].Kind != eid.EventLocked || events[0].Account != id {
		t.Errorf("events = %+v, want the lock", events)
	}

	undo := wish(id)
	undo.Undo, undo.Document = made.ID, "CV-8"
	end, err := requests.Ask(ctx, undo)
	must(t, err)
	if end.Undo != accepted.Lock {
		t.Errorf("Ask() for the end = %+v, want it to name the lock", end)
	}
	_, err = requests.Accept(ctx, end.ID, ruled("operator:A"))
	must(t, err)
	records, err := d.LocksOf(ctx, id, 10)
	must(t, err)
	if len(records) != 1 || records[0].LiftedAt.IsZero() || records[0].LiftedBy != eid.ByServiceUser || records[0].LiftDocument != "CV-8" {
		t.Errorf("LocksOf() = %+v, want one lifted for the bank with its document", records)
	}
	_, err = requests.Ask(ctx, undo)
	wantErr(t, "Ask() for the end once more", err, eid.ErrNotFound)

	// What lost its lock meanwhile ends nothing.
	second := wish(id)
	second.Document = "CV-9"
	r, err := requests.Ask(ctx, second)
	must(t, err)
	r, err = requests.Reject(ctx, r.ID, ruled("operator:A"))
	must(t, err)
	got, err := requests.Of(ctx, "bank", r.ID)
	must(t, err)
	equal(t, "Of()", got, r)
	_, err = requests.Ask(ctx, wish("nobody"))
	wantErr(t, "Ask() about nobody", err, eid.ErrNotFound)
	_, err = requests.Accept(ctx, "none", ruled("operator:A"))
	wantErr(t, "Accept() of none", err, eid.ErrNotFound)
}

func (s durableSuite) lockRequestPages(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id := d.person(t, numberA)
	requests := Requests(t, d, d.clock.Now)
	var want []string
	for i := range 5 {
		w := wish(id)
		w.Document = fmt.Sprint("CV-", i)
		d.clock.Advance(24 * time.Hour)
		r, err := requests.Ask(ctx, w)
		must(t, err)
		want = append(want, r.Document)
	}
	var got []string
	after := ""
	for {
		page, err := requests.List(ctx, accounts.LockRequestFilter{After: after, Most: 2})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			got, after = append(got, r.Document), r.ID
		}
	}
	if len(got) != len(want) {
		t.Errorf("pages hold %v, want each of %v once", got, want)
	}
	for _, r := range []struct {
		filter accounts.LockRequestFilter
		want   int
	}{
		{accounts.LockRequestFilter{Client: "bank"}, 5}, {accounts.LockRequestFilter{Client: "shop"}, 0},
		{accounts.LockRequestFilter{Status: eid.RequestAccepted}, 0}, {accounts.LockRequestFilter{Decided: true}, 5},
	} {
		list, err := requests.List(ctx, r.filter)
		must(t, err)
		if len(list) != r.want {
			t.Errorf("List(%+v) = %d requests, want %d", r.filter, len(list), r.want)
		}
	}
	_, err := d.AddLockRequest(ctx, eid.LockRequest{ID: "r", Client: "bank", Account: id, Status: eid.RequestWaiting}, accounts.RequestRoom{OfClient: 5, OfAll: 10}, eid.AuditEntry{})
	wantErr(t, "a sixth of five", err, accounts.ErrNoRoom)
	_, err = d.AddLockRequest(ctx, eid.LockRequest{ID: "r", Client: "shop", Account: id, Status: eid.RequestWaiting}, accounts.RequestRoom{OfClient: 5, OfAll: 5}, eid.AuditEntry{})
	wantErr(t, "a sixth of five of all", err, accounts.ErrNoRoom)
}

func (s durableSuite) raceLocks(t *testing.T) {
	d := s.desk(t)
	id := d.person(t, numberA)
	oneWins(t, eid.ErrExists, func(int) error {
		_, err := d.locking.Set(t.Context(), id, eid.LockSelf, Self())
		return err
	})
}

func (s durableSuite) raceLockWishes(t *testing.T) {
	d := s.desk(t)
	requests, id := Requests(t, d, d.clock.Now), d.person(t, numberA)
	race(racers, func(int) {
		if _, err := requests.Ask(t.Context(), wish(id)); err != nil {
			t.Errorf("Ask(): %v", err)
		}
	})
	list, err := requests.List(t.Context(), accounts.LockRequestFilter{})
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%d requests wait for one wish, want 1", len(list))
	}
}

func (s durableSuite) raceLockDecisions(t *testing.T) {
	d := s.desk(t)
	requests, id := Requests(t, d, d.clock.Now), d.person(t, numberA)
	r, err := requests.Ask(t.Context(), wish(id))
	must(t, err)
	oneWins(t, accounts.ErrDecided, func(i int) error {
		decide := requests.Accept
		if i%2 == 0 {
			decide = requests.Reject
		}
		_, err := decide(t.Context(), r.ID, ruled(fmt.Sprint("operator:", i)))
		return err
	})
	a, err := d.Account(t.Context(), id)
	must(t, err)
	r, err = requests.Of(t.Context(), "bank", r.ID)
	must(t, err)
	if (r.Status == eid.RequestAccepted) != (len(a.Locks) == 1) {
		t.Errorf("request %s with %d locks", r.Status, len(a.Locks))
	}
}
