package keys

import (
	"fmt"
	"slices"
	"time"
)

// cause is who brought a step about, and why.
type cause struct{ actor, reason string }

// byClock is the cause of what time alone brings about.
func byClock(reason string) cause { return cause{actor: "system", reason: reason} }

// draft works out what the rules make of the records at one instant, on a copy.
// It does no I/O: keys that a step needs come from spare, and those that spare
// lacks are counted in missing; a draft that misses keys is not to be written.
type draft struct {
	cfg     Config
	now     time.Time
	records []*Record
	spare   []Record
	missing []Algorithm
	put     []*Record // changed records, in the order of change
	events  []Event
}

func newDraft(cfg Config, now time.Time, records, spare []Record) *draft {
	d := &draft{cfg: cfg, now: now, spare: slices.Clone(spare)}
	for _, rec := range records {
		d.records = append(d.records, &rec)
	}
	return d
}

// update is what is to be written.
func (d *draft) update() Update {
	u := Update{Events: d.events}
	for _, rec := range d.put {
		u.Put = append(u.Put, *rec)
	}
	return u
}

// due reports whether there is anything to write.
func (d *draft) due() bool { return len(d.put) > 0 || len(d.missing) > 0 }

// settle does what the time demands: it starts algorithms without a key, lets
// standbys sign, publishes new standbys and retires keys.
func (d *draft) settle() error {
	for _, p := range d.cfg.Algorithms {
		if err := d.settleAlgorithm(p); err != nil {
			return err
		}
	}
	for _, rec := range d.records {
		if rec.State == Verifying && !d.now.Before(rec.RetireAt) {
			d.retire(rec, byClock("last token expired"))
		}
	}
	return nil
}

func (d *draft) settleAlgorithm(p Policy) error {
	known := slices.ContainsFunc(d.records, func(rec *Record) bool { return rec.Algorithm == p.Algorithm })
	signing, standby := d.find(p.Algorithm, Signing), d.find(p.Algorithm, Published)
	switch {
	case !known:
		// No token of this algorithm was ever signed, so no verifier holds a
		// set to wait for.
		why := byClock("first key of " + string(p.Algorithm))
		if first := d.publish(p.Algorithm, why); first != nil {
			d.activate(first, why)
		}
	case signing == nil && standby == nil:
		// Somebody removed rows. A new key would hide it, and verifiers
		// would not know it.
		return fmt.Errorf("%w for %s, though the store has older ones: restore the table of keys from a backup", ErrNoKey, p.Algorithm)
	case standby != nil:
		if at, planned := d.cfg.activation(p, signing, standby); planned && !d.now.Before(at) {
			d.activate(standby, byClock("rotation due"))
		}
	}
	if d.find(p.Algorithm, Published) == nil {
		d.publish(p.Algorithm, byClock("standby"))
	}
	return nil
}

// rotate does what an operator asked for. seen is the kid that signed when the
// operator asked: if another key signs by now, somebody else was first and
// nothing is left to do.
func (d *draft) rotate(alg Algorithm, seen string, why cause) (Rotation, error) {
	signing, standby := d.find(alg, Signing), d.find(alg, Published)
	switch {
	case len(d.missing) > 0:
		return Rotation{}, nil // to be tried again with more spare keys
	case signing == nil || standby == nil:
		return Rotation{}, fmt.Errorf("%w for %s", ErrNoKey, alg)
	case signing.ID != seen:
		return Rotation{Algorithm: alg, From: seen, To: signing.ID, At: signing.SigningAt}, nil
	}
	rot := Rotation{Algorithm: alg, From: signing.ID, To: standby.ID, At: d.now}
	ready := d.cfg.ready(standby)
	if !d.now.Before(ready) {
		d.activate(standby, why)
		d.publish(alg, why)
		return rot, nil
	}
	if standby.ActivateAt.IsZero() {
		standby.ActivateAt = ready
		d.change(standby, ActionScheduled, why)
	}
	rot.At, rot.Pending = standby.ActivateAt, true
	return rot, nil
}

// publish puts a spare key into the JWKS as standby.
func (d *draft) publish(alg Algorithm, why cause) *Record {
	i := slices.IndexFunc(d.spare, func(rec Record) bool { return rec.Algorithm == alg })
	if i < 0 {
		d.missing = append(d.missing, alg)
		return nil
	}
	rec := d.spare[i]
	d.spare = slices.Delete(d.spare, i, i+1)
	rec.State, rec.PublishedAt = Published, d.now
	d.records = append(d.records, &rec)
	d.change(&rec, ActionPublished, why)
	return &rec
}

// activate lets a standby sign in place of the key that does.
func (d *draft) activate(standby *Record, why cause) {
	if old := d.find(standby.Algorithm, Signing); old != nil {
		old.State, old.VerifyingAt = Verifying, d.now
		old.RetireAt = d.now.Add(d.cfg.verifyAge())
		d.change(old, ActionVerifying, why)
	}
	standby.State, standby.SigningAt = Signing, d.now
	d.change(standby, ActionSigning, why)
}

// retire takes a key out of the JWKS and drops its private part.
func (d *draft) retire(rec *Record, why cause) {
	rec.State, rec.RetiredAt, rec.Sealed = Retired, d.now, nil
	d.change(rec, ActionRetired, why)
}

// change notes that rec is to be written, with its event.
func (d *draft) change(rec *Record, action string, why cause) {
	if !slices.Contains(d.put, rec) {
		d.put = append(d.put, rec)
	}
	d.events = append(d.events, Event{Action: action, KeyID: rec.ID, Actor: why.actor, Reason: why.reason})
}

// find returns a key of an algorithm in a state, or nil; of several the oldest.
func (d *draft) find(alg Algorithm, state State) *Record {
	var found *Record
	for _, rec := range d.records {
		if rec.Algorithm == alg && rec.State == state && (found == nil || rec.PublishedAt.Before(found.PublishedAt)) {
			found = rec
		}
	}
	return found
}

// ready is the earliest time at which every verifier knows a standby.
func (c Config) ready(standby *Record) time.Time {
	return standby.PublishedAt.Add(c.standbyAge())
}

// activation is when a standby is to start signing: at the end of the other
// key's term or when an operator scheduled it, whichever is first, but never
// before it is ready. planned is false when only an operator will tell.
func (c Config) activation(p Policy, signing, standby *Record) (at time.Time, planned bool) {
	at = standby.ActivateAt
	switch {
	case signing == nil:
		return c.ready(standby), true
	case p.RotateEvery > 0:
		if term := signing.SigningAt.Add(p.RotateEvery); at.IsZero() || term.Before(at) {
			at = term
		}
	case at.IsZero():
		return time.Time{}, false
	}
	if ready := c.ready(standby); at.Before(ready) {
		at = ready
	}
	return at, true
}
