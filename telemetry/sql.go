package telemetry

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"eidgate/store"
)

// sqlTimers are the metrics of durable data.
type sqlTimers struct {
	took *family[[2]string, prometheus.Observer]
}

func newSQLTimers(f factory) sqlTimers {
	took := f.histograms("sql_transaction_duration_seconds",
		"Time of a transaction by kind (read, write, audit) and outcome; rolled_back ones decided against their change.", quick, "kind", "outcome")
	return sqlTimers{newFamily(maxChildren, [2]string{other, other}, func(k [2]string) prometheus.Observer {
		return took.WithLabelValues(label(k[0]), k[1])
	})}
}

// Transaction accounts for a transaction until the function that it returns is
// told how it ended.
func (m *Metrics) Transaction(ctx context.Context, kind string) (context.Context, func(error)) {
	start := m.now()
	ctx, span := m.child(ctx, "sql "+kind)
	return ctx, func(err error) {
		outcome := outcomeOK
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			outcome = outcomeCanceled
		case errors.Is(err, store.ErrUnavailable):
			outcome = outcomeUnavailable
		default:
			outcome = "rolled_back"
		}
		m.sql.took.of([2]string{kind, outcome}).Observe(m.now().Sub(start).Seconds())
		if span != nil {
			span.SetAttributes(attribute.String("eidgate.outcome", outcome))
			span.End()
		}
	}
}
