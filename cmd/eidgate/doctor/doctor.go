// Package doctor owns what `eidgate doctor` looks at: each check says what it found
// of an installation, and how to mend it. Nothing is made, written or migrated.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Status is how bad a finding is. The zero value counts as a fault.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Fault   Status = "fault"
)

// Finding is what a check found. It holds nothing secret and nobody's data.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	Mend   string `json:"mend,omitempty"` // one sentence; empty where all is well
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Found: fmt.Sprintf(format, args...)}
}

func warning(mend, format string, args ...any) Finding {
	return Finding{Status: Warning, Found: fmt.Sprintf(format, args...), Mend: mend}
}

func fault(mend, format string, args ...any) Finding {
	return Finding{Status: Fault, Found: fmt.Sprintf(format, args...), Mend: mend}
}

// Check looks at one thing. Look keeps to its context.
type Check struct {
	Name string
	// Last runs after all others, on what they learned.
	Last bool
	Look func(ctx context.Context) []Finding
}

// Run runs all checks at once, then those that come last, and gives their findings in
// the order of the checks. Each has so long; one that does not end is a finding.
// done is told of each that ended, one call at a time; nil tells nobody.
func Run(ctx context.Context, checks []Check, limit time.Duration, done func(ended int)) []Finding {
	results := make([][]Finding, len(checks))
	var mu sync.Mutex
	ended := 0
	for _, last := range []bool{false, true} {
		var wait sync.WaitGroup
		for i, c := range checks {
			if c.Last != last {
				continue
			}
			wait.Go(func() {
				found := look(ctx, c, limit)
				mu.Lock()
				defer mu.Unlock()
				results[i] = found
				if ended++; done != nil {
					done(ended)
				}
			})
		}
		wait.Wait()
	}
	var all []Finding
	for i, found := range results {
		for _, f := range found {
			if f.Check == "" {
				f.Check = checks[i].Name
			}
			all = append(all, f)
		}
	}
	return all
}

// look runs one check, and leaves it behind when its time is over.
func look(ctx context.Context, c Check, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan []Finding, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				found <- []Finding{fault("report this", "the check itself failed (%T)", v)}
			}
		}()
		found <- c.Look(ctx)
	}()
	// What respects the deadline reports it in better words: let it.
	const grace = 200 * time.Millisecond
	select {
	case f := <-found:
		return f
	case <-time.After(limit + grace):
		return []Finding{fault("see whether disk and network answer at all", "not known: no answer in %v", limit)}
	}
}

// Worst is the status of all findings together: a fault where there is none.
func Worst(findings []Finding) Status {
	worst := Fault
	for i, f := range findings {
		switch {
		case f.Status != OK && f.Status != Warning:
			return Fault
		case i == 0, f.Status == Warning:
			worst = f.Status
		}
	}
	return worst
}

// Count is how many findings have a status.
func Count(findings []Finding, status Status) int {
	n := 0
	for _, f := range findings {
		if f.Status == status {
			n++
		}
	}
	return n
}
