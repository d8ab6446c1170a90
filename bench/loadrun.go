package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// loadSigners are people for password sign-ins.
const loadSigners = 1500

// runLoad starts a gateway, puts a load on it and prints what that showed.
func runLoad(ctx context.Context, s settings, duration time.Duration, dir string, out, progress io.Writer) (err error) {
	if s.workers < 1 || s.workers > maxWorkers || duration < time.Second || duration > maxDuration {
		return fmt.Errorf("want 1 to %d workers for 1s to %v", maxWorkers, maxDuration)
	}
	r := &rig{settings: s, dir: dir, progress: progress}
	defer func() { err = errors.Join(err, r.stop()) }()
	store, url := onSQLite, ""
	if s.redis == "on" {
		if r.redis, err = startRedis(ctx, dir, "gateway"); err != nil {
			return err
		}
		store, url = onRedis, r.redis.url()
	}
	people := newPeople(s.people+keepers+loadSigners, 1)
	g, err := newGateway(ctx, dir, store, url, people, newTransport(s.workers))
	if err != nil {
		return err
	}
	r.gateways = []*gateway{g}
	if r.up, err = startUpstream(ctx, people, secretText(), []string{g.callback()}); err != nil {
		return err
	}
	if err := g.serve(ctx, s.eidgate, r.up); err != nil {
		return err
	}
	fmt.Fprintf(progress, "signing %d synthetic people in on %s\n", s.people, store)
	g.people = people[:s.people+keepers]
	if err := g.signPeopleIn(ctx); err != nil {
		return err
	}
	l := newLoad(g, duration, people[len(g.people):])
	g.count(l.tally)
	fmt.Fprintf(progress, "%d workers for %v\n", s.workers, duration)
	before, err := cpu(g.pid())
	if err != nil {
		return err
	}
	if err := l.run(ctx, s.workers); err != nil {
		return err
	}
	after, err := cpu(g.pid())
	if err != nil {
		return err
	}
	now, most, err := memory(g.pid())
	if err != nil {
		return err
	}
	l.tally.print(out, duration)
	fmt.Fprintf(out, "\ngateway: %.1f s of processor time in %v, %.1f MiB, %.1f MiB at most\n", (after - before).Seconds(), duration, mib(now), mib(most))
	return l.tally.verdict()
}

// count lets a tally see every answer from now on.
func (g *gateway) count(t *tally) {
	g.transport = counting{g.transport, t}
	for _, alg := range algorithms {
		g.direct[alg].http = newClient(g.transport)
	}
}
