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
		"Vary":                    "Accept-Encoding, Accept-Language, Cookie",
		"X-Frame-Options":         "DENY",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Permissions-Policy":      "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-create=(), publickey-credentials-get=(), usb=()",
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

func TestFramesAreNamedInThePolicy(t *testing.T) {
	p, log := newPages(t), captureLog(t)
	tests := []struct {
		origins []string
		want    string // the directive
		dropped int
	}{
		{nil, "", 0},
		{[]string{"https://a.example.vn", "http://127.0.0.1:8401", "https://a.example.vn"}, "frame-src https://a.example.vn http://127.0.0.1:8401", 0},
		{[]string{"org.example.app:", "https://a.example.vn/path", "*", "data:", "x; script-src *"}, "", 5},
	}
	for _, tt := range tests {
		log.Reset()
		w := render(p, Page{Name: "loggingout", Data: LoggingOutData{Next: "/"}, FrameSrc: tt.origins})
		var got []string
		for _, directive := range strings.Split(w.Header().Get("Content-Security-Policy"), "; ") {
			if strings.HasPrefix(directive, "frame-src") || strings.HasPrefix(directive, "script-src") {
				got = append(got, directive)
			}
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("frames %q: policy has %q, want %q", tt.origins, got, tt.want)
		}
		if n := strings.Count(log.String(), "frame target dropped"); n != tt.dropped {
			t.Errorf("frames %q: dropped %d, want %d", tt.origins, n, tt.dropped)
		}
	}
}

func TestZeroPolicyAllowsNothing(t *testing.T) {
	const want = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
	if got := (policy{}).header(t.Context()); got != want {
		t.Errorf("policy = %q, want %q", got, want)
	}
}

func TestRefresh(t *testing.T) {
	p := newPages(t)
	for _, refresh := range []string{"", "3;url=https://portal.example.vn/out?state=a%3Bb"} {
		w := render(p, Page{Name: "loggingout", Data: LoggingOutData{Next: "/"}, Refresh: refresh})
		if got := w.Header().Get("Refresh"); got != refresh {
			t.Errorf("Refresh = %q, want %q", got, refresh)
		}
	}
	// A page that failed stays where it is.
	captureLog(t)
	w := render(p, Page{Name: "nothing", FrameSrc: []string{"https://a.example.vn"}, Refresh: "3;url=/"})
	if got := w.Header().Get("Refresh"); got != "" {
		t.Errorf("Refresh of a failed page = %q, want none", got)
	}
	if got := w.Header().Get("Content-Security-Policy"); strings.Contains(got, "frame-src") {
		t.Errorf("policy of a failed page = %q, want no frames", got)
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
