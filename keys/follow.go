package keys

import (
	"fmt"
	"slices"
)

// withdraw drops what the store says was revoked, though the rest of what it says cannot
// be followed. Keys that are known then stand as it says, where that makes a set.
func (r *Ring) withdraw(records []Record) {
	old := r.Snapshot()
	var kept, told []Record
	for _, known := range old.set.records {
		i := slices.IndexFunc(records, func(rec Record) bool { return rec.ID == known.ID })
		switch {
		case i < 0:
			kept, told = append(kept, known), append(told, known)
		case records[i].State == Retired && !records[i].RevokedAt.IsZero():
		default:
			moved := known
			moved.State = records[i].State
			kept, told = append(kept, known), append(told, moved)
		}
	}
	if len(kept) == len(old.set.records) {
		return
	}
	set, err := newKeySet(told, r.box, r.opened, old.set)
	if err != nil {
		if set, err = newKeySet(kept, r.box, r.opened, old.set); err != nil {
			return // never: all are open
		}
	}
	r.snapshot.Store(&Snapshot{set: set, loaded: old.loaded, stale: r.stale, now: r.now, meter: r.meter})
}

// forward refuses a store that lost rows, or in which a retired key lives again: rows
// are never removed, and states only move forward. One that was exchanged for an empty
// one must not make this process start over with new keys.
func (r *Ring) forward(records []Record) error {
	live := map[string]bool{}
	wall := r.time()
	for _, rec := range records {
		live[rec.ID] = rec.State != Retired
		if r.retired[rec.ID] && rec.State != Retired {
			return fmt.Errorf("key %s had retired and is %s: restore the tables of keys from a newer backup", rec.ID, rec.State)
		}
		if rec.State != Retired {
			r.clock.heed(later(later(rec.PublishedAt, rec.SigningAt), rec.VerifyingAt), wall, r.uptime())
		}
	}
	for _, rec := range r.Snapshot().set.records {
		if _, there := live[rec.ID]; !there {
			return fmt.Errorf("key %s is gone from the store: restore the tables of keys from a backup", rec.ID)
		}
	}
	return nil
}
