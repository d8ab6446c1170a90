package demo

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const pageBudget = 30 << 10 // bytes, compressed, with all a page needs

func TestEveryPage(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	signedIn, failed := newBrowser(t), newBrowser(t)
	signedIn.signIn(portal, "?acr=1")
	f.editAnswer = func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
	}
	failed.signIn(portal, "")
	style := signedIn.get(portal + stylePath)
	if style.status != http.StatusOK || !strings.HasPrefix(style.header.Get("Content-Type"), "text/css") {
		t.Fatalf("style sheet = %d %s", style.status, style.header.Get("Content-Type"))
	}

	tests := []struct {
		name   string
		got    page
		status int
	}{
		{"home", newBrowser(t).get(portal + "/"), http.StatusOK},
		{"signed in", signedIn.get(portal + "/"), http.StatusOK},
		{"failed", failed.get(portal + "/"), http.StatusOK},
		{"signed out", newBrowser(t).do(http.MethodPost, portal+"/logout", nil), http.StatusOK},
		{"not found", newBrowser(t).get(portal + "/nowhere"), http.StatusNotFound},
		{"bad request", newBrowser(t).get(portal + "/login?acr=9"), http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			html := tt.got.body
			if tt.got.status != tt.status {
				t.Errorf("status = %d, want %d", tt.got.status, tt.status)
			}
			if n := strings.Count(html, "<h1"); n != 1 {
				t.Errorf("%d first headings, want 1", n)
			}
			for _, want := range []string{`<html lang="vi">`, "Cổng thử nghiệm", "dữ liệu giả định", "</html>"} {
				if !strings.Contains(html, want) {
					t.Errorf("page lacks %q", want)
				}
			}
			for _, never := range []string{"<script", "style=", "onclick", "https://"} {
				if strings.Contains(html, never) {
					t.Errorf("page contains %q", never)
				}
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin",
			} {
				if got := tt.got.header.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			if csp := tt.got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("Content-Security-Policy = %q, want nothing by default and no framing", csp)
			}
			if n := compressed(t, html) + compressed(t, style.body); n > pageBudget {
				t.Errorf("page and style sheet take %d bytes compressed, want at most %d", n, pageBudget)
			}
		})
	}
}

func compressed(t *testing.T, s string) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestCookiesAreClosed(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, func(c *Config) { c.Name = "8402" })
	got := newBrowser(t).get(portal + "/login")
	cookies := got.header.Values("Set-Cookie")
	if len(cookies) != 1 {
		t.Fatalf("login sets %q, want one cookie", cookies)
	}
	for _, want := range []string{"portal_8402_browser=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookies[0], want) {
			t.Errorf("cookie %q lacks %q", cookies[0], want)
		}
	}
}
