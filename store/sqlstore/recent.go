package sqlstore

import (
	"sync"
	"time"
)

// knownFor is how long what was read of a holder or of registrations is believed
// without asking SQL again: a change by another process is in force after that
// time, one by this process at once. It must stay well below the 5 s that a lock
// may take (docs/adr/0011).
const knownFor = time.Second

// maxRecent bounds each half of what is remembered.
const maxRecent = 4096

// recent remembers what was read within knownFor. It is safe for concurrent use.
// What it gives is shared: nobody writes to it.
type recent[V any] struct {
	mu      sync.Mutex
	changes uint64 // how often this process changed what may be remembered
	newer   map[string]seen[V]
	older   map[string]seen[V]
	began   time.Time // newer
}

type seen[V any] struct {
	value V
	at    time.Time
}

// get gives what is remembered of a key, or reads it.
func (r *recent[V]) get(key string, now time.Time, read func() (V, error)) (V, error) {
	r.mu.Lock()
	known, ok := r.newer[key]
	if !ok {
		known, ok = r.older[key]
	}
	changes := r.changes
	r.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < knownFor {
		return known.value, nil
	}
	value, err := read()
	if err == nil {
		r.put(key, seen[V]{value, now}, changes)
	}
	return value, err
}

// put remembers a value, unless it was read before a change.
func (r *recent[V]) put(key string, s seen[V], changes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes != changes {
		return
	}
	if age := s.at.Sub(r.began); r.newer == nil || age < 0 || age >= knownFor || len(r.newer) >= maxRecent {
		r.older, r.newer, r.began = r.newer, map[string]seen[V]{}, s.at
	}
	r.newer[key] = s
}

// forget ends everything that is remembered. Call it after a commit.
func (r *recent[V]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	r.newer, r.older = nil, nil
}
