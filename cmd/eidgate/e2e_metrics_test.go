package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// scrape reads the metrics of a demo.
func (d *demoRun) scrape() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Metrics, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s = %d, want 200", d.Metrics, res.StatusCode)
	}
	return io.ReadAll(res.Body)
}

// searchMetrics looks through all metrics at the end of a run, unless the test
// itself stopped the process.
func (d *demoRun) searchMetrics() []string {
	select {
	case <-d.exited:
		return nil
	default:
	}
	raw, err := d.scrape()
	if err != nil {
		return []string{"reading the metrics: " + err.Error()}
	}
	// Values are numbers, six digits of which may look like a code.
	raw = regexp.MustCompile(`(?m) [0-9.e+-]+$`).ReplaceAll(raw, nil)
	problems := d.search("the metrics", raw)
	for kind, pattern := range map[string]*regexp.Regexp{"phone": anyPhone, "e-mail address": anyEmail, "token": anyJWT} {
		if pattern.Match(raw) {
			problems = append(problems, "the metrics hold a "+kind)
		}
	}
	return problems
}

func TestMetricsOfASignIn(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a := d.party(t, "portal-2"), d.browser(t)
	got := portal.signIn(a, d.account("001"), "acr_values", acr1)
	got.wants(t, acr2, "pwd", "otp")
	_, err := portal.userinfo(got.access)
	must(t, err)
	d.party(t, "portal-1").silent(a)
	wrong := d.browser(t)
	p := wrong.get(d.Issuer + "/no/such/page?personal_number=" + d.account("001").PersonalNumber)
	if p.status != http.StatusNotFound {
		t.Errorf("an unknown path gives %d, want 404", p.status)
	}
	raw, err := d.scrape()
	must(t, err)
	for _, line := range []string{
		`eidgate_http_requests_total{method="POST",route="/token",status="2xx"} 3`,
		`eidgate_http_requests_total{method="GET",route="none",status="4xx"} 1`,
		`eidgate_levels_total{client="portal-2",granted="2",requested="2"} 1`,
		`eidgate_levels_total{client="portal-1",granted="2",requested="1"} 2`,
		`eidgate_login_duration_seconds_count{interaction="some"} 2`,
		`eidgate_login_duration_seconds_count{interaction="none"} 1`,
		`eidgate_login_stages_total{stage="begun"} 4`,
		`eidgate_refusals_total{client="portal-1",reason="consent_required"} 1`,
		`eidgate_password_evaluations_total{outcome="match"} 1`,
		`eidgate_refusals_total{client="none",reason="not_found"} 1`,
		`eidgate_signatures_total{algorithm="RS256",outcome="ok",purpose="JWT"} 1`,
		`eidgate_store_up{store="durable"} 1`,
		`eidgate_store_up{store="passing"} 1`,
		`eidgate_config_last_reload_successful 1`,
	} {
		if !bytes.Contains(raw, []byte(line+"\n")) {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("no line %s, but %s", line, regexp.MustCompile(`(?m)^`+name+`\b.*$`).FindAll(raw, -1))
		}
	}
	for _, private := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		if p := wrong.get(d.Issuer + private); p.status != http.StatusNotFound {
			t.Errorf("GET %s on the public listener = %d, want 404", private, p.status)
		}
	}
}

// traces is an OTLP/HTTP collector.
type traces struct {
	mu    sync.Mutex
	raw   bytes.Buffer
	names []string
}

func (c *traces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var sent collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &sent) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.names = append(c.names, span.GetName())
			}
		}
	}
}

// TestTraces: with the usual environment a run tells a collector of each request,
// with nothing that is secret or personal.
func TestTraces(t *testing.T) {
	c := &traces{}
	server := httptest.NewServer(c)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	d := startDemo(t)
	portal, a := d.party(t, "portal-2"), d.browser(t)
	got := portal.signIn(a, d.account("001"))
	got.wants(t, acr2, "pwd", "otp")
	_, err := portal.userinfo(got.access)
	must(t, err)
	user := d.user(t, "nguoi-dung-cu")
	r := d.party(t, "portal-1").request()
	b := d.browser(t)
	b.legacy(b.get(r.address), sourceLegacy, user.Username, user.Password)
	for _, problem := range d.stop() {
		t.Error(problem)
	}
	if !regexp.MustCompile(`msg=request .*route=/token .*trace_id=[0-9a-f]{32}`).MatchString(d.stderr.String()) {
		t.Error("the log line of a traced request names no trace")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{"GET /authorize", "POST /login", "POST /token", "GET /userinfo", "GET /callback/:source",
		"state", "sql audit", "source begin", "source finish", "outbound POST"} {
		if !slices.Contains(c.names, name) {
			t.Errorf("no span %q", name)
		}
	}
	for _, problem := range d.search("the traces", c.raw.Bytes()) {
		t.Error(problem)
	}
	for _, part := range []string{"code=", "state=", "127.0.0.1"} {
		if bytes.Contains(c.raw.Bytes(), []byte(part)) {
			t.Errorf("the traces hold %q", part)
		}
	}
}

// TestMetricsListener: where the metrics are, and what happens when they cannot be.
func TestMetricsListener(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	for _, tt := range []struct {
		name, metrics string
		serves        bool
		says          string
	}{
		{"off", "off", true, `"metrics":"off"`},
		{"a port of its own", "127.0.0.1:0", true, `"metrics":"127.0.0.1:`},
		{"a port that is taken", taken.Addr().String(), false, "metrics.listen: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, addr := t.TempDir(), freeBlock()
			file := filepath.Join(dir, "eidgate.yaml")
			must(t, os.WriteFile(file, fmt.Appendf(nil, "issuer: http://%s\nlisten: %[1]s\ndata: data\nlog: {level: debug}\nmetrics: {listen: %q}\n", addr, tt.metrics), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, binary, "serve", "--config", file)
			var log syncBuffer
			cmd.Stderr = &log
			must(t, cmd.Start())
			if !tt.serves {
				if err := cmd.Wait(); err == nil || !strings.Contains(log.String(), tt.says) {
					t.Errorf("serve ended with %v, want an error that names metrics.listen:\n%s", err, &log)
				}
				return
			}
			waitUntil(t, "the gateway", func() bool {
				res, err := http.Get("http://" + addr + "/healthz")
				return err == nil && res.Body.Close() == nil
			})
			waitUntil(t, "the log", func() bool { return strings.Contains(log.String(), `"route":"/healthz"`) })
			if !strings.Contains(log.String(), tt.says) {
				t.Errorf("log = %s, want %s", &log, tt.says)
			}
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			if err := cmd.Wait(); err != nil {
				t.Errorf("serve ended with %v, want exit code 0\n%s", err, &log)
			}
		})
	}
}
