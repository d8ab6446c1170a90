package provider

import (
	"fmt"
	"net/netip"
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
