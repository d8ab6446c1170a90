package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
	"eidgate/provider"
	"eidgate/store/sqlstore"
)

// fetchLog counts what the provider asks of the store, and can fail.
type fetchLog struct {
	*sqlstore.DB

	mu      sync.Mutex
	turns   int // times that the parties were read
	records int
	failing bool
}

func (l *fetchLog) AwaitingParties(ctx context.Context) ([]eid.RelyingParty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns++
	return l.DB.AwaitingParties(ctx)
}

func (l *fetchLog) RecordKeyFetches(ctx context.Context, fetches []eid.KeyFetch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records++
	if l.failing {
		return errors.New("away")
	}
	return l.DB.RecordKeyFetches(ctx, fetches)
}

func (l *fetchLog) fail(failing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = failing
}

func (l *fetchLog) counts() (turns, records int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns, l.records
}

// turned waits until the provider has recorded what it knew at the call.
func (w *world) turned(l *fetchLog) {
	w.t.Helper()
	before, _ := l.counts()
	w.eventually("a turn", func() bool { now, _ := l.counts(); return now >= before+2 })
}

// publishedKeys lists the kids at an address of the key set.
func (w *world) publishedKeys(path string) (kids []string) {
	w.t.Helper()
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	must(w.t, json.Unmarshal([]byte(w.browser().get(w.server.URL+path).body), &set))
	for _, key := range set.Keys {
		kids = append(kids, key.ID)
	}
	return kids
}

// TestKeyFetches: what counts as a party's fetch, and what does not.
func TestKeyFetches(t *testing.T) {
	log := &fetchLog{}
	w := newWorldWith(t, func(cfg *provider.Config, d *provider.Deps) {
		log.DB = d.KeyFetches.(*sqlstore.DB)
		cfg.Proxies, d.KeyFetches = []string{"10.0.0.0/24"}, log
	})
	etag := w.browser().get(w.server.URL + "/keys").header.Get("ETag")
	tests := []struct {
		party        string // the path is its own address where path is empty
		from         string // key_fetch_from
		method, path string
		peer         string
		header       [2]string
		status       int
		counts       bool
	}{
		{party: "own", counts: true},
		{party: "own-confirmed", header: [2]string{"If-None-Match", etag}, status: http.StatusNotModified, counts: true},
		{party: "own-weakly", header: [2]string{"If-None-Match", "W/" + etag + `, "x"`}, status: http.StatusNotModified, counts: true},
		{party: "own-outdated", header: [2]string{"If-None-Match", `"x"`}, counts: true},
		{party: "own-head", method: http.MethodHead},
		{party: "own-head-confirmed", method: http.MethodHead, header: [2]string{"If-None-Match", etag}, status: http.StatusNotModified},
		{party: "own-options", method: http.MethodOptions, status: http.StatusNoContent},
		{party: "own-post", method: http.MethodPost, status: http.StatusMethodNotAllowed},
		{party: "own-slash", path: "/keys/own-slash/", status: http.StatusNotFound},
		{party: "own-elsewhere", from: "198.51.100.1", path: "/keys/own", peer: "198.51.100.1:1"},
		{party: "without-addresses", path: "/keys", peer: "203.0.113.1:1"},
		{party: "address", from: "198.51.100.2", path: "/keys", peer: "198.51.100.2:1", counts: true},
		{party: "address-confirmed", from: "198.51.100.3", path: "/keys", peer: "198.51.100.3:1",
			header: [2]string{"If-None-Match", etag}, status: http.StatusNotModified, counts: true},
		{party: "address-head", from: "198.51.100.4", method: http.MethodHead, path: "/keys", peer: "198.51.100.4:1"},
		{party: "address-discovery", from: "198.51.100.5", path: "/.well-known/openid-configuration", peer: "198.51.100.5:1"},
		{party: "network", from: "198.51.100.64/28", path: "/keys", peer: "198.51.100.79:1", counts: true},
		{party: "beside", from: "198.51.100.96/28", path: "/keys", peer: "198.51.100.112:1"},
		{party: "v6", from: "2001:db8:1::/48", path: "/keys", peer: "[2001:db8:1:2::9]:1", counts: true},
		{party: "mapped", from: "198.51.100.6", path: "/keys", peer: "[::ffff:198.51.100.6]:1", counts: true},
		{party: "forged", from: "192.0.2.1", path: "/keys", peer: "203.0.113.2:1", header: [2]string{"X-Forwarded-For", "192.0.2.1"}},
		{party: "real-ip", from: "192.0.2.2", path: "/keys", peer: "203.0.113.2:1", header: [2]string{"X-Real-IP", "192.0.2.2"}},
		{party: "proxied", from: "192.0.2.3", path: "/keys", peer: "10.0.0.5:1", header: [2]string{"X-Forwarded-For", "192.0.2.3"}, counts: true},
		{party: "forged-through-proxy", from: "192.0.2.4", path: "/keys", peer: "10.0.0.5:1",
			header: [2]string{"X-Forwarded-For", "192.0.2.4, 203.0.113.3"}},
		{party: "proxy-itself", from: "10.0.0.6", path: "/keys", peer: "10.0.0.6:1", header: [2]string{"X-Forwarded-For", "203.0.113.3"}},
	}
	parties := slices.Clone(w.parties) // none of which awaits
	for _, tt := range tests {
		party := w.parties[0]
		party.ID, party.AwaitKeyFetch = tt.party, true
		if tt.from != "" {
			network, err := netip.ParsePrefix(tt.from)
			if addr, single := netip.ParseAddr(tt.from); single == nil {
				network, err = addr.Prefix(addr.BitLen())
			}
			must(t, err)
			party.KeyFetchFrom = []netip.Prefix{network}
		}
		parties = append(parties, party)
	}
	sources, err := w.db.Sources(t.Context())
	must(t, err)
	must(t, w.db.ApplyRegistrations(t.Context(), parties, sources, "file", "system"))
	w.run(w.provider)
	w.turned(log)
	handler := w.provider.Handler()
	ask := func() {
		t.Helper()
		for _, tt := range append(tests, tests[0]) {
			method, path, peer, status := tt.method, tt.path, tt.peer, tt.status
			if method == "" {
				method = http.MethodGet
			}
			if path == "" {
				path = "/keys/" + tt.party
			}
			if peer == "" {
				peer = "203.0.113.1:1"
			}
			if status == 0 {
				status = http.StatusOK
			}
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.RemoteAddr = peer
			if tt.header[0] != "" {
				r.Header.Set(tt.header[0], tt.header[1])
			}
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			if rec.Code != status {
				t.Errorf("%s: %s %s = %d, want %d", tt.party, method, path, rec.Code, status)
			}
		}
		for _, path := range []string{"/keys/portal", "/keys/nobody", "/keys/..%5cown"} {
			w.browser().get(w.server.URL + path)
		}
	}
	log.fail(true)
	ask()
	w.turned(log)
	fetches, err := w.db.Fetches(t.Context())
	must(t, err)
	if len(fetches) != 0 {
		t.Fatalf("fetches = %v while the store fails, want none", fetches)
	}
	log.fail(false)
	w.turned(log)
	var got, want []string
	fetches, err = w.db.Fetches(t.Context())
	must(t, err)
	for _, f := range fetches {
		got = append(got, f.Client+" "+f.KeyID)
	}
	for _, tt := range tests {
		if !tt.counts {
			continue
		}
		for _, kid := range w.publishedKeys("/keys") {
			want = append(want, tt.party+" "+kid)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("fetches = %q, want %q", got, want)
	}
	// Once more costs the store nothing.
	_, before := log.counts()
	ask()
	w.turned(log)
	if _, after := log.counts(); after != before {
		t.Errorf("the store was asked %d times to record what it has", after-before)
	}
	lacking, err := w.db.Lacking(t.Context(), keys.RS256, fetches[0].KeyID)
	must(t, err)
	if slices.Contains(lacking, "own") || !slices.Contains(lacking, "own-head") || slices.Contains(lacking, "portal") {
		t.Errorf("Lacking() = %q, want the parties that await and did not fetch", lacking)
	}
}

// TestKeySetOfParties: every name has the same key set, public members alone, so that
// nobody learns which parties there are.
func TestKeySetOfParties(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(rp *eid.RelyingParty) { rp.AwaitKeyFetch = true })
	common := w.browser().get(w.server.URL + "/keys")
	for _, path := range []string{"/keys/portal", "/keys/high", "/keys/nobody", "/keys/'%20OR%201=1%20--", "/keys/..%5cmaster.key"} {
		p := w.browser().get(w.server.URL + path)
		for _, name := range []string{"ETag", "Cache-Control", "Content-Type", "Vary", "Access-Control-Allow-Origin"} {
			if got, want := p.header.Get(name), common.header.Get(name); got != want || want == "" {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
		if p.status != http.StatusOK || p.body != common.body {
			t.Errorf("%s: %d %s, want the common set", path, p.status, p.body)
		}
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	must(t, json.Unmarshal([]byte(common.body), &set))
	public := []string{"kty", "use", "kid", "alg", "n", "e", "crv", "x", "y"}
	for _, key := range set.Keys {
		for member := range key {
			if !slices.Contains(public, member) {
				t.Errorf("key %s has a member %q", key["kid"], member)
			}
		}
	}
	if len(set.Keys) < 4 {
		t.Errorf("%d keys, want a signing key and a standby of each algorithm", len(set.Keys))
	}
}

// A process that lost the store may lack keys that others have published since. It goes
// on serving what it knows, and no cache keeps that beyond the time that new keys wait.
func TestUnconfirmedKeySetIsNotCached(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		unconfirmed time.Duration
		want        string
	}{{0, "public, max-age=600"}, {10 * time.Minute, "public, max-age=600"}, {10*time.Minute + time.Second, "no-store"}, {time.Hour, "no-store"}} {
		w.unconfirmed.Store(int64(tt.unconfirmed))
		for _, path := range []string{"/keys", "/keys/portal"} {
			p := w.browser().get(w.server.URL + path)
			if got := p.header.Get("Cache-Control"); got != tt.want || p.status != http.StatusOK || !strings.Contains(p.body, `"kid"`) {
				t.Errorf("%s %v after the store was lost: %d, Cache-Control %q, want %q", path, tt.unconfirmed, p.status, got, tt.want)
			}
		}
	}
}
