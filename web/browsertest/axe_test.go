package browsertest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// tarball is the pinned one, as AxeSource keeps it.
func tarball(t *testing.T) []byte {
	t.Helper()
	if _, err := AxeSource(t.Context()); err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	body, err := os.ReadFile(filepath.Join(cache, "eidgate", axeTarball))
	must(t, err)
	return body
}

func TestAxeComesFromTheRegistryOnce(t *testing.T) {
	body := tarball(t)
	var asked atomic.Int32
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if got, want := r.URL.Path, "/npm/axe-core/-/axe-core-4.14.1.tgz"; got != want {
			t.Errorf("path = %s, want %s", got, want)
		}
		_, _ = w.Write(body)
	}))
	defer registry.Close()
	cache := filepath.Join(t.TempDir(), "new")
	for range 2 {
		script, err := axeSource(t.Context(), cache, registry.URL+"/npm/")
		if err != nil || !strings.Contains(script, `axe.version="4.14.1"`) && !strings.Contains(script, "axe v4.14.1") {
			t.Fatalf("axeSource() = %.60q, %v, want axe 4.14.1", script, err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("registry asked %d times, want 1: it is kept", got)
	}

	// What was spoilt on disk is fetched anew.
	must(t, os.WriteFile(filepath.Join(cache, axeTarball), []byte("spoilt"), 0o600))
	if _, err := axeSource(t.Context(), cache, registry.URL+"/npm"); err != nil || asked.Load() != 2 {
		t.Errorf("axeSource() = %v after %d requests, want it fetched a second time", err, asked.Load())
	}
}

func TestAxeIsRefused(t *testing.T) {
	forged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("forged")) }))
	defer forged.Close()
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	remedy := "put npm in the PATH, or name a registry in npm_config_registry"
	tests := []struct {
		name, registry, want string
	}{
		{"other bytes", forged.URL, "has integrity sha512-"},
		{"not in the registry", none.URL, "404 Not Found"},
		{"no network", gone.URL, remedy},
		{"no registry and no npm", "", remedy},
		{"registry that is no address", "http://user:secret@[", remedy},
		{"registry with a password", strings.Replace(gone.URL, "http://", "http://user:secret@", 1), remedy},
	}
	t.Setenv("PATH", "")
	for _, tt := range tests {
		cache := t.TempDir()
		script, err := axeSource(t.Context(), cache, tt.registry)
		if script != "" || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: axeSource() = %.20q, %v, want an error with %q and no password", tt.name, script, err, tt.want)
		}
		if kept, _ := os.ReadDir(cache); len(kept) > 0 {
			t.Errorf("%s: %d files kept, want none", tt.name, len(kept))
		}
	}
}
