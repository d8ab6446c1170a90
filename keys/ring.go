package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// storeTimeout bounds one call of the store.
	storeTimeout = 5 * time.Second
	// maxAttempts bounds how often a change starts again because another
	// process left fewer keys than were generated for it.
	maxAttempts = 5
)

// Deps are what a Ring works with.
type Deps struct {
	Store  Store
	Sealer SealOpener
	Now    func() time.Time
	Log    *slog.Logger
	// Meter is told of each signature; nil tells nobody.
	Meter Meter
	// Custodies are where private keys live beside the store; nil where they all live
	// in it.
	Custodies []Custody
	// Fetches tells who has to fetch a key before it may sign; nil: nobody.
	Fetches Fetches
	// Leases choose the process that acts on the time; nil: this one does.
	Leases Leases
	// Uptime is a clock that nobody sets: the time since any moment. Nil: the monotonic
	// reading of Now.
	Uptime func() time.Duration
}

// Meter accounts for signatures.
type Meter interface {
	// Signed tells how long a signature took, or that there was none.
	Signed(algorithm, typ string, took time.Duration, err error)
}

// Fetches knows what parties have fetched.
type Fetches interface {
	// Lacking names the parties that registered that new keys of alg wait for them and
	// that have not fetched the key.
	Lacking(ctx context.Context, alg Algorithm, kid string) ([]string, error)
}

// silent is a Meter that keeps nothing.
type silent struct{}

func (silent) Signed(string, string, time.Duration, error) {}

// Ring keeps the keys of this process in step with the store. It is safe for
// concurrent use.
type Ring struct {
	cfg       Config
	store     Store
	box       SealOpener
	now       func() time.Time
	uptime    func() time.Duration
	log       *slog.Logger
	meter     Meter
	fetches   Fetches
	leases    Leases
	custodies map[string]Custody
	clock     conscience

	snapshot atomic.Pointer[Snapshot]
	plans    atomic.Pointer[[]Plan]              // complete
	lacking  atomic.Pointer[map[string][]string] // as last asked, by kid
	trouble  trouble
	// confirmed is the uptime when the store last agreed with the snapshot.
	confirmed atomic.Int64

	mu        sync.Mutex // one change at a time; never held while a custody works
	tenancy   tenancy
	retired   map[string]bool          // kids that were seen retired
	opened    map[string]crypto.Signer // by kid, what custodies opened
	spares    []Record                 // made and not yet published
	destroyed map[string]bool          // kids whose custody has forgotten them
	failing   bool                     // the last turn failed, and it was said
	stopped   bool                     // signing stopped, and it was said
}

// New checks the configuration and starts nothing. Until Load succeeds, the
// ring's snapshot has no keys.
func New(cfg Config, d Deps) (*Ring, error) {
	custodies := map[string]Custody{"": software{}}
	for _, c := range d.Custodies {
		if custodies[c.Name()] != nil {
			return nil, fmt.Errorf("checking keys: custody %q: named twice", c.Name())
		}
		custodies[c.Name()] = c
	}
	if err := cfg.validate(custodies); err != nil {
		return nil, fmt.Errorf("checking keys: %w", err)
	}
	if d.Store == nil || d.Sealer == nil || d.Now == nil || d.Log == nil {
		return nil, errors.New("checking keys: store, sealer, clock and log are needed")
	}
	if d.Meter == nil {
		d.Meter = silent{}
	}
	if d.Uptime == nil {
		start := d.Now()
		d.Uptime = func() time.Duration { return d.Now().Sub(start) }
	}
	set, err := newKeySet(nil, d.Sealer, nil, nil)
	if err != nil {
		return nil, err
	}
	r := &Ring{
		cfg: cfg, store: d.Store, box: d.Sealer, now: d.Now, uptime: d.Uptime, log: d.Log, meter: d.Meter,
		fetches: d.Fetches, leases: d.Leases, custodies: custodies, clock: conscience{skew: cfg.Skew},
		tenancy: tenancy{me: rand.Text()}, retired: map[string]bool{}, opened: map[string]crypto.Signer{}, destroyed: map[string]bool{},
	}
	r.snapshot.Store(&Snapshot{set: set, stale: r.stale, now: d.Now, meter: d.Meter})
	r.lacking.Store(&map[string][]string{})
	return r, r.Plan(nil)
}

// Plan sets the plans of sources' lines, in place of those set before. What it adds is
// begun by the next Load or turn of Run; what it leaves out keeps its keys and is not
// rotated, and goes on when it is planned again.
func (r *Ring) Plan(sources []Plan) error {
	plans := slices.Concat(r.cfg.Plans, sources)
	if errs := r.cfg.validatePlans(plans, r.custodies); len(errs) > 0 {
		return fmt.Errorf("planning keys: %w", errors.Join(errs...))
	}
	for i, p := range plans {
		plans[i] = r.cfg.complete(p)
	}
	r.plans.Store(&plans)
	return nil
}

// Snapshot returns the keys of this moment, without any I/O.
func (r *Ring) Snapshot() *Snapshot { return r.snapshot.Load() }

// Load reads the store and takes what it says as snapshot. It makes the first keys of
// planned lines of which the store has no record, and never others in place of those
// that do not open: that is an error wrapping ErrSealed. A custody that is away is an
// error, wrapping ErrCustody, where a line has no key without it; keys there that are
// published already do not sign until it answers. Where Deps has no Leases, Load does
// what is due besides.
func (r *Ring) Load(ctx context.Context) error {
	for range maxAttempts {
		w, err := r.step(ctx, r.leases == nil)
		if err != nil {
			return err
		}
		if w.none() {
			return nil
		}
		if err := r.attend(ctx, w); err != nil {
			_, again := r.step(ctx, false) // what was opened
			if l, lacks := r.vacant(); lacks && again == nil {
				return fmt.Errorf("%s has no key: %w", l, err)
			}
			return again
		}
	}
	return nil
}

// vacant names a planned line that has neither a key that signs nor one that waits to.
func (r *Ring) vacant() (Line, bool) {
	set := r.Snapshot().set
	for _, p := range *r.plans.Load() {
		if !slices.ContainsFunc(set.records, func(rec Record) bool { return rec.Line() == p.Line() && rec.State != Verifying }) {
			return p.Line(), true
		}
	}
	return Line{}, false
}

// Run keeps the ring in step with the store until ctx ends, then returns nil.
// While the store is away it goes on with the snapshot and logs once; after
// JWKSMaxAge of it the snapshot signs no more, for by then another process may
// have retired its keys before its tokens end. Custodies are asked beside it, so that
// a slow one keeps nobody from following the store.
func (r *Ring) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	wanting := make(chan struct{}, 1)
	var attending sync.WaitGroup
	attending.Go(func() {
		for range wanting {
			_ = r.attend(ctx, r.turn(ctx)) // it was logged
			r.turn(ctx)
		}
	})
	defer attending.Wait()
	defer close(wanting)
	for {
		if w := r.turn(ctx); !w.none() {
			select {
			case wanting <- struct{}{}:
			default: // it will look again
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turn is one step of Run.
func (r *Ring) turn(ctx context.Context) wants {
	w, err := r.step(ctx, true)
	if ctx.Err() != nil {
		return wants{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil && r.failing:
		r.failing = false
		r.log.InfoContext(ctx, "signing keys refreshed again")
	case err != nil && !r.failing:
		r.failing = true
		r.log.ErrorContext(ctx, "signing keys not refreshed, going on with those known", "err", err)
	}
	r.trouble.clock(ctx, r.log, r.clock.doubt(r.uptime()))
	r.trouble.overdue(ctx, r.log, r.Known())
	stale := r.Snapshot().loaded && r.stale()
	if stale && !r.stopped {
		r.log.ErrorContext(ctx, "signing stopped, keys not confirmed by the store", "for", r.unconfirmed())
	}
	r.stopped = stale
	return w
}

// unconfirmed is how long ago the store last agreed with the snapshot.
func (r *Ring) unconfirmed() time.Duration { return r.uptime() - time.Duration(r.confirmed.Load()) }

// stale reports whether another process may have retired the keys known here.
func (r *Ring) stale() bool { return r.unconfirmed() > r.cfg.JWKSMaxAge }

// step reads the store, adopts it, and does what is due. It returns what there is to
// do for custodies before more can be done.
func (r *Ring) step(ctx context.Context, byTime bool) (wants, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	records, err := r.refresh(ctx)
	if err != nil {
		return wants{}, err
	}
	alone := false
	if byTime {
		if alone, err = r.alone(ctx); err != nil {
			return wants{}, err
		}
	}
	settle := func(d *draft) error {
		d.settle(alone)
		return nil
	}
	trial, err := r.trial(ctx, records, settle)
	if err != nil {
		return wants{}, err
	}
	w := wants{open: r.Snapshot().set.closed, make: trial.missing}
	if len(trial.put) > 0 {
		written, err := r.commit(ctx, trial.lacking, settle)
		if err != nil {
			return w, err
		}
		w.make = written.missing
		if records, err = r.refresh(ctx); err != nil {
			return w, err
		}
		w.open = r.Snapshot().set.closed
	}
	if alone {
		w.destroy = r.leftover(records)
	}
	return w, errors.Join(trial.faults...)
}

// act performs what an operator asked for. Keys that it needs are made while nothing
// is locked. Where bare is set it is done without those that cannot be made.
func (r *Ring) act(ctx context.Context, decide func(*draft) error, bare bool) error {
	var failed error
	before := r.made()
	for range maxAttempts {
		missing, err := r.attempt(ctx, decide, failed != nil, bare)
		if err == nil { // else it may have been written, and the store did not say so
			r.discard(ctx, before)
		}
		if !errors.Is(err, errLacks) {
			return err
		}
		if failed = r.prepare(ctx, missing, bare); failed != nil && !bare {
			return failed
		}
	}
	return fmt.Errorf("updating keys %d times: %w", maxAttempts, errLacks)
}

// attempt is one try of act.
func (r *Ring) attempt(ctx context.Context, decide func(*draft) error, bare, emergency bool) ([]Plan, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	records, err := r.refresh(ctx)
	blind := err != nil && emergency
	if blind {
		// A row that does not open must not keep a key in use that somebody else has.
		// What cannot be read is not added to: no key is made.
		records, err = r.read(ctx)
		bare = true
	}
	if err != nil {
		return nil, err
	}
	trial, err := r.trial(ctx, records, decide)
	switch {
	case err != nil:
		return nil, err
	case len(trial.missing) > 0 && !bare:
		return trial.missing, errLacks
	case len(trial.put) == 0:
		return nil, nil
	}
	written, err := r.commit(ctx, trial.lacking, func(d *draft) error {
		err := decide(d)
		if err == nil && (len(d.asks) > 0 || len(d.missing) > 0 && !bare) {
			return errLacks // another process changed what this was prepared for
		}
		return err
	})
	if err != nil {
		return written.missing, err
	}
	if _, err := r.refresh(ctx); err != nil && !blind {
		return nil, fmt.Errorf("done, but not adopted here yet: %w", err)
	}
	return nil, nil
}

// trial decides without writing, and asks who has fetched what the decision hangs on.
func (r *Ring) trial(ctx context.Context, records []Record, decide func(*draft) error) (*draft, error) {
	lacking := map[string][]string{}
	for {
		d := newDraft(*r.plans.Load(), r.time(), records, r.spares, lacking)
		if err := decide(d); err != nil || len(d.asks) == 0 {
			r.remember(lacking)
			return d, err
		}
		for _, standby := range d.asks {
			names, err := r.lack(ctx, standby.Algorithm, standby.ID)
			if err != nil {
				return nil, err
			}
			lacking[standby.ID] = names
		}
	}
}

// remember keeps for Known who lacks a key that stands by.
func (r *Ring) remember(lacking map[string][]string) {
	all := map[string][]string{}
	for _, rec := range r.Snapshot().set.records {
		if names, asked := lacking[rec.ID]; asked {
			all[rec.ID] = names
		} else if names, before := (*r.lacking.Load())[rec.ID]; before && rec.State == Published {
			all[rec.ID] = names
		}
	}
	r.lacking.Store(&all)
}

// lack names the parties that await a key and have not fetched it.
func (r *Ring) lack(ctx context.Context, alg Algorithm, kid string) ([]string, error) {
	if r.fetches == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	names, err := r.fetches.Lacking(ctx, alg, kid)
	if err != nil {
		return nil, fmt.Errorf("asking who has fetched %s: %w", kid, err)
	}
	return names, nil
}

// refresh reads the store and takes what it says as snapshot.
func (r *Ring) refresh(ctx context.Context) ([]Record, error) {
	asked := r.uptime()
	records, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.forward(records); err != nil {
		r.withdraw(records)
		return nil, err
	}
	// Open before anything is written: with the wrong master key nothing may
	// be added to what the right one sealed.
	old := r.Snapshot()
	set, err := newKeySet(records, r.box, r.opened, old.set)
	if err != nil {
		r.withdraw(records)
		return nil, err
	}
	for _, rec := range records {
		r.retired[rec.ID] = rec.State == Retired
	}
	r.spares = slices.DeleteFunc(r.spares, func(rec Record) bool { return contains(records, rec.ID) })
	maps.DeleteFunc(r.opened, func(id string, _ crypto.Signer) bool { return set.known[id] == nil && !contains(r.spares, id) })
	r.confirmed.Store(int64(asked))
	if set != old.set || !old.loaded {
		r.snapshot.Store(&Snapshot{set: set, loaded: true, stale: r.stale, now: r.now, meter: r.meter})
	}
	return records, nil
}

// read returns all records.
func (r *Ring) read(ctx context.Context) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	records, err := r.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	return records, nil
}

// commit writes what decide makes of the records, in one transaction.
func (r *Ring) commit(ctx context.Context, lacking map[string][]string, decide func(*draft) error) (*draft, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	r.spares = slices.DeleteFunc(r.spares, r.lost)
	var d *draft
	err := r.store.UpdateKeys(ctx, func(current []Record) (Update, error) {
		d = newDraft(*r.plans.Load(), r.time(), current, r.spares, lacking)
		if err := decide(d); err != nil {
			return Update{}, err
		}
		return r.archived(d.update(), current)
	})
	if d == nil {
		d = &draft{}
	}
	if err != nil {
		return d, fmt.Errorf("updating keys: %w", err)
	}
	return d, nil
}

// contains reports whether a key is among records.
func contains(records []Record, id string) bool {
	return slices.ContainsFunc(records, func(rec Record) bool { return rec.ID == id })
}

// time is the clock at the resolution of the store.
func (r *Ring) time() time.Time { return r.now().UTC().Truncate(time.Microsecond) }
