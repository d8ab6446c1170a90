package doctor

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"eidgate/provider"
)

// forged is the address that doctor claims to have (RFC 5737: nobody's).
const forged = "192.0.2.66"

// LookProxies asks through the public address, with a forged X-Forwarded-For, which
// address the gateway sees.
func (p Public) LookProxies(ctx context.Context) []Finding {
	list := judgeWidth(p.Proxies)
	probe, err := p.Probe(ctx)
	if err != nil {
		return append(list, p.unprobed("without the master key the gateway does not tell which address it sees")...)
	}
	a, err := p.get(ctx, provider.PathSeen, http.Header{
		provider.ProbeHeader: {probe}, "X-Forwarded-For": {forged},
	})
	if err != nil {
		return append(list, p.unprobed("the gateway cannot be asked which address it sees")...)
	}
	var seen provider.Seen
	if a.StatusCode != http.StatusOK || json.Unmarshal(a.body, &seen) != nil || seen.Peer == "" {
		return append(list, warning("see that the gateway has this master key, that the clocks agree, and that the proxy passes "+provider.PathSeen+" and "+provider.ProbeHeader+" on",
			"the gateway does not tell which address it sees (status %d)", a.StatusCode))
	}
	list = append(list, judgeSeen(seen, a.local, p.Proxies)...)
	if seen.Version != p.Version {
		list = append(list, warning("reload the gateway with SIGHUP, or restart it, and see in its log what it refused",
			"the gateway that answers runs another configuration (%.20q) than the one read here (%s)", seen.Version, p.Version))
	}
	return list
}

// unprobed is what the configuration alone tells.
func (p Public) unprobed(why string) []Finding {
	u, err := url.Parse(p.Issuer)
	if err == nil && u.Scheme == "https" && !p.OwnTLS && len(p.Proxies) == 0 {
		return []Finding{warning("name the proxy's address under proxies",
			"a proxy must stand in front, and proxies names none: all clients would count as one address, and limits would punish everybody")}
	}
	return []Finding{warning("mend what the check of the public address says, then ask again", "%s", why)}
}

// judgeWidth finds proxies so many that strangers are among them.
func judgeWidth(proxies []string) []Finding {
	var list []Finding
	for _, text := range proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			continue // one address
		}
		if addr := prefix.Addr(); prefix.Bits() == 0 || !addr.IsPrivate() && !addr.IsLoopback() && prefix.Bits() < addr.BitLen()/2 {
			list = append(list, fault("name the proxies' own addresses", "proxies holds %s: strangers in it choose the address that they are counted under", text))
		}
	}
	return list
}

// judgeSeen says what the gateway makes of a request with a forged address. local is
// this side of doctor's connection: if the gateway saw it as its peer, nothing stood
// between.
func judgeSeen(seen provider.Seen, local string, proxies []string) []Finding {
	const set = "have the proxy set X-Forwarded-For itself (nginx: proxy_set_header X-Forwarded-For $remote_addr)"
	peer, _, err := net.SplitHostPort(seen.Peer)
	if err != nil {
		return []Finding{warning("look at what stands in front of the gateway", "the gateway cannot tell who connects to it")}
	}
	here, _, _ := net.SplitHostPort(local)
	direct := seen.Peer == local
	hops := forwarded(seen.Forwarded)
	switch {
	case seen.Address == forged && direct:
		return []Finding{warning("ask from another machine, or with --url through the proxy",
			"cannot be told from here: this machine (%s) is one of proxies, and what it says is believed", peer)}
	case seen.Address == forged && len(hops) > 1 && hops[len(hops)-1] == here:
		return []Finding{warning("name the proxies' own addresses only, or ask from another machine",
			"cannot be told from here: this machine (%s) is one of proxies, and what it says is believed", here)}
	case seen.Address == forged:
		return []Finding{fault(set, "a forged X-Forwarded-For is believed: everybody chooses the address that they are counted under")}
	case direct && seen.Address == peer && len(proxies) > 0:
		return []Finding{warning("ask with --url through the proxy, if the issuer's name does not lead to it from here",
			"a forged address is not believed; no proxy was on the way, so those of proxies were not tried")}
	case direct && seen.Address == peer:
		return []Finding{ok("no proxy on the way; a forged X-Forwarded-For is not believed")}
	case seen.Address == peer && (len(hops) == 0 || len(hops) == 1 && hops[0] == forged):
		return []Finding{fault(set+", and name it under proxies: ["+peer+"]",
			"all clients count as one address, that of the proxy (%s): limits punish everybody", peer)}
	case seen.Address == peer:
		return []Finding{fault("proxies: ["+peer+"], beside those that are there",
			"all clients count as one address, that of the proxy (%s): limits punish everybody", peer)}
	case slices.Contains(hops, here) && seen.Address != here:
		return []Finding{fault("add "+seen.Address+" to proxies, if it is a proxy of yours",
			"behind one proxy the gateway takes another (%s) for the client", seen.Address)}
	}
	return []Finding{ok("the gateway sees %s for this machine, through the proxy at %s; a forged X-Forwarded-For is not believed", seen.Address, peer)}
}

// forwarded are the addresses of X-Forwarded-For.
func forwarded(header string) []string {
	var hops []string
	for hop := range strings.SplitSeq(header, ",") {
		if hop = strings.TrimSpace(hop); hop != "" {
			hops = append(hops, hop)
		}
	}
	return hops
}
