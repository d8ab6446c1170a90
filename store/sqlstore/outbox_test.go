package sqlstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// TestProcessesClaimEachNoticeOnce has four processes with four workers each.
func TestProcessesClaimEachNoticeOnce(t *testing.T) {
	const processes, workers, notices = 4, 4, 128
	path, s, now := migrated(t), sealer(t), time.Now()
	var dbs []*sqlstore.DB
	for range processes {
		dbs = append(dbs, open(t, path, s, func() time.Time { return now }))
	}
	var list []eid.LogoutNotice
	for i := range notices {
		list = append(list, eid.LogoutNotice{Client: fmt.Sprint("portal-", i%16), SID: fmt.Sprint("sid-", i)})
	}
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: "session.ended"}
	if err := dbs[0].AddLogouts(t.Context(), list, entry); err != nil {
		t.Fatalf("AddLogouts(): %v", err)
	}
	var mu sync.Mutex
	times := map[string]int{}
	work := func(db *sqlstore.DB) {
		for {
			claimed, err := db.ClaimLogouts(t.Context(), now, time.Minute, 7)
			if err != nil {
				t.Errorf("ClaimLogouts(): %v", err)
			}
			if len(claimed) == 0 {
				return
			}
			mu.Lock()
			for _, n := range claimed {
				times[n.SID]++
			}
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for i := range processes * workers {
		wg.Go(func() { work(dbs[i%processes]) })
	}
	wg.Wait()
	for _, n := range list {
		if times[n.SID] != 1 {
			t.Errorf("%s was claimed %d times, want 1", n.SID, times[n.SID])
		}
	}
}

// TestOutboxOutlivesItsProcess stands for a process that dies with a lease.
func TestOutboxOutlivesItsProcess(t *testing.T) {
	path, s, now := migrated(t), sealer(t), time.Now()
	first := open(t, path, s, time.Now)
	entry := eid.AuditEntry{At: now, Actor: "holder", Action: "session.ended"}
	if err := first.AddLogouts(t.Context(), []eid.LogoutNotice{{Client: "portal", SID: "sid"}}, entry); err != nil {
		t.Fatalf("AddLogouts(): %v", err)
	}
	due := time.Now()
	if list, err := first.ClaimLogouts(t.Context(), due, time.Minute, 1); err != nil || len(list) != 1 {
		t.Fatalf("ClaimLogouts() = %v, %v, want one notice", list, err)
	}
	if err := first.Close(); err != nil {
		t.Fatalf("Close(): %v", err)
	}
	second := open(t, path, s, time.Now)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{30 * time.Second, 0}, {time.Minute, 1}} {
		list, err := second.ClaimLogouts(t.Context(), due.Add(tt.after), time.Minute, 1)
		if err != nil || len(list) != tt.want {
			t.Errorf("ClaimLogouts() %v later = %v, %v, want %d", tt.after, list, err, tt.want)
		}
	}
}

// TestNoChangeWithoutItsEvent breaks the events: a lock that nobody would be
// told of is not made.
func TestNoChangeWithoutItsEvent(t *testing.T) {
	path, ctx := migrated(t), t.Context()
	db := open(t, path, sealer(t), time.Now)
	id := create(t, db, "999190000001")
	writer := accounts.New(db, time.Now)
	link, err := writer.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "subject", "evidence", "system")
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	before, err := db.Audit(ctx, sqlstore.AuditFilter{})
	if err != nil {
		t.Fatalf("Audit(): %v", err)
	}
	exec(t, path, `CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	if _, err := storetest.Locks(t, db, time.Now).Set(ctx, id, eid.LockSelf, storetest.Self()); err == nil {
		t.Error("Lock() without its event: no error")
	}
	if err := writer.EndLink(ctx, link.ID, "system"); err == nil || errors.Is(err, eid.ErrNotFound) {
		t.Errorf("EndLink() without its event = %v, want the failure", err)
	}
	if a, err := db.Account(ctx, id); err != nil || len(a.Locks) != 0 {
		t.Errorf("Account() = %v, %v, want no lock", a.Locks, err)
	}
	if _, err := db.Link(ctx, link.ID); err != nil {
		t.Errorf("Link(): %v", err)
	}
	after, err := db.Audit(ctx, sqlstore.AuditFilter{})
	if err != nil || len(after) != len(before) {
		t.Errorf("%d audit rows, %v, want the %d of before", len(after), err, len(before))
	}
}

// BenchmarkClaim has ten thousand notices of a dead client in the way.
func BenchmarkClaim(b *testing.B) {
	db := open(b, migrated(b), sealer(b), time.Now)
	var list []eid.LogoutNotice
	for i := range 10_000 {
		list = append(list, eid.LogoutNotice{Client: "dead", SID: fmt.Sprint(i)})
	}
	for i := range 100 {
		list = append(list, eid.LogoutNotice{Client: fmt.Sprint("portal-", i), SID: "sid"})
	}
	entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: "session.ended"}
	if err := db.AddLogouts(b.Context(), list, entry); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Minute)
		if _, err := db.ClaimLogouts(b.Context(), now, time.Second, 16); err != nil {
			b.Fatal(err)
		}
	}
}
