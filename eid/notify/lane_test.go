package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
)

// phones is a Sender that keeps what it was given, and fails or waits as it is told.
type phones struct {
	mu    sync.Mutex
	got   []notify.Message
	tries int
	fail  func(notify.Message) error
}

func (p *phones) Send(_ context.Context, m notify.Message) error {
	p.mu.Lock()
	p.tries++
	fail := p.fail
	p.mu.Unlock()
	if fail != nil {
		if err := fail(m); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	return nil
}

func (*phones) Close(context.Context) {}

func (p *phones) ids() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, m := range p.got {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func (o *office) code(ids ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.waiting = append(o.waiting, notify.Notice{
			ID: id, Kind: notify.Code, Channel: notify.SMS, To: eid.NewSecret("+84901234567"), Code: eid.NewSecret("493817"), CreatedAt: o.at, Until: o.at.Add(5 * time.Minute),
		})
	}
}

// both makes a runner for mail and SMS.
func (o *office) both(t *testing.T, perMinute int, mail, sms notify.Sender) *notify.Runner {
	t.Helper()
	texts, err := notify.NewTexts("https://dangnhap.example.vn")
	if err != nil {
		t.Fatal(err)
	}
	r, err := notify.NewRunner(perMinute, notify.Deps{
		Outbox: o, Ledger: o, Registry: o, Leases: everyLease{}, Senders: map[notify.Channel]notify.Sender{notify.Email: mail, notify.SMS: sms},
		Texts: texts, Meter: o, Log: slog.New(slog.NewTextHandler(&o.log, nil)), Now: o.now,
	})
	if err != nil {
		t.Fatalf("NewRunner(): %v", err)
	}
	return r
}

type everyLease struct{}

func (everyLease) TakeLease(context.Context, string, string, time.Duration) (bool, error) {
	return true, nil
}
func (everyLease) EndLease(context.Context, string, string) error { return nil }

// TestWhatIsUrgentWaitsForNoPace: ten codes go in the first turn, at one message a minute.
func TestWhatIsUrgentWaitsForNoPace(t *testing.T) {
	o, sms := newOffice(), &phones{}
	for i := range 10 {
		o.waiting = append(o.waiting, notify.Notice{ID: fmt.Sprint("quiet", i), Kind: notify.Locked, Channel: notify.SMS, To: eid.NewSecret("+84901234567"), Until: o.at.Add(time.Hour)})
		o.code(fmt.Sprint("code", i))
	}
	if err := o.both(t, 1, &phones{}, sms).Turn(t.Context()); err != nil {
		t.Fatalf("Turn(): %v", err)
	}
	codes := slices.DeleteFunc(sms.ids(), func(id string) bool { return strings.HasPrefix(id, "quiet") })
	if len(codes) != 10 || len(sms.ids()) != 11 {
		t.Errorf("%d codes of %d messages, want 10 of 11", len(codes), len(sms.ids()))
	}
}

// TestAChannelRestsByItself: while mail is down, and quiet SMS are too many, codes go out.
func TestAChannelRestsByItself(t *testing.T) {
	o := newOffice()
	down := &phones{fail: func(notify.Message) error { return notify.ErrDown }}
	sms := &phones{fail: func(m notify.Message) error {
		if strings.HasPrefix(m.ID, "quiet") {
			return notify.ErrBusy
		}
		return nil
	}}
	r := o.both(t, 600, down, sms)
	o.add("mail")
	o.waiting = append(o.waiting, notify.Notice{ID: "quiet", Kind: notify.Locked, Channel: notify.SMS, To: eid.NewSecret("+84901234567"), Until: o.at.Add(time.Hour)})
	for i := range 30 {
		o.code(fmt.Sprint("code", i))
		if err := r.Turn(t.Context()); !errors.Is(err, notify.ErrDown) || !errors.Is(err, notify.ErrBusy) {
			t.Fatalf("Turn() = %v, want both lanes' faults", err)
		}
		o.pass(time.Second)
	}
	if got := len(sms.ids()); got != 30 {
		t.Errorf("%d codes in 30 turns, want 30", got)
	}
	for _, n := range o.waiting {
		if n.Attempts != 0 {
			t.Errorf("%s counts %d attempts that were not its fault", n.ID, n.Attempts)
		}
	}
	if o.counted[notify.Down] == 0 || o.counted[notify.Later] == 0 || o.counted[notify.GivenUp] != 0 {
		t.Errorf("counted %v, want down, later, none given up", o.counted)
	}
}

// TestOneMessageThatAServerDoesNotLikeHoldsUpNoOther: a server that takes others is not
// down, whatever it says of one. That one is tried with longer and longer pauses.
func TestOneMessageThatAServerDoesNotLikeHoldsUpNoOther(t *testing.T) {
	o := newOffice()
	tries := map[string]int{}
	var mu sync.Mutex
	sms := &phones{fail: func(m notify.Message) error {
		mu.Lock()
		defer mu.Unlock()
		tries[m.ID]++
		if m.ID == "poison" {
			return fmt.Errorf("%w: answered 500", notify.ErrDown)
		}
		return nil
	}}
	r := o.both(t, 600, &phones{}, sms)
	quiet := func(id string) {
		o.waiting = append(o.waiting, notify.Notice{ID: id, Kind: notify.Locked, Channel: notify.SMS, To: eid.NewSecret("+84901234567"), CreatedAt: o.at, Until: o.at.Add(notify.TriedFor)})
	}
	quiet("poison")
	for i := range 600 {
		quiet(fmt.Sprint("quiet", i))
		_ = r.Turn(t.Context())
		o.pass(time.Second)
	}
	if got := len(sms.ids()); got < 595 {
		t.Errorf("%d of 600 went in ten minutes, want nearly all", got)
	}
	if n := tries["poison"]; n < 2 || n > 20 {
		t.Errorf("%d tries of the one, want few", n)
	}
}

// TestWhatIsOfUseForALittle says so: a second at least, since none would be for always.
func TestWhatIsOfUseForALittle(t *testing.T) {
	o, sms := newOffice(), &phones{}
	o.code("code")
	o.pass(5*time.Minute - time.Millisecond)
	if err := o.both(t, 600, &phones{}, sms).Turn(t.Context()); err != nil || len(sms.got) != 1 || sms.got[0].Lasts != time.Second {
		t.Errorf("Turn() = %v, sent %v; want one of use for a second", err, sms.got)
	}
}

// TestAGatewayThatComesBackGetsCodesAtOnce: however long it was away, what is urgent rests
// ten seconds at most.
func TestAGatewayThatComesBackGetsCodesAtOnce(t *testing.T) {
	o := newOffice()
	away := notify.ErrDown
	sms := &phones{fail: func(notify.Message) error { return away }}
	r := o.both(t, 600, &phones{}, sms)
	for i := range 3600 {
		if i%60 == 0 {
			o.code(fmt.Sprint("code", i))
		}
		_ = r.Turn(t.Context())
		o.pass(time.Second)
	}
	if sms.tries > 3*2*360+10 { // three couriers, each one or two at a time
		t.Errorf("%d tries in an hour, want few", sms.tries)
	}
	away = nil
	for range 11 {
		_ = r.Turn(t.Context())
		o.pass(time.Second)
	}
	if got := len(sms.ids()); got < 4 || got > 6 { // those of the last five minutes
		t.Errorf("%d codes, want those of the last five minutes", got)
	}
	if o.counted[notify.GivenUp] < 50 {
		t.Errorf("%d were given up, want those that were over", o.counted[notify.GivenUp])
	}
}

// TestNoCodeIsLate: one whose time ended while it waited in a turn is given up.
func TestNoCodeIsLate(t *testing.T) {
	o, sms := newOffice(), &phones{}
	r := o.both(t, 600, &phones{}, sms)
	o.code("late")
	o.pass(5 * time.Minute)
	if err := r.Turn(t.Context()); err != nil || len(sms.ids()) != 0 || !slices.Equal(o.givenUp, []string{"late"}) {
		t.Errorf("Turn() = %v, sent %v, given up %v; want it given up", err, sms.ids(), o.givenUp)
	}
	o.code("tried")
	sms.fail = func(notify.Message) error { return errors.New("not now") }
	for range 301 {
		_ = r.Turn(t.Context())
		o.pass(time.Second)
	}
	if n := sms.tries; n < 5 || n > 10 || !slices.Contains(o.givenUp, "tried") {
		t.Errorf("%d tries in five minutes, given up %v; want some, and then no more", n, o.givenUp)
	}
}

// TestAMessageThatHangsHoldsUpNoOther runs as serve does.
func TestAMessageThatHangsHoldsUpNoOther(t *testing.T) {
	o := newOffice()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hangs, sent := make(chan struct{}), make(chan string, 10)
	sms := &phones{fail: func(m notify.Message) error {
		if m.ID == "hangs" {
			close(hangs)
			<-ctx.Done()
			return ctx.Err()
		}
		sent <- m.ID
		return nil
	}}
	o.code("hangs")
	r := o.both(t, 600, &phones{}, sms)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	<-hangs
	var want, got []string
	for i := range 100 { // more than the couriers take in a second
		want = append(want, fmt.Sprintf("code-%03d", i))
	}
	o.code(want...)
	for range want {
		got = append(got, <-sent) // the test's own deadline ends it else
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want each once", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}
