package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/store/storetest"
)

// diagnosis is the document of `eidgate doctor --json`.
type diagnosis struct {
	Status   string    `json:"status"`
	At       time.Time `json:"at"`
	Issuer   string    `json:"issuer"`
	Version  string    `json:"version"`
	Findings []struct{ Check, Status, Found, Mend string }
}

// doctor runs it and reads its document.
func doctor(t *testing.T, args ...string) (exit int, d diagnosis, text string) {
	t.Helper()
	exit, text, stderr := run(t, append([]string{"doctor", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("doctor printed no document: %v\n%s%s", err, text, stderr)
	}
	return exit, d, text
}

// of are the findings of a check, as "status found → mend".
func (d diagnosis) of(check string) string {
	var lines []string
	for _, f := range d.Findings {
		if f.Check == check {
			lines = append(lines, f.Status+" "+f.Found+" → "+f.Mend)
		}
	}
	return strings.Join(lines, "\n")
}

func (d diagnosis) wants(t *testing.T, check, status, word string) {
	t.Helper()
	if got := d.of(check); !strings.HasPrefix(got, status+" ") || !strings.Contains(got, word) {
		t.Errorf("%s: %s\nwant %s with %q", check, got, status, word)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestDoctorHealthy: beside a gateway that serves nothing is a fault, nothing is
// touched, and nothing secret is said.
func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	s := startServed(t, "lifetimes:", "metrics: {listen: \"off\"}\nlifetimes:")
	before := names(t, s.Dir)
	exit, d, text := doctor(t, "--config", s.file)
	if exit != 0 || d.Status == "fault" || d.Issuer != s.Issuer || d.Version == "" || time.Since(d.At).Abs() > time.Minute {
		t.Errorf("doctor = %d, %s, want 0 and no fault:\n%s", exit, d.Status, text)
	}
	for check, word := range map[string]string{
		"configuration": d.Version, "data": "mode 0700", "database": "every page sound", "master key": "opens", "signing keys": "standby",
		"passing state": "SQLite", "listen": "a gateway of this issuer", "public address": "discovery", "proxies": "not believed",
		"source national": "open", "clients": "can be reached", "open files": "limits.connections",
		"rule sets": "in force", "registries.matcher": "none is named",
	} {
		d.wants(t, check, "ok", word)
	}
	d.wants(t, "passkeys", "warning", "IP address")
	d.wants(t, "messages to new people", "warning", "nobody new reaches an account")
	if d.of("clock") == "" || d.of("memory") == "" {
		t.Errorf("no finding on clock or memory:\n%s", text)
	}
	if after := names(t, s.Dir); !slices.Equal(before, after) {
		t.Errorf("files = %q, want %q as before", after, before)
	}
	exit, table, stderr := run(t, "doctor", "--config", s.file)
	if exit != 0 || !strings.Contains(table, "0 faults") || stderr != "" {
		t.Errorf("doctor = %d:\n%s%s", exit, table, stderr)
	}
	for _, p := range s.Portals {
		if strings.Contains(text+table, p.ClientSecret) {
			t.Error("doctor prints a client's secret")
		}
	}

	// A file that was changed and is not live yet, for the gateway refuses it.
	s.after(t, refused, func() {
		s.write(t, s.text("listen: "+s.Addr, "listen: 127.0.0.1:1"))
		s.hangup(t)
	})
	_, d, _ = doctor(t, "--config", s.file)
	if got := d.of("proxies"); !strings.Contains(got, "warning the gateway that answers runs another configuration") {
		t.Errorf("proxies: %s, want a warning of another configuration", got)
	}
}

// TestDoctorProxies: real proxies in front, one as it should be and one that passes on
// what clients say, named in the configuration and not.
func TestDoctorProxies(t *testing.T) {
	t.Parallel()
	const off = "metrics: {listen: \"off\"}\nlifetimes:"
	s := startServed(t, "lifetimes:", off)
	target, err := url.Parse(s.Issuer)
	must(t, err)
	// The proxies connect from an address of their own.
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext}
	front := func(rewrite func(*httputil.ProxyRequest)) string {
		server := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			rewrite(r)
		}})
		t.Cleanup(server.Close)
		return server.URL
	}
	appends := front(func(r *httputil.ProxyRequest) {
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		r.SetXForwarded()
	})
	believes := front(func(r *httputil.ProxyRequest) { r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] })
	for _, tt := range []struct {
		name, via, status, word string
	}{
		{"appends", appends, "fault", "proxies: [127.0.0.2]"},
		{"believes", believes, "fault", "set X-Forwarded-For itself"},
	} {
		_, d, _ := doctor(t, "--config", s.file, "--url", tt.via)
		d.wants(t, "proxies", tt.status, tt.word)
	}
	s.reload(t, "lifetimes:", "proxies: [127.0.0.2]\n"+off)
	for _, tt := range []struct {
		name, via, status, word string
		exit                    int
	}{
		{"appends", appends, "ok", "sees 127.0.0.1 for this machine, through the proxy at 127.0.0.2", 0},
		{"believes", believes, "fault", "everybody chooses", 1},
		{"none on the way", s.Issuer, "warning", "not tried", 0},
	} {
		exit, d, text := doctor(t, "--config", s.file, "--url", tt.via)
		d.wants(t, "proxies", tt.status, tt.word)
		if exit != tt.exit {
			t.Errorf("%s: exit = %d, want %d\n%s", tt.name, exit, tt.exit, text)
		}
	}
	if strings.Contains(s.log.String(), "Eidgate-Probe") {
		t.Error("the log holds a probe")
	}
}

// TestDoctorBroken: several faults at once are all found, without a gateway.
func TestDoctorBroken(t *testing.T) {
	redis := storetest.StartRedis(t, "--maxmemory-policy", "allkeys-lru")
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	must(t, os.WriteFile(filepath.Join(dir, "eidgate.db"), []byte(strings.Repeat("no database ", 999)), 0o600))
	file, secret := filepath.Join(dir, "eidgate.yaml"), filepath.Join(dir, "secret")
	must(t, os.WriteFile(secret, []byte("a-secret-that-everybody-may-read-here"), 0o600))
	must(t, os.Chmod(secret, 0o644))
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	must(t, os.WriteFile(file, fmt.Appendf(nil, `issuer: https://login.invalid
listen: %s
data: %s
state: redis://%s
proxies: [20.0.0.0/8]
metrics: {listen: 203.0.114.7:8401}
tls: {cert_file: none.crt, key_file: none.key}
sources:
  - {id: old, kind: account, name: Cũ, provider: Cũ, may_assert: [1], grants_at_most: 1, window: {until: 2023-01-01}}
  - id: dead
    kind: openid
    reconcile: link
    name: Mất
    provider: Mất
    may_assert: [1]
    grants_at_most: 1
    openid: {issuer: "https://dead.invalid", client_id: x, client_secret_file: secret, acr: {a: 1}}
clients:
  - {id: portal, name: Cổng, url: "https://portal.example.vn/", tier: province, category: other, auth_method: none, redirect_uris: ["https://portal.example.vn/cb"],
     scopes: [openid], sector: portal, min_level: 1, sources: [old], consent: {purpose: Thử}}
`, strings.TrimPrefix(taken.URL, "http://"), dir, redis.Addr), 0o600))
	exit, d, text := doctor(t, "--config", file)
	if exit != 1 || d.Status != "fault" {
		t.Errorf("doctor = %d, %s, want 1 and a fault", exit, d.Status)
	}
	for check, word := range map[string]string{
		"data": "chmod 700", "database": "does not open", "master key": "is not there", "signing keys": "master key", "passing state": "noeviction",
		"certificate": "in place", "listen": "another program", "public address": "does not resolve", "proxies": "20.0.0.0/8", "metrics": "no address of this machine",
		"source dead": "does not resolve", "clients": "nobody can sign in to portal",
	} {
		if got := d.of(check); !strings.Contains(got, "fault ") || !strings.Contains(got, word) {
			t.Errorf("%s: %s\nwant a fault with %q", check, got, word)
		}
	}
	d.wants(t, "configuration", "warning", "chmod o=")
	for _, f := range d.Findings {
		if f.Status != "ok" && f.Mend == "" {
			t.Errorf("%s: %q has no mend", f.Check, f.Found)
		}
	}
	if strings.Contains(text, "a-secret-that-everybody") {
		t.Error("doctor prints a secret")
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key")); err == nil {
		t.Error("doctor made a master key")
	}
	fit := storetest.StartRedis(t, "--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "noeviction")
	raw, err := os.ReadFile(file)
	must(t, err)
	other := filepath.Join(dir, "other.yaml")
	must(t, os.WriteFile(other, []byte(strings.ReplaceAll(string(raw), redis.Addr, fit.Addr)), 0o600))
	_, d, _ = doctor(t, "--config", other)
	d.wants(t, "passing state", "ok", "Redis is fit")
	redis.Kill()
	_, d, _ = doctor(t, "--config", file)
	d.wants(t, "passing state", "fault", "start Redis")
}

// TestDoctorUsage: a configuration that cannot be read is a fault with each of its own;
// wrong words are usage.
func TestDoctorUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "eidgate.yaml")
	must(t, os.WriteFile(file, []byte("issuer: http://login.example.vn\nlisten: nowhere\nlimit: {}\n"), 0o600))
	exit, d, text := doctor(t, "--config", file)
	if exit != 1 || len(d.Findings) != 3 {
		t.Errorf("doctor = %d with %d findings, want 1 with 3:\n%s", exit, len(d.Findings), text)
	}
	d.wants(t, "configuration", "fault", "issuer")
	for _, words := range [][]string{{"--url", "example.vn"}, {"--url", "https://u:p@example.vn"}, {"--url", "ftp://x"}, {"--nonsense"}, {"word"}} {
		if exit, _, stderr := run(t, append([]string{"doctor", "--config", file}, words...)...); exit != 2 || strings.Contains(stderr, "u:p") {
			t.Errorf("doctor %q = %d, want 2: %s", words, exit, stderr)
		}
	}
}
