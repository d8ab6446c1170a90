package keys

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// leases is Leases in memory, on the clock of who asks.
type leases struct {
	mu     sync.Mutex
	holder string
	until  time.Time
	takes  int
}

// seat is one process's way to the leases.
type seat struct {
	*leases
	now func() time.Time
}

func (s seat) TakeLease(_ context.Context, _, holder string, lasts time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes++
	if s.holder != "" && s.holder != holder && s.until.After(s.now()) && !s.until.After(s.now().Add(lasts+time.Minute)) {
		return false, nil
	}
	s.holder, s.until = holder, s.now().Add(lasts)
	return true, nil
}

func (s seat) Lease(context.Context, string) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder, s.until, nil
}

// replica is a process with a wall clock that somebody sets, beside one that nobody
// does.
type replica struct {
	*Ring
	wall, mono *clock
	logs       *logBuffer
}

func (p *replica) advance(d time.Duration) {
	p.wall.advance(d)
	p.mono.advance(d)
}

func newReplica(t testing.TB, cfg Config, store Store, box *Sealer, l *leases, ahead time.Duration) *replica {
	t.Helper()
	p := &replica{wall: newClock(), mono: newClock(), logs: &logBuffer{}}
	p.wall.advance(ahead)
	start := p.mono.now()
	var err error
	p.Ring, err = New(cfg, Deps{
		Store: store, Sealer: box, Now: p.wall.now, Log: p.logs.logger(), Leases: seat{l, p.wall.now},
		Uptime: func() time.Duration { return p.mono.now().Sub(start) },
	})
	if err != nil {
		t.Fatal(err)
	}
	load(t, p.Ring)
	return p
}

// together lets the same time go by for all, in polls of a second.
func together(t testing.TB, d time.Duration, all ...*replica) {
	t.Helper()
	for range int(d / time.Second) {
		for _, p := range all {
			p.advance(time.Second)
			pass(t, p.Ring)
		}
	}
}

func TestOneProcessActsOnTheTime(t *testing.T) {
	store, box, l := &memStore{}, newSealer(t), &leases{}
	a := newReplica(t, es256(), store, box, l, 0)
	b := newReplica(t, es256(), store, box, l, 0)
	together(t, 30*time.Second, a, b)
	first := l.holder
	if first != a.tenancy.me && first != b.tenancy.me {
		t.Fatalf("the lease is held by %q, want one of the two", first)
	}
	if l.takes > 15 {
		t.Errorf("%d writes of the lease in 30 s, want one each 3 s", l.takes)
	}
	holder, other := a, b
	if first == b.tenancy.me {
		holder, other = b, a
	}
	rot := rotate(t, other.Ring, ES256)
	together(t, rot.At.Sub(other.time())+time.Second, other) // the holder is gone
	if l.holder != other.tenancy.me {
		t.Errorf("the lease is held by %q, want that the other process took over", l.holder)
	}
	if got := other.Snapshot().signingID(Line{Tokens, ES256}); got != rot.To {
		t.Errorf("%s signs after the holder went away, want %s", got, rot.To)
	}
	_ = holder
}

// One process that is an hour ahead or behind does nothing early, whichever way it
// became so, and says so once.
func TestWrongClocks(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 40 * time.Minute
	for name, tt := range map[string]struct {
		ahead, jump time.Duration
	}{
		"an hour ahead from the start":  {ahead: time.Hour},
		"an hour behind from the start": {ahead: -time.Hour},
		"set ahead":                     {jump: time.Hour},
		"set back":                      {jump: -time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			store, box, l := &memStore{}, newSealer(t), &leases{}
			good := newReplica(t, cfg, store, box, l, 0)
			together(t, 5*time.Second, good)
			bad := newReplica(t, cfg, store, box, l, tt.ahead)
			together(t, 5*time.Second, good, bad)
			first := store.in(ES256, Signing)[0].ID
			bad.wall.advance(tt.jump)
			together(t, 20*time.Second, good, bad)
			together(t, 20*time.Minute, bad) // the good one is away
			if got := store.in(ES256, Signing)[0].ID; got != first {
				t.Errorf("%s signs 20 min after the start, want %s for 40 min", got, first)
			}
			if bad.Condition().Clock == "" || bad.logs.count("cannot tell the time") != 1 {
				t.Errorf("condition = %+v and %d alerts, want a doubt and 1", bad.Condition(), bad.logs.count("cannot tell the time"))
			}
			if _, err := bad.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test"); !errors.Is(err, ErrClock) {
				t.Errorf("Rotate() = %v, want ErrClock", err)
			}
			sign(t, bad.Snapshot(), ES256) // what signs goes on
			if _, err := bad.Revoke(t.Context(), first, "operator:synthetic", "test"); err != nil {
				t.Errorf("Revoke() = %v, want nil: an emergency does not wait for clocks", err)
			}
		})
	}
}

// A clock that was set right is trusted again after a while, and rotations go on.
func TestClockIsTrustedAgain(t *testing.T) {
	cfg := es256()
	cfg.Plans[0].RotateEvery = 40 * time.Minute
	store := &memStore{}
	p := newReplica(t, cfg, store, newSealer(t), &leases{}, 0)
	together(t, 5*time.Second, p)
	first := store.in(ES256, Signing)[0].ID
	p.wall.advance(time.Minute) // by NTP
	together(t, 2*time.Second, p)
	if p.Condition().Clock == "" {
		t.Fatal("a clock that was set by a minute is trusted at once")
	}
	together(t, 2*time.Minute, p)
	if got := p.Condition().Clock; got != "" || p.logs.count("by this process again") != 1 {
		t.Errorf("two minutes later the clock is not trusted: %q", got)
	}
	together(t, 40*time.Minute, p)
	if got := store.in(ES256, Signing)[0].ID; got == first {
		t.Error("no rotation after the clock was trusted again")
	}
}

// Slow drift is no jump; many small steps are one.
func TestDriftAndSteps(t *testing.T) {
	const skew = 30 * time.Second
	for name, tt := range map[string]struct {
		every, by time.Duration
		want      bool
	}{
		"slewed by 500 ppm": {time.Second, 500 * time.Microsecond, true},
		"small steps":       {time.Minute, 5 * time.Second, false},
	} {
		c := conscience{skew: skew}
		wall, up := newClock().now(), time.Duration(0)
		trusted := true
		for range 3 * time.Hour / tt.every {
			up += tt.every
			wall = wall.Add(tt.every + tt.by)
			c.look(wall, up)
			trusted = trusted && c.doubt(up) == ""
		}
		if trusted != tt.want {
			t.Errorf("%s: trusted = %v, want %v", name, trusted, tt.want)
		}
	}
}

// What a process with a wrong clock wrote before it ended, a lease and a step far
// ahead, keeps nobody from the time for ever: a day at most, however far it was off.
func TestTimesOfAProcessThatIsGone(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "a year": 365 * 24 * time.Hour} {
		cfg, store, box, l := es256(), &memStore{}, newSealer(t), &leases{}
		newReplica(t, cfg, store, box, l, 0) // whose first keys are of now
		wrong := newReplica(t, cfg, store, box, l, ahead)
		together(t, leaseLasts+5*time.Second, wrong)
		if l.until.Sub(newClock().now()) < ahead {
			t.Fatalf("%s ahead: the lease ends at %v, want that the wrong process has it", name, l.until)
		}
		right := newReplica(t, cfg, store, box, l, time.Minute)
		pass(t, right.Ring)
		if right.Condition().Clock == "" {
			t.Errorf("%s ahead: the times are not noticed", name)
		}
		for range 25 * 60 {
			right.advance(time.Minute)
			pass(t, right.Ring)
		}
		if got := right.Condition().Clock; got != "" || l.holder != right.tenancy.me {
			t.Errorf("%s ahead: after 25 hours %q holds the lease and the clock is not trusted: %q", name, l.holder, got)
		}
	}
}
