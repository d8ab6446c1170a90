package sqlstore_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"eidgate/eid/notify"
	"eidgate/store/sqlstore"
)

// stops are the notices of today, of accounts that stop in thirty days.
func (p *postOffice) stops() notify.Stops {
	return notify.Stops{Source: "old-portal", Since: p.at, Until: p.at.Add(30 * 24 * time.Hour)}
}

// tellAll goes over all old accounts once.
func tellAll(t testing.TB, db *sqlstore.DB, s notify.Stops) int {
	t.Helper()
	all, after := 0, ""
	for {
		next, n, err := db.TellStops(t.Context(), s, after)
		if err != nil {
			t.Fatalf("TellStops(): %v", err)
		}
		all += n
		if next == "" {
			return all
		}
		after = next
	}
}

// TestEachOldAccountIsToldOnce has three pages of them, gone over again and again, by two
// processes, after a restart, and on the next day of notices.
func TestEachOldAccountIsToldOnce(t *testing.T) {
	p := newPostOffice(t)
	const people = 450
	for i := range people {
		p.old(t, fmt.Sprintf("id-%03d", i), fmt.Sprintf("p%d@example.vn", i))
	}
	s := p.stops()
	other := p.process(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	told := 0
	for _, db := range []*sqlstore.DB{p.DB, other} {
		wg.Go(func() {
			n := tellAll(t, db, s)
			mu.Lock()
			told += n
			mu.Unlock()
		})
	}
	wg.Wait()
	p.pass(time.Hour)
	if told += tellAll(t, p.process(t), s); told != people {
		t.Errorf("%d notices, want %d", told, people)
	}
	count, err := p.NoticesOf(t.Context(), "old-portal")
	if err != nil || count.Accounts != people || count.Told != people || len(count.Kinds) != 1 || count.Kinds[0].Waiting != people {
		t.Errorf("NoticesOf() = %+v, %v", count, err)
	}
	if n, err := p.StopsWaiting(t.Context()); err != nil || n != people {
		t.Errorf("StopsWaiting() = %d, %v, want %d", n, err, people)
	}
	p.pass(23 * 24 * time.Hour)
	s.Since = p.now()
	if got := tellAll(t, p.DB, s); got != people {
		t.Errorf("%d notices on the next day of notices, want %d", got, people)
	}
}

// TestAnOfficesAddressGetsOneNotice: one address was given for many people.
func TestAnOfficesAddressGetsOneNotice(t *testing.T) {
	p := newPostOffice(t)
	for i := range 5 {
		p.old(t, fmt.Sprint("id-", i), []string{"xa@example.vn", "XA@example.vn"}[i%2])
	}
	if got := tellAll(t, p.DB, p.stops()); got != 1 {
		t.Errorf("%d notices to one address, want 1", got)
	}
	exec(t, p.path, `UPDATE imported_accounts SET state = 'verified' WHERE id = 'id-0'`)
	if got := p.claim(t); len(got) != 1 {
		t.Errorf("%d notices go when one of the people verified, want 1", len(got))
	}
	if count, err := p.NoticesOf(t.Context(), "old-portal"); err != nil || count.Accounts != 4 || count.Told != 4 {
		t.Errorf("NoticesOf() = %+v, %v, want 4 accounts, all told", count, err)
	}
}

// TestWhoVerifiedIsNotToldThatItStops: before the notice was queued, and after.
func TestWhoVerifiedIsNotToldThatItStops(t *testing.T) {
	for name, tt := range map[string]struct {
		state string
		want  int
	}{"verified": {"verified", 0}, "rejected": {"rejected", 0}, "contested": {"contested", 1}} {
		t.Run(name, func(t *testing.T) {
			p := newPostOffice(t)
			p.old(t, "before", "a@example.vn")
			p.old(t, "after", "b@example.vn")
			exec(t, p.path, `UPDATE imported_accounts SET state = '`+tt.state+`' WHERE id = 'before'`)
			if got := tellAll(t, p.DB, p.stops()); got != 1+tt.want {
				t.Errorf("%d notices were queued, want %d", got, 1+tt.want)
			}
			exec(t, p.path, `UPDATE imported_accounts SET state = '`+tt.state+`' WHERE id = 'after'`)
			if got := len(p.claim(t)); got != 2*tt.want {
				t.Errorf("%d notices go, want %d", got, 2*tt.want)
			}
		})
	}
}

// TestNobodyIsToldAfterTheDeadline: a notice that waited for the server until then.
func TestNobodyIsToldAfterTheDeadline(t *testing.T) {
	p := newPostOffice(t)
	p.old(t, "id", "a@example.vn")
	s := p.stops()
	s.Until = p.now().Add(time.Hour)
	tellAll(t, p.DB, s)
	p.pass(time.Hour)
	if got := p.claim(t); len(got) != 0 {
		t.Errorf("%d notices go after the deadline, want none", len(got))
	}
}

// TestWhoHasNoAddressIsCounted, and told once a new import brings one.
func TestWhoHasNoAddressIsCounted(t *testing.T) {
	p := newPostOffice(t)
	p.old(t, "none", "")
	p.old(t, "bad", "a@b@c")
	p.old(t, "two", "a@example.vn, b@example.vn")
	s := p.stops()
	for range 2 {
		if got := tellAll(t, p.DB, s); got != 0 {
			t.Errorf("%d notices, want none", got)
		}
		p.pass(time.Minute)
	}
	if count, err := p.NoticesOf(t.Context(), "old-portal"); err != nil || count.Unreachable != 3 || count.Told != 0 {
		t.Errorf("NoticesOf() = %+v, %v, want 3 without address", count, err)
	}
	exec(t, p.path, `DELETE FROM imported_accounts WHERE id = 'none'`)
	p.old(t, "none", "a@example.vn")
	exec(t, p.path, `UPDATE imported_accounts SET unreachable_at = updated_at - 1 WHERE id = 'none'`)
	if got := tellAll(t, p.DB, s); got != 1 {
		t.Errorf("%d notices after an import brought an address, want 1", got)
	}
}

// TestActsComeBeforeDeadlines: a thousand reminders keep nobody from hearing of a link.
func TestActsComeBeforeDeadlines(t *testing.T) {
	p := newPostOffice(t)
	for i := range 30 {
		p.old(t, fmt.Sprintf("id-%03d", i), fmt.Sprintf("p%d@example.vn", i))
	}
	tellAll(t, p.DB, p.stops())
	p.pass(time.Second)
	p.unlink(t, p.linked(t, "999190000001", "holder@example.vn", "x"))
	list, err := p.ClaimNotices(t.Context(), notify.Lane{Channel: notify.Email}, time.Minute, 1)
	if err != nil || len(list) != 1 || list[0].Kind != notify.LinkEnded {
		t.Errorf("ClaimNotices() = %v, %v, want the notice of the link", list, err)
	}
}

// BenchmarkStops goes over accounts of whom all but a few were told: what an hourly look costs.
func BenchmarkStops(b *testing.B) {
	p := newPostOffice(b)
	exec(b, p.path, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
		INSERT INTO imported_accounts (id, source, content, sealed, state, matched, created_at, updated_at, notified_at)
		SELECT printf('id-%%07d', i), 'old-portal', x'00', x'00', 'waiting', 'no_number', %[1]d, %[1]d, %[1]d FROM n`, p.now().UnixMicro()))
	for b.Loop() {
		if n := tellAll(b, p.DB, p.stops()); n != 0 {
			b.Fatalf("%d notices", n)
		}
	}
}
