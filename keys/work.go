package keys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// custodyTimeout bounds one call of a custody. RSA keys of 4096 bits take seconds on a
// small machine.
const custodyTimeout = 15 * time.Second

// emergencyTimeout bounds how long a key that must end waits for what comes after it.
const emergencyTimeout = 2 * time.Second

// wants is what there is to do for custodies.
type wants struct {
	open    []Record // keys that their custody has not opened
	make    []Plan   // lines that need a key; one that needs two is there twice
	destroy []Record // retired keys whose custody may still hold them
}

func (w wants) none() bool { return len(w.open) == 0 && len(w.make) == 0 && len(w.destroy) == 0 }

// attend does it, side by side, and keeps what came of it for the next step. What
// fails is said once for each custody, and does not keep the rest from being done.
func (r *Ring) attend(ctx context.Context, w wants) error {
	var group errgroup.Group
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	var mu sync.Mutex
	failed := map[string][]error{} // by custody
	run := func(custody string, work func(context.Context) error) {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, custodyTimeout)
			defer cancel()
			err := work(ctx)
			mu.Lock()
			defer mu.Unlock()
			failed[custody] = append(failed[custody], err)
			return nil
		})
	}
	for _, p := range w.make {
		run(p.Custody, func(ctx context.Context) error { return r.spare(ctx, p) })
	}
	for _, rec := range w.open {
		run(rec.Custody, func(ctx context.Context) error { return r.unlock(ctx, rec) })
	}
	for _, rec := range w.destroy {
		run(rec.Custody, func(ctx context.Context) error { return r.destroy(ctx, rec) })
	}
	_ = group.Wait() // failed has them
	var all []error
	for _, custody := range slices.Sorted(maps.Keys(failed)) {
		err := errors.Join(failed[custody]...)
		r.trouble.custody(ctx, r.log, custody, err)
		all = append(all, err)
	}
	return errors.Join(all...)
}

// prepare makes keys for an act. An emergency waits for them for so long only: what
// is made later stands by from the next step of Run on.
func (r *Ring) prepare(ctx context.Context, missing []Plan, emergency bool) error {
	if !emergency {
		return r.attend(ctx, wants{make: missing})
	}
	ctx, cancel := context.WithTimeout(ctx, emergencyTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.attend(ctx, wants{make: missing}) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("making keys: %w", ctx.Err())
	}
}

// custody finds a custody by its name.
func (r *Ring) custody(name string) (Custody, error) {
	c := r.custodies[name]
	if c == nil {
		return nil, fmt.Errorf("%w: %q is not configured", ErrCustody, name)
	}
	return c, nil
}

// spare makes a key for a plan.
func (r *Ring) spare(ctx context.Context, p Plan) error {
	c, err := r.custody(p.Custody)
	if err != nil {
		return err
	}
	rec, private, err := newRecord(ctx, p, c, r.box, r.time())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spares = append(r.spares, rec)
	if p.Custody != "" {
		r.opened[rec.ID] = private
	}
	return nil
}

// unlock has a custody open a key, and holds it against its row.
func (r *Ring) unlock(ctx context.Context, rec Record) error {
	c, err := r.custody(rec.Custody)
	if err != nil {
		return err
	}
	key, err := open(rec, r.box)
	if err != nil {
		return err
	}
	private, err := c.Open(ctx, rec.Algorithm, key.found)
	if err != nil {
		return fmt.Errorf("opening %s key %s: %w", rec.Line(), rec.ID, err)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return err
	}
	if id != rec.ID {
		return fmt.Errorf("%w: %s opened another key for %s", ErrCustody, rec.Custody, rec.ID)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened[rec.ID] = private
	return nil
}

// leftover lists retired keys whose custody may still hold them.
func (r *Ring) leftover(records []Record) []Record {
	return slices.DeleteFunc(slices.Clone(records), func(rec Record) bool {
		return rec.State != Retired || rec.Custody == "" || len(rec.Sealed) == 0 || r.destroyed[rec.ID]
	})
}

// destroy has a custody forget a retired key, and then the row what found it. After a
// crash between the two it is done again.
func (r *Ring) destroy(ctx context.Context, rec Record) error {
	key, err := open(rec, r.box)
	if err != nil {
		return fmt.Errorf("opening archived key: %w", err)
	}
	if len(key.found) > 0 {
		c, err := r.custody(rec.Custody)
		if err != nil {
			return err
		}
		if err := c.Destroy(ctx, rec.Algorithm, key.found); err != nil {
			return fmt.Errorf("destroying %s key %s: %w", rec.Line(), rec.ID, err)
		}
		if err := r.forget(ctx, rec.ID); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.destroyed[rec.ID] = true
	return nil
}

// forget drops from the row of a retired key what found its private part.
func (r *Ring) forget(ctx context.Context, kid string) error {
	err := r.store.UpdateKeys(ctx, func(current []Record) (Update, error) {
		i := slices.IndexFunc(current, func(rec Record) bool { return rec.ID == kid })
		if i < 0 || current[i].State != Retired {
			return Update{}, fmt.Errorf("%w %q", ErrNoKey, kid)
		}
		key, err := open(current[i], r.box)
		if err != nil || len(key.found) == 0 {
			return Update{}, err
		}
		rec, err := archive(current[i], key, false, r.box)
		if err != nil {
			return Update{}, err
		}
		e := Event{Action: ActionDestroyed, KeyID: kid, Purpose: rec.Purpose, Actor: "system", Reason: "retired"}
		return Update{Put: []Record{rec}, Events: []Event{e}}, nil
	})
	if err != nil {
		return fmt.Errorf("noting that key %s was destroyed: %w", kid, err)
	}
	return nil
}

// made lists the keys that were made and not published yet.
func (r *Ring) made() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spares)
}

// lost reports whether a key that waits to be published was sealed by a master key that
// was removed since: nobody could open its row.
func (r *Ring) lost(spare Record) bool {
	_, err := r.box.Open(spare.Sealed, spare.Context())
	return err != nil
}

// discard has custodies forget keys that were made for an act and not needed after
// all; before are those that had been there. What fails stays in the custody, unused.
func (r *Ring) discard(ctx context.Context, before []Record) {
	var unused []Record
	r.mu.Lock()
	r.spares = slices.DeleteFunc(r.spares, func(rec Record) bool {
		drop := rec.Custody != "" && !contains(before, rec.ID)
		if drop {
			unused = append(unused, rec)
		}
		return drop
	})
	r.mu.Unlock()
	for _, rec := range unused {
		if key, err := open(rec, r.box); err == nil {
			ctx, cancel := context.WithTimeout(ctx, custodyTimeout)
			err = r.custodies[rec.Custody].Destroy(ctx, rec.Algorithm, key.found)
			cancel()
			if err != nil {
				r.log.WarnContext(ctx, "unused key stays in its custody", "custody", rec.Custody, "kid", rec.ID, "err", err)
			}
		}
	}
}
