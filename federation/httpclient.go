package federation

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of a call to a source.
const (
	// CallTimeout bounds a whole call, the body included.
	CallTimeout = 5 * time.Second
	// MaxBody is the largest answer read, in bytes, after decompression.
	MaxBody = 1 << 20

	dialTimeout   = 2 * time.Second
	maxHeader     = 64 << 10
	maxHops       = 3
	connsPerHost  = 32
	idleConns     = 16
	idleLifetime  = 90 * time.Second
	headerTimeout = 4 * time.Second
)

// Errors of calls to sources.
var (
	// ErrForbiddenAddress: the name resolves to an address that is not a public
	// one.
	ErrForbiddenAddress = errors.New("address is not public")
	// ErrBodyTooLarge: the answer exceeds MaxBody.
	ErrBodyTooLarge = errors.New("answer too large")
	// ErrRedirected: the answer points to another origin.
	ErrRedirected = errors.New("redirect to another origin refused")
)

// Outbound makes the gateway's own calls. It connects to public addresses only,
// and looks at the address it is about to dial, so that a name which resolves
// anew to an inner address gains nothing. It follows redirects within one origin
// only, uses no proxy of the environment, and bounds time and size of every
// answer.
type Outbound struct {
	transport atomic.Pointer[http.Transport]
	tls       *tls.Config
}

var _ http.RoundTripper = (*Outbound)(nil)

// Destinations may lie anywhere: sources of the own network, and servers of tests.
type Destinations struct{ allowed map[string]bool }

// ParseDestinations reads exact "host:port" pairs, as written in URLs.
func ParseDestinations(list []string) (Destinations, error) {
	d := Destinations{allowed: make(map[string]bool, len(list))}
	for _, dest := range list {
		host, port, err := net.SplitHostPort(dest)
		if err != nil || host == "" || port == "" {
			return Destinations{}, fmt.Errorf("allowed destination %q: want host:port", dest)
		}
		d.allowed[destination(host, port)] = true
	}
	return d, nil
}

// NewOutbound makes an Outbound that may call these destinations beside public ones.
func NewOutbound(d Destinations) *Outbound {
	return NewOutboundTLS(d, &tls.Config{MinVersion: tls.VersionTLS12})
}

// NewOutboundTLS makes an Outbound with roots of its own and a certificate to show.
func NewOutboundTLS(d Destinations, conf *tls.Config) *Outbound {
	o := &Outbound{tls: conf}
	o.Allow(d)
	return o
}

// HTTPClient makes the client of an Outbound whose destinations never change.
func HTTPClient(allow []string) (*http.Client, error) {
	d, err := ParseDestinations(allow)
	if err != nil {
		return nil, err
	}
	return NewOutbound(d).Client(), nil
}

// Client is the client for calls to sources and parties.
func (o *Outbound) Client() *http.Client {
	return &http.Client{Transport: o, Timeout: CallTimeout, CheckRedirect: sameOrigin}
}

// Patient is a client for whoever answers only when the work is done, such as a gateway of
// SMS. The context of a call is its only bound in time, the destinations are those of now,
// and the caller bounds the answer's size.
func (o *Outbound) Patient() *http.Client {
	t := o.transport.Load().Clone()
	t.ResponseHeaderTimeout = 0
	return &http.Client{Transport: t, CheckRedirect: sameOrigin}
}

// Allow changes the destinations. Calls under way end as they began; the next
// ones open connections of their own.
func (o *Outbound) Allow(d Destinations) {
	if old := o.transport.Swap(newTransport(d, o.tls)); old != nil {
		old.CloseIdleConnections()
	}
}

// DialContext opens a connection for protocols other than HTTP, such as LDAP, to
// the same addresses. The name is looked up and the address checked within 2 s.
func (o *Outbound) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return o.transport.Load().DialContext(ctx, network, addr)
}

// RoundTrip makes one call and bounds the body of its answer.
func (o *Outbound) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := o.transport.Load().RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &cappedBody{ReadCloser: res.Body, left: MaxBody}
	return res, nil
}

func newTransport(d Destinations, conf *tls.Config) *http.Transport {
	open := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: refuseInner}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && d.allowed[destination(host, port)] {
				return open.DialContext(ctx, network, addr)
			}
			return guarded.DialContext(ctx, network, addr)
		},
		TLSClientConfig:        conf.Clone(),
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxConnsPerHost:        connsPerHost,
		MaxIdleConns:           idleConns,
		IdleConnTimeout:        idleLifetime,
		ForceAttemptHTTP2:      true,
	}
}

func destination(host, port string) string {
	return net.JoinHostPort(strings.TrimSuffix(strings.ToLower(host), "."), port)
}

// refuseInner runs after a name was resolved and before the connection is made.
func refuseInner(_, addr string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !public(ap.Addr()) {
		return ErrForbiddenAddress
	}
	return nil
}

func sameOrigin(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxHops || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return ErrRedirected
	}
	return nil
}

// public reports whether an address is a unicast address of the Internet: none
// of the special-purpose ones (RFC 6890 and the IANA registries).
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Zone() != "" {
		return false
	}
	// 2000::/3 is all that IANA has given out as global unicast. NAT64 and
	// IPv4-compatible addresses, which hide an inner IPv4 address, lie outside.
	if addr.Is6() && !prefix6(0x20, 0, 0, 0, 3).Contains(addr) {
		return false
	}
	for _, special := range specialPurpose() {
		if special.Contains(addr) {
			return false
		}
	}
	return true
}

// specialPurpose lists what netip's own predicates leave out.
func specialPurpose() []netip.Prefix {
	return []netip.Prefix{
		prefix4(0, 0, 0, 0, 8),              // this network
		prefix4(100, 64, 0, 0, 10),          // carrier-grade NAT
		prefix4(192, 0, 0, 0, 24),           // protocol assignments
		prefix4(192, 0, 2, 0, 24),           // documentation
		prefix4(192, 88, 99, 0, 24),         // 6to4 relays
		prefix4(198, 18, 0, 0, 15),          // benchmarks
		prefix4(198, 51, 100, 0, 24),        // documentation
		prefix4(203, 0, 113, 0, 24),         // documentation
		prefix4(240, 0, 0, 0, 4),            // reserved
		prefix6(0x20, 0x01, 0x00, 0x00, 23), // protocol assignments, Teredo among them
		prefix6(0x20, 0x01, 0x0d, 0xb8, 32), // documentation
		prefix6(0x20, 0x02, 0x00, 0x00, 16), // 6to4 hides an IPv4 address
		prefix6(0x3f, 0xff, 0x00, 0x00, 20), // documentation
	}
}

func prefix4(a, b, c, d byte, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
}

func prefix6(a, b, c, d byte, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{a, b, c, d}), bits)
}

// cappedBody fails, where io.LimitReader would pass a cut answer off as whole.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrBodyTooLarge
	}
	return n, err
}
