package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// check reports every fault of the whole configuration.
func (c *Config) check(f *faults) {
	c.checkServer(f)
	c.checkState(f)
	c.checkCustody(f)
	c.checkACR(f)
	c.checkTimes(f)
	c.checkKeys(f)
	c.checkSources(f)
	c.checkRegistries(f)
	c.checkClients(f)
}

func (c *Config) checkServer(f *faults) {
	if c.Issuer == "" {
		f.add("issuer", "missing", "the gateway's address, such as https://dangnhap.example.vn")
	} else {
		// __Host- cookies and well-known paths belong to the whole host, so the
		// gateway has one to itself.
		checkAddress(f, "issuer", c.Issuer, address{bare: true})
	}
	checkHostPort(f, "listen", c.Listen)
	if c.Data == "" {
		f.add("data", "missing", "the directory of the gateway's files")
	}
	c.checkTLS(f)
	c.checkMonitoring(f)
	c.checkAudit(f)
	c.checkNotify(f)
	c.checkAccountSystem(f)
	for i, network := range c.Proxies {
		checkNetwork(f, item("proxies", i), network)
	}
	for i, pair := range c.Outbound.Allow {
		checkHostPort(f, item("outbound.allow", i), pair)
	}
}

func (c *Config) checkTLS(f *faults) {
	switch {
	case c.TLS.CertFile != "" && c.TLS.KeyFile == "":
		f.add("tls.key_file", "missing beside tls.cert_file", "the private key of the certificate, in PEM")
	case c.TLS.CertFile == "" && c.TLS.KeyFile != "":
		f.add("tls.cert_file", "missing beside tls.key_file", "the certificate and its intermediates, in PEM")
	case c.TLS.On() && strings.HasPrefix(c.Issuer, "http:"):
		f.add("tls", "given while the issuer is http", "an https issuer, or remove tls")
	}
}

// checkNetwork accepts an address or a network of proxies. Everybody is no proxy.
func checkNetwork(f *faults, path, text string) {
	const want = "such as 10.0.0.0/24 or 2001:db8::1"
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		f.add(path, "not an address or a network", want)
	case prefix.Bits() == 0:
		f.add(path, "the whole network: anybody could name any address", want)
	case prefix != prefix.Masked():
		f.add(path, "has bits set behind its prefix", prefix.Masked().String())
	}
}

func (c *Config) checkACR(f *faults) {
	checkValue(f, "acr.level1", c.ACR.Level1)
	checkValue(f, "acr.level2", c.ACR.Level2)
	if c.ACR.Level1 != "" && c.ACR.Level1 == c.ACR.Level2 {
		f.add("acr.level2", "the same value as acr.level1", "one value for each level")
	}
}

func (c *Config) checkTimes(f *faults) {
	l := c.Lifetimes
	for _, t := range c.times() {
		if t.value < t.least || t.value > t.most {
			f.add(t.path, "out of bounds", fmt.Sprintf("from %s to %s", short(t.least), short(t.most)))
		}
	}
	if l.SessionIdle > l.SessionAbsolute {
		f.add("lifetimes.session_idle", "longer than lifetimes.session_absolute", "at most "+short(l.SessionAbsolute))
	}
	if l.RefreshIdle > l.RefreshAbsolute {
		f.add("lifetimes.refresh_idle", "longer than lifetimes.refresh_absolute", "at most "+short(l.RefreshAbsolute))
	}
	if l.JWKSMaxAge%time.Second != 0 {
		f.add("lifetimes.jwks_max_age", "not in whole seconds", "such as 10m")
	}
	for _, n := range c.counts() {
		if n.value < n.least || n.value > n.most {
			f.add(n.path, "out of bounds", fmt.Sprintf("from %d to %d", n.least, n.most))
		}
	}
}

// short prints a duration without its empty units: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if s, ok := strings.CutSuffix(text, "m0s"); ok {
		text = s + "m"
	}
	if s, ok := strings.CutSuffix(text, "h0m"); ok {
		text = s + "h"
	}
	return text
}

func checkHostPort(f *faults, path, pair string) {
	host, port, err := net.SplitHostPort(pair)
	if err != nil || host == "" || unfit(host) {
		f.add(path, "not a host and port", "such as 127.0.0.1:8400")
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		f.add(path, "not a port number", "from 0 to 65535")
	}
}

// checkValue accepts what can stand in a list separated by spaces, as acr_values is.
func checkValue(f *faults, path, value string) {
	switch {
	case value == "":
		f.add(path, "missing", "a value such as urn:vn:eid:level:1")
	case unfit(value) || len(value) > 200:
		f.add(path, "holds spaces or characters that no acr value may hold", "printable ASCII, 200 at most")
	}
}

// maxLabel is the longest name that people read, in characters.
const maxLabel = 120

// checkLabel accepts a name that people read.
func checkLabel(f *faults, path, label string) {
	if strings.TrimSpace(label) == "" {
		f.add(path, "missing", "a name as people read it")
		return
	}
	checkLine(f, path, label, maxLabel)
}

// checkLine accepts a line of text of at most so many characters.
func checkLine(f *faults, path, text string, most int) {
	if len([]rune(text)) > most || strings.ContainsFunc(text, unicode.IsControl) {
		f.add(path, "no line of text", "at most "+strconv.Itoa(most)+" characters, none of them a control character")
	}
}

// unfit reports whether a text holds anything but visible ASCII.
func unfit(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
