package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Transition is how far portals' old accounts have come, and what waits for officers.
// Its sources are registered ones.
type Transition struct {
	Accounts  []OldAccounts
	VerifyBy  map[string]time.Time // by source
	Conflicts []Conflicts
}

// OldAccounts is how many old accounts of a source are in a state.
type OldAccounts struct {
	Source, State string
	Accounts      int
}

// Conflicts is how many links of a source wait for officers, and since when.
type Conflicts struct {
	Source  string
	Waiting int
	Oldest  time.Time
}

// countEvery is the least time between two counts of old accounts, which read an index
// of all of them.
const countEvery = time.Minute

// transition are the metrics of old accounts.
type transition struct {
	last                                   time.Time
	accounts, verifyBy, conflicts, waiting *prometheus.GaugeVec
}

func newTransition(f factory) transition {
	return transition{
		accounts:  f.gauges("old_accounts", "Old accounts of a portal by source and state.", "source", "state"),
		verifyBy:  f.gauges("old_accounts_verify_by_timestamp_seconds", "From when on those that were not verified are refused, since 1970.", "source"),
		conflicts: f.gauges("conflicts_waiting", "Links that wait for officers.", "source"),
		waiting:   f.gauges("conflicts_oldest_age_seconds", "Age of the oldest link that waits for officers.", "source"),
	}
}

// look leaves the gauges as they were where nothing can be known.
func (t *transition) look(ctx context.Context, look func(context.Context) (Transition, error), now time.Time) {
	if since := now.Sub(t.last); since >= 0 && since < countEvery {
		return
	}
	var found Transition
	err := within(ctx, func(ctx context.Context) (err error) {
		found, err = look(ctx)
		return err
	})
	t.last = now // also where it took too long
	if err != nil {
		return
	}
	for _, gauge := range []*prometheus.GaugeVec{t.accounts, t.verifyBy, t.conflicts, t.waiting} {
		gauge.Reset()
	}
	for _, a := range found.Accounts {
		t.accounts.WithLabelValues(label(a.Source), label(a.State)).Set(float64(a.Accounts))
	}
	for source, by := range found.VerifyBy {
		t.verifyBy.WithLabelValues(label(source)).Set(unix(by))
	}
	for _, c := range found.Conflicts {
		t.conflicts.WithLabelValues(label(c.Source)).Set(float64(c.Waiting))
		t.waiting.WithLabelValues(label(c.Source)).Set(max(0, now.Sub(c.Oldest).Seconds()))
	}
}
