package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClock reports that this process does not trust its clock.
var ErrClock = errors.New("this process cannot tell the time")

const (
	// leaseName is the lease of the process that acts on the time.
	leaseName = "keys"
	// leaseLasts is how long another process waits before it takes over; leaseRenewed
	// is how often the holder writes that it lives, and by that its time. All versions
	// have to agree on the first.
	leaseLasts   = 10 * time.Second
	leaseRenewed = 3 * time.Second
	// doubtLeast and doubtMost bound how long a clock is not trusted that was wrong once.
	doubtLeast = time.Minute
	doubtMost  = 24 * time.Hour
	// anchorLasts is how long a clock is measured from one point: shorter, so that it
	// may be slewed; longer, so that many small steps do not pass.
	anchorLasts = time.Hour
)

// Leases say who does alone what only one process does.
type Leases interface {
	// TakeLease reports whether holder has the lease for so long from now.
	TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error)
	// Lease tells who has the lease, and until when; nobody is empty.
	Lease(ctx context.Context, name string) (holder string, until time.Time, err error)
}

// conscience judges the wall clock of this process by one that nobody sets, and by
// what other processes write. It is safe for concurrent use.
//
// A clock that was off by some time is not trusted for as long, on the clock that
// nobody sets: by then even a step at the wrong time is not too early.
type conscience struct {
	skew time.Duration

	mu       sync.Mutex
	began    bool
	anchor   time.Time     // the wall clock when uptime was 0, as last measured
	anchored time.Duration // uptime of that
	until    time.Duration // uptime
	why      string
	furthest time.Time // the latest step that lay ahead, as far as it was heard
}

// look compares the wall clock with the clock that nobody sets.
func (c *conscience) look(wall time.Time, uptime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	zero := wall.Add(-uptime)
	off := zero.Sub(c.anchor)
	if c.began && off.Abs() > c.skew {
		c.distrust(off, uptime, "the clock was set by "+off.Round(time.Second).String())
		c.began = false
	}
	if !c.began || uptime-c.anchored > anchorLasts {
		c.began, c.anchor, c.anchored = true, zero, uptime
	}
}

// hear compares the wall clock with a time that another process wrote, within the
// last slack.
func (c *conscience) hear(theirs, wall time.Time, slack, uptime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	off := wall.Sub(theirs)
	if off < -c.skew || off > c.skew+slack {
		c.distrust(off, uptime, fmt.Sprintf("another process writes a time that is %s off", off.Round(time.Second)))
	}
}

// heed compares the wall clock with the date of a step of a key, which was once now. A
// date that lies ahead speaks once: who wrote it may have been wrong, and be long gone.
func (c *conscience) heed(step, wall time.Time, uptime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := wall.Sub(step); off < -c.skew && step.After(c.furthest) {
		c.furthest = step
		c.distrust(off, uptime, fmt.Sprintf("a key has a step that lies %s ahead", (-off).Round(time.Second)))
	}
}

func (c *conscience) distrust(off, uptime time.Duration, why string) {
	if until := uptime + min(max(off.Abs(), doubtLeast), doubtMost); until > c.until {
		c.until = until
	}
	c.why = why
}

// doubt says why the clock is not trusted now; empty: it is.
func (c *conscience) doubt(uptime time.Duration) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if uptime >= c.until {
		return ""
	}
	return c.why
}

// tenancy is what this process knows of the lease.
type tenancy struct {
	me      string
	holder  string
	until   time.Time
	changed time.Duration // uptime when another holder or until was last seen
	looked  bool
	last    time.Duration // uptime of the last look
}

// alone reports whether this process is the one to act on the time now. Whoever else
// has the lease is believed to live for as long as what it writes changes, whatever
// its clock says.
func (r *Ring) alone(ctx context.Context) (bool, error) {
	wall, uptime := r.time(), r.uptime()
	r.clock.look(wall, uptime)
	if r.leases == nil {
		return r.clock.doubt(uptime) == "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	holder, until, err := r.leases.Lease(ctx, leaseName)
	if err != nil {
		return false, fmt.Errorf("reading lease of keys: %w", err)
	}
	t := &r.tenancy
	slack := uptime - t.last // it was written since the last look
	if holder != t.holder || !until.Equal(t.until) {
		if t.looked && holder != t.me && holder != "" {
			r.clock.hear(until.Add(-leaseLasts), wall, slack, uptime)
		}
		t.holder, t.until, t.changed = holder, until, uptime
	}
	t.looked, t.last = true, uptime
	lives := holder != "" && holder != t.me && uptime-t.changed < leaseLasts
	if lives && until.Sub(wall) > leaseLasts+r.cfg.Skew {
		r.clock.hear(until.Add(-leaseLasts), wall, 0, uptime)
	}
	switch left := until.Sub(wall); {
	case r.clock.doubt(uptime) != "":
		return false, nil // others see that it is not prolonged
	case holder == t.me && left > leaseLasts-leaseRenewed && left <= leaseLasts+r.cfg.Skew:
		return true, nil
	case lives:
		return false, nil
	}
	taken, err := r.leases.TakeLease(ctx, leaseName, t.me, leaseLasts)
	if err != nil {
		return false, fmt.Errorf("taking lease of keys: %w", err)
	}
	return taken, nil
}
