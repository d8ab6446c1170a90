package eid

import "net/netip"

// Networks names an address as whatever counts by addresses counts it: a /64 of IPv6, which
// one subscriber has, and the network around it, a /24 or a /48. All that are unknown are
// one.
func Networks(from netip.Addr) (address, network string) {
	if !from.IsValid() {
		return "unknown", "unknown"
	}
	from = from.Unmap().WithZone("")
	of := func(bits int) string { return netip.PrefixFrom(from, bits).Masked().String() }
	if from.Is6() {
		return of(64), of(48)
	}
	return of(32), of(24)
}
