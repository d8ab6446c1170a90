package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNotReady reports a standby that others still have to learn of.
var ErrNotReady = errors.New("the standby is not known everywhere")

// Rotation is the outcome of Rotate and Activate.
type Rotation struct {
	Purpose   Purpose
	Algorithm Algorithm
	From, To  string    // kids: the key that signs before At, and the one from then on; From may be empty
	At        time.Time // UTC
	Pending   bool      // At is to come: Run of any process does it then
	// Lacking are the parties that await To and have not fetched it. Until they have, a
	// pending rotation waits beyond At; a forced one did not wait for them.
	Lacking []string
}

// Rotate lets the standby of a line take over. If every cache and every party that
// registered it holds it by now, it signs at once; else it is scheduled for when they
// do. Asked for twice at once, in one process or two, it happens once, and both are
// told the same. actor and reason are for the audit. The error wraps ErrNoKey where
// the line is not planned or has no standby, ErrNotReady where its plan wants Activate,
// and ErrClock where this process cannot tell the time.
func (r *Ring) Rotate(ctx context.Context, purpose Purpose, alg Algorithm, actor, reason string) (Rotation, error) {
	return r.takeOver(ctx, Line{purpose, alg}, actor, reason, false, (*draft).rotate)
}

// Activate lets the standby of a line sign at once. Where force is false it refuses
// with ErrNotReady while a cache or a party may lack the key, and says which until
// when. Where it is true it waits for nobody, and the audit says who lacked it: they
// refuse what is signed until they fetch. Asked for twice at once it happens once.
func (r *Ring) Activate(ctx context.Context, purpose Purpose, alg Algorithm, actor, reason string, force bool) (Rotation, error) {
	decide := (*draft).activateNow
	if force {
		decide = (*draft).force
	}
	return r.takeOver(ctx, Line{purpose, alg}, actor, reason, force, decide)
}

// takeOver performs an operator's rotation.
func (r *Ring) takeOver(ctx context.Context, l Line, actor, reason string, force bool, decide func(*draft, Plan, cause) (Rotation, error)) (Rotation, error) {
	p, planned := planOf(*r.plans.Load(), l)
	switch {
	case !planned:
		return Rotation{}, fmt.Errorf("rotating %s: %w: not planned", l, ErrNoKey)
	case actor == "" || reason == "":
		return Rotation{}, fmt.Errorf("rotating %s: %w", l, errCause)
	}
	if why := r.clock.doubt(r.uptime()); why != "" && !force {
		return Rotation{}, fmt.Errorf("rotating %s: %w: %s", l, ErrClock, why)
	}
	// What the caller saw, taken before waiting for anybody else's rotation.
	seen, loaded := r.Snapshot().signingID(l), r.Snapshot().loaded
	var rot Rotation
	err := r.act(ctx, func(d *draft) (err error) {
		signing, standby := d.find(l, Signing), d.find(l, Published)
		if signing != nil && loaded && signing.ID != seen { // somebody was first
			rot = Rotation{Purpose: l.Purpose, Algorithm: l.Algorithm, From: seen, To: signing.ID, At: signing.SigningAt}
			return nil
		}
		if standby == nil {
			return fmt.Errorf("%w for %s: none stands by", ErrNoKey, l)
		}
		rot, err = decide(d, p, cause{actor, reason})
		rot.Purpose, rot.Algorithm, rot.To = l.Purpose, l.Algorithm, standby.ID
		if signing != nil {
			rot.From = signing.ID
		}
		return err
	}, force)
	if err != nil {
		return Rotation{}, fmt.Errorf("rotating %s: %w", l, err)
	}
	return rot, nil
}

// errCause reports an act without its cause.
var errCause = errors.New("an actor and a reason are needed")

// rotate does what an operator asked for, or schedules it.
func (d *draft) rotate(p Plan, why cause) (Rotation, error) {
	standby := d.find(p.Line(), Published)
	if p.Confirm {
		return Rotation{}, fmt.Errorf("%w: activate %s once the other side has it", ErrNotReady, standby.ID)
	}
	ready := p.ready(standby)
	names, known := d.unfetched(standby)
	if !known {
		return Rotation{}, nil
	}
	if d.now.Before(ready) || len(names) > 0 {
		if standby.ActivateAt.IsZero() {
			standby.ActivateAt = later(ready, d.now)
			d.change(standby, Event{Action: ActionScheduled, Lacking: names}, why)
		}
		return Rotation{At: later(standby.ActivateAt, ready), Pending: true, Lacking: names}, nil
	}
	return d.succeed(p, standby, why), nil
}

// activateNow lets the standby sign unless somebody may lack it.
func (d *draft) activateNow(p Plan, why cause) (Rotation, error) {
	standby := d.find(p.Line(), Published)
	names, known := d.unfetched(standby)
	ready := p.ready(standby)
	switch {
	case !known:
		return Rotation{}, nil
	case d.now.Before(ready) && len(names) > 0:
		return Rotation{}, fmt.Errorf("%w: caches may lack %s until %s, and it was not fetched by %s", ErrNotReady, standby.ID, ready.Format(time.RFC3339), some(names))
	case d.now.Before(ready):
		return Rotation{}, fmt.Errorf("%w: caches may lack %s until %s", ErrNotReady, standby.ID, ready.Format(time.RFC3339))
	case len(names) > 0:
		return Rotation{}, fmt.Errorf("%w: %s was not fetched by %s", ErrNotReady, standby.ID, some(names))
	}
	return d.succeed(p, standby, why), nil
}

// succeed lets a standby sign that everybody has.
func (d *draft) succeed(p Plan, standby *Record, why cause) Rotation {
	if d.has(p, 1) {
		d.activate(p, standby, why)
		d.publish(p, why)
	}
	return Rotation{At: d.now}
}

// force lets the standby sign, come what may: a new one follows when one can be made.
func (d *draft) force(p Plan, why cause) (Rotation, error) {
	standby := d.find(p.Line(), Published)
	names, known := d.unfetched(standby)
	if !known {
		return Rotation{}, nil
	}
	d.activate(p, standby, why)
	e := &d.events[len(d.events)-1]
	e.Forced, e.Lacking = true, names
	if ready := p.ready(standby); d.now.Before(ready) {
		e.Ready = ready
	}
	if d.has(p, 1) {
		d.publish(p, why)
	}
	return Rotation{At: d.now, Lacking: names}, nil
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// some names the first of many.
func some(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(slices.Clone(names[:most]), ", "), len(names)-most)
}
