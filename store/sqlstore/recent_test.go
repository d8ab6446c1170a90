package sqlstore_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// twoProcesses are two stores on one file with one clock, and an account in it.
func twoProcesses(t *testing.T) (here, there *sqlstore.DB, id eid.AccountID, path string, pass func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	now := func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(ahead.Load())) }
	path = migrated(t)
	s := sealer(t)
	here, there = open(t, path, s, now), open(t, path, s, now)
	return here, there, create(t, here, "999190000001"), path, func(d time.Duration) { ahead.Add(int64(d)) }
}

func locked(t *testing.T, db *sqlstore.DB, id eid.AccountID) bool {
	t.Helper()
	a, err := db.Account(t.Context(), id)
	if err != nil {
		t.Fatalf("Account(): %v", err)
	}
	return a.Usable() != nil
}

// A lock is in force at once where it was set, and within a second elsewhere.
func TestLockIsInForceWithinASecond(t *testing.T) {
	here, there, id, _, pass := twoProcesses(t)
	if locked(t, here, id) || locked(t, there, id) {
		t.Fatal("locked before anybody locked it")
	}
	if _, err := storetest.Locks(t, there, time.Now).Set(t.Context(), id, eid.LockSelf, storetest.Self()); err != nil {
		t.Fatalf("Lock(): %v", err)
	}
	if !locked(t, there, id) {
		t.Error("not locked in the process that locked it")
	}
	pass(time.Second)
	if !locked(t, here, id) {
		t.Error("not locked elsewhere a second later")
	}
	pass(-time.Hour)
	if !locked(t, here, id) {
		t.Error("a clock that went back brought the old account back")
	}
}

// Whatever is remembered, no grant is recorded for an account that was locked, or
// above the level that it has now.
func TestGrantLooksAgain(t *testing.T) {
	here, there, id, path, _ := twoProcesses(t)
	grant := func(level eid.Level) error {
		entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionGrantIssued}
		return here.RecordGrant(t.Context(), "s", "sub", eid.Grant{ID: "g", Account: id, Client: "portal", Terms: eid.Terms{Account: level}}, entry)
	}
	if locked(t, here, id) {
		t.Fatal("locked before anybody locked it")
	}
	if err := grant(eid.Level2); err != nil {
		t.Fatalf("RecordGrant() at the account's level: %v", err)
	}
	exec(t, path, `UPDATE accounts SET level = 1, own_floor = 0`)
	if err := grant(eid.Level2); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("RecordGrant() above the level = %v, want ErrUnavailable", err)
	}
	if a, err := here.Account(t.Context(), id); err != nil || a.Level != eid.Level1 {
		t.Errorf("the next reading = level %d, %v, want what SQL says", a.Level, err)
	}
	if err := grant(eid.Level1); err != nil {
		t.Errorf("RecordGrant() at the new level: %v", err)
	}
	if _, err := storetest.Locks(t, there, time.Now).Set(t.Context(), id, eid.LockSelf, storetest.Self()); err != nil {
		t.Fatalf("Lock(): %v", err)
	}
	if locked(t, here, id) {
		t.Error("the lock of another process shows at once: nothing is remembered, and the next line proves nothing")
	}
	if err := grant(eid.Level1); !errors.Is(err, eid.ErrLocked) {
		t.Errorf("RecordGrant() after a lock elsewhere = %v, want ErrLocked", err)
	}
	rows, err := here.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionGrantIssued})
	if err != nil || len(rows) != 2 {
		t.Errorf("%d grants on record, %v, want the two that were good", len(rows), err)
	}
}

// A withdrawn consent is gone at once where it was withdrawn, within a second elsewhere.
func TestWithdrawnConsentIsForgotten(t *testing.T) {
	here, there, id, _, pass := twoProcesses(t)
	entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionConsentGiven}
	c := eid.ConsentGiven{Account: id, Client: "portal", Claims: []string{"name"}, GivenAt: time.Now(), Until: time.Now().Add(time.Hour)}
	if err := here.GiveConsent(t.Context(), c, entry); err != nil {
		t.Fatalf("GiveConsent(): %v", err)
	}
	stands := func(db *sqlstore.DB) bool {
		_, err := db.Consent(t.Context(), id, "portal")
		return err == nil
	}
	if !stands(here) || !stands(there) {
		t.Fatal("the consent does not stand")
	}
	if err := there.WithdrawConsent(t.Context(), id, "portal", entry); err != nil {
		t.Fatalf("WithdrawConsent(): %v", err)
	}
	pass(time.Second)
	for name, db := range map[string]*sqlstore.DB{"there": there, "here": here} {
		if stands(db) {
			t.Error(fmt.Sprint("the consent stands ", name))
		}
	}
}
