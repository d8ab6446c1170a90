package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// errSpare ends a change for want of generated keys.
var errSpare = errors.New("more keys are to be generated")

// Deps are what a Ring works with.
type Deps struct {
	Store  Store
	Sealer SealOpener
	Now    func() time.Time
	Log    *slog.Logger
	// Meter is told of each signature; nil tells nobody.
	Meter Meter
}

// Meter accounts for signatures.
type Meter interface {
	// Signed tells how long a signature took, or that there was none.
	Signed(algorithm, typ string, took time.Duration, err error)
}

// silent is a Meter that keeps nothing.
type silent struct{}

func (silent) Signed(string, string, time.Duration, error) {}

// Ring keeps the keys of this process in step with the store. It is safe for
// concurrent use.
type Ring struct {
	cfg   Config
	store Store
	box   SealOpener
	now   func() time.Time
	log   *slog.Logger
	meter Meter

	snapshot atomic.Pointer[Snapshot]

	mu        sync.Mutex // one change at a time
	confirmed time.Time  // when the store last agreed with the snapshot
	failing   bool       // the last turn failed, and it was said
}

// New checks the configuration and starts nothing. Until Load succeeds, the
// ring's snapshot has no keys.
func New(cfg Config, d Deps) (*Ring, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("checking keys: %w", err)
	}
	if d.Store == nil || d.Sealer == nil || d.Now == nil || d.Log == nil {
		return nil, errors.New("checking keys: store, sealer, clock and log are needed")
	}
	if d.Meter == nil {
		d.Meter = silent{}
	}
	set, err := newKeySet(nil, d.Sealer, nil)
	if err != nil {
		return nil, err
	}
	r := &Ring{cfg: cfg, store: d.Store, box: d.Sealer, now: d.Now, log: d.Log, meter: d.Meter}
	r.snapshot.Store(r.of(set, false))
	return r, nil
}

// Snapshot returns the keys of this moment, without any I/O.
func (r *Ring) Snapshot() *Snapshot { return r.snapshot.Load() }

// Load reads the store, does what is due and takes the result as snapshot. After
// it each configured algorithm has a key that signs and a standby. It makes the
// first key of an algorithm of which the store has no record, and never another
// in place of one that does not open: that is an error wrapping ErrSealed.
func (r *Ring) Load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.load(ctx)
	return err
}

// Run keeps the ring in step with the store until ctx ends, then returns nil.
// While the store is away it goes on with the snapshot and logs once; after
// JWKSMaxAge of it the snapshot signs no more, for by then another process may
// have retired its keys before its tokens end.
func (r *Ring) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		r.turn(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turn is one Load of Run.
func (r *Ring) turn(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.load(ctx)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err == nil && r.failing:
		r.failing = false
		r.log.InfoContext(ctx, "signing keys refreshed again")
	case err != nil && !r.failing:
		r.failing = true
		r.log.ErrorContext(ctx, "signing keys not refreshed, going on with those known", "err", err)
	}
	if s := r.Snapshot(); err != nil && !s.stale && !r.confirmed.IsZero() && r.time().Sub(r.confirmed) > r.cfg.JWKSMaxAge {
		r.snapshot.Store(r.of(s.set, true))
		r.log.ErrorContext(ctx, "signing stopped, keys not confirmed by the store", "since", r.confirmed)
	}
}

// load is Load under the lock. It returns what the store holds.
func (r *Ring) load(ctx context.Context) ([]Record, error) {
	asked := r.time()
	records, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	// Rows are never removed. A store that lost some, or that was exchanged for
	// an empty one, must not make this process start over with new keys.
	old := r.Snapshot().set
	if i := slices.IndexFunc(old.records, func(rec Record) bool { return !contains(records, rec.ID) }); i >= 0 {
		return nil, fmt.Errorf("key %s is gone from the store: restore the table of keys from a backup", old.records[i].ID)
	}
	// Open before anything is written: with the wrong master key nothing may
	// be added to what the right one sealed.
	set, err := newKeySet(records, r.box, old)
	if err != nil {
		return nil, err
	}
	trial := newDraft(r.cfg, r.time(), records, nil)
	if err := trial.settle(); err != nil {
		return nil, err
	}
	// Adopt before writing: a store that only reads still tells what is valid.
	r.adopt(set, asked)
	if !trial.due() {
		return records, nil
	}
	if err := r.change(ctx, trial.missing, (*draft).settle); err != nil {
		return nil, err
	}
	asked = r.time()
	if records, err = r.read(ctx); err != nil {
		return nil, err
	}
	if set, err = newKeySet(records, r.box, set); err != nil {
		return nil, err
	}
	r.adopt(set, asked)
	return records, nil
}

// adopt takes a set as snapshot that the store held at the time at.
func (r *Ring) adopt(set *keySet, at time.Time) {
	r.confirmed = at
	r.snapshot.Store(r.of(set, false))
}

// of makes a snapshot.
func (r *Ring) of(set *keySet, stale bool) *Snapshot {
	return &Snapshot{set: set, stale: stale, now: r.now, meter: r.meter}
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

// change writes what decide makes of the records. missing are the keys that it
// is known to need; they are generated before the transaction opens, and so are
// those that turn out to be needed in it.
func (r *Ring) change(ctx context.Context, missing []Algorithm, decide func(*draft) error) error {
	var spare []Record
	for range maxAttempts {
		for _, alg := range missing {
			rec, err := newRecord(alg, r.cfg.RSABits, r.box)
			if err != nil {
				return err
			}
			spare = append(spare, rec)
		}
		err := r.update(ctx, func(current []Record) (Update, error) {
			d := newDraft(r.cfg, r.time(), current, spare)
			if err := decide(d); err != nil {
				return Update{}, err
			}
			if missing = d.missing; len(missing) > 0 {
				return Update{}, errSpare
			}
			return d.update(), nil
		})
		if !errors.Is(err, errSpare) {
			return err
		}
	}
	return fmt.Errorf("updating keys %d times: %w", maxAttempts, errSpare)
}

// update runs one write transaction.
func (r *Ring) update(ctx context.Context, change func([]Record) (Update, error)) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := r.store.UpdateKeys(ctx, change); err != nil {
		return fmt.Errorf("updating keys: %w", err)
	}
	return nil
}

// contains reports whether a key is among records.
func contains(records []Record, id string) bool {
	return slices.ContainsFunc(records, func(rec Record) bool { return rec.ID == id })
}

// time is the clock at the resolution of the store.
func (r *Ring) time() time.Time { return r.now().UTC().Truncate(time.Microsecond) }
