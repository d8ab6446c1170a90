package storetest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"eidgate/store"
)

const minute = time.Minute

// State tests a backend of passing state. open gives one that is empty, keeps
// time by the clock, and is closed when the test ends. grain is how exactly the
// backend follows the clock: 1 ms, or more where real time passes beside it.
func State(t *testing.T, grain time.Duration, open func(t *testing.T, clock *Clock) store.State) {
	s := stateSuite{open: open, grain: grain}
	t.Run("operations", s.operations)
	t.Run("stops at the first failure", s.stops)
	t.Run("expiry at the instant", s.expiry)
	t.Run("counter window", s.window)
	t.Run("slots are apart", s.slots)
	t.Run("several slots in one call", s.elsewhere)
	t.Run("limits", s.limits)
	t.Run("ended context", s.ended)
	t.Run("races", s.races)
}

type stateSuite struct {
	open  func(t *testing.T, clock *Clock) store.State
	grain time.Duration
}

// step is one Apply and what it must give.
type step struct {
	name string
	ops  []store.Op
	want []store.Result
}

func (s stateSuite) operations(t *testing.T) {
	a, b := []byte("a"), []byte{0, 0xff, '\''}
	s.runSteps(t, s.open(t, NewClock()), []step{
		{"nothing", nil, nil},
		{"get absent", []store.Op{store.Get("k")}, []store.Result{{}}},
		{"take absent", []store.Op{store.Take("k")}, []store.Result{{}}},
		{"delete absent", []store.Op{store.Delete("k")}, []store.Result{{}}},
		{"move absent", []store.Op{store.Move("k", "l", minute)}, []store.Result{{}}},
		{"compare absent", []store.Op{store.CompareAndSet("k", nil, a, minute)}, []store.Result{{}}},
		{"put", []store.Op{store.PutIfAbsent("k", a, minute)}, []store.Result{{OK: true}}},
		{"put again", []store.Op{store.PutIfAbsent("k", b, minute)}, []store.Result{{}}},
		{"get", []store.Op{store.Get("k")}, []store.Result{{OK: true, Value: a}}},
		{"get twice", []store.Op{store.Get("k"), store.Get("l")}, []store.Result{{OK: true, Value: a}, {}}},
		{"compare with another", []store.Op{store.CompareAndSet("k", b, b, minute)}, []store.Result{{}}},
		{"compare and set", []store.Op{store.CompareAndSet("k", a, b, minute)}, []store.Result{{OK: true}}},
		{"any bytes", []store.Op{store.Get("k")}, []store.Result{{OK: true, Value: b}}},
		{"move onto itself", []store.Op{store.Move("k", "k", minute)}, []store.Result{{}}},
		{"put the way", []store.Op{store.PutIfAbsent("l", a, minute)}, []store.Result{{OK: true}}},
		{"move onto another", []store.Op{store.Move("k", "l", minute)}, []store.Result{{}}},
		{"free the way", []store.Op{store.Delete("l")}, []store.Result{{OK: true}}},
		{"move", []store.Op{store.Move("k", "l", minute)}, []store.Result{{OK: true, Value: b}}},
		{"moved away", []store.Op{store.Get("k"), store.Get("l")}, []store.Result{{}, {OK: true, Value: b}}},
		{"take", []store.Op{store.Take("l")}, []store.Result{{OK: true, Value: b}}},
		{"taken once", []store.Op{store.Take("l")}, []store.Result{{}}},
		{"put nothing", []store.Op{store.PutIfAbsent("e", nil, minute)}, []store.Result{{OK: true}}},
		{"nothing is there", []store.Op{store.Get("e")}, []store.Result{{OK: true}}},
		{"compare with nothing", []store.Op{store.CompareAndSet("e", nil, a, minute)}, []store.Result{{OK: true}}},
		{"count", []store.Op{store.Count("n", 2, minute)}, []store.Result{{OK: true, N: 1, Left: minute}}},
		{"count to the limit", []store.Op{store.Count("n", 2, minute)}, []store.Result{{OK: true, N: 2, Left: minute}}},
		{"count beyond", []store.Op{store.Count("n", 2, minute)}, []store.Result{{N: 2, Left: minute}}},
		{"a higher limit", []store.Op{store.Count("n", 3, minute)}, []store.Result{{OK: true, N: 3, Left: minute}}},
		{"a lower limit", []store.Op{store.Count("n", 1, minute)}, []store.Result{{N: 3, Left: minute}}},
		{"uncount", []store.Op{store.Uncount("n", 1)}, []store.Result{{OK: true, N: 2, Left: minute}}},
		{"uncount more than there is", []store.Op{store.Uncount("n", 9)}, []store.Result{{OK: true, Left: minute}}},
		{"count from zero", []store.Op{store.Count("n", 2, minute)}, []store.Result{{OK: true, N: 1, Left: minute}}},
		{"uncount absent goes on", []store.Op{store.Uncount("x", 1), store.Get("x")}, []store.Result{{}, {}}},
		{"take a counter", []store.Op{store.Take("n")}, []store.Result{{OK: true, Value: []byte("1")}}},
		{"count once more", []store.Op{store.Count("n", 1, minute)}, []store.Result{{OK: true, N: 1, Left: minute}}},
		{"delete a counter", []store.Op{store.Delete("n")}, []store.Result{{OK: true}}},
		{"count anew", []store.Op{store.Count("n", 1, minute)}, []store.Result{{OK: true, N: 1, Left: minute}}},
		{
			"an operation sees the one before",
			[]store.Op{
				store.PutIfAbsent("c", a, minute), store.CompareAndSet("c", a, b, minute), store.Get("c"),
				store.Move("c", "d", minute), store.Take("d"), store.Get("d"),
			},
			[]store.Result{{OK: true}, {OK: true}, {OK: true, Value: b}, {OK: true, Value: b}, {OK: true, Value: b}, {}},
		},
	})
}

func (s stateSuite) stops(t *testing.T) {
	a := []byte("a")
	before, after := store.PutIfAbsent("before", a, minute), store.PutIfAbsent("after", a, minute)
	for _, tt := range []struct {
		name  string
		fails store.Op
		want  store.Result
	}{
		{"put", store.PutIfAbsent("there", a, minute), store.Result{}},
		{"compare", store.CompareAndSet("there", []byte("other"), a, minute), store.Result{}},
		{"take", store.Take("absent"), store.Result{}},
		{"move from absent", store.Move("absent", "to", minute), store.Result{}},
		{"move onto another", store.Move("other", "there", minute), store.Result{}},
		{"count", store.Count("counter", 1, minute), store.Result{N: 1, Left: minute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.runSteps(t, s.open(t, NewClock()), []step{
				{
					"prepare",
					[]store.Op{
						store.PutIfAbsent("there", a, minute), store.PutIfAbsent("other", a, minute),
						store.Count("counter", 1, minute),
					},
					[]store.Result{{OK: true}, {OK: true}, {OK: true, N: 1, Left: minute}},
				},
				{"fail", []store.Op{before, tt.fails, after}, []store.Result{{OK: true}, tt.want}},
				{
					"what stands",
					[]store.Op{store.Get("before"), store.Get("after"), store.Get("there"), store.Get("other"), store.Get("to")},
					[]store.Result{{OK: true, Value: a}, {}, {OK: true, Value: a}, {OK: true, Value: a}, {}},
				},
			})
		})
	}
	t.Run("get and delete never stop", func(t *testing.T) {
		s.runSteps(t, s.open(t, NewClock()), []step{{
			"go on", []store.Op{store.Get("x"), store.Delete("x"), before}, []store.Result{{}, {}, {OK: true}},
		}})
	})
}

func (s stateSuite) expiry(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	for _, tt := range []struct {
		name string
		make []store.Op // leaves "k" with a minute to live
	}{
		{"put", []store.Op{store.PutIfAbsent("k", a, minute)}},
		{"compare and set", []store.Op{store.PutIfAbsent("k", b, time.Hour), store.CompareAndSet("k", b, a, minute)}},
		{"move", []store.Op{store.PutIfAbsent("j", a, time.Hour), store.Move("j", "k", minute)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := NewClock()
			state := s.open(t, clock)
			apply(t, state, "s", tt.make...)
			clock.Advance(minute - s.grain)
			s.runSteps(t, state, []step{{"just before", []store.Op{store.Get("k")}, []store.Result{{OK: true, Value: a}}}})
			clock.Advance(s.grain)
			s.runSteps(t, state, []step{
				{"get", []store.Op{store.Get("k")}, []store.Result{{}}},
				{"take", []store.Op{store.Take("k")}, []store.Result{{}}},
				{"compare", []store.Op{store.CompareAndSet("k", a, b, minute)}, []store.Result{{}}},
				{"move", []store.Op{store.Move("k", "m", minute)}, []store.Result{{}}},
				{"delete", []store.Op{store.Delete("k")}, []store.Result{{}}},
				{
					"move onto it",
					[]store.Op{store.PutIfAbsent("x", b, minute), store.Move("x", "k", minute)},
					[]store.Result{{OK: true}, {OK: true, Value: b}},
				},
			})
			clock.Advance(minute)
			s.runSteps(t, state, []step{
				{"put over it", []store.Op{store.PutIfAbsent("k", a, minute)}, []store.Result{{OK: true}}},
			})
		})
	}
}

func (s stateSuite) window(t *testing.T) {
	clock := NewClock()
	state := s.open(t, clock)
	count := []store.Op{store.Count("n", 2, minute)}
	s.runSteps(t, state, []step{{"first", count, []store.Result{{OK: true, N: 1, Left: minute}}}})
	clock.Advance(40 * time.Second)
	s.runSteps(t, state, []step{
		{"the window is fixed", count, []store.Result{{OK: true, N: 2, Left: 20 * time.Second}}},
		{"full", count, []store.Result{{N: 2, Left: 20 * time.Second}}},
	})
	clock.Advance(20*time.Second - s.grain)
	s.runSteps(t, state, []step{
		{"full to the end", count, []store.Result{{N: 2, Left: s.grain}}},
		{"uncounting keeps the end", []store.Op{store.Uncount("n", 1)}, []store.Result{{OK: true, N: 1, Left: s.grain}}},
	})
	clock.Advance(s.grain)
	s.runSteps(t, state, []step{{"nothing to give back", []store.Op{store.Uncount("n", 1)}, []store.Result{{}}}})
	s.runSteps(t, state, []step{{"a new window", count, []store.Result{{OK: true, N: 1, Left: minute}}}})
}

func (s stateSuite) slots(t *testing.T) {
	state := s.open(t, NewClock())
	// Joined without care, these pairs of slot and key are one text.
	apply(t, state, "a", store.PutIfAbsent("bc", []byte("1"), minute))
	if got := apply(t, state, "ab", store.Get("c"), store.Take("c")); got[0].OK || got[1].OK {
		t.Errorf("another slot sees the key: %+v", got)
	}
	if got := apply(t, state, "A", store.Get("bc")); got[0].OK {
		t.Errorf("a slot of another case sees the key: %+v", got)
	}
	if got := apply(t, state, "b", store.PutIfAbsent("bc", nil, minute)); !got[0].OK {
		t.Error("the key of another slot bars a put")
	}
	if got := apply(t, state, "a", store.Take("bc")); !got[0].OK {
		t.Error("the key has gone from its slot")
	}
}

func (s stateSuite) elsewhere(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	in := func(op store.Op) store.Op { return store.In("elsewhere", op) }
	state := s.open(t, NewClock())
	s.runSteps(t, state, []step{
		{
			"each in its own",
			[]store.Op{store.PutIfAbsent("k", a, minute), in(store.PutIfAbsent("k", b, minute)), in(store.PutIfAbsent("j", a, minute))},
			[]store.Result{{OK: true}, {OK: true}, {OK: true}},
		},
		{"read one", []store.Op{in(store.Get("k"))}, []store.Result{{OK: true, Value: b}}},
		{
			"read both", []store.Op{store.Get("k"), in(store.Get("k"))},
			[]store.Result{{OK: true, Value: a}, {OK: true, Value: b}},
		},
		{
			"a failure here ends what is elsewhere",
			[]store.Op{store.CompareAndSet("k", b, a, minute), in(store.Delete("k"))},
			[]store.Result{{}},
		},
		{
			"a failure elsewhere ends what is here",
			[]store.Op{in(store.CompareAndSet("k", a, a, minute)), store.Delete("k")},
			[]store.Result{{}},
		},
		{"nothing was done", []store.Op{store.Get("k"), in(store.Get("k"))}, []store.Result{{OK: true, Value: a}, {OK: true, Value: b}}},
		{"move stays in its slot", []store.Op{in(store.Move("k", "to", minute))}, []store.Result{{OK: true, Value: b}}},
		{
			"and back again",
			[]store.Op{in(store.Take("to")), store.Get("to"), in(store.Get("j")), store.Take("k")},
			[]store.Result{{OK: true, Value: b}, {}, {OK: true, Value: a}, {OK: true, Value: a}},
		},
	})
	long := store.In(strings.Repeat("s", store.MaxKey+1), store.Get("k"))
	if got, err := state.Apply(t.Context(), "s", store.PutIfAbsent("k", a, minute), long); err == nil || got != nil {
		t.Errorf("Apply() with a long slot = %v, %v, want an error alone", got, err)
	}
	if got := apply(t, state, "s", store.Get("k")); got[0].OK {
		t.Error("an operation before the refused one was done")
	}
}

func (s stateSuite) limits(t *testing.T) {
	state := s.open(t, NewClock())
	long, big := strings.Repeat("k", store.MaxKey), make([]byte, store.MaxValue)
	good := store.PutIfAbsent(long, big, store.MaxTTL)
	if got := apply(t, state, long, good, store.Get(long)); !got[0].OK || !bytes.Equal(got[1].Value, big) {
		t.Error("an entry at its limits is refused or lost")
	}
	first := store.PutIfAbsent("first", nil, minute)
	for _, tt := range []struct {
		name, slot string
		op         store.Op
	}{
		{"no slot", "", store.Get("k")},
		{"long slot", long + "k", store.Get("k")},
		{"no key", "s", store.Get("")},
		{"long key", "s", store.Take(long + "k")},
		{"no target", "s", store.Move("k", "", minute)},
		{"long target", "s", store.Move("k", long+"k", minute)},
		{"big value", "s", store.PutIfAbsent("k", append(big, 0), minute)},
		{"big new value", "s", store.CompareAndSet("k", nil, append(big, 0), minute)},
		{"no time to live", "s", store.PutIfAbsent("k", nil, 0)},
		{"negative time to live", "s", store.CompareAndSet("k", nil, nil, -1)},
		{"long time to live", "s", store.Move("k", "l", store.MaxTTL+1)},
		{"no window", "s", store.Count("k", 1, 0)},
		{"no limit", "s", store.Count("k", 0, minute)},
		{"uncount nothing", "s", store.Uncount("k", 0)},
		{"no kind", "s", store.Op{Key: "k"}},
		{"unknown kind", "s", store.Op{Kind: 99, Key: "k", TTL: minute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := state.Apply(t.Context(), tt.slot, first, tt.op)
			if err == nil || got != nil {
				t.Errorf("Apply() = %v, %v, want an error alone", got, err)
			}
			if done := apply(t, state, "s", store.Get("first")); done[0].OK {
				t.Error("an operation before the refused one was done")
			}
		})
	}
}

func (s stateSuite) ended(t *testing.T) {
	state := s.open(t, NewClock())
	apply(t, state, "s", store.PutIfAbsent("k", []byte("a"), minute))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, op := range map[string]store.Op{"take": store.Take("k"), "get": store.Get("k")} {
		if got, err := state.Apply(ctx, "s", op); err == nil || got != nil {
			t.Errorf("%s: Apply() = %v, %v, want an error alone", name, got, err)
		}
	}
	if got := apply(t, state, "s", store.Take("k")); !got[0].OK {
		t.Error("an Apply that failed took the key")
	}
}

// runSteps applies each step to one slot in order.
func (s stateSuite) runSteps(t *testing.T, state store.State, steps []step) {
	t.Helper()
	for _, st := range steps {
		got := apply(t, state, "s", st.ops...)
		if len(got) != len(st.want) {
			t.Fatalf("%s: Apply() = %+v, want %+v", st.name, got, st.want)
		}
		for i, w := range st.want {
			g := got[i]
			late := w.Left - g.Left
			if g.OK != w.OK || !bytes.Equal(g.Value, w.Value) || g.N != w.N || late < 0 || late >= s.grain {
				t.Errorf("%s: result %d = %+v, want %+v", st.name, i, g, w)
			}
		}
	}
}

func apply(t *testing.T, state store.State, slot string, ops ...store.Op) []store.Result {
	t.Helper()
	results, err := state.Apply(t.Context(), slot, ops...)
	if err != nil {
		t.Fatalf("Apply(%q): %v", slot, err)
	}
	return results
}
