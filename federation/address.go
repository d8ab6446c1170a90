package federation

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// CheckURL accepts an absolute https URL without user and fragment, or an http one
// of this machine. Errors do not quote it.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Contains(raw, "#"):
		return errors.New("not an absolute URL without user and fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && Loopback(u.Hostname()):
		return nil
	}
	return errors.New("not https")
}

// Loopback reports whether a host is this machine by its address, or by a name that
// never leaves it (RFC 6761 §6.3).
func Loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// OriginOf gives the origin of an absolute URL, empty for what is none.
func OriginOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
