package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func get(h http.Handler, method, path, encoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAssetsAreServedForGood(t *testing.T) {
	h := newPages(t).Assets()
	types := map[string]string{"eidgate.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
	for name, contentType := range types {
		path, err := h.(*assets).path(name)
		if err != nil {
			t.Fatal(err)
		}
		plain, packed := get(h, http.MethodGet, path, ""), get(h, http.MethodGet, path, "gzip")
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			if w.Code != http.StatusOK {
				t.Errorf("%s: status = %d, want 200", name, w.Code)
			}
			if got := w.Header().Get("Content-Type"); got != contentType {
				t.Errorf("%s: Content-Type = %q, want %q", name, got, contentType)
			}
			if got, want := w.Header().Get("Cache-Control"), "public, max-age=31536000, immutable"; got != want {
				t.Errorf("%s: Cache-Control = %q, want %q", name, got, want)
			}
			if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
				t.Errorf("%s: Content-Length = %s, want %d", name, got, w.Body.Len())
			}
		}
		zr, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(zr); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Errorf("%s: unpacked file differs, err = %v", name, err)
		}
	}
}

func TestAssetsRefuse(t *testing.T) {
	h := newPages(t).Assets()
	path, err := h.(*assets).path("eidgate.css")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, path string
		want               int
	}{
		{"without hash", http.MethodGet, "/assets/eidgate.css", http.StatusNotFound},
		{"another hash", http.MethodGet, "/assets/eidgate.000000000000.css", http.StatusNotFound},
		{"folder", http.MethodGet, "/assets/", http.StatusNotFound},
		{"traversal", http.MethodGet, "/assets/../assets" + strings.TrimPrefix(path, "/assets"), http.StatusNotFound},
		{"post", http.MethodPost, path, http.StatusMethodNotAllowed},
	}
	for _, tt := range tests {
		w := get(h, tt.method, tt.path, "gzip")
		if w.Code != tt.want {
			t.Errorf("%s: status = %d, want %d", tt.name, w.Code, tt.want)
		}
		if strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: refusal is cached for good", tt.name)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	tests := map[string]bool{
		"": false, "identity": false, "br": false, "gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=1.0": true,
		"gzip; q=0.2, br": true, "gzip;q=0": false, "gzip;q=0.000": false, "gzip;q=x": false, "gzipped": false, "*": false,
	}
	for header, want := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := AcceptsGzip(r); got != want {
			t.Errorf("AcceptsGzip(%q) = %v, want %v", header, got, want)
		}
	}
}

func styleSheet(t *testing.T) string {
	t.Helper()
	body, err := assetFiles.ReadFile("assets/eidgate.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestStyleSheetLoadsNothing(t *testing.T) {
	if found := regexp.MustCompile(`url\(|@import|https?:|@font-face`).FindString(styleSheet(t)); found != "" {
		t.Errorf("style sheet holds %q", found)
	}
}

func TestContrast(t *testing.T) {
	css := styleSheet(t)
	light, rest, _ := strings.Cut(css, "prefers-color-scheme: dark")
	dark, _, _ := strings.Cut(rest, "/* Ground")
	tests := []struct {
		front, back string
		light, dark float64 // least ratios (WCAG 2.2, 1.4.3 and 1.4.11)
	}{
		{"text", "bg", 16.4, 16.0},
		{"text", "surface", 7, 7},
		{"muted", "surface", 6.9, 8.3},
		{"link", "bg", 8.4, 9.8},
		{"on-link", "link", 8.4, 9.49},
		{"danger", "danger-bg", 6.8, 9.4},
		{"danger", "bg", 4.5, 4.5},
		{"warn", "warn-bg", 7.7, 10.8},
		{"link", "badge-bg", 7.1, 7.1},
		{"link", "surface", 4.5, 4.5},
		{"line", "bg", 4.5, 5.6},
		{"line", "surface", 3, 3},
	}
	for _, tt := range tests {
		if got := contrast(token(t, light, tt.front), token(t, light, tt.back)); got < tt.light {
			t.Errorf("light %s on %s = %.2f, want at least %.1f", tt.front, tt.back, got, tt.light)
		}
		if got := contrast(token(t, dark, tt.front), token(t, dark, tt.back)); got < tt.dark {
			t.Errorf("dark %s on %s = %.2f, want at least %.1f", tt.front, tt.back, got, tt.dark)
		}
	}
}

// token reads the colour of a custom property as three channels of 0 to 1.
func token(t *testing.T, css, name string) [3]float64 {
	t.Helper()
	m := regexp.MustCompile(`--` + name + `: #([0-9a-f]+);`).FindStringSubmatch(css)
	if m == nil {
		t.Fatalf("no token %s", name)
	}
	digits := m[1]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	var colour [3]float64
	for i := range colour {
		v, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("token %s: %v", name, err)
		}
		colour[i] = float64(v) / 255
	}
	return colour
}

func contrast(a, b [3]float64) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c [3]float64) float64 {
	for i, v := range c {
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}
