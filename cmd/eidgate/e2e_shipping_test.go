package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestCheckpointsAreShipped: the gateway brings its checkpoints to a server that was away
// at first, with the token of the moment, and what arrived there verifies the audit.
func TestCheckpointsAreShipped(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var kept strings.Builder
	refused := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body) // what is cut off is refused below
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer the-second-token" || len(raw) == 0 {
			refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		kept.Write(raw)
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	must(t, err)
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("the-first-token\n"), 0o600))
	s := startServed(t, "limits:", fmt.Sprintf("audit: {ship: {url: %q, token_file: %s}}\noutbound: {allow: [%q]}\nlimits:", server.URL+"/in", token, to.Host))
	s.party(t, "portal-1").signIn(s.browser(t), s.account("002"))
	has := func() string {
		mu.Lock()
		defer mu.Unlock()
		return kept.String()
	}
	waitUntil(t, "the receiver to refuse the first token", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return refused > 0
	})
	must(t, os.WriteFile(token, []byte("the-second-token\n"), 0o600))
	waitUntil(t, "checkpoints at the receiver", func() bool { return strings.Contains(has(), `"n":1,`) })
	s.stopServing(t)
	file := filepath.Join(t.TempDir(), "kept.jsonl")
	must(t, os.WriteFile(file, []byte(has()), 0o600))
	if exit, stdout, stderr := run(t, "audit", "verify", "--config", s.file, "--checkpoints", file); exit != 0 || !strings.Contains(stdout, "that were kept elsewhere") {
		t.Errorf("audit verify = %d %q %q, want all as it was sealed", exit, stdout, stderr)
	}
	for _, secret := range []string{"the-first-token", "the-second-token", server.URL} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
	// Not without leave: the address is of this machine.
	s.write(t, s.text("limits:", fmt.Sprintf("audit: {ship: {url: %q}}\nlimits:", server.URL+"/in")))
	if exit, stdout, stderr := run(t, "check", "--config", s.file); exit != 1 || !strings.Contains(stdout+stderr, "audit.ship.url") {
		t.Errorf("check without outbound.allow = %d %q %q, want 1", exit, stdout, stderr)
	}
}
