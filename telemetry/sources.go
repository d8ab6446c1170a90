package telemetry

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// sources are the metrics of sources of identity.
type sources struct {
	answered *family[sourceKey, prometheus.Counter]
	took     *family[[2]string, prometheus.Observer]
}

type sourceKey struct{ source, act, outcome string }

func newSources(f factory) sources {
	answered := f.counters("source_requests_total", "Acts of sources (begin, finish, logout, notice), and of the population registry for them (compare), by outcome.", "source", "act", "outcome")
	took := f.histograms("source_request_duration_seconds", "Time of an act of a source.", answers, "source", "act")
	return sources{
		answered: newFamily(maxChildren, sourceKey{other, other, other}, func(k sourceKey) prometheus.Counter {
			return answered.WithLabelValues(label(k.source), label(k.act), label(k.outcome))
		}),
		took: newFamily(maxChildren, [2]string{other, other}, func(k [2]string) prometheus.Observer {
			return took.WithLabelValues(label(k[0]), label(k[1]))
		}),
	}
}

// Asking accounts for an act of a registered source until the function that it
// returns is told the outcome.
func (m *Metrics) Asking(ctx context.Context, source, act string) (context.Context, func(outcome string)) {
	start := m.now()
	ctx, span := m.child(ctx, "source "+act)
	return ctx, func(outcome string) {
		m.sources.answered.of(sourceKey{source, act, outcome}).Inc()
		m.sources.took.of([2]string{source, act}).Observe(m.now().Sub(start).Seconds())
		if span != nil {
			span.SetAttributes(attribute.String("eidgate.source", source), attribute.String("eidgate.outcome", outcome))
			span.End()
		}
	}
}

// outbound are the metrics of the gateway's own calls.
type outbound struct {
	answered *prometheus.CounterVec
	took     prometheus.Observer
}

func newOutbound(f factory) outbound {
	return outbound{
		answered: f.counters("outbound_requests_total", "Calls to sources and portals by class of status, or how they failed.", "outcome"),
		took: f.histograms("outbound_request_duration_seconds",
			"Time until an answer of a source or a portal began.", answers).WithLabelValues(),
	}
}

// Outbound accounts for the calls of a transport. It passes no trace on: portals
// and sources are third parties.
func (m *Metrics) Outbound(next http.RoundTripper) http.RoundTripper { return &caller{m, next} }

type caller struct {
	m    *Metrics
	next http.RoundTripper
}

// RoundTrip fills http.RoundTripper.
func (c *caller) RoundTrip(req *http.Request) (*http.Response, error) {
	start := c.m.now()
	ctx, span := c.m.child(req.Context(), "outbound "+method(req.Method))
	if span != nil {
		req = req.WithContext(ctx)
	}
	res, err := c.next.RoundTrip(req)
	outcome := "failed"
	switch {
	case err == nil:
		outcome = statusClass(res.StatusCode)
	case errors.Is(err, context.Canceled):
		outcome = outcomeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		outcome = "timeout"
	}
	c.m.outbound.answered.WithLabelValues(outcome).Inc()
	c.m.outbound.took.Observe(c.m.now().Sub(start).Seconds())
	if span != nil {
		span.SetAttributes(attribute.String("eidgate.outcome", outcome))
		if err != nil {
			span.SetStatus(codes.Error, "") // its text may hold an address
		}
		span.End()
	}
	return res, err
}

// child opens a span below the one that ctx carries, if there is one and it is
// recorded. Else the span is nil.
func (m *Metrics) child(ctx context.Context, name string) (context.Context, trace.Span) {
	if m.tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return m.tracer.Start(ctx, name)
}
