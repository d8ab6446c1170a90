package counter_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/counter"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// lock locks an account a minute from now, and a minute goes by.
func (w *world) lock(t testing.TB, id eid.AccountID, reason eid.LockReason, act accounts.LockAct) {
	t.Helper()
	w.clock.Advance(time.Minute)
	_, err := storetest.Locks(t, w.db, w.clock.Now).Set(t.Context(), id, reason, act)
	must(t, err)
	w.clock.Advance(time.Minute)
}

// locks are the reasons of the locks that the account of an intake has in force.
func (w *world) locks(t testing.TB, in counter.Intake) (list []eid.LockReason) {
	t.Helper()
	for _, l := range w.account(t, in).Locks {
		list = append(list, l.Reason)
	}
	return list
}

// Who locked the own account and has nothing left to undo that with proves at a counter
// who they are (row 30): the approval unlocks, and nothing of before comes back.
func TestRow30TheHolderUndoesTheLockAtACounter(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	in := citizen(numberA)
	id := w.person(t, numberA)
	w.clock.Advance(time.Hour)
	signedIn := w.clock.Now()
	w.lock(t, id, eid.LockSelf, storetest.Self())
	w.posted(t)
	a := w.confirmed(t, in)
	if a.Findings.Stands != counter.StandsFree || !a.Findings.OwnLock.Equal(w.clock.Now().Add(-time.Minute)) {
		t.Errorf("found %q and the lock of %v, want that an approval ends it", a.Findings.Stands, a.Findings.OwnLock)
	}
	if shown, err := w.Show(ctx, w.second, a.ID); err != nil || !shown.Findings.OwnLock.Equal(a.Findings.OwnLock) {
		t.Errorf("Show() = %v, %v, want the lock kept", shown.Findings.OwnLock, err)
	}
	var seen int64
	w.actions(t, &seen)
	a, err := w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	account := w.account(t, in)
	if account.ID != id || len(account.Locks) > 0 || account.Status != eid.PendingActivation || account.Counts(signedIn) || account.Has(eid.Password) {
		t.Errorf("account %s has locks %v, is %s, has %v, want the one of before, unlocked, and nothing that opened it", account.ID, account.Locks, account.Status, account.Factors)
	}
	same(t, "audit", w.actions(t, &seen), []string{eid.ActionAccountUnlocked, eid.ActionAccountRenewed, eid.ActionLevelChanged, eid.ActionApplicationDecided})
	posts, _ := w.posted(t)
	slices.Sort(posts)
	same(t, "messages", posts, []string{"first_password +84912345678", "level_raised +84900000001", "level_raised +84912345678", "unlocked +84900000001"})
	records, err := storetest.Locks(t, w.db, w.clock.Now).Of(ctx, id)
	wantErr(t, "Of()", err, nil)
	if len(records) != 1 || records[0].LiftedBy != eid.ByHolder || !records[0].LiftedAt.Equal(w.clock.Now()) {
		t.Errorf("on record: %+v, want one that its holder ended now", records)
	}
	rows, err := w.db.Audit(ctx, auditAll)
	wantErr(t, "Audit()", err, nil)
	i := slices.IndexFunc(rows, func(r sqlstore.AuditRow) bool { return r.Action == eid.ActionAccountUnlocked })
	if rows[i].Actor != "officer:officer-2" || rows[i].Ref != "ref-2" || !strings.Contains(string(rows[i].Detail), `"proof":"counter `+a.Ref+`"`) {
		t.Errorf("audit = %s by %s, want the reference of the application and who approved", rows[i].Detail, rows[i].Actor)
	}
	_, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve() again", err, counter.ErrStatus)
}

// What is not to be unlocked at a counter stands as before, and nothing is asked of anybody.
func TestWhatACounterDoesNotUnlock(t *testing.T) {
	authority := func(t *testing.T, w *world, id eid.AccountID) {
		w.lock(t, id, eid.LockAuthority, storetest.Authority("1/QĐ"))
	}
	for _, tt := range []struct {
		name   string
		more   func(t *testing.T, w *world, id eid.AccountID)
		level  eid.Level
		stands counter.Standing
		locks  []eid.LockReason
	}{
		{"an authority's lock beside", authority, eid.Level2, counter.StandsLocked, []eid.LockReason{eid.LockSelf, eid.LockAuthority}},
		{"level 1, which nobody's biometric is behind", nil, eid.Level1, counter.StandsLocked, []eid.LockReason{eid.LockSelf}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, ctx := newWorld(t), t.Context()
			in := citizen(numberA)
			id := w.person(t, numberA)
			w.lock(t, id, eid.LockSelf, storetest.Self())
			if tt.more != nil {
				tt.more(t, w, id)
			}
			a, err := w.Open(ctx, w.first, tt.level, in, counter.Papers{})
			wantErr(t, "Open()", err, nil)
			if a.Findings.Stands != tt.stands || !a.Findings.OwnLock.IsZero() {
				t.Errorf("found %q and an own lock of %v, want %q and none", a.Findings.Stands, a.Findings.OwnLock, tt.stands)
			}
			if tt.level == eid.Level2 {
				a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
				wantErr(t, "Match()", err, nil)
			}
			a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
			wantErr(t, "ReadBack()", err, nil)
			_, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
			if list, ok := asObstacles(err); !ok || !slices.Equal(list, []counter.Obstacle{{Kind: counter.ObstacleAccount, Stands: counter.StandsLocked}}) {
				t.Errorf("Confirm() = %v, want the account in the way", err)
			}
			if got := w.locks(t, in); !slices.Equal(got, tt.locks) {
				t.Errorf("locks = %v, want %v", got, tt.locks)
			}
		})
	}
}

// An account that has a higher level, or that a national source manages, is not unlocked
// by who may not renew it.
func TestAnOwnLockOpensNoOtherDoor(t *testing.T) {
	w := newWorld(t)
	own := eid.Lock{ID: "l", Reason: eid.LockSelf, SetBy: eid.ByHolder, SetAt: w.clock.Now()}
	for stands, change := range map[counter.Standing]func(*eid.Account){
		counter.StandsManaged: func(a *eid.Account) { a.ManagedBy = "mps" },
		counter.StandsClosed:  func(a *eid.Account) { a.Status = eid.Closed },
		counter.StandsHigher:  func(a *eid.Account) { a.Level = 3 },
	} {
		held := eid.Account{ID: "a", Status: eid.Active, Level: eid.Level1, Locks: []eid.Lock{own}}
		change(&held)
		c := w.with(t, func(d *counter.Deps) { d.Accounts = one(held) })
		a, err := c.Open(t.Context(), w.first, eid.Level2, citizen(numberA), counter.Papers{})
		wantErr(t, "Open()", err, nil)
		if a.Findings.Stands != stands || !a.Findings.OwnLock.IsZero() {
			t.Errorf("found %q and an own lock of %v, want %q and none", a.Findings.Stands, a.Findings.OwnLock, stands)
		}
		_, err = c.Withdraw(t.Context(), w.first, a.ID, a.Revision)
		wantErr(t, "Withdraw()", err, nil)
	}
}

// one is the account of every number.
type one eid.Account

func (o one) AccountByIdentifier(context.Context, eid.Identifier) (eid.Account, error) {
	return eid.Account(o), nil
}

// An application that was confirmed before its person locked the account does not unlock
// it: it goes back, the match of before counts no more, and the person is told what they
// confirm.
func TestALockYoungerThanTheProof(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	in := citizen(numberA)
	id := w.person(t, numberA)
	a := w.confirmed(t, in)
	w.lock(t, id, eid.LockSelf, storetest.Self())
	_, err := w.Approve(ctx, w.second, a.ID, a.Revision)
	if list, ok := asObstacles(err); !ok || !slices.Equal(list, []counter.Obstacle{{Kind: counter.ObstacleBiometric}}) {
		t.Errorf("Approve() = %v, want a match of after the lock", err)
	}
	same(t, "locks", []string{string(w.locks(t, in)[0])}, []string{"self"})
	a, err = w.Return(ctx, w.second, a.ID, a.Revision, "đối chiếu lại")
	wantErr(t, "Return()", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	if a.Findings.OwnLock.IsZero() {
		t.Error("the person is not told of the lock")
	}
	same(t, "obstacles", w.obstacles(t, a), []string{"biometric"})
	a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
	wantErr(t, "Match()", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	a, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	if got := w.locks(t, in); len(got) > 0 {
		t.Errorf("locks = %v, want none", got)
	}
	evidence, err := w.db.LevelEvidence(ctx, a.Account)
	wantErr(t, "LevelEvidence()", err, nil)
	for _, e := range evidence {
		if e.Kind == eid.EvidenceBiometric && e.Reference != "match-2" {
			t.Errorf("the level rests on %s, of before the lock", e.Reference)
		}
	}
}

// A lock that is set between the look and the approval is found by the transaction that
// approves: nothing is unlocked, renewed, decided or sent.
func TestALockBetweenTheLookAndTheApproval(t *testing.T) {
	for _, tt := range []struct {
		reason eid.LockReason
		act    accounts.LockAct
	}{{eid.LockAuthority, storetest.Authority("1/QĐ")}, {eid.LockTerms, storetest.Operator("BB-1")}} {
		t.Run(string(tt.reason), func(t *testing.T) {
			w, ctx := newWorld(t), t.Context()
			in := citizen(numberA)
			id := w.person(t, numberA)
			w.lock(t, id, eid.LockSelf, storetest.Self())
			a := w.confirmed(t, in)
			var seen int64
			c := w.with(t, func(d *counter.Deps) {
				d.Store = between{w.db, func() {
					w.lock(t, id, tt.reason, tt.act)
					w.actions(t, &seen)
					w.posted(t)
				}}
			})
			_, err := c.Approve(ctx, w.second, a.ID, a.Revision)
			if list, ok := asObstacles(err); !ok || !slices.Equal(list, []counter.Obstacle{{Kind: counter.ObstacleAccount, Stands: counter.StandsLocked}}) {
				t.Errorf("Approve() = %v, want the account in the way", err)
			}
			posts, _ := w.posted(t)
			if got := w.locks(t, in); !slices.Equal(got, []eid.LockReason{eid.LockSelf, tt.reason}) || len(posts) > 0 || len(w.actions(t, &seen)) > 0 {
				t.Errorf("locks %v, messages %v, want both locks and nothing written", got, posts)
			}
			if shown, err := w.Show(ctx, w.second, a.ID); err != nil || shown.Status != counter.StatusConfirmed {
				t.Errorf("Show() = %s, %v, want it waiting still", shown.Status, err)
			}
		})
	}
}

// between does something right before an approval is written.
type between struct {
	counter.Store
	do func()
}

func (b between) ApproveApplication(ctx context.Context, r counter.Record, entry eid.AuditEntry, enrol counter.Enrolling) (accounts.Enrolled, error) {
	b.do()
	return b.Store.ApproveApplication(ctx, r, entry, enrol)
}

// An authority locks while sixteen officers approve: its lock is in force afterwards,
// whoever came first, and the holder's own ended with an approval or with none.
func TestAnAuthorityLocksWhileOfficersApprove(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	in := citizen(numberA)
	id := w.person(t, numberA)
	w.lock(t, id, eid.LockSelf, storetest.Self())
	a := w.confirmed(t, in)
	locks := storetest.Locks(t, w.db, w.clock.Now)
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := locks.Set(ctx, id, eid.LockAuthority, storetest.Authority("1/QĐ")); err != nil {
			t.Errorf("Set() = %v", err)
		}
	})
	won := 0
	for _, err := range atOnce(16, func(i int) error {
		by := w.second
		by.Officer.Account += eid.AccountID(rune('a' + i))
		_, err := w.Approve(ctx, by, a.ID, a.Revision)
		return err
	}) {
		if err == nil {
			won++
		}
	}
	all.Wait()
	var seen int64
	lifted := 0
	for _, action := range w.actions(t, &seen) {
		if action == eid.ActionAccountUnlocked {
			lifted++
		}
	}
	got := w.locks(t, in)
	if won > 1 || lifted != won || !slices.Contains(got, eid.LockAuthority) || slices.Contains(got, eid.LockSelf) == (won == 1) {
		t.Errorf("%d approved, %d unlocked, locks %v in force", won, lifted, got)
	}
}

// with makes another counter on the same database.
func (w *world) with(t testing.TB, change func(*counter.Deps)) *counter.Counter {
	t.Helper()
	d := w.deps
	change(&d)
	c, err := counter.New(d)
	must(t, err)
	return c
}
