package accounts_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/rules"
)

// vault keeps one account's locks and requests, and all that was written.
type vault struct {
	account  eid.Account
	records  []accounts.LockRecord
	requests map[string]eid.LockRequest
	entries  []eid.AuditEntry
}

var (
	_ accounts.LockStore        = (*vault)(nil)
	_ accounts.LockRequestStore = (*vault)(nil)
)

func (v *vault) AddLock(_ context.Context, id eid.AccountID, decide func(eid.Account) (accounts.LockSetting, error)) error {
	if id != v.account.ID {
		return eid.ErrNotFound
	}
	set, err := decide(v.account)
	if err == nil {
		v.set(set)
	}
	return err
}

func (v *vault) set(s accounts.LockSetting) {
	v.account.Locks = append(slices.Clone(v.account.Locks), s.Lock)
	v.records, v.entries = append(v.records, accounts.LockRecord{Lock: s.Lock}), append(v.entries, s.Entry)
}

func (v *vault) inForce(id string) (eid.Lock, bool) {
	i := slices.IndexFunc(v.account.Locks, func(l eid.Lock) bool { return l.ID == id })
	if i < 0 {
		return eid.Lock{}, false
	}
	return v.account.Locks[i], true
}

func (v *vault) LiftLock(_ context.Context, id eid.AccountID, lock string, decide func(eid.Lock) (accounts.Lift, error)) error {
	l, ok := v.inForce(lock)
	if id != v.account.ID || !ok {
		return eid.ErrNotFound
	}
	lift, err := decide(l)
	if err == nil {
		v.lift(lock, lift)
	}
	return err
}

func (v *vault) lift(lock string, l accounts.Lift) {
	v.account.Locks = slices.DeleteFunc(slices.Clone(v.account.Locks), func(have eid.Lock) bool { return have.ID == lock })
	for i := range v.records {
		if v.records[i].ID == lock {
			v.records[i].LiftedAt, v.records[i].LiftedBy, v.records[i].LiftDocument = l.At, l.By, l.Document
		}
	}
	v.entries = append(v.entries, l.Entry)
}

func (v *vault) LocksOf(context.Context, eid.AccountID, int) ([]accounts.LockRecord, error) {
	return v.records, nil
}

func (v *vault) AddLockRequest(_ context.Context, r eid.LockRequest, room accounts.RequestRoom, e eid.AuditEntry) (eid.LockRequest, error) {
	waiting := 0
	for _, other := range v.requests {
		if other.Status != eid.RequestWaiting {
			continue
		}
		waiting++
		if other.Client == r.Client && other.Requester == r.Requester && other.Account == r.Account && other.Document == r.Document && other.Undo == r.Undo {
			return other, nil
		}
	}
	_, alive := v.inForce(r.Undo)
	switch {
	case waiting >= room.OfClient:
		return eid.LockRequest{}, accounts.ErrNoRoom
	case r.Account != v.account.ID, r.Undo != "" && !alive:
		return eid.LockRequest{}, eid.ErrNotFound
	}
	v.requests[r.ID], v.entries = r, append(v.entries, e)
	return r, nil
}

func (v *vault) LockRequests(context.Context, accounts.LockRequestFilter) (list []eid.LockRequest, _ error) {
	for _, r := range v.requests {
		list = append(list, r)
	}
	return list, nil
}

func (v *vault) LockRequest(_ context.Context, id string) (accounts.LockRequestStanding, error) {
	r, ok := v.requests[id]
	if !ok {
		return accounts.LockRequestStanding{}, eid.ErrNotFound
	}
	s := accounts.LockRequestStanding{LockRequest: r, Holder: v.account}
	s.Undone, _ = v.inForce(r.Undo)
	return s, nil
}

func (v *vault) RuleLockRequest(ctx context.Context, id string, decide func(accounts.LockRequestStanding) (accounts.LockRequestRuling, error)) error {
	s, err := v.LockRequest(ctx, id)
	if err != nil {
		return err
	}
	r, err := decide(s)
	if err != nil {
		return err
	}
	if r.Set != nil {
		v.set(*r.Set)
	}
	if r.Lift != nil {
		v.lift(s.Undo, *r.Lift)
	}
	v.requests[id], v.entries = r.Request, append(v.entries, r.Entries...)
	return nil
}

// registry is a vault with its writers, by the rules of a day.
type lockDesk struct {
	*vault
	locks    *accounts.Locks
	requests *accounts.LockRequests
}

func newLockDesk(t testing.TB, now func() time.Time) lockDesk {
	t.Helper()
	book, err := rules.Open("")
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{account: eid.Account{ID: "a", Status: eid.Active}, requests: map[string]eid.LockRequest{}}
	return lockDesk{v, accounts.NewLocks(v, book, now), accounts.NewLockRequests(v, book, now)}
}

// The acts of tests.
func bySelf() accounts.LockAct {
	return accounts.LockAct{By: eid.ByHolder, Proof: "pwd otp", Actor: "holder"}
}

func byAuthority(name string) accounts.LockAct {
	return accounts.LockAct{By: eid.ByAuthority, Requester: name, Document: "QĐ-1", Actor: "operator:A"}
}

func byOperator() accounts.LockAct {
	return accounts.LockAct{By: eid.ByOperator, Requester: "đơn vị vận hành", Document: "BB-1", Remedy: "đã khắc phục", Actor: "operator:A"}
}

func byRegistry() accounts.LockAct {
	return accounts.LockAct{By: eid.ByRegistry, Requester: "population", Document: "change 7", Actor: "system"}
}

func corrected() accounts.LockAct {
	act := byAuthority("cơ quan hộ tịch")
	act.Correction = true
	return act
}

func changed(act accounts.LockAct, change func(*accounts.LockAct)) accounts.LockAct {
	change(&act)
	return act
}

// wantLock checks an error and how many locks are in force.
func (d lockDesk) want(t *testing.T, doing string, err, want error, locks int) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil && err != nil) {
		t.Errorf("%s = %v, want %v", doing, err, want)
	}
	if got := len(d.account.Locks); got != locks {
		t.Errorf("after %s %d locks are in force, want %d", doing, got, locks)
	}
}

func TestWhoSetsALock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason eid.LockReason
		act    accounts.LockAct
		want   error
	}{
		{"holder", eid.LockSelf, bySelf(), nil},
		{"holder without proof", eid.LockSelf, changed(bySelf(), func(a *accounts.LockAct) { a.Proof = "" }), accounts.ErrInvalid},
		{"holder for another", eid.LockSelf, changed(bySelf(), func(a *accounts.LockAct) { a.Requester = "B" }), accounts.ErrInvalid},
		{"self by an authority", eid.LockSelf, byAuthority("A"), accounts.ErrNotAllowed},
		{"self by an operator", eid.LockSelf, byOperator(), accounts.ErrNotAllowed},
		{"authority", eid.LockAuthority, byAuthority("A"), nil},
		{"authority without document", eid.LockAuthority, changed(byAuthority("A"), func(a *accounts.LockAct) { a.Document = "" }), accounts.ErrInvalid},
		{"authority without requester", eid.LockAuthority, byAuthority(""), accounts.ErrInvalid},
		{"CRLF", eid.LockAuthority, byAuthority("A\r\nroot"), accounts.ErrInvalid},
		{"authority by the holder", eid.LockAuthority, bySelf(), accounts.ErrNotAllowed},
		{"holder who says authority", eid.LockAuthority, changed(byAuthority("A"), func(a *accounts.LockAct) { a.Actor = "holder" }), accounts.ErrInvalid},
		{"service user past the queue", eid.LockAuthority, accounts.LockAct{By: eid.ByServiceUser, Requester: "P", Client: "p", Document: "d", Actor: "client:p"}, accounts.ErrInvalid},
		{"officer on the own account", eid.LockAuthority, changed(byAuthority("A"), func(a *accounts.LockAct) { a.Officer = "a" }), accounts.ErrOwnAccount},
		{"nobody's act", eid.LockAuthority, changed(byAuthority("A"), func(a *accounts.LockAct) { a.Actor = "" }), accounts.ErrInvalid},
		{"correction", eid.LockAuthority, corrected(), accounts.ErrNotAllowed},
		{"terms", eid.LockTerms, byOperator(), nil},
		{"terms by an authority", eid.LockTerms, byAuthority("A"), accounts.ErrNotAllowed},
		{"number", eid.LockNumber, byRegistry(), nil},
		{"death", eid.LockDeath, byRegistry(), nil},
		{"death by an authority", eid.LockDeath, byAuthority("A"), nil},
		{"death by an operator", eid.LockDeath, byOperator(), accounts.ErrNotAllowed},
		{"no reason", "", byAuthority("A"), accounts.ErrNotAllowed},
		{"unknown reason", "whim", byAuthority("A"), accounts.ErrNotAllowed},
		{"nobody", eid.LockAuthority, accounts.LockAct{}, accounts.ErrNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newLockDesk(t, clock)
			l, err := d.locks.Set(t.Context(), "a", tt.reason, tt.act)
			if tt.want != nil {
				d.want(t, "Set()", err, tt.want, 0)
				if len(d.entries) != 0 {
					t.Errorf("audit = %+v, want nothing of what was refused", d.entries)
				}
				return
			}
			d.want(t, "Set()", err, nil, 1)
			if l.ID == "" || l != d.account.Locks[0] || !l.SetAt.Equal(stamp()) || l.SetBy != tt.act.By || l.Document != tt.act.Document {
				t.Errorf("Set() = %+v, want the lock in force with who asked", l)
			}
			if e := d.entries[0]; e.Action != eid.ActionAccountLocked || e.Account != "a" || e.Actor != tt.act.Actor {
				t.Errorf("audit = %+v, want the lock by %s", e, tt.act.Actor)
			}
			_, err = d.locks.Set(t.Context(), "a", tt.reason, tt.act)
			d.want(t, "Set() of the same", err, eid.ErrExists, 1)
		})
	}
}
