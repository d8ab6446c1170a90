package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"eidgate/eid"
)

// logins are the metrics of sign-ins.
type logins struct {
	stages   *family[string, prometheus.Counter]
	levels   *family[levelKey, prometheus.Counter]
	finished *prometheus.HistogramVec
	silent   prometheus.Observer
	asked    prometheus.Observer
}

type levelKey struct {
	client             string
	requested, granted eid.Level
}

func newLogins(f factory) logins {
	stages := f.counters("login_stages_total", "Times that a login was found at a stage: begun, then those of its pages.", "stage")
	levels := f.counters("levels_total",
		"Level that a portal asked for and level granted; granted none where it was refused for its level.", "client", "requested", "granted")
	finished := f.histograms("login_duration_seconds",
		"Time from the authorization request to the code; interaction none where a living session was enough.", people, "interaction")
	return logins{
		stages: newFamily(maxChildren, other, func(stage string) prometheus.Counter {
			return stages.WithLabelValues(label(stage))
		}),
		levels: newFamily(maxChildren, levelKey{client: other}, func(k levelKey) prometheus.Counter {
			return levels.WithLabelValues(label(k.client), levelName(k.requested), levelName(k.granted))
		}),
		finished: finished, silent: finished.WithLabelValues(none), asked: finished.WithLabelValues("some"),
	}
}

func levelName(l eid.Level) string {
	switch l {
	case eid.Level1:
		return "1"
	case eid.Level2:
		return "2"
	}
	return none
}

// Entered counts a login at a stage.
func (m *Metrics) Entered(ctx context.Context, stage string) {
	m.logins.stages.of(stage).Inc()
	if m.tracer != nil {
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("eidgate.stage", stage))
	}
}

// Leveled counts a login that ended with a level, LevelNone where it was refused
// for it.
func (m *Metrics) Leveled(ctx context.Context, client string, requested, granted eid.Level) {
	m.logins.levels.of(levelKey{client, requested, granted}).Inc()
	if m.tracer != nil {
		trace.SpanFromContext(ctx).SetAttributes(
			attribute.String("eidgate.level.requested", levelName(requested)), attribute.String("eidgate.level.granted", levelName(granted)))
	}
}

// Finished times a login that led to a code; silent says that nobody was asked
// anything.
func (m *Metrics) Finished(took time.Duration, silent bool) {
	if silent {
		m.logins.silent.Observe(took.Seconds())
		return
	}
	m.logins.asked.Observe(took.Seconds())
}
