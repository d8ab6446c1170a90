package accounts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

func wish(change ...func(*accounts.LockWish)) accounts.LockWish {
	w := accounts.LockWish{
		Client: "bank", Requester: "Ngân hàng Giả Định", Account: "a", Document: "CV-7", Reason: "nghi ngờ gian lận", Actor: "client:bank", Ref: "K7QF-2M9D",
	}
	for _, c := range change {
		c(&w)
	}
	return w
}

func word() accounts.LockDecision {
	return accounts.LockDecision{Why: "đã kiểm tra công văn", Officer: "o", Actor: "officer:o", Ref: "REF"}
}

// TestRow31ServiceUserAsksOfficerDecides: a service user's request locks nothing by
// itself; an officer decides within two working days, and the same asks for the end.
func TestRow31ServiceUserAsksOfficerDecides(t *testing.T) {
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, eid.LawTime())
	d, ctx := newLockDesk(t, func() time.Time { return monday }), t.Context()
	r, err := d.requests.Ask(ctx, wish())
	d.want(t, "Ask()", err, nil, 0)
	due := time.Date(2026, 11, 25, 23, 59, 59, 0, eid.LawTime())
	if r.Status != eid.RequestWaiting || !r.DueAt.Equal(due) || r.Rules != "decree-69-2024" {
		t.Errorf("Ask() = %+v, want one that waits until %s", r, due)
	}
	if r.Overdue(due) || !r.Overdue(due.Add(time.Second)) {
		t.Errorf("Overdue() at and after %s = %v, %v, want false, true", due, r.Overdue(due), r.Overdue(due.Add(time.Second)))
	}
	again, err := d.requests.Ask(ctx, wish())
	d.want(t, "Ask() again", err, nil, 0)
	if again.ID != r.ID || len(d.vault.requests) != 1 {
		t.Errorf("asked twice: %s and %s of %d, want the same", r.ID, again.ID, len(d.vault.requests))
	}
	seen, err := d.requests.Of(ctx, "bank", r.ID)
	if err != nil || seen.Status != eid.RequestWaiting {
		t.Errorf("Of() = %+v, %v, want one that waits", seen, err)
	}
	for _, client := range []string{"shop", ""} {
		if _, err := d.requests.Of(ctx, client, r.ID); !errors.Is(err, eid.ErrNotFound) {
			t.Errorf("Of(%q) = %v, want ErrNotFound", client, err)
		}
	}
	own := word()
	own.Officer = "a"
	_, err = d.requests.Accept(ctx, r.ID, own)
	d.want(t, "Accept() by the holder as officer", err, accounts.ErrOwnAccount, 0)
	accepted, err := d.requests.Accept(ctx, r.ID, word())
	d.want(t, "Accept()", err, nil, 1)
	l := d.account.Locks[0]
	if l.ID != accepted.Lock || l.SetBy != eid.ByServiceUser || l.Client != "bank" || l.Document != "CV-7" || l.Requester != "Ngân hàng Giả Định" {
		t.Errorf("the lock is %+v, want requester and document on record", l)
	}
	_, err = d.requests.Reject(ctx, r.ID, word())
	d.want(t, "Reject() after that", err, accounts.ErrDecided, 1)

	// Nobody but the requester undoes it, and not without an officer either.
	for name, act := range map[string]accounts.LockAct{
		"holder": bySelf(), "authority": byAuthority("Ngân hàng Giả Định"), "operator": byOperator(),
		"client": {By: eid.ByServiceUser, Requester: "Ngân hàng Giả Định", Client: "bank", Document: "CV-8", Actor: "client:bank"},
	} {
		if err := d.locks.Lift(ctx, "a", l.ID, act); err == nil {
			t.Errorf("%s lifted a service user's lock", name)
		}
	}
	_, err = d.requests.Ask(ctx, wish(func(w *accounts.LockWish) { w.Client, w.Undo = "shop", r.ID }))
	d.want(t, "another's wish for the end", err, eid.ErrNotFound, 1)
	undo, err := d.requests.Ask(ctx, wish(func(w *accounts.LockWish) { w.Undo, w.Document = r.ID, "CV-9" }))
	d.want(t, "the wish for the end", err, nil, 1)
	_, err = d.requests.Accept(ctx, undo.ID, word())
	d.want(t, "Accept() of the end", err, nil, 0)
	var actions []string
	for _, e := range d.entries {
		actions = append(actions, e.Action)
		if strings.Contains(string(e.Detail), "CV-") || strings.Contains(string(e.Detail), "gian lận") {
			t.Errorf("audit detail %s holds what stands with the lock", e.Detail)
		}
	}
	want := []string{eid.ActionLockRequested, eid.ActionAccountLocked, eid.ActionLockDecided, eid.ActionLockRequested, eid.ActionAccountUnlocked, eid.ActionLockDecided}
	if strings.Join(actions, " ") != strings.Join(want, " ") {
		t.Errorf("audit = %v, want %v", actions, want)
	}
}

func TestRejectedRequestLocksNothing(t *testing.T) {
	d, ctx := newLockDesk(t, clock), t.Context()
	r, err := d.requests.Ask(ctx, wish())
	d.want(t, "Ask()", err, nil, 0)
	empty := word()
	empty.Why = ""
	_, err = d.requests.Reject(ctx, r.ID, empty)
	d.want(t, "Reject() without reason", err, accounts.ErrInvalid, 0)
	rejected, err := d.requests.Reject(ctx, r.ID, word())
	d.want(t, "Reject()", err, nil, 0)
	if rejected.Status != eid.RequestRejected || rejected.DecidedBy != "officer:o" || rejected.Lock != "" {
		t.Errorf("Reject() = %+v, want a rejection without a lock", rejected)
	}
	_, err = d.requests.Ask(ctx, wish(func(w *accounts.LockWish) { w.Undo = r.ID }))
	d.want(t, "asking for the end of it", err, eid.ErrNotFound, 0)
	// It may be asked for anew.
	second, err := d.requests.Ask(ctx, wish())
	if err != nil || second.ID == r.ID {
		t.Errorf("Ask() after a rejection = %s, %v, want a new one", second.ID, err)
	}
}

func TestWishesAreChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*accounts.LockWish)
		want   error
	}{
		"without document":  {func(w *accounts.LockWish) { w.Document = "" }, accounts.ErrInvalid},
		"without reason":    {func(w *accounts.LockWish) { w.Reason = "" }, accounts.ErrInvalid},
		"without requester": {func(w *accounts.LockWish) { w.Requester = "" }, accounts.ErrInvalid},
		"long reason":       {func(w *accounts.LockWish) { w.Reason = strings.Repeat("x", 501) }, accounts.ErrInvalid},
		"CRLF":              {func(w *accounts.LockWish) { w.Document = "CV\r\n7" }, accounts.ErrInvalid},
		"nobody":            {func(w *accounts.LockWish) { w.Actor = "" }, accounts.ErrInvalid},
		"holder":            {func(w *accounts.LockWish) { w.Actor = "holder" }, accounts.ErrInvalid},
		"no such account":   {func(w *accounts.LockWish) { w.Account = "b" }, eid.ErrNotFound},
		"no such request":   {func(w *accounts.LockWish) { w.Undo = "none" }, eid.ErrNotFound},
	} {
		d := newLockDesk(t, clock)
		if _, err := d.requests.Ask(t.Context(), wish(tt.change)); !errors.Is(err, tt.want) || len(d.entries) != 0 {
			t.Errorf("%s: Ask() = %v with %d rows, want %v and none", name, err, len(d.entries), tt.want)
		}
	}
}
