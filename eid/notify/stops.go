package notify

import (
	"context"
	"slices"
	"time"

	"eidgate/eid"
)

// How notices of days that come near are queued.
const (
	stopsAhead   = 2         // minutes' worth of them in the outbox
	passesEvery  = time.Hour // over all old accounts, for those that came or changed
	pagesPerTurn = 5
)

// pass is how far the old accounts of a source were gone over.
type pass struct {
	stops Stops
	after string
	ended time.Time // zero while it goes on
}

// plan queues notices of days that come near, no more than the outbox will be rid of soon.
func (r *Runner) plan(ctx context.Context, now time.Time) error {
	sources, err := r.deps.Registry.Sources(ctx)
	if err != nil {
		return err
	}
	for i := range sources {
		stops, due := dueStops(&sources[i], now)
		if !due {
			delete(r.passes, sources[i].ID)
			continue
		}
		if err := r.pass(ctx, stops, now); err != nil {
			return err
		}
	}
	return nil
}

// dueStops says which notice to the old accounts of a source is due: the last one whose
// day has come. Those of days before it are not made up for.
func dueStops(src *eid.Source, now time.Time) (Stops, bool) {
	if src.Portal == nil || !now.Before(src.Portal.VerifyBy) {
		return Stops{}, false
	}
	s := Stops{Source: src.ID, Until: src.Portal.VerifyBy}
	for _, days := range slices.Sorted(slices.Values(src.Portal.Notices)) {
		if at := s.Until.AddDate(0, 0, -days); !now.Before(at) {
			s.Since = at
			return s, true
		}
	}
	return Stops{}, false
}

// NextStops is the next day on which holders of old accounts of a source are told that
// these stop; zero where none is left.
func NextStops(src *eid.Source, now time.Time) time.Time {
	var next time.Time
	if src.Portal == nil {
		return next
	}
	for _, days := range src.Portal.Notices {
		at := src.Portal.VerifyBy.AddDate(0, 0, -days)
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// pass goes on over the old accounts of one source, a few pages.
func (r *Runner) pass(ctx context.Context, stops Stops, now time.Time) error {
	p := r.passes[stops.Source]
	if !p.stops.Since.Equal(stops.Since) || !p.stops.Until.Equal(stops.Until) {
		p = pass{stops: stops}
	}
	if since := now.Sub(p.ended); !p.ended.IsZero() {
		if since >= 0 && since < passesEvery {
			return nil
		}
		p = pass{stops: stops}
	}
	for range pagesPerTurn {
		waiting, err := r.deps.Ledger.StopsWaiting(ctx)
		if err != nil {
			return err
		}
		if waiting >= stopsAhead*r.perMinute {
			break
		}
		if p.after, _, err = r.deps.Ledger.TellStops(ctx, stops, p.after); err != nil {
			return err
		}
		if p.after == "" {
			p.ended = now
			break
		}
	}
	r.passes[stops.Source] = p
	return nil
}
