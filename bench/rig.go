package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// Names of subjects.
const (
	onSQLite = "SQLite"
	onRedis  = "Redis"
	ofFloor  = "floor"
)

// settings are what a run is told.
type settings struct {
	eidgate, floor string // binaries
	workers        int
	people         int
	rounds         int
	slice          time.Duration
	redis          string // auto, on or off: measure the gateway on Redis
	sizes          []int  // of crowds, the smallest first
}

const (
	// linkedPeople may sign in at the upstream provider: so many that, in a run of the
	// usual length, nobody has more sessions from there than a trail leads to. Else
	// each flow would pay for the end of another session.
	linkedPeople = 256
	keepers      = 4 // whose sessions hold the tokens that are read and refreshed
)

// rig is everything that a run starts.
type rig struct {
	settings
	dir string
	// Each side has a Redis of its own: what one does in the background is not
	// the other's.
	redis, floorRedis *redisServer
	up                *upstream
	floors            map[string]*floorServer // by algorithm
	gateways          []*gateway
	cells             []*cell
	crowds            []*crowd
	scaled            []*cell // of the crowds
	held              []inRAM
	starts            starts
	progress          io.Writer
}

// inRAM is the memory of one subject after the run, in bytes.
type inRAM struct {
	name      string
	now, most int64
}

// newRig starts the subjects and signs people in. The caller stops what there is
// of it, whatever the error.
func newRig(ctx context.Context, s settings, dir string, progress io.Writer) (*rig, error) {
	r := &rig{settings: s, dir: dir, progress: progress, floors: map[string]*floorServer{}}
	var err error
	if r.redis, err = startRedis(ctx, dir, "gateway"); err != nil {
		return r, err
	}
	if r.floorRedis, err = startRedis(ctx, dir, "floor"); err != nil {
		return r, err
	}
	people := newPeople(s.people+keepers, min(linkedPeople, s.people))
	transport := newTransport(s.workers)
	stores := map[string]string{onSQLite: ""}
	names := []string{onSQLite}
	on, err := s.measuresRedis(ctx, r.redis.url())
	if err != nil {
		return r, err
	}
	if on {
		stores[onRedis] = r.redis.url()
		names = append(names, onRedis)
	}
	var callbacks []string
	for _, name := range names {
		g, err := newGateway(ctx, dir, name, stores[name], people, transport)
		if err != nil {
			return r, err
		}
		r.gateways = append(r.gateways, g)
		callbacks = append(callbacks, g.callback())
	}
	if r.up, err = startUpstream(ctx, people, secretText(), callbacks); err != nil {
		return r, err
	}
	for _, alg := range algorithms {
		if r.floors[alg], err = startFloor(ctx, dir, s.floor, alg, r.floorRedis, s.people, transport); err != nil {
			return r, err
		}
	}
	for _, g := range r.gateways {
		if err := g.serve(ctx, s.eidgate, r.up); err != nil {
			return r, err
		}
		fmt.Fprintf(progress, "signing %d synthetic people in on %s\n", s.people, g.store)
		if err := g.signPeopleIn(ctx); err != nil {
			return r, err
		}
		if g.stateURL != "" {
			// A gateway that passed over its setting would show SQLite's numbers.
			if empty, err := r.redis.empty(ctx); err != nil || empty {
				return r, fmt.Errorf("the gateway was told to use Redis and keeps nothing there: %w", errors.Join(err))
			}
		}
	}
	return r, r.plan(ctx)
}

// measuresRedis reports whether the gateway is to be measured on Redis.
func (s settings) measuresRedis(ctx context.Context, url string) (bool, error) {
	if s.redis != "auto" {
		return s.redis == "on", nil
	}
	return knows(ctx, s.eidgate, envState+"="+url)
}

// plan lists the cells in the order of a round: what is compared stands together.
func (r *rig) plan(ctx context.Context) error {
	for _, alg := range algorithms {
		floor := &cell{operation: "flow", alg: alg, subject: ofFloor, proc: r.floors[alg].process, redis: r.floorRedis}
		floor.do = func(ctx context.Context, _ int) error {
			_, err := r.floors[alg].party.flow(ctx)
			return err
		}
		for _, g := range r.gateways {
			c := r.cell(g, "flow", alg)
			c.floor = floor
			c.do = func(ctx context.Context, _ int) error {
				_, err := g.direct[alg].flow(ctx)
				return err
			}
		}
		r.cells = append(r.cells, floor)
	}
	for _, g := range r.gateways {
		if err := r.planOthers(ctx, g); err != nil {
			return err
		}
	}
	static := &cell{operation: "discovery", subject: ofFloor, proc: r.floors["ES256"].process, redis: r.floorRedis}
	static.do = func(ctx context.Context, _ int) error {
		return r.floors["ES256"].party.fetch(ctx, pathDiscovery, `"issuer"`)
	}
	for _, c := range r.cells {
		if c.operation == "discovery" {
			c.floor = static
		}
	}
	r.cells = append(r.cells, static)
	return nil
}

const pathDiscovery = "/.well-known/openid-configuration"

// planOthers adds the gateway's cells that have no counterpart at the floor.
func (r *rig) planOthers(ctx context.Context, g *gateway) error {
	going, err := g.travellers(ctx, r.up)
	if err != nil {
		return fmt.Errorf("signing in at the upstream provider: %w", err)
	}
	var turn atomic.Int64
	// Their sessions see no flow but these: a session's list of grants is bounded, and
	// what leaves it ends.
	keep := func(p *party, i int) (tokens, error) { return p.flowIn(ctx, g.kept[i%len(g.kept)]) }
	for _, alg := range algorithms {
		r.cell(g, "federated flow", alg).do = func(ctx context.Context, _ int) error {
			_, err := g.federatedFlow(ctx, r.up, g.federated[alg], going[int(turn.Add(1))%len(going)])
			return err
		}
		chains := make([]string, r.workers)
		for w := range chains {
			set, err := keep(g.direct[alg], w)
			if err != nil {
				return err
			}
			chains[w] = set.Refresh
		}
		r.cell(g, "refresh", alg).do = func(ctx context.Context, worker int) error {
			set, err := g.direct[alg].refresh(ctx, chains[worker])
			chains[worker] = set.Refresh
			return err
		}
	}
	party := g.direct["ES256"]
	access := make([]string, 64)
	for i := range access {
		set, err := keep(party, i)
		if err != nil {
			return err
		}
		access[i] = set.Access
	}
	token := func() string { return access[int(turn.Add(1))%len(access)] }
	r.cell(g, "userinfo", "").do = func(ctx context.Context, _ int) error { return party.userinfo(ctx, token()) }
	r.cell(g, "introspection", "").do = func(ctx context.Context, _ int) error { return party.introspect(ctx, token()) }
	if g.store != onSQLite {
		return nil // these two ask no store
	}
	r.cell(g, "discovery", "").do = func(ctx context.Context, _ int) error { return party.fetch(ctx, pathDiscovery, `"issuer"`) }
	r.cell(g, "JWKS", "").do = func(ctx context.Context, _ int) error { return party.fetch(ctx, "/keys", `"keys"`) }
	return nil
}

func (r *rig) cell(g *gateway, operation, alg string) *cell {
	c := &cell{operation: operation, alg: alg, subject: g.store, proc: g.process}
	if g.store == onRedis {
		c.redis = r.redis
	}
	r.cells = append(r.cells, c)
	return c
}

// run measures every cell once in each round, after a round that does not count.
func (r *rig) run(ctx context.Context) error {
	if err := r.measureAll(ctx, r.cells); err != nil {
		return err
	}
	// By themselves: a large file that nobody reads for half a minute is taken from memory.
	if err := r.measureAll(ctx, r.scaled); err != nil {
		return err
	}
	if err := r.threeEach(); err != nil {
		return err
	}
	held := append(r.processes(), r.floorRedis.process)
	if len(r.gateways) > 1 {
		held = append(held, r.redis.process)
	}
	for _, p := range held {
		now, most, err := memory(p.pid())
		if err != nil {
			return err
		}
		r.held = append(r.held, inRAM{p.name, now, most})
	}
	var err error
	r.starts, err = r.measureStarts(ctx)
	return err
}

// measureAll gives each cell a slice in every round; the first round does not count.
func (r *rig) measureAll(ctx context.Context, cells []*cell) error {
	if len(cells) == 0 {
		return nil
	}
	for round := range r.rounds + 1 {
		for _, c := range cells {
			s, err := measure(ctx, c, r.workers, r.slice)
			if err != nil {
				return err
			}
			if round > 0 {
				c.rounds = append(c.rounds, s)
			}
		}
		fmt.Fprintf(r.progress, "round %d of %d\n", round, r.rounds)
	}
	return nil
}

// threeEach holds the floor to its word.
func (r *rig) threeEach() error {
	for _, c := range r.cells {
		for i := range c.rounds {
			s := &c.rounds[i]
			if c.subject == ofFloor && c.operation == "flow" && s.commands != 3*int64(len(s.latencies)) {
				return fmt.Errorf("%s: %d Redis commands for %d flows, want three each", c.name(), s.commands, len(s.latencies))
			}
		}
	}
	return nil
}

// processes are the subjects that run.
func (r *rig) processes() []*process {
	var list []*process
	for _, g := range r.gateways {
		list = append(list, g.process)
	}
	for _, c := range r.crowds {
		if c.gateway != nil {
			list = append(list, c.process)
		}
	}
	for _, alg := range algorithms {
		if f := r.floors[alg]; f != nil {
			list = append(list, f.process)
		}
	}
	return slices.DeleteFunc(list, func(p *process) bool { return p == nil })
}

// stop ends what was started. The gateways end together: each waits a while for
// proxies to see it.
func (r *rig) stop() error {
	var errs []error
	ending := r.processes()
	ended := make(chan error)
	for _, p := range ending {
		go func() { ended <- p.stop() }()
	}
	for range ending {
		errs = append(errs, <-ended)
	}
	if r.up != nil {
		errs = append(errs, r.up.stop())
	}
	for _, s := range []*redisServer{r.redis, r.floorRedis} {
		if s != nil {
			errs = append(errs, s.end())
		}
	}
	return errors.Join(errs...)
}

// check holds the stopped gateways against what the bench counted.
func (r *rig) check(ctx context.Context) error {
	var errs []error
	for _, g := range r.gateways {
		errs = append(errs, g.check(ctx))
	}
	for _, c := range r.crowds {
		errs = append(errs, c.check(ctx))
	}
	return errors.Join(errs...)
}
