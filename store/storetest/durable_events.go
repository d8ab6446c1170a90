package storetest

import (
	"errors"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// events sees that an event commits with its change, and with nothing else.
func (s durableSuite) events(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	lock, err := d.locking.Set(ctx, id, eid.LockSelf, Self())
	must(t, err)
	locked := eid.Event{Kind: eid.EventLocked, Account: id, At: d.clock.Now()}
	d.clock.Advance(time.Second)
	link, err := d.accounts.Link(ctx, eid.Link{Account: other, Source: "legacy", Cap: eid.Level1}, "x", "evidence", "system")
	must(t, err)
	must(t, d.accounts.EndLink(ctx, link.ID, "operator:A"))
	ended := eid.Event{Kind: eid.EventLinkEnded, Account: other, At: d.clock.Now()}

	// What is refused, and what takes nothing from anybody, tells nobody.
	must(t, d.locking.Lift(ctx, id, lock.ID, Self()))
	_, err = d.locking.Set(ctx, "nobody", eid.LockSelf, Self())
	wantErr(t, "Lock() of nobody", err, eid.ErrNotFound)
	wantErr(t, "EndLink() again", d.accounts.EndLink(ctx, link.ID, "operator:A"), eid.ErrNotFound)
	must(t, errIfNil(d.AddLock(ctx, id, func(eid.Account) (accounts.LockSetting, error) {
		return accounts.LockSetting{Lock: eid.Lock{ID: "l", Reason: eid.LockSelf, SetAt: d.clock.Now()}}, nil
	})))
	link, err = d.accounts.Link(ctx, eid.Link{Account: other, Source: "legacy", Cap: eid.Level1}, "x", "evidence", "system")
	must(t, err)
	refused := errors.New("refused")
	err = d.EndLink(ctx, link.ID, d.clock.Now(), func(eid.Link) (eid.AuditEntry, error) { return eid.AuditEntry{}, refused })
	wantErr(t, "EndLink()", err, refused)

	got, err := d.PendingEvents(ctx, 10)
	wantErr(t, "PendingEvents()", err, nil)
	for i := range got {
		if got[i].ID == 0 || i > 0 && got[i].ID <= got[i-1].ID {
			t.Errorf("event %d has the ID %d, want one that rises", i, got[i].ID)
		}
	}
	first, err := d.PendingEvents(ctx, 1)
	wantErr(t, "PendingEvents()", err, nil)
	equal(t, "a page of one", first, got[:1])
	for _, limit := range []int{0, -1} {
		none, err := d.PendingEvents(ctx, limit)
		wantErr(t, "PendingEvents()", err, nil)
		equal(t, "a page of none", none, []eid.Event(nil))
	}
	for i := range got {
		got[i].ID = 0
	}
	equal(t, "PendingEvents()", got, []eid.Event{locked, ended})
}

func (s durableSuite) dispatchedEvents(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id := d.person(t, numberA)
	event := func() eid.Event {
		t.Helper()
		list, err := d.PendingEvents(ctx, 10)
		must(t, err)
		if len(list) != 1 {
			t.Fatalf("PendingEvents() = %v, want one", list)
		}
		return list[0]
	}
	lock := func() {
		t.Helper()
		l, err := d.locking.Set(ctx, id, eid.LockSelf, Self())
		must(t, err)
		must(t, d.locking.Lift(ctx, id, l.ID, Self()))
	}
	lock()
	old := event()
	must(t, errIfNil(d.DispatchEvent(ctx, old.ID, []eid.LogoutNotice{notice("portal", "a"), {Client: "bank"}})))
	equal(t, "event after a failed dispatch", event(), old)
	equal(t, "claim after a failed dispatch", d.claim(t, 10), []string(nil))

	must(t, d.DispatchEvent(ctx, old.ID, []eid.LogoutNotice{notice("portal", "a"), notice("bank", "b")}))
	must(t, d.DispatchEvent(ctx, old.ID, []eid.LogoutNotice{notice("portal", "again")}))
	must(t, d.DispatchEvent(ctx, old.ID+100, []eid.LogoutNotice{notice("portal", "unknown")}))
	equal(t, "claim", d.claim(t, 10), []string{"bank b", "portal a"})

	// A late second dispatch never meets the next event.
	lock()
	must(t, d.DispatchEvent(ctx, old.ID, nil))
	next := event()
	must(t, d.DispatchEvent(ctx, next.ID, nil))
	list, err := d.PendingEvents(ctx, 10)
	wantErr(t, "PendingEvents()", err, nil)
	equal(t, "events left", list, []eid.Event(nil))
	equal(t, "claim after an event without notices", d.claim(t, 10), []string(nil))
}

func (s durableSuite) subjectsOf(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	grant := func(sector, subject string, account eid.AccountID, client string) error {
		return d.RecordGrant(ctx, sector, subject, eid.Grant{ID: "g", Account: account, Client: client}, grantEntry(d.clock.Now()))
	}
	start := d.clock.Now()
	must(t, grant("s1", "sub-1", id, "portal"))
	must(t, grant("s1", "sub-1", id, "annex"))
	must(t, grant("s1", "sub-2", other, "portal"))
	d.clock.Advance(3 * time.Hour)
	later := d.clock.Now()
	must(t, grant("s2", "sub-3", id, "bank"))
	must(t, grant("s1", "sub-1", id, "annex"))
	must(t, errIfNil(grant("s1", "sub-9", id, "refused")))
	// The clock of another replica may be behind.
	must(t, d.RecordGrant(ctx, "s1", "sub-1", eid.Grant{ID: "g", Account: id, Client: "annex"}, grantEntry(start)))

	// Grants of one hour need not each be written down, and are not missed.
	d.clock.Advance(30 * time.Minute)
	again := d.clock.Now()
	must(t, grant("s1", "sub-1", id, "annex"))

	portal := eid.LogoutNotice{Client: "portal", Subject: "sub-1"}
	annex := eid.LogoutNotice{Client: "annex", Subject: "sub-1"}
	bank := eid.LogoutNotice{Client: "bank", Subject: "sub-3"}
	for _, tt := range []struct {
		name    string
		account eid.AccountID
		since   time.Time
		want    []eid.LogoutNotice
	}{
		{"ever", id, time.Time{}, []eid.LogoutNotice{annex, bank, portal}},
		{"since the first", id, start, []eid.LogoutNotice{annex, bank, portal}},
		{"since long after the first", id, start.Add(2 * time.Hour), []eid.LogoutNotice{annex, bank}},
		{"since the last", id, later, []eid.LogoutNotice{annex, bank}},
		{"since one that was not written down", id, again, []eid.LogoutNotice{annex, bank}},
		{"since long after the last", id, again.Add(2 * time.Hour), nil},
		{"of another", other, start, []eid.LogoutNotice{{Client: "portal", Subject: "sub-2"}}},
		{"of nobody", "nobody", start, nil},
	} {
		got, err := d.SubjectsOf(ctx, tt.account, tt.since)
		wantErr(t, tt.name, err, nil)
		equal(t, tt.name, got, tt.want)
	}
}

// errIfNil turns a success that should have failed into an error.
func errIfNil(err error) error {
	if err == nil {
		return errors.New("no error, want one")
	}
	return nil
}
