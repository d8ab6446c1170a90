package keys

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// Condition is what keeps a ring from its plans.
type Condition struct {
	// Clock says why this process does not act on the time; empty: it does.
	Clock string
	// Away are the custodies that failed when last asked, by name; the empty name is
	// making keys in the store.
	Away []string
}

// Condition tells what keeps the ring from its plans, without any I/O.
func (r *Ring) Condition() Condition {
	return Condition{Clock: r.clock.doubt(r.uptime()), Away: r.trouble.away()}
}

// trouble remembers what was said, so that it is said once.
type trouble struct {
	mu        sync.Mutex
	doubting  bool
	late      map[string]bool // standbys that are overdue, by kid
	custodies map[string]bool
}

// clock says that the time is not acted upon, or is again.
func (t *trouble) clock(ctx context.Context, log *slog.Logger, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case why != "" && !t.doubting:
		log.ErrorContext(ctx, "keys are not rotated by this process, which cannot tell the time", "why", why)
	case why == "" && t.doubting:
		log.InfoContext(ctx, "keys are rotated by this process again")
	}
	t.doubting = why != ""
}

// overdue says which rotations wait beyond their date.
func (t *trouble) overdue(ctx context.Context, log *slog.Logger, infos []Info) {
	t.mu.Lock()
	defer t.mu.Unlock()
	late := map[string]bool{}
	for _, info := range infos {
		if info.State != Published || !info.Overdue {
			continue
		}
		late[info.ID] = true
		if !t.late[info.ID] {
			log.WarnContext(ctx, "key rotation waits beyond its date", "purpose", string(info.Purpose), "alg", string(info.Algorithm),
				"kid", info.ID, "waits_for", string(info.Waits), "lacking", some(info.Lacking))
		}
	}
	t.late = late
}

// custody says that one fails, or works again.
func (t *trouble) custody(ctx context.Context, log *slog.Logger, name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.custodies == nil {
		t.custodies = map[string]bool{}
	}
	switch {
	case err != nil && !t.custodies[name]:
		t.custodies[name] = true
		log.ErrorContext(ctx, "custody of keys failed, going on with what is open", "custody", name, "err", err)
	case err == nil && t.custodies[name]:
		delete(t.custodies, name)
		log.InfoContext(ctx, "custody of keys works again", "custody", name)
	}
}

// away are the custodies that fail.
func (t *trouble) away() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.custodies))
}
