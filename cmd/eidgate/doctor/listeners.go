package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Listener is one of the addresses that the gateway listens at.
type Listener struct {
	Key    string // of the configuration
	Listen string
	Issuer string
	// Cert is the certificate file's leaf that should be served; nil without TLS.
	Cert []byte
	// Addresses are this machine's own.
	Addresses func() ([]net.Addr, error)
}

// LookPublic sees whether the public listener's port is free, or held by a gateway of
// this issuer.
func (l Listener) LookPublic(ctx context.Context) []Finding {
	if found := l.assigned(); found != nil {
		return found
	}
	scheme := "http"
	var served []byte
	transport := &http.Transport{DisableKeepAlives: true}
	if l.Cert != nil {
		scheme = "https"
		transport.TLSClientConfig = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // what is served is compared below with the file; nothing is sent
			VerifyConnection: func(s tls.ConnectionState) error {
				served = s.PeerCertificates[0].Raw
				return nil
			},
		}
	}
	body, err := fetch(ctx, transport, scheme+"://"+l.dialable()+"/.well-known/openid-configuration")
	if errors.Is(err, syscall.ECONNREFUSED) {
		return []Finding{ok("%s is free: no gateway runs on this machine", l.Listen)}
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	switch {
	case err != nil || json.Unmarshal(body, &document) != nil || document.Issuer == "":
		return []Finding{fault("end what holds the port (ss -ltnp), or set another "+l.Key, "another program than a gateway answers at %s", l.Listen)}
	case document.Issuer != l.Issuer:
		return []Finding{fault("end it, restart it with this configuration, or set another "+l.Key, "a gateway of another issuer (%.200q) holds %s", document.Issuer, l.Listen)}
	case l.Cert != nil && !bytes.Equal(served, l.Cert):
		return []Finding{warning("reload the gateway with SIGHUP, and see in its log why it kept the old one", "the gateway serves another certificate than the file holds")}
	}
	return []Finding{ok("a gateway of this issuer runs at %s", l.Listen)}
}

// LookMetrics sees that strangers do not reach the metrics.
func (l Listener) LookMetrics(ctx context.Context, profiles bool) []Finding {
	if found := l.assigned(); found != nil {
		return found
	}
	const mend = "metrics.listen: 127.0.0.1:8401, or an address that only Prometheus reaches"
	if l.exposed() {
		return []Finding{fault(mend, "the metrics are served on a public address (%s), and ask nobody who they are", l.Listen)}
	}
	host, _, _ := net.SplitHostPort(l.Listen)
	ip, err := netip.ParseAddr(host)
	wide := host == "" || err == nil && ip.IsUnspecified()
	if inner := err == nil && ip.IsLoopback() || host == "localhost"; profiles && !inner {
		return []Finding{warning("metrics.pprof: false, or "+mend, "profiles of the process, memory included, are served at %s", l.Listen)}
	}
	if wide {
		return []Finding{warning(mend, "the metrics are served on every address of this machine")}
	}
	body, err := fetch(ctx, &http.Transport{DisableKeepAlives: true}, "http://"+l.dialable()+"/metrics")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return []Finding{ok("%s is free", l.Listen)}
	case err != nil || !bytes.Contains(body, []byte("eidgate_")):
		return []Finding{fault("end what holds the port (ss -ltnp), or set another "+l.Key, "another program than a gateway answers at %s", l.Listen)}
	}
	return []Finding{ok("a gateway tells its metrics at %s", l.Listen)}
}

// assigned finds an address that this machine does not have.
func (l Listener) assigned() []Finding {
	host, _, err := net.SplitHostPort(l.Listen)
	if err != nil {
		return []Finding{fault("host:port", "%s cannot be read", l.Key)}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() {
		return nil
	}
	own, err := l.Addresses()
	if err != nil {
		return nil
	}
	for _, addr := range own {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil && prefix.Addr().Unmap() == ip.Unmap() {
			return nil
		}
	}
	return []Finding{fault("set "+l.Key+" to an address of this machine, such as 127.0.0.1 behind a proxy on it", "%s is no address of this machine", host)}
}

// exposed reports whether the Internet may reach the address.
func (l Listener) exposed() bool {
	host, _, _ := net.SplitHostPort(l.Listen)
	ip, err := netip.ParseAddr(host)
	if err == nil && !ip.IsUnspecified() {
		return public(ip)
	}
	own, failed := l.Addresses()
	if host != "" && err != nil || failed != nil { // a name
		return false
	}
	for _, addr := range own {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil && public(prefix.Addr()) {
			return true
		}
	}
	return false
}

func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	carrier := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carrier.Contains(ip)
}

// dialable is the address to reach the listener at from this machine.
func (l Listener) dialable() string {
	host, port, _ := net.SplitHostPort(l.Listen)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// fetch reads an answer of this machine.
func fetch(ctx context.Context, transport *http.Transport, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, 4*maxAnswer))
}
