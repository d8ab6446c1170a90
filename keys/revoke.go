package keys

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Revocation is the outcome of Revoke and RevokeLine.
type Revocation struct {
	Purpose   Purpose
	Algorithm Algorithm
	Revoked   []string  // kids
	At        time.Time // UTC, of the first of them
	Signing   string    // the kid that signs for the line from now on; empty: none until one can be made
	Standby   string    // the kid that stands by; empty: none until one can be made
}

// Revoke ends a key at once, in an emergency: nothing that it signed is believed any
// more. If it signs, the standby takes over, which caches hold; a new standby is
// published. Every process follows at its next poll. A key that retired before is
// marked, for who verifies by the archive. Asked for twice it happens once, and both
// are told the same. A key that cannot be replaced now is revoked all the same. actor
// and reason are for the audit. The error wraps ErrNoKey where there is no such key.
func (r *Ring) Revoke(ctx context.Context, kid, actor, reason string) (Revocation, error) {
	rev, err := r.revoke(ctx, actor, reason, func(d *draft) ([]*Record, error) {
		rec := d.key(kid)
		if rec == nil {
			return nil, fmt.Errorf("%w %q", ErrNoKey, kid)
		}
		return []*Record{rec}, nil
	})
	if err != nil {
		return Revocation{}, fmt.Errorf("revoking %q: %w", kid, err)
	}
	return rev, nil
}

// RevokeLine revokes every live key of a line, the standby too. A new key signs at
// once: caches lack it, and verifiers have to fetch when they meet its kid.
func (r *Ring) RevokeLine(ctx context.Context, purpose Purpose, alg Algorithm, actor, reason string) (Revocation, error) {
	l := Line{purpose, alg}
	var chosen []string // once: what replaces them is not meant
	rev, err := r.revoke(ctx, actor, reason, func(d *draft) ([]*Record, error) {
		var list []*Record
		if chosen == nil {
			for _, rec := range d.records {
				if rec.Line() == l && rec.State.live() {
					chosen = append(chosen, rec.ID)
				}
			}
		}
		for _, id := range chosen {
			if rec := d.key(id); rec != nil {
				list = append(list, rec)
			}
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%w for %s", ErrNoKey, l)
		}
		return list, nil
	})
	if err != nil {
		return Revocation{}, fmt.Errorf("revoking all of %s: %w", l, err)
	}
	return rev, nil
}

// revoke performs an emergency. All of the chosen keys are of one line.
func (r *Ring) revoke(ctx context.Context, actor, reason string, choose func(*draft) ([]*Record, error)) (Revocation, error) {
	if actor == "" || reason == "" {
		return Revocation{}, errCause
	}
	var rev Revocation
	err := r.act(ctx, func(d *draft) error {
		list, err := choose(d)
		if err != nil {
			return err
		}
		rev = d.revoke(list, cause{actor, reason})
		return nil
	}, true)
	return rev, err
}

// revoke ends keys of one line and lets others take their place.
func (d *draft) revoke(list []*Record, why cause) Revocation {
	l := list[0].Line()
	rev := Revocation{Purpose: l.Purpose, Algorithm: l.Algorithm, At: d.now}
	for _, rec := range list {
		rev.Revoked = append(rev.Revoked, rec.ID)
		if !rec.RevokedAt.IsZero() { // somebody was first
			rev.At = rec.RevokedAt
			continue
		}
		rec.RevokedAt = d.now
		if rec.State != Retired {
			rec.State, rec.RetiredAt = Retired, d.now
		}
		d.change(rec, Event{Action: ActionRevoked}, why)
		if rec.Purpose == Tokens && !rec.SigningAt.IsZero() {
			d.revoked = append(d.revoked, RevokedKey{ID: rec.ID, Since: rec.SigningAt})
		}
	}
	p, planned := planOf(d.plans, l)
	if !planned {
		p.Purpose, p.Algorithm = l.Purpose, l.Algorithm
	}
	signing, standby := d.find(l, Signing), d.find(l, Published)
	vacant := signing == nil && slices.ContainsFunc(list, wasSigning)
	switch {
	case vacant && standby != nil:
		d.activate(p, standby, why)
	case vacant && planned && d.has(p, 1):
		d.activate(p, d.publish(p, why), why)
	}
	if planned && d.find(l, Published) == nil && d.has(p, 1) {
		d.publish(p, why)
	}
	if rec := d.find(l, Signing); rec != nil {
		rev.Signing = rec.ID
	}
	if rec := d.find(l, Published); rec != nil {
		rev.Standby = rec.ID
	}
	return rev
}

// wasSigning reports whether a key signed until it was revoked.
func wasSigning(rec *Record) bool { return !rec.SigningAt.IsZero() && rec.VerifyingAt.IsZero() }
