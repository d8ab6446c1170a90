package federation

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Bounds of what one source may cost the gateway.
const (
	// DefaultCalls is how many sign-ins may be with one source at a time.
	DefaultCalls = 32

	beginTimeout  = 3 * time.Second
	finishTimeout = CallTimeout

	// A source that failed so often among its last calls is not called for a
	// while; then one call finds out.
	breakerFailures = 5
	breakerCalls    = 10
	breakerPause    = 10 * time.Second
)

// guarded keeps the trouble of a source to itself. A slow one holds its own
// places only, and one that does not answer is refused without a call.
//
// What counts as a failure is ErrDown alone, which an implementation returns for
// calls that were not answered as the protocol wants: a wrong code, a tampered
// answer or a change of mind is the browser's doing, and no stranger may cut a
// source off by it.
type guarded struct {
	Source
	id      string
	places  chan struct{}
	breaker circuitbreaker.CircuitBreaker[any]
	refused atomic.Uint64
}

func newGuarded(id string, source Source, calls int) *guarded {
	return &guarded{
		Source: source, id: id, places: make(chan struct{}, calls),
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(breakerFailures, breakerCalls).WithDelay(breakerPause).Build(),
	}
}

// Begin starts a sign-in, if the source has a place and answers these days.
func (g *guarded) Begin(ctx context.Context, req Request) (Step, error) {
	return g.call(ctx, beginTimeout, func(ctx context.Context) (Step, error) { return g.Source.Begin(ctx, req) })
}

// Finish takes the answer, on the same terms.
func (g *guarded) Finish(ctx context.Context, req Request, reply Reply) (Step, error) {
	return g.call(ctx, finishTimeout, func(ctx context.Context) (Step, error) { return g.Source.Finish(ctx, req, reply) })
}

func (g *guarded) call(ctx context.Context, most time.Duration, call func(context.Context) (Step, error)) (step Step, err error) {
	select {
	case g.places <- struct{}{}:
		defer func() { <-g.places }()
	default:
		g.refused.Add(1)
		return Step{}, fmt.Errorf("source %s: every place is taken: %w", g.id, ErrBusy)
	}
	if !g.breaker.TryAcquirePermit() {
		g.refused.Add(1)
		return Step{}, fmt.Errorf("source %s: failed too often: %w", g.id, ErrDown)
	}
	err = ErrDown // of a panic
	defer func() { g.record(ctx, err) }()
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	step, err = call(limited)
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		// The cause is left out of the chain: it was the source that took too long.
		err = fmt.Errorf("source %s: no answer in %v: %w", g.id, most, ErrDown)
	}
	return step, err
}

// record tells the breaker how a call went. A browser that left, or sent what
// cannot be right, says nothing of the source; where the breaker waits for one
// call to find out, that one counts as well, or the place of it were lost.
func (g *guarded) record(ctx context.Context, err error) {
	switch {
	case errors.Is(err, ErrDown) && ctx.Err() == nil:
		g.breaker.RecordFailure()
	case err == nil, g.breaker.IsHalfOpen():
		g.breaker.RecordSuccess()
	}
}

// Unwrap gives the source itself, for As.
func (g *guarded) Unwrap() Source { return g.Source }

// As finds what else a source can do, such as a Redirector, whatever it is
// wrapped in.
func As[T any](source Source) (T, bool) {
	for {
		if found, ok := source.(T); ok {
			return found, true
		}
		wrapper, ok := source.(interface{ Unwrap() Source })
		if !ok {
			var none T
			return none, false
		}
		source = wrapper.Unwrap()
	}
}

// Health is how one source does, in this process.
type Health struct {
	Running int    // sign-ins that are with it now
	Refused uint64 // those that it had no place for, or was not called for
	Down    bool   // it failed too often, and since then nobody got through
	// Resting: it is Down, and not called before a pause is over. Then somebody may
	// find out, or it would stay down for ever.
	Resting bool
}

func (g *guarded) health() Health {
	down := g.breaker.IsOpen()
	return Health{Running: len(g.places), Refused: g.refused.Load(), Down: down, Resting: down && g.breaker.RemainingDelay() > 0}
}
