package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const (
	maxFetchers = 16 // addresses and networks of one client
	// The widest networks that are one party's: a wider one holds strangers, whose
	// fetches would count for it.
	widestIPv4 = 16
	widestIPv6 = 32
)

// keyFetchFrom gives the networks of a client; what is none is left out.
func (cl *Client) keyFetchFrom() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range cl.KeyFetchFrom {
		if network, ok := fetcher(text); ok {
			list = append(list, network)
		}
	}
	return list
}

// fetcher reads an address or a network.
func fetcher(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	network, err := netip.ParsePrefix(text)
	return network, err == nil && !network.Addr().Is4In6()
}

func (cl *Client) checkKeyFetch(f *faults, at string) {
	at = member(at, "key_fetch_from")
	if len(cl.KeyFetchFrom) > 0 && !cl.AwaitKeyFetch {
		f.add(at, "given without await_key_fetch", "await_key_fetch: true, or remove it")
	}
	if len(cl.KeyFetchFrom) > maxFetchers {
		f.add(at, "too many", fmt.Sprintf("%d at most: a network holds many addresses", maxFetchers))
		return
	}
	const want = "such as 203.0.113.7 or 2001:db8:1::/48"
	seen := map[netip.Prefix]bool{}
	for j, text := range cl.KeyFetchFrom {
		path := item(at, j)
		network, ok := fetcher(text)
		widest := widestIPv6
		if network.Addr().Is4() {
			widest = widestIPv4
		}
		switch {
		case !ok:
			f.add(path, "not an address or a network", want)
		case network != network.Masked():
			f.add(path, "has bits set behind its prefix", network.Masked().String())
		case network.Bits() < widest:
			f.add(path, "so wide that strangers' fetches would count", fmt.Sprintf("/%d or longer", widest))
		case seen[network]:
			f.add(path, "given twice", "keep one")
		}
		seen[network] = true
	}
}

// KeyFetchNotes tell, for each client that new keys wait for, what its portal has to be
// given, and where a fetch counts for others as well.
func (c *Config) KeyFetchNotes() []string {
	var notes []string
	for i := range c.Clients {
		cl := &c.Clients[i]
		if !cl.AwaitKeyFetch {
			continue
		}
		note := fmt.Sprintf("client %s: new keys wait until it has fetched them; give the portal %s/keys/%s as its key set", cl.ID, c.Issuer, cl.ID)
		if len(cl.KeyFetchFrom) > 0 {
			note += fmt.Sprintf(", or let it fetch %s/keys from %s", c.Issuer, strings.Join(cl.KeyFetchFrom, ", "))
		}
		if others := c.sharing(cl); len(others) > 0 {
			note += "; these addresses are also those of " + strings.Join(others, ", ") + ", and one fetch counts for each"
		}
		notes = append(notes, note)
	}
	return notes
}

// sharing lists the other clients with a network that overlaps one of this one's.
func (c *Config) sharing(cl *Client) (ids []string) {
	for i := range c.Clients {
		other := &c.Clients[i]
		overlaps := func(mine netip.Prefix) bool { return slices.ContainsFunc(other.keyFetchFrom(), mine.Overlaps) }
		if other.ID != cl.ID && slices.ContainsFunc(cl.keyFetchFrom(), overlaps) {
			ids = append(ids, other.ID)
		}
	}
	return ids
}
