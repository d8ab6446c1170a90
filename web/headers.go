package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// setPageHeaders writes the headers of every page.
//
// Referrer-Policy is same-origin: under no-referrer browsers send "Origin: null"
// with the page's own forms (Fetch, "append a request Origin header"), and the
// check against forged posts would refuse them.
//
// Cross-Origin-Opener-Policy is left out on purpose: it would cut a portal that
// signs in through a pop-up from its own window for good.
func setPageHeaders(ctx context.Context, h http.Header, formAction []string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding, Accept-Language")
	h.Set("Content-Security-Policy", contentSecurityPolicy(ctx, formAction))
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// contentSecurityPolicy allows our own style sheet and icon, no script at all,
// and forms that end here or at the given origins: Chromium applies form-action
// to the redirect that follows a post as well.
func contentSecurityPolicy(ctx context.Context, formAction []string) string {
	targets := []string{"'self'"}
	for _, origin := range formAction {
		target, ok := formTarget(origin)
		if !ok {
			slog.WarnContext(ctx, "form target dropped from the policy", "target", origin)
			continue
		}
		targets = append(targets, target)
	}
	return strings.Join([]string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src 'self'",
		"form-action " + strings.Join(targets, " "),
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}, "; ")
}

var (
	hostSource   = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?$`)
	schemeSource = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:$`)
)

// formTarget turns an origin into a source expression (CSP 3, §2.3.1): a host
// for http and https, else a private-use scheme of a native client, which has a
// dot in it (RFC 8252 §7.1). A host-source cannot name an IPv6 address, so a
// native client on [::1] widens the policy to its scheme.
func formTarget(origin string) (string, bool) {
	if schemeSource.MatchString(origin) {
		return origin, strings.Contains(origin, ".")
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || origin != u.Scheme+"://"+u.Host {
		return "", false
	}
	if u.Hostname() == "::1" {
		return u.Scheme + ":", true
	}
	return origin, hostSource.MatchString(u.Host)
}
