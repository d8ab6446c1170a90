package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// leases sees that one holder at a time has a lease, until it ends.
func (s durableSuite) leases(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	take := func(name, holder string) bool {
		t.Helper()
		taken, err := d.TakeLease(ctx, name, holder, 10*time.Second)
		must(t, err)
		return taken
	}
	equal(t, "a free one", take("sealer", "a"), true)
	equal(t, "another's", take("sealer", "b"), false)
	equal(t, "another name", take("rotation", "b"), true)
	d.clock.Advance(6 * time.Second)
	equal(t, "prolonged", take("sealer", "a"), true)
	d.clock.Advance(6 * time.Second)
	equal(t, "another's that was prolonged", take("sealer", "b"), false)
	d.clock.Advance(4 * time.Second)
	equal(t, "one that has run out", take("sealer", "b"), true)
	equal(t, "one that was lost", take("sealer", "a"), false)
	must(t, d.EndLease(ctx, "sealer", "a"))
	equal(t, "one that another tried to end", take("sealer", "a"), false)
	must(t, d.EndLease(ctx, "sealer", "b"))

	var mu sync.Mutex
	var winners int
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if taken, err := d.TakeLease(ctx, "sealer", fmt.Sprint(i), time.Second); err == nil && taken {
				mu.Lock()
				winners++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	equal(t, "winners of a race", winners, 1)
}
