package telemetry

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"eidgate/store"
)

// Outcomes that several metrics share.
const (
	outcomeOK          = "ok"
	outcomeCanceled    = "canceled" // the caller went away
	outcomeUnavailable = "unavailable"
)

// stateTimers are the metrics of passing state.
type stateTimers struct {
	took *family[stateKey, prometheus.Observer]
}

type stateKey struct {
	kind    store.Kind
	outcome string
}

func newStateTimers(f factory) stateTimers {
	took := f.histograms("state_operation_duration_seconds",
		"Time of a round trip to passing state, by its first operation that is not a get, and outcome; lost says that a condition did not hold.",
		quick, "operation", "outcome")
	return stateTimers{newFamily(maxChildren, stateKey{outcome: other}, func(k stateKey) prometheus.Observer {
		return took.WithLabelValues(operation(k.kind), k.outcome)
	})}
}

// State accounts for the round trips of next.
func (m *Metrics) State(next store.State) store.State { return &state{m, next} }

type state struct {
	m    *Metrics
	next store.State
}

var _ store.State = (*state)(nil)

// Apply fills store.State.
func (s *state) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	start, kind := s.m.now(), kindOf(ops)
	ctx, span := s.m.child(ctx, "state")
	results, err := s.next.Apply(ctx, slot, ops...)
	outcome := stateOutcome(ops, results, err)
	s.m.state.took.of(stateKey{kind, outcome}).Observe(s.m.now().Sub(start).Seconds())
	if span != nil {
		span.SetAttributes(attribute.String("eidgate.operation", operation(kind)), attribute.String("eidgate.outcome", outcome))
		span.End()
	}
	return results, err
}

// kindOf is what a round trip is for.
func kindOf(ops []store.Op) store.Kind {
	for i := range ops {
		if ops[i].Kind != store.OpGet {
			return ops[i].Kind
		}
	}
	return store.OpGet
}

func stateOutcome(ops []store.Op, results []store.Result, err error) string {
	switch last := len(results) - 1; {
	case errors.Is(err, context.Canceled):
		return outcomeCanceled
	case errors.Is(err, store.ErrUnavailable):
		return outcomeUnavailable
	case err != nil:
		return "refused"
	case last >= 0 && last < len(ops) && !results[last].OK && ops[last].Kind != store.OpGet && ops[last].Kind != store.OpDelete:
		return "lost"
	}
	return outcomeOK
}

func operation(k store.Kind) string {
	switch k {
	case store.OpGet:
		return "get"
	case store.OpPutIfAbsent:
		return "put_if_absent"
	case store.OpCompareAndSet:
		return "compare_and_set"
	case store.OpTake:
		return "take"
	case store.OpMove:
		return "move"
	case store.OpDelete:
		return "delete"
	case store.OpCount:
		return "count"
	case store.OpUncount:
		return "uncount"
	}
	return other
}
