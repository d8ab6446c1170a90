package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"eidgate/eid"
	"eidgate/eid/notify"
)

// office is an outbox, a ledger, a registry, leases and a meter in memory, at a time of
// the test's own.
type office struct {
	mu       sync.Mutex
	at       time.Time
	waiting  []notify.Notice
	due      map[string]time.Time
	sent     []string
	givenUp  []string
	away     error // of the database
	unmarked bool  // what was sent cannot be noted

	source  eid.Source
	stops   []notify.Stops // of each page
	queued  int
	pages   int
	holder  string
	counted map[notify.Outcome]int
	log     bytes.Buffer
}

var start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func newOffice() *office {
	o := &office{at: start, due: map[string]time.Time{}, counted: map[notify.Outcome]int{}, pages: 1}
	o.source = eid.Source{ID: "old-portal", Provider: "Cổng cũ", Portal: &eid.Portal{Client: "portal", VerifyBy: start.AddDate(0, 0, 100), Notices: []int{60, 30, 7}}}
	return o
}

func (o *office) add(ids ...string) {
	for _, id := range ids {
		o.waiting = append(o.waiting, notify.Notice{
			ID: id, Kind: notify.LinkMade, Channel: notify.Email, Source: "old-portal", To: eid.NewSecret(id + "@example.vn"), CreatedAt: o.at, Until: o.at.Add(notify.TriedFor),
		})
	}
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = o.at.Add(d)
}

func (o *office) ClaimNotices(_ context.Context, of notify.Lane, lease time.Duration, limit int) ([]notify.Notice, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away != nil {
		return nil, o.away
	}
	var list []notify.Notice
	for i, n := range o.waiting {
		if len(list) < limit && n.Channel == of.Channel && n.Kind.Urgent() == of.Urgent && !o.due[n.ID].After(o.at) {
			list = append(list, n)
			o.waiting[i].Attempts++
			o.due[n.ID] = o.at.Add(lease)
		}
	}
	return list, nil
}

func (o *office) drop(id string) {
	o.waiting = slices.DeleteFunc(o.waiting, func(n notify.Notice) bool { return n.ID == id })
}

func (o *office) NoticeSent(_ context.Context, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unmarked {
		return errors.New("database is away")
	}
	o.sent = append(o.sent, id)
	o.drop(id)
	return nil
}

func (o *office) NoticeFailed(_ context.Context, id string, next time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if next.IsZero() {
		o.givenUp = append(o.givenUp, id)
		o.drop(id)
	}
	o.due[id] = next
	return nil
}

func (o *office) NoticePutBack(_ context.Context, id string, next time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.waiting {
		if o.waiting[i].ID == id {
			o.waiting[i].Attempts--
		}
	}
	o.due[id] = next
	return nil
}

func (o *office) PruneNotices(context.Context) (int, error)      { return 0, nil }
func (o *office) Sources(context.Context) ([]eid.Source, error)  { return []eid.Source{o.source}, nil }
func (o *office) StopsWaiting(context.Context) (int, error)      { return o.queued, nil }
func (o *office) EndLease(context.Context, string, string) error { o.holder = ""; return nil }
func (o *office) Notice(_ notify.Channel, _ notify.Kind, outcome notify.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counted[outcome]++
}
func (o *office) RelyingParty(context.Context, string) (eid.RelyingParty, error) {
	return eid.RelyingParty{ID: "portal", Name: "Cổng dịch vụ", URL: "https://cong.example.vn"}, nil
}

func (o *office) TellStops(_ context.Context, s notify.Stops, after string) (string, int, error) {
	o.stops = append(o.stops, s)
	if n := len(after) + 1; n < o.pages {
		return strings.Repeat("x", n), 0, nil
	}
	return "", 0, nil
}

func (o *office) TakeLease(_ context.Context, _, holder string, _ time.Duration) (bool, error) {
	if o.holder != "" && o.holder != holder {
		return false, nil
	}
	o.holder = holder
	return true, nil
}

func (o *office) runner(t *testing.T, perMinute int, sender notify.Sender) *notify.Runner {
	t.Helper()
	texts, err := notify.NewTexts("https://dangnhap.example.vn")
	if err != nil {
		t.Fatal(err)
	}
	r, err := notify.NewRunner(perMinute, notify.Deps{
		Outbox: o, Ledger: o, Registry: o, Leases: o, Senders: map[notify.Channel]notify.Sender{notify.Email: sender}, Texts: texts, Meter: o, Log: slog.New(slog.NewTextHandler(&o.log, nil)), Now: o.now,
	})
	if err != nil {
		t.Fatalf("NewRunner(): %v", err)
	}
	return r
}

// turns runs so many turns, a second apart.
func (o *office) turns(t *testing.T, r *notify.Runner, n int) (last error) {
	t.Helper()
	for range n {
		last = r.Turn(t.Context())
		o.pass(time.Second)
	}
	return last
}

// TestNoticesGoOutAtAPace sends twelve at six a minute.
func TestNoticesGoOutAtAPace(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	r := o.runner(t, 6, s.sender(t, nil))
	for i := range 12 {
		o.add(fmt.Sprint("n", i))
	}
	if err := o.turns(t, r, 61); err != nil {
		t.Fatalf("Turn(): %v", err)
	}
	if got := len(s.taken()); got != 7 { // the first one at once
		t.Errorf("%d mails in a minute, want 7", got)
	}
	if err := o.turns(t, r, 60); err != nil || len(s.taken()) != 12 || len(o.sent) != 12 || o.counted[notify.Sent] != 12 {
		t.Errorf("%d mails after two minutes, %d noted, %d counted, %v; want 12", len(s.taken()), len(o.sent), o.counted[notify.Sent], err)
	}
}

// TestAServerThatIsAwayLosesNothing: it is left alone between tries, no attempt counts,
// and all go out when it is back.
func TestAServerThatIsAwayLosesNothing(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	sender := &unsteady{Sender: s.sender(t, nil), err: fmt.Errorf("%w: not reached", notify.ErrDown)}
	r := o.runner(t, 600, sender)
	for i := range 10 {
		o.add(fmt.Sprint("n", i))
	}
	if err := o.turns(t, r, 3600); !errors.Is(err, notify.ErrDown) {
		t.Errorf("Turn() = %v, want ErrDown", err)
	}
	if sender.tries > 80 {
		t.Errorf("%d tries in an hour, want few", sender.tries)
	}
	for _, n := range o.waiting {
		if n.Attempts != 0 {
			t.Errorf("%s has %d attempts, want 0", n.ID, n.Attempts)
		}
	}
	sender.set(nil)
	if err := o.turns(t, r, 301); err != nil || len(o.sent) != 10 || len(s.taken()) != 10 {
		t.Errorf("%d sent, %d taken, %v; want 10", len(o.sent), len(s.taken()), err)
	}
}

// unsteady fails as it is told.
type unsteady struct {
	notify.Sender
	mu    sync.Mutex
	err   error
	tries int
}

func (u *unsteady) set(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *unsteady) Send(ctx context.Context, m notify.Message) error {
	u.mu.Lock()
	u.tries++
	err := u.err
	u.mu.Unlock()
	if err != nil {
		return err
	}
	return u.Sender.Send(ctx, m)
}

// TestARefusedAddressIsGivenUp at once; one that is put off is tried for three days, with
// longer and longer pauses. The others go out meanwhile, and no address is logged.
func TestARefusedAddressIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		code, tries int
	}{{550, 1}, {451, 15}} {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			o := newOffice()
			s := serve(t, func(s *server) { s.onRcpt = &smtp.SMTPError{Code: tt.code, Message: "no such n0@example.vn"} })
			r := o.runner(t, 600, s.sender(t, nil))
			o.add("n0")
			for range 3 * 24 * 60 {
				if err := r.Turn(t.Context()); err != nil {
					t.Fatalf("Turn(): %v", err)
				}
				o.pass(time.Minute)
			}
			if len(o.givenUp) != 1 || o.counted[notify.GivenUp] != 1 || o.counted[notify.Later] != tt.tries-1 {
				t.Errorf("given up %v, counted %v; want it, after %d tries", o.givenUp, o.counted, tt.tries)
			}
			s.onRcpt = nil
			o.add("n1")
			if err := r.Turn(t.Context()); err != nil || len(o.sent) != 1 {
				t.Errorf("Turn() = %v, %d sent, want the other", err, len(o.sent))
			}
			if strings.Contains(o.log.String(), "@") || !strings.Contains(o.log.String(), "notice=n0") {
				t.Errorf("log = %s; want the notice, and no address", o.log.String())
			}
		})
	}
}

// TestWhatIsSentButNotNotedGoesTwiceAtMost: the second copy has the ID of the first.
func TestWhatIsSentButNotNotedGoesTwiceAtMost(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	r := o.runner(t, 600, s.sender(t, nil))
	o.add("n0")
	o.unmarked = true
	if err := r.Turn(t.Context()); err == nil {
		t.Error("Turn() without its mark: no error")
	}
	o.unmarked = false
	// As after kill -9: another process, when the leases have ended.
	o.holder = ""
	o.pass(5 * time.Minute)
	r = o.runner(t, 600, s.sender(t, nil))
	if err := o.turns(t, r, 10); err != nil || len(o.sent) != 1 {
		t.Errorf("Turn() = %v, %d noted, want 1", err, len(o.sent))
	}
	got := s.taken()
	if len(got) != 2 || !strings.Contains(got[0].raw, "Message-ID: <n0@example.vn>") || !strings.Contains(got[1].raw, "Message-ID: <n0@example.vn>") {
		t.Errorf("%d mails, want two with one ID", len(got))
	}
}

// TestADatabaseThatIsAwayIsWaitedFor says so and goes on.
func TestADatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	r := o.runner(t, 600, s.sender(t, nil))
	o.add("n0")
	o.away = errors.New("database is away")
	if err := r.Turn(t.Context()); err == nil || len(s.taken()) != 0 {
		t.Errorf("Turn() = %v, %d mails; want an error, none", err, len(s.taken()))
	}
	o.away = nil
	o.pass(time.Second)
	if err := r.Turn(t.Context()); err != nil || len(o.sent) != 1 {
		t.Errorf("Turn() = %v, %d sent, want 1", err, len(o.sent))
	}
}

// TestOneProcessOfTwoDelivers, and the other one when it ended.
func TestOneProcessOfTwoDelivers(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	first, second := o.runner(t, 600, s.sender(t, nil)), o.runner(t, 600, s.sender(t, nil))
	ctx, stop := context.WithCancel(t.Context())
	o.add("n0")
	ended := make(chan error, 1)
	if err := first.Turn(ctx); err != nil || len(o.sent) != 1 {
		t.Fatalf("Turn() = %v, %d sent, want 1", err, len(o.sent))
	}
	o.pass(time.Second)
	o.add("n1")
	if err := second.Turn(t.Context()); err != nil || len(o.sent) != 1 {
		t.Errorf("the second one: Turn() = %v, %d sent, want none more", err, len(o.sent)-1)
	}
	stop()
	go func() { ended <- first.Run(ctx) }()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	o.pass(time.Second)
	if err := second.Turn(t.Context()); err != nil || len(o.sent) != 2 {
		t.Errorf("after the end of the first: Turn() = %v, %d sent, want 2", err, len(o.sent))
	}
}

// TestTheDaysOfNotices goes through a year.
func TestTheDaysOfNotices(t *testing.T) {
	o := newOffice()
	r := o.runner(t, 600, &phones{})
	end := o.source.Portal.VerifyBy
	for _, tt := range []struct {
		name string
		at   time.Time
		want time.Time // the day of the notice that is due
		next time.Time
	}{
		{"long before", end.AddDate(0, 0, -90), time.Time{}, end.AddDate(0, 0, -60)},
		{"a second before the first", end.AddDate(0, 0, -60).Add(-time.Second), time.Time{}, end.AddDate(0, 0, -60)},
		{"the first", end.AddDate(0, 0, -60), end.AddDate(0, 0, -60), end.AddDate(0, 0, -30)},
		{"the second", end.AddDate(0, 0, -30), end.AddDate(0, 0, -30), end.AddDate(0, 0, -7)},
		{"between", end.AddDate(0, 0, -20), end.AddDate(0, 0, -30), end.AddDate(0, 0, -7)},
		{"the last", end.AddDate(0, 0, -7), end.AddDate(0, 0, -7), time.Time{}},
		{"a second before the end", end.Add(-time.Second), end.AddDate(0, 0, -7), time.Time{}},
		{"the end", end, time.Time{}, time.Time{}},
		{"after it", end.AddDate(0, 0, 5), time.Time{}, time.Time{}},
	} {
		o.at, o.stops = tt.at, nil
		if err := r.Turn(t.Context()); err != nil {
			t.Fatalf("%s: Turn(): %v", tt.name, err)
		}
		var got time.Time
		if len(o.stops) > 0 {
			got = o.stops[0].Since
		}
		if !got.Equal(tt.want) && tt.name != "between" && tt.name != "a second before the end" { // these were gone over
			t.Errorf("%s: notices since %v, want %v", tt.name, got, tt.want)
		}
		if got := notify.NextStops(&o.source, tt.at); !got.Equal(tt.next) {
			t.Errorf("%s: NextStops() = %v, want %v", tt.name, got, tt.next)
		}
	}
}

// TestDeadlinesYield: no page is read while the outbox has enough, and a pass that ended
// begins anew an hour later.
func TestDeadlinesYield(t *testing.T) {
	o := newOffice()
	o.pages, o.at = 20, o.source.Portal.VerifyBy.AddDate(0, 0, -7)
	r := o.runner(t, 60, &phones{})
	o.queued = 120
	if err := o.turns(t, r, 5); err != nil || len(o.stops) != 0 {
		t.Errorf("%d pages, %v; want none while 120 wait", len(o.stops), err)
	}
	o.queued = 0
	if err := o.turns(t, r, 1); err != nil || len(o.stops) != 5 {
		t.Errorf("%d pages in a turn, %v; want 5", len(o.stops), err)
	}
	if err := o.turns(t, r, 100); err != nil || len(o.stops) != 20 {
		t.Errorf("%d pages, %v; want 20 and a rest", len(o.stops), err)
	}
	o.pass(time.Hour)
	if err := o.turns(t, r, 1); err != nil || len(o.stops) != 25 {
		t.Errorf("%d pages an hour later, %v; want 25", len(o.stops), err)
	}
}

// TestADayThatWasPutForwardTellsNobody: the notice waited while the registration changed.
func TestADayThatWasPutForwardTellsNobody(t *testing.T) {
	o, s := newOffice(), serve(t, nil)
	r := o.runner(t, 600, s.sender(t, nil))
	o.add("n0")
	o.waiting[0].Kind = notify.OldStops
	o.source.Portal.VerifyBy = o.at
	if err := r.Turn(t.Context()); err != nil || len(s.taken()) != 0 || len(o.givenUp) != 1 {
		t.Errorf("Turn() = %v, %d mails, %v given up; want none, it", err, len(s.taken()), o.givenUp)
	}
}
