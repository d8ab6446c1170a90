package provider_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/provider"
)

// hold keeps requests inside the provider: as many as asked for wait in a look-up
// of their client until release.
type hold struct {
	provider.Clients
	inside  chan struct{}
	release chan struct{}
}

// heldClients is a look-up of clients that waits for one of them.
type heldClients struct{ *hold }

func (h heldClients) RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error) {
	if id == "hold" {
		h.inside <- struct{}{}
		<-h.release
	}
	return h.Clients.RelyingParty(ctx, id)
}

// stateEntries counts what passing state holds.
func (w *world) stateEntries() (n int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "state.db"))
	must(w.t, err)
	defer func() { must(w.t, db.Close()) }()
	must(w.t, db.QueryRowContext(w.t.Context(), "SELECT count(*) FROM entries").Scan(&n))
	return n
}

// heldWorld is a world with limits, where requests of client "hold" wait.
func heldWorld(t *testing.T, limits provider.Limits) (*world, *hold) {
	t.Helper()
	h := &hold{inside: make(chan struct{}, 1024), release: make(chan struct{})}
	w := newWorldWith(t, func(cfg *provider.Config, d *provider.Deps) {
		cfg.Limits = limits
		h.Clients = d.Clients
		d.Clients = heldClients{h}
	})
	return w, h
}

// A flood of new sign-ins leaves room for flows that have begun, for portals, and
// for probes; what finds no room is told so, and nothing is kept of it.
func TestFloodOfStrangers(t *testing.T) {
	w, h := heldWorld(t, provider.Limits{Requests: 16})
	begun := w.browser()
	form := begun.get(w.authorizeURL("portal"))
	done := make(chan struct{}, 4)
	for range 4 {
		go func() {
			w.browser().get(w.server.URL + "/authorize?client_id=hold")
			done <- struct{}{}
		}()
		<-h.inside
	}
	before := w.stateEntries()
	for range 20 {
		p := w.browser().get(w.authorizeURL("portal"))
		if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" || len(p.header.Values("Set-Cookie")) != 0 {
			t.Fatalf("a stranger too many gets %d, Retry-After %q", p.status, p.header.Get("Retry-After"))
		}
	}
	if n := w.stateEntries(); n != before {
		t.Errorf("%d entries were kept of requests that were shed", n-before)
	}
	for _, path := range []string{"/healthz", "/readyz", "/keys", "/.well-known/openid-configuration"} {
		if p := w.browser().get(w.server.URL + path); p.status != http.StatusOK {
			t.Errorf("%s = %d in a flood", path, p.status)
		}
	}
	p := begun.share(begun.submit(form, "personal_number", numberLevel1, "password", password))
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Fatalf("a flow that had begun ends with %d:\n%s", p.status, p.body)
	}
	if got := w.redeem(p.back.Query().Get("code")); got.status != http.StatusOK {
		t.Errorf("its code gives %d %s", got.status, got.Error)
	}
	if l := w.provider.Load(); l.Strangers != 4 || l.Shed != 20 {
		t.Errorf("Load() = %+v, want 4 strangers, 20 shed", l)
	}
	close(h.release)
	for range 4 {
		<-done
	}
	if p := w.browser().get(w.authorizeURL("portal")); p.status != http.StatusOK {
		t.Errorf("after the flood = %d", p.status)
	}
	if l := w.provider.Load(); l.Running != 0 || l.Strangers != 0 {
		t.Errorf("Load() = %+v afterwards, want nobody", l)
	}
}

// Where every place is taken, each endpoint says so in its own way.
func TestShedAnswers(t *testing.T) {
	w, h := heldWorld(t, provider.Limits{Requests: 16})
	done := make(chan struct{}, 16)
	for range 16 {
		go func() {
			defer func() { done <- struct{}{} }()
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.server.URL+"/token", strings.NewReader("client_id=hold"))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if res, err := http.DefaultClient.Do(r); err == nil {
				_ = res.Body.Close()
			}
		}()
		<-h.inside
	}
	for _, path := range []string{"/token", "/introspect", "/revoke", "/userinfo"} {
		p := w.browser().post(w.server.URL+path, url.Values{"client_id": {"portal"}})
		var body struct{ Error string }
		if err := json.Unmarshal([]byte(p.body), &body); err != nil || p.status != 503 || body.Error != "temporarily_unavailable" || p.header.Get("Retry-After") == "" {
			t.Errorf("%s = %d %s", path, p.status, p.body)
		}
	}
	for _, path := range []string{"/", "/authorize?client_id=portal", "/login?login=x", "/logout", "/nowhere"} {
		p := w.browser().get(w.server.URL + path)
		if p.status != 503 || !strings.Contains(p.header.Get("Content-Type"), "text/html") || p.header.Get("Retry-After") == "" {
			t.Errorf("%s = %d %s", path, p.status, p.header.Get("Content-Type"))
		}
	}
	close(h.release)
	for range 16 {
		<-done
	}
}

// Senders that never finish a body hold no place.
func TestSlowBodiesHoldNoPlace(t *testing.T) {
	w := newWorldWith(t, func(cfg *provider.Config, _ *provider.Deps) { cfg.Limits.Requests = 16 })
	address := strings.TrimPrefix(w.server.URL, "http://")
	for i := range 100 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		path := []string{"/token", "/login", "/authorize", "/userinfo"}[i%4]
		_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: "+address+"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na")
		must(t, err)
	}
	w.codeFor(numberLevel1)
}

// Logins that strangers begin have an end; holders who are signed in go on.
func TestLoginsAreBounded(t *testing.T) {
	w := newWorldWith(t, func(cfg *provider.Config, _ *provider.Deps) { cfg.Limits.NewLogins = 100 })
	holder := w.browser()
	holder.signIn(w.authorizeURL("portal"), numberLevel1)
	before, refused := w.stateEntries(), 0
	for range 500 {
		switch p := w.browser().get(w.authorizeURL("portal")); p.status {
		case http.StatusOK:
		case http.StatusServiceUnavailable:
			refused++
		default:
			t.Fatalf("a new sign-in = %d", p.status)
		}
	}
	if n := w.stateEntries() - before; refused < 400 || n > 200 {
		t.Errorf("refused %d of 500, %d entries kept, want at least 400, and at most 200", refused, n)
	}
	if p := holder.get(w.authorizeURL("portal")); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("a living session gets %d, %v, want a code", p.status, p.back)
	}
	if p := holder.get(w.authorizeURL("portal", "prompt", "login")); p.status != http.StatusOK {
		t.Errorf("a holder who signs in anew gets %d", p.status)
	}
	if p := w.browser().get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none, which keeps nothing, gets %d, %v", p.status, p.back)
	}
}

// What can be seen to be nothing is refused before anything is looked up, and
// leaves nothing behind.
func TestCheapRefusals(t *testing.T) {
	w := newWorld(t)
	before := w.stateEntries()
	for name, path := range map[string]string{
		"unknown client":  "/authorize?client_id=nobody",
		"garbage query":   "/authorize?%zz=%zz&&&;;",
		"no query":        "/authorize",
		"wrong redirect":  "/authorize?client_id=portal&redirect_uri=https://evil.test/",
		"no challenge":    strings.TrimPrefix(w.authorizeURL("portal", "code_challenge", ""), w.server.URL),
		"long query":      "/authorize?x=" + strings.Repeat("x", 20_000),
		"unknown login":   "/login?login=" + strings.Repeat("A", 22),
		"unknown address": "/nowhere/at/all",
	} {
		for i := range 20 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path, nil)
			must(t, err)
			r.Header.Set("Cookie", fmt.Sprintf("a%d=%s", i, strings.Repeat("x", 8000)))
			res, err := http.DefaultTransport.RoundTrip(r)
			must(t, err)
			_, err = bufio.NewReader(res.Body).WriteTo(io.Discard)
			must(t, err)
			_ = res.Body.Close()
			if res.StatusCode >= 500 || res.StatusCode == http.StatusOK {
				t.Errorf("%s = %d", name, res.StatusCode)
			}
		}
	}
	if n := w.stateEntries(); n != before {
		t.Errorf("%d entries were kept of requests that were refused", n-before)
	}
}
