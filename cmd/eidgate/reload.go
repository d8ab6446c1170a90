package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"eidgate/config"
	"eidgate/telemetry"
)

const (
	reloadTime = 10 * time.Second // for one reload
	mostListed = 50               // paths and faults in one log line
)

// configReport is told which configuration is live.
type configReport interface {
	ConfigLive(version string, at time.Time)
	ConfigRefused(at time.Time)
}

var _ configReport = (*telemetry.Metrics)(nil)

// reloader takes a changed configuration into use, or keeps the one that is live
// and says why.
type reloader struct {
	path    string
	environ []string
	report  configReport
	gateway *gateway // from the first reload on
	level   slog.LevelVar

	refused string // why the last one was; empty: it was not
}

// files are those that the live configuration was read from.
func (r *reloader) files() []string {
	var list []string
	if r.path != "" {
		list = append(list, r.path)
	}
	if r.gateway != nil {
		list = append(list, r.gateway.front.Load().cfg.Files()...)
	}
	return list
}

// reload is what a subject calls. A configuration that was refused is tried again:
// a secret's file may come after the line that names it, the database may be away.
func (r *reloader) reload(ctx context.Context, asked bool) bool {
	changes, err := r.next(ctx, asked)
	g := r.gateway
	live := g.front.Load().cfg.Version()
	switch {
	case err != nil && ctx.Err() != nil: // stopping
		return true
	case err != nil:
		if why := err.Error(); asked || why != r.refused {
			r.refused = why
			g.log.ErrorContext(ctx, "configuration refused", "live", live, "faults", faultsOf(err))
			r.report.ConfigRefused(g.now())
		}
		return false
	case len(changes) > 0 || asked || r.refused != "":
		r.refused = ""
		least := g.front.Load().cfg.Log.Severity()
		r.level.Set(min(r.level.Level(), least)) // the line shows where either configuration shows it
		g.log.InfoContext(ctx, "configuration live", "version", live, "changed", config.Paths(changes, mostListed))
		r.level.Set(least)
		r.report.ConfigLive(live, g.now())
	}
	return true
}

// next loads the configuration and has the gateway adopt it, where it differs
// from the one that is live or somebody asked.
func (r *reloader) next(ctx context.Context, asked bool) ([]config.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	cfg, err := config.Load(r.path, r.environ)
	if err != nil {
		return nil, err
	}
	changes := config.Changes(r.gateway.front.Load().cfg, cfg)
	if err := config.NeedsRestart(changes); err != nil {
		return nil, err
	}
	if len(changes) == 0 && !asked && r.refused == "" {
		return nil, nil
	}
	if err := r.gateway.adopt(ctx, cfg); err != nil {
		return nil, fmt.Errorf("taking the configuration into use: %w", err)
	}
	return changes, nil
}

// faultsOf lists what errors.Join joined, so many at most.
func faultsOf(err error) []string {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var texts []string
	for i, e := range list {
		if i == mostListed {
			return append(texts, "…")
		}
		texts = append(texts, e.Error())
	}
	return texts
}
