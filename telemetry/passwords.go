package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"eidgate/eid"
)

// passwords are the metrics of password evaluations.
type passwords struct {
	evaluated *family[string, prometheus.Counter]
	took      prometheus.Observer
	inHand    prometheus.Gauge
}

func newPasswords(f factory) passwords {
	evaluated := f.counters("password_evaluations_total", "Password evaluations by outcome; shed ones were not evaluated.", "outcome")
	return passwords{
		evaluated: newFamily(maxChildren, other, func(outcome string) prometheus.Counter {
			return evaluated.WithLabelValues(label(outcome))
		}),
		took:   f.histograms("password_evaluation_duration_seconds", "Time of a password evaluation, the wait for its turn included.", answers).WithLabelValues(),
		inHand: f.gauges("password_evaluations_in_progress", "Password evaluations that run or wait for their turn.").WithLabelValues(),
	}
}

// Evaluator verifies passwords. Admit takes a place beforehand, or says that there
// is none; Dummy does the work of Verify and never matches.
type Evaluator interface {
	Admit(who string, familiar bool) (leave func(), err error)
	Verify(ctx context.Context, hash string, password eid.Secret) (updated string, err error)
	Dummy(ctx context.Context, password eid.Secret) error
	// VerifyOld and DummyOld are the same for hashes that portals made.
	VerifyOld(ctx context.Context, hash string, password eid.Secret) (updated string, err error)
	DummyOld(ctx context.Context, hash string, password eid.Secret) error
	// Hash makes the hash of a password that was chosen.
	Hash(ctx context.Context, password eid.Secret) (string, error)
}

// Passwords accounts for the evaluations of next. outcome names a result from few
// words; the known and the unknown holder's are alike.
func (m *Metrics) Passwords(next Evaluator, outcome func(error) string) Evaluator {
	return &evaluator{m, next, outcome}
}

type evaluator struct {
	m       *Metrics
	next    Evaluator
	outcome func(error) string
}

// Admit fills Evaluator. Who is turned away counts, though nothing was evaluated.
func (e *evaluator) Admit(who string, familiar bool) (leave func(), err error) {
	if leave, err = e.next.Admit(who, familiar); err != nil {
		e.m.passwords.evaluated.of(e.outcome(err)).Inc()
	}
	return leave, err
}

// Verify fills Evaluator.
func (e *evaluator) Verify(ctx context.Context, hash string, password eid.Secret) (updated string, err error) {
	defer e.begin()(&err)
	return e.next.Verify(ctx, hash, password)
}

// Dummy fills Evaluator.
func (e *evaluator) Dummy(ctx context.Context, password eid.Secret) (err error) {
	defer e.begin()(&err)
	return e.next.Dummy(ctx, password)
}

// VerifyOld fills Evaluator.
func (e *evaluator) VerifyOld(ctx context.Context, hash string, password eid.Secret) (updated string, err error) {
	defer e.begin()(&err)
	return e.next.VerifyOld(ctx, hash, password)
}

// DummyOld fills Evaluator.
func (e *evaluator) DummyOld(ctx context.Context, hash string, password eid.Secret) (err error) {
	defer e.begin()(&err)
	return e.next.DummyOld(ctx, hash, password)
}

// Hash fills Evaluator.
func (e *evaluator) Hash(ctx context.Context, password eid.Secret) (hash string, err error) {
	defer e.begin()(&err)
	return e.next.Hash(ctx, password)
}

func (e *evaluator) begin() func(err *error) {
	start := e.m.now()
	e.m.passwords.inHand.Inc()
	return func(err *error) {
		e.m.passwords.inHand.Dec()
		e.m.passwords.evaluated.of(e.outcome(*err)).Inc()
		e.m.passwords.took.Observe(e.m.now().Sub(start).Seconds())
	}
}
