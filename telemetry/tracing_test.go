package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"eidgate/store"
)

// receiver is an OTLP/HTTP collector that keeps what it got.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*otlp.Span
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw.Write(body)
		for _, resource := range sent.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) span(t *testing.T, name string) *otlp.Span {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.spans, func(s *otlp.Span) bool { return s.GetName() == name })
	if i < 0 {
		t.Fatalf("no span %q among %d", name, len(r.spans))
	}
	return r.spans[i]
}

// openTraced switches traces on as an operator does.
func openTraced(t *testing.T, endpoint string) (*Metrics, *Tracing) {
	t.Helper()
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "gateway-of-test"}
	for name, value := range env {
		t.Setenv(name, value)
	}
	tracing, err := OpenTracing(t.Context(), func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Now: time.Now, Tracer: tracing.Tracer()})
	if err != nil {
		t.Fatal(err)
	}
	return m, tracing
}

func closeTraced(t *testing.T, tracing *Tracing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tracing.Close(ctx); err != nil {
		t.Errorf("Close() = %v, want all spans sent", err)
	}
}

func TestTraces(t *testing.T) {
	collector := startReceiver(t)
	m, tracing := openTraced(t, collector.URL)
	r := request(t, http.MethodGet, "/callback/legacy?code=SECRET-code&state=SECRET-state")
	r.Header.Set("Cookie", "s=SECRET-cookie")
	r.Header.Set("Authorization", "Bearer SECRET-token")
	r.Header.Set("User-Agent", "SECRET-agent")
	r.Header.Set("Baggage", "number=SECRET-baggage")
	ctx, end := m.Begin(r, "/callback/:source", "AAAA-BBBB", false)
	inner, done := m.Asking(ctx, "legacy", "finish")
	client := http.Client{Transport: m.Outbound(transport(func(req *http.Request) (*http.Response, error) {
		for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
			if got := req.Header.Get(name); got != "" {
				t.Errorf("a source got the header %s: %s", name, got)
			}
		}
		return nil, errors.New("dial SECRET-host")
	}))}
	call, err := http.NewRequestWithContext(inner, http.MethodPost, "http://source.example/token?x=SECRET-query", strings.NewReader("SECRET-body"))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client.Do(call); err == nil {
		_ = res.Body.Close()
		t.Error("the call succeeded, want its failure passed on")
	}
	_, _ = m.State(passing{results: []store.Result{{OK: true, Value: []byte("SECRET-value")}}}).Apply(inner, "SECRET-slot", store.Take("SECRET-key"))
	done("failed")
	_, committed := m.Transaction(ctx, "audit")
	committed(errors.New("SECRET-sql"))
	m.Entered(ctx, "source")
	end(http.StatusServiceUnavailable, "portal-1", "unavailable")
	closeTraced(t, tracing)

	root := collector.span(t, "GET /callback/:source")
	if len(root.GetParentSpanId()) != 0 {
		t.Error("the span of a request without traceparent has a parent")
	}
	for name, parent := range map[string]*otlp.Span{
		"source finish": root, "sql audit": root,
		"outbound POST": collector.span(t, "source finish"), "state": collector.span(t, "source finish"),
	} {
		child := collector.span(t, name)
		if !bytes.Equal(child.GetParentSpanId(), parent.GetSpanId()) || !bytes.Equal(child.GetTraceId(), root.GetTraceId()) {
			t.Errorf("span %q is not below %q", name, parent.GetName())
		}
	}
	for _, want := range []string{"gateway-of-test", "AAAA-BBBB", "portal-1", "legacy", "unavailable"} {
		if !bytes.Contains(collector.raw.Bytes(), []byte(want)) {
			t.Errorf("nothing that was sent says %s", want)
		}
	}
	if i := bytes.Index(collector.raw.Bytes(), []byte("SECRET")); i >= 0 {
		t.Errorf("a secret was sent: %.24q", collector.raw.Bytes()[i:])
	}
}

// TestTraceparent: a proxy of ours may join requests to its trace; a stranger's
// trace is linked to and has no say.
func TestTraceparent(t *testing.T) {
	const sentTrace, sentSpan = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		name, header string
		trusted      bool
		joined       bool
		links        int
	}{
		{"none", "", true, false, 0},
		{"a proxy's", "00-" + sentTrace + "-" + sentSpan + "-01", true, true, 0},
		{"a stranger's", "00-" + sentTrace + "-" + sentSpan + "-01", false, false, 1},
		{"a stranger's, not sampled", "00-" + sentTrace + "-" + sentSpan + "-00", false, false, 1},
		{"malformed", "00-zz-" + sentSpan + "-01", true, false, 0},
		{"all zero", "00-00000000000000000000000000000000-0000000000000000-01", true, false, 0},
		{"too long", strings.Repeat("00-"+sentTrace, 200), true, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			collector := startReceiver(t)
			m, tracing := openTraced(t, collector.URL)
			r := request(t, http.MethodGet, "/")
			if tt.header != "" {
				r.Header.Set("Traceparent", tt.header)
				r.Header.Set("Tracestate", "vendor=STRANGER")
			}
			_, end := m.Begin(r, "/", "AAAA-BBBB", tt.trusted)
			end(http.StatusOK, "", "")
			closeTraced(t, tracing)
			span := collector.span(t, "GET /")
			joined := hex.EncodeToString(span.GetTraceId()) == sentTrace && hex.EncodeToString(span.GetParentSpanId()) == sentSpan
			if joined != tt.joined {
				t.Errorf("joined the trace = %v, want %v", joined, tt.joined)
			}
			if got := len(span.GetLinks()); got != tt.links {
				t.Errorf("%d links, want %d", got, tt.links)
			}
			if !tt.trusted && bytes.Contains(collector.raw.Bytes(), []byte("STRANGER")) {
				t.Error("text of a stranger's tracestate was sent on")
			}
		})
	}
}

// TestCollectorAway: a collector that is gone, or that answers nothing, costs no
// request anything, and the end waits for it no longer than it is told.
func TestCollectorAway(t *testing.T) {
	hung := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(hung)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, endpoint := range map[string]string{"gone": gone.URL, "hung": slow.URL} {
		t.Run(name, func(t *testing.T) {
			m, tracing := openTraced(t, endpoint)
			for range 5000 { // more than the queue holds
				_, end := m.Begin(request(t, http.MethodGet, "/"), "/", "AAAA-BBBB", false)
				end(http.StatusOK, "", "")
			}
			if text := scrape(t, m, Probes{}); !strings.Contains(text, `eidgate_http_requests_total{method="GET",route="/",status="2xx"} 5000`) {
				t.Error("requests were lost with their spans")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			// An error or none: it must come back when its time is over.
			if err := tracing.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Close() = %v, want nothing but the end of its time", err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	for _, tt := range []struct {
		name    string
		env     map[string]string
		on, bad bool
	}{
		{"nothing", nil, false, false},
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true, false},
		{"endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true, false},
		{"exporter", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, false},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false, false},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, false, false},
		{"another exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, true},
		{"gRPC", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, true},
	} {
		tracing, err := OpenTracing(t.Context(), func(name string) string { return tt.env[name] })
		if (tracing != nil) != tt.on || (err != nil) != tt.bad {
			t.Errorf("%s: OpenTracing() = %v, %v, want on %v, error %v", tt.name, tracing, err, tt.on, tt.bad)
		}
		if got := tracing.Tracer() != nil; got != tt.on {
			t.Errorf("%s: Tracer() given = %v, want %v", tt.name, got, tt.on)
		}
		if err := tracing.Close(t.Context()); err != nil {
			t.Errorf("%s: Close() = %v", tt.name, err)
		}
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(TracedLog(slog.NewTextHandler(&out, nil))).With("a", 1)
	log.InfoContext(t.Context(), "without")
	id := trace.TraceID{1, 2, 3}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}}))
	log.InfoContext(ctx, "within")
	lines := strings.Split(out.String(), "\n")
	if strings.Contains(lines[0], "trace_id") || !strings.HasSuffix(lines[1], "a=1 trace_id="+id.String()) {
		t.Errorf("lines = %q, want a trace_id in the second alone", lines)
	}
}

// TestComplaints: a collector that fails is told of once a minute, without its
// own words.
func TestComplaints(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	take := ExportErrors(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for range 3 {
		take(errors.New("SECRET answer"))
	}
	now = now.Add(exportComplaints)
	take(context.DeadlineExceeded)
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("%d lines, want 2: %s", got, &out)
	}
	if strings.Contains(out.String(), "SECRET") || !strings.Contains(out.String(), "why=timeout more_since_last=2") {
		t.Errorf("log = %s, want the kind of failure and how many were held back", &out)
	}
}

// BenchmarkTraced is BenchmarkRequest with traces on.
func BenchmarkTraced(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tracing, err := OpenTracing(b.Context(), func(name string) string { return map[string]string{envEndpoint: collector.URL}[name] })
	if err != nil {
		b.Fatal(err)
	}
	m, err := New(Config{Now: time.Now, Tracer: tracing.Tracer()})
	if err != nil {
		b.Fatal(err)
	}
	r, op := request(b, http.MethodPost, "/token"), store.Take("key")
	state := m.State(passing{results: []store.Result{{OK: true}}})
	b.ReportAllocs()
	for b.Loop() {
		ctx, end := m.Begin(r, "/token", "AAAA-BBBB", false)
		for range 4 {
			_, _ = state.Apply(ctx, "slot", op)
		}
		_, done := m.Transaction(ctx, "write")
		done(nil)
		end(http.StatusOK, "portal-1", "")
	}
	b.StopTimer()
	if err := tracing.Close(b.Context()); err != nil {
		b.Log("spans left over:", err)
	}
}
