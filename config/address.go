package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// address says which URLs fit a key. All are absolute, with a host, without
// user information or fragment, and https outside loopback.
type address struct {
	bare  bool // scheme and host only
	query bool // a query is allowed
}

// checkAddress reports everything wrong with a URL, without repeating it.
func checkAddress(f *faults, path, raw string, allowed address) {
	u, err := url.Parse(raw)
	if err != nil || unfit(raw) || strings.Contains(raw, `\`) {
		f.add(path, "not a URL", "visible ASCII without spaces or backslashes, percent-encoded where needed")
		return
	}
	if u.Scheme == "" || u.Hostname() == "" || u.Opaque != "" {
		f.add(path, "not an absolute URL", "such as https://portal.example.vn/")
		return
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		f.add(path, "not https", "https://…; http on loopback only")
	}
	if u.User != nil {
		f.add(path, "carries user information", "remove what stands before the @")
	}
	if strings.Contains(raw, "#") {
		f.add(path, "has a fragment", "remove the # and what follows")
	}
	if strings.Contains(raw, "?") && !allowed.query {
		f.add(path, "has a query", "remove the ? and what follows")
	}
	if allowed.bare && u.Path != "" {
		f.add(path, "has a path or a trailing slash", "scheme and host only")
	}
	if strings.Contains(u.Host, "*") || strings.Contains(u.Path, "*") {
		f.add(path, "holds a wildcard", "write each address out")
	}
	if host := u.Hostname(); host != strings.ToLower(host) {
		f.add(path, "a host in capitals", "small letters, as browsers send it")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			f.add(path, "has a . or .. in its path", "the path it leads to")
			break
		}
	}
	if port := u.Port(); allowed.bare && (u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		f.add(path, "writes the default port out", "leave it out, as browsers do")
	} else if strings.HasSuffix(u.Host, ":") || port != "" && !validPort(port) {
		f.add(path, "not a port number", "from 1 to 65535")
	}
}

func validPort(port string) bool {
	ap, err := netip.ParseAddrPort(net.JoinHostPort("127.0.0.1", port))
	return err == nil && ap.Port() != 0
}

// Local reports whether the issuer is an address that this machine alone reaches.
func (c *Config) Local() bool {
	u, err := url.Parse(c.Issuer)
	return err == nil && loopback(u.Hostname())
}

// loopback reports whether a host names this machine itself (RFC 8252 §7.3;
// RFC 6761 §6.3 for names below localhost).
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
