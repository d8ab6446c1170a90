package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// switches sees that an operator's switch stands apart from what is registered, with
// its audit row and its events.
func (s durableSuite) switches(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	parties, sources := []eid.RelyingParty{portal("a", "s1"), portal("b", "s1")}, []eid.Source{source("x", "{}"), source("y", "{}")}
	must(t, d.ApplyRegistrations(ctx, parties, sources, "file", "system"))
	must(t, d.ApplyRegistrations(ctx, parties[:1], sources, "file", "system"))
	var seen int64
	d.actions(t, &seen)
	flip := func(id string, off bool) error {
		return d.SwitchSource(ctx, id, eid.Switch{Off: off, Reason: "thử", At: d.clock.Now()}, eid.AuditEntry{Actor: "operator:A"})
	}
	state := func(id string) eid.Switch {
		t.Helper()
		src, err := d.Source(ctx, id)
		must(t, err)
		return src.Switch
	}
	wantErr(t, "switching on what is on", flip("x", false), eid.ErrExists)
	wantErr(t, "switching off nothing", flip("z", true), eid.ErrNotFound)
	equal(t, "audit of refusals", d.actions(t, &seen), []string(nil))

	must(t, flip("x", true))
	off := eid.Switch{Off: true, Reason: "thử", At: d.clock.Now()}
	equal(t, "x", state("x"), off)
	equal(t, "y", state("y"), eid.Switch{})
	wantErr(t, "switching off twice", flip("x", true), eid.ErrExists)
	rows, err := d.Audit(ctx, sqlstore.AuditFilter{After: seen})
	must(t, err)
	if len(rows) != 1 || rows[0].Action != eid.ActionSourceOff || rows[0].Actor != "operator:A" || string(rows[0].Detail) != `{"source":"x","reason":"thử"}` {
		t.Errorf("audit of a switch = %+v", rows)
	}
	seen = rows[0].ID

	// The file is applied again, and the source leaves it and comes back: it stays off.
	must(t, d.ApplyRegistrations(ctx, parties[:1], sources, "file", "system"))
	sources[0].Name = "Tên khác"
	must(t, d.ApplyRegistrations(ctx, parties[:1], sources, "file", "system"))
	equal(t, "x after a change of the file", state("x"), off)
	must(t, d.ApplyRegistrations(ctx, parties[:1], sources[1:], "file", "system"))
	wantErr(t, "switching what is gone", flip("x", false), eid.ErrNotFound)
	must(t, d.ApplyRegistrations(ctx, parties[:1], sources, "file", "system"))
	equal(t, "x after it came back", state("x"), off)
	d.actions(t, &seen)

	d.clock.Advance(time.Minute)
	must(t, flip("x", false))
	equal(t, "x switched on", state("x"), eid.Switch{Reason: "thử", At: d.clock.Now()})
	equal(t, "audit of a switch", d.actions(t, &seen), []string{eid.ActionSourceOn})

	// One event for each party that is registered, once no process goes by what it
	// remembers.
	must(t, flip("y", true))
	at := d.clock.Now()
	events, err := d.PendingSwitches(ctx, 10)
	must(t, err)
	if len(events) != 1 || events[0].Source != "x" {
		t.Fatalf("PendingSwitches() at once = %+v, want that of x alone", events)
	}
	d.clock.Advance(2 * time.Second)
	events, err = d.PendingSwitches(ctx, 10)
	must(t, err)
	if len(events) != 2 || events[1].Source != "y" || events[1].Client != "a" || !events[1].At.Equal(at) {
		t.Errorf("PendingSwitches() = %+v, want x and y for a", events)
	}
}

// switchEvents sees that a party is told page by page, each page by one caller.
func (s durableSuite) switchEvents(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{portal("a", "s1")}, []eid.Source{source("x", "{}"), source("y", "{}")}, "file", "system"))
	id := d.person(t, numberA)
	grant := func(sector, subject, client, src string) {
		t.Helper()
		must(t, d.RecordGrant(ctx, sector, subject, eid.Grant{ID: "g", Account: id, Client: client, Source: src}, grantEntry(d.clock.Now())))
	}
	grant("old", "sub-0", "a", "x")
	long := d.clock.Now()
	d.clock.Advance(3 * time.Hour)
	start := d.clock.Now()
	grant("s1", "sub-1", "a", "x")
	grant("s1", "sub-1", "a", "x")
	grant("s1", "sub-1", "b", "x")
	grant("s2", "sub-2", "a", "x")
	grant("s2", "sub-2", "a", "y")
	grant("s3", "sub-3", "a", "x")
	people, err := d.PeopleThrough(ctx, "x", start)
	must(t, err)
	equal(t, "PeopleThrough()", people, 4)

	must(t, d.SwitchSource(ctx, "x", eid.Switch{Off: true, Reason: "thử", At: d.clock.Now()}, eid.AuditEntry{Actor: "operator:A"}))
	d.clock.Advance(2 * time.Second)
	event := func() eid.SwitchEvent {
		t.Helper()
		list, err := d.PendingSwitches(ctx, 10)
		must(t, err)
		if len(list) != 1 {
			t.Fatalf("PendingSwitches() = %+v, want one", list)
		}
		return list[0]
	}
	e := event()
	for _, tt := range []struct {
		after string
		since time.Time
		limit int
		want  []string
	}{
		{"", long, 10, []string{"sub-0", "sub-1", "sub-2", "sub-3"}},
		{"", start, 10, []string{"sub-1", "sub-2", "sub-3"}},
		{"", start, 2, []string{"sub-1", "sub-2"}},
		{"sub-2", start, 2, []string{"sub-3"}},
		{"sub-3", start, 2, nil},
		{"", start, 0, nil},
		{"", start, -1, nil},
	} {
		e.After = tt.after
		got, err := d.SubjectsThrough(ctx, e, tt.since, tt.limit)
		must(t, err)
		equal(t, fmt.Sprintf("SubjectsThrough() after %q", tt.after), got, tt.want)
	}

	// Many callers have the same page: it counts once.
	e = event()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if err := d.DispatchSwitch(ctx, e, "sub-2", []eid.LogoutNotice{notice("a", "sub-1"), notice("a", "sub-2")}); err != nil {
				t.Errorf("DispatchSwitch(): %v", err)
			}
		})
	}
	callers.Wait()
	must(t, errIfNil(d.DispatchSwitch(ctx, event(), "sub-2", nil)))                               // nowhere
	must(t, errIfNil(d.DispatchSwitch(ctx, event(), "sub-1", nil)))                               // back
	must(t, errIfNil(d.DispatchSwitch(ctx, event(), "sub-3", []eid.LogoutNotice{{Client: "a"}}))) // no notice
	equal(t, "the event after failures", event().After, "sub-2")
	must(t, d.DispatchSwitch(ctx, e, "", []eid.LogoutNotice{notice("a", "stale")})) // somebody moved it
	must(t, d.DispatchSwitch(ctx, event(), "", []eid.LogoutNotice{notice("a", "sub-3")}))
	told := d.claim(t, 10)
	slices.Sort(told)
	equal(t, "what is told", told, []string{"a sub-1", "a sub-2", "a sub-3"})
	list, err := d.PendingSwitches(ctx, 10)
	must(t, err)
	equal(t, "events left", list, []eid.SwitchEvent(nil))
}

// switchRoom sees that a switch waits while a party has much to be told.
func (s durableSuite) switchRoom(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{portal("a", "s1"), portal("b", "s1")}, []eid.Source{source("x", "{}")}, "file", "system"))
	crowd := make([]eid.LogoutNotice, 5000)
	for i := range crowd {
		crowd[i] = notice("a", fmt.Sprint(i))
		crowd[i].ID = fmt.Sprint("n-", i)
	}
	must(t, d.AddLogouts(ctx, crowd, eid.AuditEntry{At: d.clock.Now(), Actor: "system", Action: "session.ended"}))
	must(t, d.SwitchSource(ctx, "x", eid.Switch{Off: true, Reason: "thử", At: d.clock.Now()}, eid.AuditEntry{Actor: "operator:A"}))
	d.clock.Advance(2 * time.Second)
	waiting := func() (clients []string) {
		t.Helper()
		list, err := d.PendingSwitches(ctx, 10)
		must(t, err)
		for _, e := range list {
			clients = append(clients, e.Client)
		}
		return clients
	}
	equal(t, "parties to be told while a has no room", waiting(), []string{"b"})
	must(t, d.LogoutDelivered(ctx, crowd[0].ID))
	equal(t, "parties to be told once a has room", waiting(), []string{"a", "b"})
}
