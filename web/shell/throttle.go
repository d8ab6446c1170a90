package shell

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"eidgate/eid"
	"eidgate/store"
)

// Limit is how often something may happen in a window, from one place.
type Limit struct {
	kind, of string
	Most     int64
	Window   time.Duration
}

// PerDevice limits a browser. It is weak alone: a browser forgets its cookie at will.
func PerDevice(g Guest, most int64, window time.Duration) Limit {
	return Limit{"device", g.Device, most, window}
}

// PerAddress limits an address: of IPv6 a /64, which one subscriber has.
func PerAddress(from netip.Addr, most int64, window time.Duration) Limit {
	address, _ := eid.Networks(from)
	return Limit{"address", address, most, window}
}

// PerNetwork limits a /24 of IPv4 or a /48 of IPv6.
func PerNetwork(from netip.Addr, most int64, window time.Duration) Limit {
	_, network := eid.Networks(from)
	return Limit{"network", network, most, window}
}

// Per limits one of something else, such as a number in its canonical form. It is kept
// as a keyed hash.
func Per(kind, of string, most int64, window time.Duration) Limit {
	return Limit{kind, of, most, window}
}

// Count counts one try for a purpose against every limit, in this order and before the
// try is made. It gives how long to wait where one is reached: then the limits after it
// are not counted, and nothing may be tried.
func (s *Shell) Count(ctx context.Context, purpose string, limits ...Limit) (time.Duration, error) {
	ops := make([]store.Op, len(limits))
	for i, l := range limits {
		ops[i] = store.Count(l.kind+"."+s.mark("count "+purpose+" "+l.kind, l.of, 16), l.Most, l.Window)
	}
	results, err := s.d.State.Apply(ctx, "shell."+purpose, ops...)
	if err != nil {
		return 0, fmt.Errorf("counting tries: %w", err)
	}
	if last := results[len(results)-1]; !last.OK {
		return max(last.Left, time.Second), nil
	}
	return 0, nil
}
