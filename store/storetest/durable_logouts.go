package storetest

import (
	"fmt"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

const actionEnded = "session.ended"

func notice(client, sid string) eid.LogoutNotice {
	return eid.LogoutNotice{Client: client, Subject: "sub", SID: sid}
}

func logoutEntry(at time.Time) eid.AuditEntry {
	return eid.AuditEntry{At: at, Actor: "holder", Action: actionEnded}
}

// claim leases what is due for a minute and lists "client sid".
func (d desk) claim(t *testing.T, limit int) []string {
	t.Helper()
	claimed, err := d.ClaimLogouts(t.Context(), d.clock.Now(), time.Minute, limit)
	if err != nil {
		t.Fatalf("ClaimLogouts(): %v", err)
	}
	var list []string
	for _, n := range claimed {
		list = append(list, n.Client+" "+n.SID)
	}
	return list
}

func (s durableSuite) logouts(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	now := d.clock.Now()
	var seen int64
	must(t, d.AddLogouts(ctx, nil, logoutEntry(now)))
	equal(t, "audit without notices", d.actions(t, &seen), []string{actionEnded})
	equal(t, "claim of nothing", d.claim(t, 10), []string(nil))

	all := eid.LogoutNotice{ID: "n2", Client: "bank", Subject: "sub-b", CreatedAt: now.Add(-time.Second)}
	one := eid.LogoutNotice{ID: "n1", Client: "portal", SID: "sid-1", Attempts: 7}
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{one, all}, logoutEntry(now)))
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{all}, logoutEntry(now)))
	equal(t, "audit", d.actions(t, &seen), []string{actionEnded, actionEnded})
	one.Attempts, one.CreatedAt = 0, now
	got, err := d.ClaimLogouts(ctx, now, time.Minute, 10)
	wantErr(t, "ClaimLogouts()", err, nil)
	equal(t, "ClaimLogouts()", got, []eid.LogoutNotice{all, one})

	d.clock.Advance(time.Minute - time.Microsecond)
	equal(t, "claim within the lease", d.claim(t, 10), []string(nil))
	must(t, d.LogoutDelivered(ctx, "n1"))
	must(t, d.LogoutDelivered(ctx, "n1"))
	d.clock.Advance(time.Microsecond)
	equal(t, "claim after the lease", d.claim(t, 10), []string{"bank "})
	must(t, d.LogoutDelivered(ctx, "n2"))
	d.clock.Advance(time.Hour)
	equal(t, "claim of what was delivered", d.claim(t, 10), []string(nil))

	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{notice("portal", "a"), notice("portal", "b")}, logoutEntry(now)))
	got, err = d.ClaimLogouts(ctx, d.clock.Now(), time.Minute, 10)
	must(t, err)
	if len(got) != 2 || got[0].ID == "" || got[0].ID == got[1].ID {
		t.Errorf("notices without an ID = %+v, want two with one each", got)
	}
}

func (s durableSuite) failedLogouts(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	n := notice("portal", "sid")
	n.ID = "n"
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{n}, logoutEntry(d.clock.Now())))
	for attempt := range 3 {
		got, err := d.ClaimLogouts(ctx, d.clock.Now(), time.Minute, 1)
		must(t, err)
		if len(got) != 1 || got[0].Attempts != attempt {
			t.Fatalf("claim %d = %+v, want the notice after so many attempts", attempt, got)
		}
		must(t, d.LogoutFailed(ctx, "n", d.clock.Now().Add(time.Second)))
		d.clock.Advance(time.Second - time.Microsecond)
		equal(t, "claim before it is due", d.claim(t, 1), []string(nil))
		d.clock.Advance(time.Microsecond)
	}
	givenUp := func() int64 {
		n, err := d.CountOf(ctx, sqlstore.CountLogoutsGivenUp, d.clock.Now())
		must(t, err)
		return n
	}
	equal(t, "given up", givenUp(), int64(0))
	equal(t, "claim", d.claim(t, 1), []string{"portal sid"})
	must(t, d.LogoutFailed(ctx, "n", time.Time{}))
	must(t, d.LogoutFailed(ctx, "n", time.Time{}))
	must(t, d.LogoutFailed(ctx, "n", d.clock.Now()))
	d.clock.Advance(time.Hour)
	equal(t, "claim of what was given up", d.claim(t, 1), []string(nil))
	equal(t, "given up", givenUp(), int64(1))
}

// logoutTurns has a dead client with many notices beside two with one each.
func (s durableSuite) logoutTurns(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var notices []eid.LogoutNotice
	for i := range 30 {
		n := notice("dead", fmt.Sprintf("%02d", i))
		n.ID = fmt.Sprintf("dead-%02d", i)
		notices = append(notices, n)
	}
	must(t, d.AddLogouts(ctx, notices, logoutEntry(d.clock.Now())))
	d.clock.Advance(time.Second)
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{notice("portal", "p"), notice("zoo", "z")}, logoutEntry(d.clock.Now())))

	equal(t, "one at a time", d.claim(t, 1), []string{"dead 00"})
	equal(t, "the next in turn", d.claim(t, 1), []string{"portal p"})
	equal(t, "each in turn", d.claim(t, 3), []string{"zoo z", "dead 01", "dead 02"})
	equal(t, "what one may have", d.claim(t, 100), []string{"dead 03", "dead 04", "dead 05", "dead 06", "dead 07"})
	equal(t, "more than one may have", d.claim(t, 100), []string(nil))

	must(t, d.LogoutFailed(ctx, "dead-00", d.clock.Now().Add(time.Hour)))
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{notice("portal", "late")}, logoutEntry(d.clock.Now())))
	equal(t, "room again", d.claim(t, 100), []string{"portal late", "dead 08"})
	for _, n := range notices[1:9] {
		must(t, d.LogoutFailed(ctx, n.ID, d.clock.Now().Add(time.Hour)))
	}
	equal(t, "those that never had a try", d.claim(t, 100), []string{
		"dead 09", "dead 10", "dead 11", "dead 12", "dead 13", "dead 14", "dead 15", "dead 16",
	})
}

func (s durableSuite) logoutBound(t *testing.T) {
	const bound, over = 10_000, 3
	d, ctx := s.desk(t), t.Context()
	notices := []eid.LogoutNotice{notice("portal", "bystander")}
	for i := range bound + over {
		n := notice("dead", fmt.Sprintf("%05d", i))
		// The ids run against the time, so that age alone can decide.
		n.ID, n.CreatedAt = fmt.Sprintf("%05d", bound+over-i), d.clock.Now().Add(time.Duration(i)*time.Microsecond)
		notices = append(notices, n)
	}
	must(t, d.AddLogouts(ctx, notices, logoutEntry(d.clock.Now())))
	dropped, err := d.CountOf(ctx, sqlstore.CountLogoutsDropped, d.clock.Now())
	must(t, err)
	equal(t, "dropped", dropped, int64(over))
	got := d.claim(t, 3)
	equal(t, "claim", got, []string{"dead 10002", "portal bystander", "dead 10001"})
	for i := range over + 1 {
		must(t, d.LogoutFailed(ctx, fmt.Sprintf("%05d", bound+over-i), time.Time{}))
	}
	givenUp, err := d.CountOf(ctx, sqlstore.CountLogoutsGivenUp, d.clock.Now())
	must(t, err)
	equal(t, "the oldest that are left to give up", givenUp, int64(1))
}

func (s durableSuite) refusedLogouts(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	good, entry := notice("portal", "sid"), logoutEntry(d.clock.Now())
	for name, err := range map[string]error{
		"no actor":                d.AddLogouts(ctx, []eid.LogoutNotice{good}, eid.AuditEntry{At: entry.At, Action: actionEnded}),
		"no client":               d.AddLogouts(ctx, []eid.LogoutNotice{good, {Subject: "sub"}}, entry),
		"neither subject nor sid": d.AddLogouts(ctx, []eid.LogoutNotice{good, {Client: "portal"}}, entry),
	} {
		if err == nil {
			t.Errorf("%s: AddLogouts() gave no error", name)
		}
	}
	equal(t, "claim after refusals", d.claim(t, 10), []string(nil))
	var seen int64
	equal(t, "audit of refusals", d.actions(t, &seen), []string(nil))
	must(t, d.AddLogouts(ctx, []eid.LogoutNotice{good}, entry))
	for _, bad := range []struct {
		lease time.Duration
		limit int
	}{{0, 1}, {-time.Second, 1}, {time.Minute, 0}, {time.Minute, -1}} {
		if got, err := d.ClaimLogouts(ctx, d.clock.Now(), bad.lease, bad.limit); err == nil || len(got) > 0 {
			t.Errorf("ClaimLogouts(%v, %d) = %v, %v, want an error", bad.lease, bad.limit, got, err)
		}
	}
	equal(t, "claim after refused ones", d.claim(t, 10), []string{"portal sid"})
}
