package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Rotation is the outcome of Rotate.
type Rotation struct {
	Algorithm Algorithm
	From, To  string    // kids: the key that signs before At, and the one from then on
	At        time.Time // UTC
	Pending   bool      // At is to come: Run of any process does it then
}

// Rotate lets the standby of alg take over. If every verifier knows it by now,
// it signs at once; else it is scheduled for when they do, at most twice
// JWKSMaxAge ahead. Asked for twice at once, in one process or two, it happens
// once, and both are told the same. actor and reason are for the audit. The
// error wraps ErrNoKey where alg is not configured or has no key to give way.
func (r *Ring) Rotate(ctx context.Context, alg Algorithm, actor, reason string) (Rotation, error) {
	if _, ok := r.cfg.policy(alg); !ok {
		return Rotation{}, fmt.Errorf("rotating %q: %w: not configured", alg, ErrNoKey)
	}
	if actor == "" || reason == "" {
		return Rotation{}, fmt.Errorf("rotating %s: %w", alg, errors.New("an actor and a reason are needed"))
	}
	// What the caller saw, taken before waiting for anybody else's rotation.
	seen := r.Snapshot().signingID(alg)
	r.mu.Lock()
	defer r.mu.Unlock()
	records, err := r.load(ctx)
	if err != nil {
		return Rotation{}, fmt.Errorf("rotating %s: %w", alg, err)
	}
	if seen == "" {
		seen = r.Snapshot().signingID(alg)
	}
	var rot Rotation
	decide := func(d *draft) (err error) {
		rot, err = d.rotate(alg, seen, cause{actor: actor, reason: reason})
		return err
	}
	trial := newDraft(r.cfg, r.time(), records, nil)
	if err := decide(trial); err != nil {
		return Rotation{}, fmt.Errorf("rotating %s: %w", alg, err)
	}
	if !trial.due() {
		return rot, nil
	}
	if err := r.change(ctx, trial.missing, decide); err != nil {
		return Rotation{}, fmt.Errorf("rotating %s: %w", alg, err)
	}
	if _, err := r.load(ctx); err != nil {
		return rot, fmt.Errorf("rotated %s, but not adopted here yet: %w", alg, err)
	}
	return rot, nil
}

// Info is a key as operators see it: nothing private.
type Info struct {
	ID          string // kid
	Algorithm   Algorithm
	State       State
	PublishedAt time.Time // UTC; zero: not yet, as for the three below
	SigningAt   time.Time
	VerifyingAt time.Time
	RetiredAt   time.Time
	// Next is the state that follows, at NextAt; empty when nothing is planned.
	Next   State
	NextAt time.Time
}

// List tells of all keys, by algorithm and age.
func (r *Ring) List(ctx context.Context) ([]Info, error) {
	records, err := r.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	return r.infos(records), nil
}

// Examine lists as List does, and opens every key that is not retired: the error
// wraps ErrSealed where the master key is another one. It writes nothing.
func (r *Ring) Examine(ctx context.Context) ([]Info, error) {
	records, err := r.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("examining: %w", err)
	}
	if _, err := newKeySet(records, r.box, nil); err != nil {
		return nil, fmt.Errorf("examining: %w", err)
	}
	return r.infos(records), nil
}

// Known tells of the keys of this moment's snapshot, as List does, without any
// I/O. Retired keys are not among them.
func (r *Ring) Known() []Info { return r.infos(r.Snapshot().set.records) }

func (r *Ring) infos(records []Record) []Info {
	d := newDraft(r.cfg, r.time(), records, nil)
	infos := make([]Info, 0, len(records))
	for _, rec := range d.records {
		info := Info{
			ID: rec.ID, Algorithm: rec.Algorithm, State: rec.State,
			PublishedAt: rec.PublishedAt, SigningAt: rec.SigningAt,
			VerifyingAt: rec.VerifyingAt, RetiredAt: rec.RetiredAt,
		}
		info.Next, info.NextAt = d.next(rec)
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), a.PublishedAt.Compare(b.PublishedAt), cmp.Compare(a.ID, b.ID))
	})
	return infos
}

// next is the step that is planned for a key.
func (d *draft) next(rec *Record) (State, time.Time) {
	if rec.State == Verifying {
		return Retired, rec.RetireAt
	}
	p, configured := d.cfg.policy(rec.Algorithm)
	standby := d.find(rec.Algorithm, Published)
	if !configured || standby == nil {
		return "", time.Time{}
	}
	at, planned := d.cfg.activation(p, d.find(rec.Algorithm, Signing), standby)
	switch {
	case planned && rec == standby:
		return Signing, at
	case planned && rec.State == Signing:
		return Verifying, at
	}
	return "", time.Time{}
}
