package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path"
	"testing"
)

// A page is usable on 2G within five seconds of a first visit. There a round
// trip takes half a second and a second carries 50 kbit (GPRS, as browsers'
// developer tools have it). The visit takes four round trips for name, TCP, TLS
// and the page, and one more for the style sheet: 2.5 s. In the other 2.5 s come
// 15,625 bytes, some 4 KiB of them of the TLS handshake. So page and style sheet
// may have 11,529; the icon comes when the page is usable already.
//
// This is told by bytes and requests, never by a clock.
const (
	usableBytes    = 50_000/8*5/2 - 4<<10
	usableRequests = 2
	aim            = 14 << 10 // bytes of a page with all it needs: one first TCP flight
	bound          = 30 << 10
)

// TestWeight weighs what a browser fetches for each page, headers
// included. The table is printed with -v.
func TestWeight(t *testing.T) {
	p := newPages(t)
	server := httptest.NewServer(samplePages(p))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}} // what comes is weighed, not unpacked
	defer client.CloseIdleConnections()
	weigh := func(address string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		must(t, err)
		r.Header.Set("Accept-Encoding", "gzip")
		w, err := client.Do(r)
		must(t, err)
		defer w.Body.Close()
		head, err := httputil.DumpResponse(w, false)
		must(t, err)
		packed, err := io.ReadAll(w.Body)
		must(t, err)
		zr, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatalf("%s is not packed: %v", address, err)
		}
		body, err := io.ReadAll(zr)
		must(t, err)
		return len(head) + len(packed), string(body)
	}
	for _, lang := range served() {
		for _, s := range shown() {
			at := fmt.Sprintf("%s/page/%s/%s", server.URL, lang, s.name)
			page, body := weigh(at)
			style, others, requests := 0, 0, 1
			for _, e := range parse(t, body) {
				needed := e.attrs["href"] + e.attrs["src"]
				switch {
				case e.name == "link", e.name == "img", e.name == "script" && needed != "":
					size, _ := weigh(server.URL + needed)
					if e.name == "img" || e.attrs["rel"] == "icon" {
						others += size
						continue
					}
					style += size
					requests++
				case e.name == "script" && !scripted(s), e.name == "audio", e.name == "video", e.name == "object":
					t.Errorf("%s/%s: page has a %s", lang, s.name, e.name)
				}
			}
			all := page + style + others
			t.Logf("%-40s page %5d  style sheet %5d  icon %4d  all %5d", path.Join(lang, s.name), page, style, others, all)
			switch {
			case all > bound:
				t.Errorf("%s/%s: page and all it needs = %d bytes, want at most %d", lang, s.name, all, bound)
			case all > aim:
				t.Errorf("%s/%s: page and all it needs = %d bytes, aim for %d", lang, s.name, all, aim)
			}
			if page+style > usableBytes || requests > usableRequests {
				t.Errorf("%s/%s: usable after %d bytes in %d requests, want at most %d in %d", lang, s.name, page+style, requests, usableBytes, usableRequests)
			}
		}
	}
}

// scripted reports whether a sample is of a page that has a script of its own.
func scripted(s sample) bool {
	c, ok := s.page.Data.(content)
	return s.name == formPostSample || ok && c.Script() != ""
}
