package telemetry

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// requests are the metrics of the public listener.
type requests struct {
	answered *family[requestKey, prometheus.Counter]
	took     *family[string, prometheus.Observer]
	tooLarge *family[string, prometheus.Counter]
	refused  *family[refusalKey, prometheus.Counter]
	inFlight prometheus.Gauge
}

type requestKey struct{ route, method, status string }

type refusalKey struct{ client, reason string }

func newRequests(f factory) requests {
	answered := f.counters("http_requests_total", "Requests answered, by route template, method and class of status.", "route", "method", "status")
	took := f.histograms("http_request_duration_seconds", "Time from a request's arrival to the end of its answer.", answers, "route")
	tooLarge := f.counters("http_requests_too_large_total", "Requests refused for the size of their query or body.", "route")
	refused := f.counters("refusals_total", "Refusals on pages, in redirects to portals and in answers to them, by client and reason.", "client", "reason")
	return requests{
		answered: newFamily(maxChildren, requestKey{other, other, other}, func(k requestKey) prometheus.Counter {
			return answered.WithLabelValues(label(k.route), k.method, k.status)
		}),
		took: newFamily(maxChildren, other, func(route string) prometheus.Observer {
			return took.WithLabelValues(label(route))
		}),
		tooLarge: newFamily(maxChildren, other, func(route string) prometheus.Counter {
			return tooLarge.WithLabelValues(label(route))
		}),
		refused: newFamily(maxChildren, refusalKey{other, other}, func(k refusalKey) prometheus.Counter {
			return refused.WithLabelValues(label(k.client), label(k.reason))
		}),
		inFlight: f.gauges("http_requests_in_flight", "Requests being answered.").WithLabelValues(),
	}
}

// Begin starts the account of a request; what it returns ends it. route is the
// template that matched, ref the reference that the answer and the log line
// carry. A traceparent is joined when trusted, and else only linked to (W3C Trace
// Context §3.1): strangers neither choose trace ids nor have themselves sampled.
func (m *Metrics) Begin(r *http.Request, route, ref string, trusted bool) (context.Context, func(status int, client, refused string)) {
	start := m.now()
	m.requests.inFlight.Inc()
	ctx := r.Context()
	var span trace.Span
	if m.tracer != nil {
		ctx, span = m.startRequest(r, route, ref, trusted)
	}
	return ctx, func(status int, client, refused string) {
		q := &m.requests
		q.inFlight.Dec()
		q.answered.of(requestKey{route, method(r.Method), statusClass(status)}).Inc()
		q.took.of(route).Observe(m.now().Sub(start).Seconds())
		if status == http.StatusRequestEntityTooLarge || status == http.StatusRequestURITooLong {
			q.tooLarge.of(route).Inc()
		}
		if refused != "" {
			q.refused.of(refusalKey{client, refused}).Inc()
		}
		if span != nil {
			endRequest(span, status, client, refused)
		}
	}
}

// startRequest opens the span of a request. The propagator reads nothing but
// traceparent and tracestate.
func (m *Metrics) startRequest(r *http.Request, route, ref string, trusted bool) (context.Context, trace.Span) {
	ctx := r.Context()
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method(r.Method)),
			attribute.String("http.route", route), attribute.String("eidgate.ref", ref)),
	}
	sent := propagation.TraceContext{}.Extract(context.WithoutCancel(ctx), propagation.HeaderCarrier(r.Header))
	if remote := trace.SpanContextFromContext(sent); remote.IsValid() {
		if trusted {
			ctx = trace.ContextWithRemoteSpanContext(ctx, remote)
		} else {
			// Its trace state is text that a stranger chose.
			options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: remote.WithTraceState(trace.TraceState{})}))
		}
	}
	return m.tracer.Start(ctx, method(r.Method)+" "+route, options...)
}

func endRequest(span trace.Span, status int, client, refused string) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if client != "" {
			span.SetAttributes(attribute.String("eidgate.client", client))
		}
		if refused != "" {
			span.SetAttributes(attribute.String("eidgate.refused", refused))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// method bounds what a stranger may send as one.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch:
		return name
	}
	return other
}

func statusClass(status int) string {
	switch status / 100 {
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return other
}
