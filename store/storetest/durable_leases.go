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

	d.clock.Advance(24 * time.Hour)
	equal(t, "one that a clock takes that is a day ahead", take("sealer", "a"), true)
	d.clock.Advance(-24 * time.Hour)
	equal(t, "one whose holder's clock was a day ahead", take("sealer", "b"), true)
	d.clock.Advance(-leaseSlack)
	equal(t, "one whose holder's clock is a little ahead", take("sealer", "a"), false)
}

// leaseSlack is how far the clock of a holder may be ahead.
const leaseSlack = 45 * time.Second
