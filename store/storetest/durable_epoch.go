package storetest

import (
	"testing"
	"time"
)

// stateEpoch: what is remembered of passing state never goes back.
func (s durableSuite) stateEpoch(t *testing.T) {
	d := s.open(t, time.Now)
	for _, tt := range []struct{ keepEpoch, keepWrites, epoch, writes int64 }{
		{0, 0, 0, 0},
		{1, 10, 1, 10},
		{1, 5, 1, 10},
		{1, 12, 1, 12},
		{3, 0, 3, 0},
		{1, 99, 3, 0},
		{3, 7, 3, 7},
	} {
		must(t, d.KeepStateEpoch(t.Context(), tt.keepEpoch, tt.keepWrites))
		epoch, writes, err := d.StateEpoch(t.Context())
		must(t, err)
		equal(t, "epoch and writes", [2]int64{epoch, writes}, [2]int64{tt.epoch, tt.writes})
	}
	race(racers, func(i int) {
		if err := d.KeepStateEpoch(t.Context(), 4, int64(i)); err != nil {
			t.Errorf("KeepStateEpoch(): %v", err)
		}
	})
	epoch, writes, err := d.StateEpoch(t.Context())
	must(t, err)
	equal(t, "after a race", [2]int64{epoch, writes}, [2]int64{4, racers - 1})
}
