package provider

import (
	"context"
	"errors"
	"net/http"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// Meter accounts for what the provider does. Every text that it is told is a
// constant of ours or an id that is registered, and nothing of it is secret.
type Meter interface {
	// Begin starts the account of a request that matched route. What it returns
	// ends it, with empty texts where there is no client or no refusal. ref stands
	// in the log line. trusted says that the request came from a proxy of ours.
	Begin(r *http.Request, route, ref string, trusted bool) (context.Context, func(status int, client, refused string))
	// Entered tells that a login stands at a stage.
	Entered(ctx context.Context, stage string)
	// Leveled tells what level a party asked for and got; LevelNone where it was
	// refused for the level.
	Leveled(ctx context.Context, client string, requested, granted eid.Level)
	// Finished tells how long a login took until its code; silent, where nobody
	// was asked anything.
	Finished(took time.Duration, silent bool)
	// Asking begins the account of an act of a source (begin, finish, logout, notice), or
	// of the registry for it (compare). What it returns is told the outcome.
	Asking(ctx context.Context, source, act string) (context.Context, func(outcome string))
}

// silent is a Meter that keeps nothing.
type silent struct{}

var _ Meter = silent{}

func (silent) Begin(r *http.Request, _, _ string, _ bool) (context.Context, func(int, string, string)) {
	return r.Context(), func(int, string, string) {}
}
func (silent) Entered(context.Context, string)                       {}
func (silent) Leveled(context.Context, string, eid.Level, eid.Level) {}
func (silent) Finished(time.Duration, bool)                          {}
func (silent) Asking(ctx context.Context, _, _ string) (context.Context, func(string)) {
	return ctx, func(string) {}
}

// Acts of a source, for the meter.
const (
	actBegin  = "begin"
	actFinish = "finish"
	actLogout = "logout"
	actNotice = "notice"

	actCompare = "compare" // by the registry
)

// stageBegun is what the meter counts before the stages that next names.
const stageBegun = "begun"

// outcomeOf names how an act of a source ended.
func outcomeOf(step federation.Step, err error) string {
	switch {
	case err == nil && step.Form != nil && step.Form.Problem != "":
		return "problem" // the holder is to try again
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, federation.ErrDenied):
		return "denied"
	case errors.Is(err, federation.ErrUntrusted):
		return "untrusted"
	case errors.Is(err, federation.ErrThrottled):
		return "throttled"
	case errors.Is(err, federation.ErrBusy):
		return "busy"
	case errors.Is(err, federation.ErrWindowClosed):
		return "closed"
	}
	return "failed"
}
