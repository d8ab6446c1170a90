package eid_test

import (
	"net/netip"
	"testing"

	"eidgate/eid"
)

func TestNetworks(t *testing.T) {
	for _, tt := range []struct {
		from             netip.Addr
		address, network string
	}{
		{netip.MustParseAddr("203.0.113.7"), "203.0.113.7/32", "203.0.113.0/24"},
		{netip.MustParseAddr("::ffff:203.0.113.7"), "203.0.113.7/32", "203.0.113.0/24"},
		{netip.MustParseAddr("2001:db8:1:2:3::7"), "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{netip.MustParseAddr("fe80::1%eth0"), "fe80::/64", "fe80::/48"},
		{netip.Addr{}, "unknown", "unknown"},
	} {
		address, network := eid.Networks(tt.from)
		if address != tt.address || network != tt.network {
			t.Errorf("Networks(%s) = %s, %s, want %s, %s", tt.from, address, network, tt.address, tt.network)
		}
	}
}
