package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"eidgate/config"
	"eidgate/eid/credential"
	"eidgate/keys"
	"eidgate/telemetry"
)

// monitorConnections is how many may read the metrics at a time.
const monitorConnections = 16

// metricsAnywhere lets the system choose a free port of loopback.
const metricsAnywhere = "127.0.0.1:0"

// monitor serves the metrics, on a listener that strangers do not reach.
type monitor struct {
	listener net.Listener
	handler  http.Handler
	log      *slog.Logger
}

// openMonitor listens for Prometheus where the configuration says so. Another
// process on the default port costs the metrics and no sign-in; an address that
// somebody wrote down is meant.
func (g *gateway) openMonitor(ctx context.Context, cfg *config.Config) error {
	if !cfg.Metrics.On() {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Metrics.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && cfg.Metrics.Listen == config.Default().Metrics.Listen:
		g.log.Error("no metrics: their default port is taken; set metrics.listen", "listen", cfg.Metrics.Listen)
		return nil
	case err != nil:
		return fmt.Errorf("metrics.listen: %w", err)
	}
	g.monitor = &monitor{listener: l, handler: g.metrics.Handler(g.probes(cfg), cfg.Metrics.PProf), log: g.log}
	return nil
}

// serve answers until ctx ends and for delay longer, as the public listener does.
func (m *monitor) serve(ctx context.Context, delay time.Duration) error {
	return serveHTTP(ctx, m.listener, m.handler, monitorConnections, m.log, func() { time.Sleep(delay) })
}

// address is where the metrics are, or off.
func (m *monitor) address() string {
	if m == nil {
		return "off"
	}
	return m.listener.Addr().String()
}

// probes are what the metrics look at when they are read.
func (g *gateway) probes(cfg *config.Config) telemetry.Probes {
	p := telemetry.Probes{
		Keys: func() []telemetry.Key { return keyAges(g.ring.Known()) },
		Custodies: func() map[string]bool {
			const store = "database" // has no name among custodies
			failing := map[string]bool{store: false}
			for _, name := range g.ring.Condition().Away {
				failing[cmp.Or(name, store)] = true
			}
			return failing
		},
		ClockDoubt: func() bool { return g.ring.Condition().Clock != "" },
		MasterKey: func() time.Time {
			info, err := os.Stat(cfg.MasterKeyFile)
			if err != nil {
				return time.Time{}
			}
			return info.ModTime()
		},
		Backlog: func(ctx context.Context) (telemetry.Backlog, error) {
			b, err := g.db.Backlog(ctx)
			return telemetry.Backlog(b), err
		},
		Unshipped:  g.unshipped,
		Transition: g.transition,
		Stores:     map[string]func(context.Context) error{"durable": g.db.Ping, "passing": g.state.Ping},
	}
	p.Certificate = func() (time.Time, bool) {
		if g.tls == nil {
			return time.Time{}, false
		}
		return g.tls.expires(), true
	}
	return p
}

// transition is how far old accounts have come. Without a portal's source nothing is
// counted but conflicts, which are few.
func (g *gateway) transition(ctx context.Context) (telemetry.Transition, error) {
	t := telemetry.Transition{VerifyBy: map[string]time.Time{}}
	sources, err := g.db.Sources(ctx)
	if err != nil {
		return t, err
	}
	registered := map[string]bool{}
	for i := range sources {
		registered[sources[i].ID] = true
		if p := sources[i].Portal; p != nil {
			t.VerifyBy[sources[i].ID] = p.VerifyBy
		}
	}
	if len(t.VerifyBy) > 0 {
		counts, err := g.db.ImportedCounts(ctx)
		if err != nil {
			return t, err
		}
		for _, c := range counts {
			if _, ok := t.VerifyBy[c.Source]; ok {
				t.Accounts = append(t.Accounts, telemetry.OldAccounts{Source: c.Source, State: string(c.State), Accounts: c.Accounts})
			}
		}
	}
	waiting, err := g.db.ConflictsWaiting(ctx)
	for _, w := range waiting {
		if registered[w.Source] {
			t.Conflicts = append(t.Conflicts, telemetry.Conflicts(w))
		}
	}
	return t, err
}

func keyAges(infos []keys.Info) []telemetry.Key {
	list := make([]telemetry.Key, 0, len(infos))
	for _, info := range infos {
		since := info.PublishedAt
		switch info.State {
		case keys.Signing:
			since = info.SigningAt
		case keys.Verifying:
			since = info.VerifyingAt
		case keys.Retired:
			since = info.RetiredAt
		case keys.Published:
		}
		k := telemetry.Key{Purpose: keyPurpose(info.Purpose), Algorithm: string(info.Algorithm), Status: string(info.State), Since: since, Next: info.NextAt}
		if info.Overdue { // nothing is amiss with the gateway
			k.Next, k.Overdue = time.Time{}, info.NextAt
		}
		list = append(list, k)
	}
	return list
}

// keyPurpose is a purpose as a label: those of all sources are one.
func keyPurpose(p keys.Purpose) string {
	if p.Source() != "" {
		return "source"
	}
	return string(p)
}

// passwordOutcome names how an evaluation ended.
func passwordOutcome(err error) string {
	switch {
	case err == nil:
		return "match"
	case errors.Is(err, credential.ErrMismatch):
		return "mismatch"
	case errors.Is(err, credential.ErrBusy):
		return "shed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	}
	return "failed"
}
