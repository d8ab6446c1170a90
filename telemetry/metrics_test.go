package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store"
)

// passing is a store.State that answers as told.
type passing struct {
	results []store.Result
	err     error
}

func (p passing) Apply(context.Context, string, ...store.Op) ([]store.Result, error) {
	return p.results, p.err
}

// hashes answers every evaluation alike.
type hashes struct{ err error }

func (h hashes) Admit(string, bool) (func(), error)                            { return func() {}, h.err }
func (h hashes) Verify(context.Context, string, eid.Secret) (string, error)    { return "", h.err }
func (h hashes) Dummy(context.Context, eid.Secret) error                       { return h.err }
func (h hashes) Hash(context.Context, eid.Secret) (string, error)              { return "", h.err }
func (h hashes) VerifyOld(context.Context, string, eid.Secret) (string, error) { return "", h.err }
func (h hashes) DummyOld(context.Context, string, eid.Secret) error            { return h.err }

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func newMetrics(t testing.TB) *Metrics {
	t.Helper()
	now := time.Now()
	m, err := New(Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, target, nil)
}

// scrape reads the metrics as Prometheus does.
func scrape(t testing.TB, m *Metrics, p Probes) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(p, false).ServeHTTP(w, request(t, http.MethodGet, "/metrics"))
	if w.Code != http.StatusOK {
		t.Fatalf("GET /metrics = %d, want 200", w.Code)
	}
	return w.Body.String()
}

// use makes each metric tell something.
func use(t testing.TB, m *Metrics) Probes {
	t.Helper()
	ctx := t.Context()
	_, end := m.Begin(request(t, http.MethodPost, "/token"), "/token", "AAAA-BBBB", false)
	end(http.StatusRequestEntityTooLarge, "portal-1", "invalid_request")
	m.Entered(ctx, "choose")
	m.Leveled(ctx, "portal-1", eid.Level2, eid.Level1)
	m.Leveled(ctx, "portal-1", eid.Level2, eid.LevelNone)
	m.Finished(3*time.Second, false)
	m.Finished(time.Millisecond, true)
	_, done := m.Asking(ctx, "legacy", "begin")
	done("failed")
	m.Signed("ES256", "JWT", time.Millisecond, nil)
	m.Signed("RS256", "JWT", time.Millisecond, errors.New("no key"))
	_, _ = m.Passwords(hashes{errors.New("busy")}, func(error) string { return "shed" }).Admit("synthetic", false)
	for _, s := range []passing{{results: []store.Result{{OK: true}}}, {results: []store.Result{{}}}, {err: store.ErrUnavailable}, {err: errors.New("too long")}} {
		_, _ = m.State(s).Apply(ctx, "slot", store.Take("key"))
	}
	for _, err := range []error{nil, store.ErrUnavailable, context.Canceled, eid.ErrLocked} {
		m.Notice(notify.Email, notify.LinkMade, notify.GivenUp)
		_, done := m.Transaction(ctx, "write")
		done(err)
	}
	res, err := m.Outbound(transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}, nil
	})).RoundTrip(request(t, http.MethodGet, "http://source.example/"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	m.ConfigLive("v1", m.now())
	m.ConfigLive("v2", m.now())
	m.ConfigRefused(m.now())
	return Probes{
		Keys: func() []Key {
			return []Key{
				{Purpose: "logout", Algorithm: "RS256", Status: "published", Since: m.now(), Overdue: m.now().Add(-time.Hour)},
				{Purpose: "tokens", Algorithm: "ES256", Status: "signing", Since: m.now().Add(-time.Hour), Next: m.now().Add(time.Hour)},
				{Purpose: "tokens", Algorithm: "ES256", Status: "verifying", Since: m.now().Add(-time.Hour), Next: m.now().Add(time.Minute)},
				{Purpose: "tokens", Algorithm: "ES256", Status: "verifying", Since: m.now().Add(-2 * time.Hour), Next: m.now().Add(-time.Minute)},
			}
		},
		Custodies:   func() map[string]bool { return map[string]bool{"database": false, "hsm": true} },
		ClockDoubt:  func() bool { return true },
		MasterKey:   func() time.Time { return m.now().Add(-time.Hour) },
		Certificate: func() (time.Time, bool) { return m.now().Add(time.Hour), true },
		Backlog: func(context.Context) (Backlog, error) {
			return Backlog{Notices: 3, Oldest: m.now().Add(-time.Minute), AuditRows: 42, Unsealed: m.now().Add(-time.Minute), Sealed: time.Unix(1700000000, 0)}, nil
		},
		Unshipped: func(context.Context) (map[string]time.Time, error) {
			return map[string]time.Time{"file": {}, "url": m.now().Add(-time.Hour)}, nil
		},
		Transition: func(context.Context) (Transition, error) {
			return Transition{
				Accounts: []OldAccounts{{"so-y-te", "waiting", 7}}, VerifyBy: map[string]time.Time{"so-y-te": time.Unix(1800000000, 0)},
				Conflicts: []Conflicts{{"so-y-te", 2, m.now().Add(-time.Hour)}},
			}, nil
		},
		Stores: map[string]func(context.Context) error{
			"durable": func(context.Context) error { return nil },
			"passing": func(context.Context) error { return errors.New("away") },
		},
	}
}

func TestMetrics(t *testing.T) {
	m := newMetrics(t)
	text := scrape(t, m, use(t, m))
	for _, line := range []string{
		`eidgate_http_requests_total{method="POST",route="/token",status="4xx"} 1`,
		`eidgate_http_requests_too_large_total{route="/token"} 1`,
		`eidgate_http_requests_in_flight 0`,
		`eidgate_audit_unsealed_age_seconds 60`,
		`eidgate_audit_unshipped_age_seconds{receiver="file"} 0`,
		`eidgate_audit_unshipped_age_seconds{receiver="url"} 3600`,
		`eidgate_audit_checkpoint_timestamp_seconds 1.7e+09`,
		`eidgate_refusals_total{client="portal-1",reason="invalid_request"} 1`,
		`eidgate_login_stages_total{stage="choose"} 1`,
		`eidgate_levels_total{client="portal-1",granted="1",requested="2"} 1`,
		`eidgate_levels_total{client="portal-1",granted="none",requested="2"} 1`,
		`eidgate_login_duration_seconds_count{interaction="none"} 1`,
		`eidgate_login_duration_seconds_count{interaction="some"} 1`,
		`eidgate_source_requests_total{act="begin",outcome="failed",source="legacy"} 1`,
		`eidgate_signatures_total{algorithm="ES256",outcome="ok",purpose="JWT"} 1`,
		`eidgate_signatures_total{algorithm="RS256",outcome="failed",purpose="JWT"} 1`,
		`eidgate_password_evaluations_total{outcome="shed"} 1`,
		`eidgate_password_evaluations_in_progress 0`,
		`eidgate_state_operation_duration_seconds_count{operation="take",outcome="ok"} 1`,
		`eidgate_state_operation_duration_seconds_count{operation="take",outcome="lost"} 1`,
		`eidgate_state_operation_duration_seconds_count{operation="take",outcome="unavailable"} 1`,
		`eidgate_state_operation_duration_seconds_count{operation="take",outcome="refused"} 1`,
		`eidgate_sql_transaction_duration_seconds_count{kind="write",outcome="rolled_back"} 1`,
		`eidgate_sql_transaction_duration_seconds_count{kind="write",outcome="canceled"} 1`,
		`eidgate_outbound_requests_total{outcome="5xx"} 1`,
		`eidgate_config_info{version="v2"} 1`,
		`eidgate_config_last_reload_successful 0`,
		`eidgate_logout_outbox_waiting 3`,
		`eidgate_audit_rows 42`,
		`eidgate_old_accounts{source="so-y-te",state="waiting"} 7`,
		`eidgate_old_accounts_verify_by_timestamp_seconds{source="so-y-te"} 1.8e+09`,
		`eidgate_conflicts_waiting{source="so-y-te"} 2`,
		`eidgate_conflicts_oldest_age_seconds{source="so-y-te"} 3600`,
		`eidgate_store_up{store="durable"} 1`,
		`eidgate_store_up{store="passing"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(text, `version="v1"`) {
		t.Error("a configuration that was replaced is still told as live")
	}
	// Of two verifying keys the older and the sooner change are told.
	for metric, near := range map[string]string{
		`eidgate_key_age_seconds{algorithm="ES256",purpose="tokens",status="verifying"} `:         "7200",
		`eidgate_key_rotation_overdue_seconds{algorithm="RS256",purpose="logout"} `:               "3600",
		`eidgate_key_custody_failing{custody="hsm"} `:                                             "1",
		`eidgate_key_custody_failing{custody="database"} `:                                        "0",
		`eidgate_key_clock_doubted `:                                                              "1",
		`eidgate_key_next_change_seconds{algorithm="ES256",purpose="tokens",status="verifying"} `: "-60",
	} {
		_, value, ok := strings.Cut(text, metric)
		if !ok || !strings.HasPrefix(value, near) {
			t.Errorf("%s= %.12q, want about %s", metric, value, near)
		}
	}
}

// TestNames holds every metric of ours to Prometheus' conventions.
func TestNames(t *testing.T) {
	m := newMetrics(t)
	use(t, m)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^eidgate_[a-z0-9_]+$`)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace) {
			continue
		}
		if !name.MatchString(f.GetName()) || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s with help %q, want small letters and a sentence", f.GetName(), f.GetHelp())
		}
		counter := f.GetType().String() == "COUNTER"
		if counter != strings.HasSuffix(f.GetName(), "_total") {
			t.Errorf("%s is a %s, want _total for counters and for nothing else", f.GetName(), f.GetType())
		}
		if f.GetType().String() == "HISTOGRAM" && !strings.HasSuffix(f.GetName(), "_seconds") {
			t.Errorf("histogram %s has no base unit", f.GetName())
		}
	}
}

// TestStrangers: what a stranger sends is never a label, and nothing that arrives
// in numbers fills the memory.
func TestStrangers(t *testing.T) {
	m := newMetrics(t)
	for i := range 2 * maxChildren {
		r := request(t, http.MethodGet, "/")
		r.Method = fmt.Sprintf("EVIL%d", i)
		_, end := m.Begin(r, "none", "AAAA-BBBB", false)
		end(http.StatusNotFound, fmt.Sprintf("client-%d", i), "not_found")
	}
	_, end := m.Begin(request(t, http.MethodGet, "/"), "none", "AAAA-BBBB", false)
	end(999, "bad\xff\nclient", strings.Repeat("x", maxLabel+1))
	text := scrape(t, m, Probes{})
	if strings.Contains(text, "EVIL") {
		t.Error("a made-up method is a label")
	}
	if got := strings.Count(text, "\neidgate_refusals_total{"); got > maxChildren+1 {
		t.Errorf("%d series of refusals, want %d at most", got, maxChildren+1)
	}
	if !strings.Contains(text, `eidgate_refusals_total{client="other",reason="other"} `) {
		t.Error("what is beyond the limit is not counted as other")
	}
	if !strings.Contains(text, `eidgate_http_requests_total{method="other",route="none",status="4xx"} 4000`) {
		t.Error("requests with made-up methods are not counted as other")
	}
}

// TestListener: profiles are there only where they were switched on, and writing
// methods get nothing.
func TestListener(t *testing.T) {
	m := newMetrics(t)
	for _, tt := range []struct {
		method, path string
		profiles     bool
		want         int
	}{
		{http.MethodGet, "/metrics", false, http.StatusOK},
		{http.MethodGet, "/healthz", false, http.StatusOK},
		{http.MethodPost, "/metrics", false, http.StatusMethodNotAllowed},
		{http.MethodGet, "/", false, http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", false, http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/cmdline", false, http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/heap", false, http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", true, http.StatusOK},
		{http.MethodGet, "/debug/pprof/heap", true, http.StatusOK},
	} {
		w := httptest.NewRecorder()
		m.Handler(Probes{}, tt.profiles).ServeHTTP(w, request(t, tt.method, tt.path))
		if w.Code != tt.want {
			t.Errorf("%s %s with profiles %v = %d, want %d", tt.method, tt.path, tt.profiles, w.Code, tt.want)
		}
	}
}

// TestDeploy: each metric that an alarm or the dashboard asks for exists.
func TestDeploy(t *testing.T) {
	m := newMetrics(t)
	text := scrape(t, m, use(t, m))
	for _, file := range []string{"prometheus/eidgate.rules.yml", "grafana/eidgate.json"} {
		raw, err := os.ReadFile(filepath.Join("..", "deploy", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\b(?:eidgate|process|go)_[a-z0-9_]+`).FindAllString(string(raw), -1)
		if len(names) < 15 {
			t.Errorf("%s asks for %d metrics, want all that matter", file, len(names))
		}
		for _, name := range names {
			if !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+" ") {
				t.Errorf("%s asks for %s, which is nowhere", file, name)
			}
		}
	}
}

// TestRunbooks: each alarm has its section in the guide, and each section its alarm.
func TestRunbooks(t *testing.T) {
	rules, err := os.ReadFile(filepath.Join("..", "deploy", "prometheus", "eidgate.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join("..", "docs", "alarms.md"))
	if err != nil {
		t.Fatal(err)
	}
	alarms := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	for _, alarm := range alarms {
		if want := "runbook: docs/alarms.md#" + strings.ToLower(alarm[1]) + "\n"; !strings.Contains(string(rules), want) {
			t.Errorf("alarm %s names no section: want %s", alarm[1], want)
		}
		if !strings.Contains(string(guide), "\n### "+alarm[1]+"\n") {
			t.Errorf("docs/alarms.md has no section %s", alarm[1])
		}
	}
	if got, want := strings.Count(string(guide), "\n### "), len(alarms); got != want {
		t.Errorf("docs/alarms.md has %d sections, want %d", got, want)
	}
}

// BenchmarkRequest is what an ordinary request costs in metrics, traces off: its
// own, four round trips to passing state, a transaction and a signature.
func BenchmarkRequest(b *testing.B) {
	m := newMetrics(b)
	r, ctx := request(b, http.MethodPost, "/token"), b.Context()
	state := m.State(passing{results: []store.Result{{OK: true}}})
	op := store.Take("key")
	b.ReportAllocs()
	for b.Loop() {
		_, end := m.Begin(r, "/token", "AAAA-BBBB", false)
		for range 4 {
			_, _ = state.Apply(ctx, "slot", op)
		}
		_, done := m.Transaction(ctx, "write")
		done(nil)
		m.Signed("ES256", "JWT", time.Millisecond, nil)
		end(http.StatusOK, "portal-1", "")
	}
}
