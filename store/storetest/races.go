package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"eidgate/store"
)

// Each race is run by so many callers, so many times.
const (
	racers = 16
	rounds = 50
)

// races sees that what counts once is had once, whoever asks at the same time.
func (s stateSuite) races(t *testing.T) {
	state := s.open(t, NewClock())
	start := []byte("start")
	for _, tt := range []struct {
		name  string
		setup []store.Op
		op    func(i int) store.Op
		wins  int64
	}{
		{"take", []store.Op{store.PutIfAbsent("k", start, minute)}, func(int) store.Op { return store.Take("k") }, 1},
		{
			"move to one", []store.Op{store.PutIfAbsent("k", start, minute)},
			func(int) store.Op { return store.Move("k", "used", minute) }, 1,
		},
		{
			"move to many", []store.Op{store.PutIfAbsent("k", start, minute)},
			func(i int) store.Op { return store.Move("k", fmt.Sprint("used", i), minute) }, 1,
		},
		{"put", nil, func(i int) store.Op { return store.PutIfAbsent("k", fmt.Append(nil, i), minute) }, 1},
		{
			"compare and set", []store.Op{store.PutIfAbsent("k", start, minute)},
			func(i int) store.Op { return store.CompareAndSet("k", start, fmt.Append(nil, i), minute) }, 1,
		},
		{"count", nil, func(int) store.Op { return store.Count("k", 5, minute) }, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for round := range rounds {
				slot := fmt.Sprint(tt.name, round)
				if len(tt.setup) > 0 {
					apply(t, state, slot, tt.setup...)
				}
				var wins, numbers atomic.Int64
				race(racers, func(i int) {
					results, err := state.Apply(t.Context(), slot, tt.op(i))
					if err != nil {
						t.Errorf("round %d: Apply(): %v", round, err)
						return
					}
					if results[0].OK {
						wins.Add(1)
						numbers.Add(results[0].N)
					}
				})
				if got := wins.Load(); got != tt.wins {
					t.Fatalf("round %d: %d of %d won, want %d", round, got, racers, tt.wins)
				}
				// Five counts give 1 to 5, each once.
				if got := numbers.Load(); tt.name == "count" && got != 1+2+3+4+5 {
					t.Fatalf("round %d: counts add up to %d, want 15", round, got)
				}
			}
		})
	}
}
