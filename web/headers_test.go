package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPageHeaders(t *testing.T) {
	p, log := newPages(t), captureLog(t)
	w := render(p, Page{Name: "home", Status: http.StatusTeapot, Data: HomeData{},
		FormAction: []string{"http://127.0.0.1:8401", "x; script-src *", "org.example.app:"}})
	want := map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Language":        "vi",
		"Cache-Control":           "no-store",
		"Vary":                    "Accept-Encoding, Accept-Language",
		"X-Frame-Options":         "DENY",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Permissions-Policy":      "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http://127.0.0.1:8401 org.example.app:; frame-ancestors 'none'; base-uri 'none'",
		// It would cut a portal's pop-up from the portal.
		"Cross-Origin-Opener-Policy": "",
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if got := strings.Count(log.String(), "form target dropped"); got != 1 {
		t.Errorf("dropped targets logged = %d, want 1", got)
	}
	if w.Code != http.StatusTeapot {
		t.Errorf("status = %d, want %d", w.Code, http.StatusTeapot)
	}
}

func TestFormTarget(t *testing.T) {
	tests := []struct {
		origin, want string
		ok           bool
	}{
		{"http://127.0.0.1:8401", "http://127.0.0.1:8401", true},
		{"https://portal.example.vn", "https://portal.example.vn", true},
		{"https://xn--cng-qla.example.vn:8443", "https://xn--cng-qla.example.vn:8443", true},
		{"org.example.app:", "org.example.app:", true},
		{"http://[::1]:9000", "http:", true},
		{"", "", false},
		{"*", "", false},
		{"https:", "", false},
		{"javascript:", "", false},
		{"data:", "", false},
		{"'unsafe-inline'", "", false},
		{"https://*.example.vn", "", false},
		{"https://[2001:db8::1]", "", false},
		{"https://portal.example.vn/", "", false},
		{"https://portal.example.vn/cb", "", false},
		{"https://user@portal.example.vn", "", false},
		{"https://portal.example.vn; script-src *", "", false},
		{"https://portal.example.vn, default-src *", "", false},
		{"https://portal.example.vn\r\nX: y", "", false},
		{"ftp://portal.example.vn", "", false},
		{"//portal.example.vn", "", false},
	}
	for _, tt := range tests {
		got, ok := formTarget(tt.origin)
		if ok != tt.ok || (ok && got != tt.want) {
			t.Errorf("formTarget(%q) = %q, %v, want %q, %v", tt.origin, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzFormTarget(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1:8401", "https://a.vn;x", "a.b:", "http://[::1]", "https://a,b", "https://\u00e0.vn"} {
		f.Add(seed)
	}
	safe := regexp.MustCompile(`^[A-Za-z0-9+.:/-]+$`)
	f.Fuzz(func(t *testing.T, origin string) {
		if got, ok := formTarget(origin); ok && !safe.MatchString(got) {
			t.Errorf("formTarget(%q) = %q, which ends the directive", origin, got)
		}
	})
}
