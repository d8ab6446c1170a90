package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
func setPageHeaders(ctx context.Context, h http.Header, p policy) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding, Accept-Language, Cookie")
	h.Set("Content-Security-Policy", p.header(ctx))
	h.Set("Permissions-Policy", p.permissions())
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// policy is what one page may do beyond showing our own style sheet and icon.
// The zero policy lets it do nothing else: no form, no frame, no script.
type policy struct {
	self       bool     // its forms may end here
	formAction []string // origins where its forms may end
	frames     []string // origins that it may load in frames
	script     string   // the one script that it may run, as a source expression
	passkeys   bool     // it may ask for passkeys
}

// pagePolicy is that of a page of ours: its own script, where it has one, and forms
// that end here or at the given origins.
func pagePolicy(page Page) policy {
	p := policy{self: true, formAction: page.FormAction, frames: page.FrameSrc}
	if c, ok := page.Data.(content); ok {
		script := c.Script()
		p.script, p.passkeys = scriptHash(script), script == passkeyScript
	}
	return p
}

// permissions gives the Permissions-Policy: of what browsers allow by default only
// passkeys, and those on pages that ask for one (WebAuthn Level 3, §5.9).
func (p policy) permissions() string {
	passkeys := "()"
	if p.passkeys {
		passkeys = "(self)"
	}
	return "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-create=" + passkeys +
		", publickey-credentials-get=" + passkeys + ", usb=()"
}

// header gives the Content-Security-Policy. Chromium applies form-action to the
// redirects that follow a post as well.
func (p policy) header(ctx context.Context) string {
	var targets []string
	if p.self {
		targets = append(targets, "'self'")
	}
	targets = append(targets, sources(ctx, "form", p.formAction, formTarget)...)
	if len(targets) == 0 {
		targets = append(targets, "'none'")
	}
	directives := []string{"default-src 'none'"}
	if p.script != "" {
		directives = append(directives, "script-src "+p.script)
	}
	directives = append(directives, "style-src 'self'", "img-src 'self'", "form-action "+strings.Join(targets, " "))
	if frames := sources(ctx, "frame", p.frames, httpTarget); len(frames) > 0 {
		directives = append(directives, "frame-src "+strings.Join(frames, " "))
	}
	return strings.Join(append(directives, "frame-ancestors 'none'", "base-uri 'none'"), "; ")
}

// sources turns origins into distinct source expressions. What could widen or
// break the policy is dropped.
func sources(ctx context.Context, kind string, origins []string, target func(string) (string, bool)) []string {
	var list []string
	for _, origin := range origins {
		source, ok := target(origin)
		if !ok {
			slog.WarnContext(ctx, kind+" target dropped from the policy", "target", origin)
			continue
		}
		if !slices.Contains(list, source) {
			list = append(list, source)
		}
	}
	return list
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

// originOf gives the origin of an address, or its scheme where it has no host.
func originOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// httpTarget is formTarget for what goes to http and https only.
func httpTarget(origin string) (string, bool) {
	if schemeSource.MatchString(origin) {
		return "", false
	}
	return formTarget(origin)
}
