package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/provider"
)

// TestSeen: who holds the master key learns what the gateway sees of a request;
// for everybody else there is no such page.
func TestSeen(t *testing.T) {
	var sealer provider.Sealer
	w := newWorldWith(t, func(cfg *provider.Config, d *provider.Deps) {
		cfg.Proxies = []string{"127.0.0.1"}
		sealer = d.Sealer
	})
	probe := func(at time.Time) string {
		text, err := provider.NewProbe(sealer, at)
		must(t, err)
		return text
	}
	good := probe(w.clock())
	other, err := sealer.Seal([]byte(w.clock().UTC().Format(time.RFC3339)), "secrets/other")
	must(t, err)
	for _, tt := range []struct {
		name, probe string
		want        int
	}{
		{"fresh", good, http.StatusOK},
		{"the other clock is behind", probe(w.clock().Add(-9 * time.Minute)), http.StatusOK},
		{"none", "", http.StatusNotFound},
		{"old", probe(w.clock().Add(-11 * time.Minute)), http.StatusNotFound},
		{"from the future", probe(w.clock().Add(11 * time.Minute)), http.StatusNotFound},
		{"altered", good[1:], http.StatusNotFound},
		{"sealed for something else", base64.RawURLEncoding.EncodeToString(other), http.StatusNotFound},
		{"no base64", "%%%", http.StatusNotFound},
		{"huge", strings.Repeat("A", 20<<10), http.StatusNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+provider.PathSeen, nil)
			must(t, err)
			req.Header.Set(provider.ProbeHeader, tt.probe)
			req.Header.Add("X-Forwarded-For", "192.0.2.66")
			req.Header.Add("X-Forwarded-For", "198.51.100.7")
			res, err := http.DefaultClient.Do(req)
			must(t, err)
			defer func() { must(t, res.Body.Close()) }()
			if res.StatusCode != tt.want {
				t.Fatalf("GET /seen = %d, want %d", res.StatusCode, tt.want)
			}
			if tt.want != http.StatusOK {
				return
			}
			var seen provider.Seen
			must(t, json.NewDecoder(res.Body).Decode(&seen))
			if seen.Address != "198.51.100.7" || seen.Forwarded != "192.0.2.66, 198.51.100.7" || !strings.HasPrefix(seen.Peer, "127.0.0.1:") {
				t.Errorf("seen = %+v, want the address that the trusted proxy added", seen)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q, want no-store", got)
			}
		})
	}
	if strings.Contains(w.log.String(), good) {
		t.Error("the log holds a probe")
	}
}
