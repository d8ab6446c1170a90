package provider

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

const forwardedFor = "X-Forwarded-For"

// trustProxies makes the router believe X-Forwarded-For from these addresses and
// networks, and no other header from anybody.
func trustProxies(r *gin.Engine, proxies []string) error {
	r.RemoteIPHeaders = []string{forwardedFor}
	if err := r.SetTrustedProxies(proxies); err != nil {
		return fmt.Errorf("proxies: %w", err)
	}
	return nil
}

// networks reads addresses and networks of proxies.
func networks(proxies []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, 0, len(proxies))
	for _, text := range proxies {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("proxies: %w", err)
		}
		list = append(list, prefix)
	}
	return list, nil
}

// fromProxy reports whether a proxy of ours made the connection.
func (p *Provider) fromProxy(r *http.Request) bool {
	if len(p.proxies) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p.proxies, func(proxy netip.Prefix) bool { return proxy.Contains(addr) })
}

// joinForwarded makes one line of several X-Forwarded-For lines. The router reads
// the first alone, which a caller could have sent ahead of the proxy's own.
func joinForwarded(c *gin.Context) {
	if lines := c.Request.Header.Values(forwardedFor); len(lines) > 1 {
		c.Request.Header.Set(forwardedFor, strings.Join(lines, ", "))
	}
}

// clientAddress is where a request comes from; the zero value where that cannot be
// told.
func clientAddress(c *gin.Context) netip.Addr {
	addr, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// network is where a request comes from, as far as a log should know: a /24 of
// IPv4 or a /48 of IPv6.
func network(c *gin.Context) string {
	addr := clientAddress(c)
	if !addr.IsValid() {
		return "unknown"
	}
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}
