package doctor

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	clockOff    = 5 * time.Second  // more than replicas may differ by
	clockBroken = 30 * time.Second // more than signatures and one-time codes bear
)

// Reading is how far a server's clock is ahead of this machine's.
type Reading struct {
	Server string
	Ahead  time.Duration
}

// Clocks collects what servers said of the time. It is safe for concurrent use.
type Clocks struct {
	mu       sync.Mutex
	readings []Reading
}

// Note reads the Date of an answer (RFC 9110 §6.6.1) to a request that was sent and
// answered at these times.
func (c *Clocks) Note(server string, res *http.Response, sent, received time.Time) {
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return
	}
	// The header is cut off to whole seconds.
	c.add(server, date.Add(time.Second/2).Sub(sent.Add(received.Sub(sent)/2)))
}

func (c *Clocks) add(server string, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.readings, func(r Reading) bool { return r.Server == server }) {
		c.readings = append(c.readings, Reading{server, ahead})
	}
}

// noting has a transport note the time of every answer.
type noting struct {
	http.RoundTripper
	clocks *Clocks
	server string
	now    func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := n.now()
	res, err := n.RoundTripper.RoundTrip(r)
	if err == nil {
		n.clocks.Note(n.server, res, sent, n.now())
	}
	return res, err
}

// Look judges this machine's clock by the others'. It comes last.
func (c *Clocks) Look(context.Context) []Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, known := clockKept()
	return judgeClocks(c.readings, kept, known)
}

func judgeClocks(readings []Reading, kept, known bool) []Finding {
	const byNTP = "timedatectl set-ntp true, or run chrony"
	var list []Finding
	if len(readings) > 0 {
		names := make([]string, len(readings))
		for i, r := range readings {
			names[i] = r.Server
		}
		slices.Sort(names)
		servers := strings.Join(names, ", ")
		mid := median(readings)
		switch {
		case mid.Abs() > clockBroken:
			list = append(list, fault(byNTP+"; if it is kept so, ask the server's owner", "this machine's clock is %s %s", apart(-mid), servers))
		case mid.Abs() > clockOff:
			list = append(list, warning(byNTP, "this machine's clock is %s %s", apart(-mid), servers))
		}
		for _, r := range readings {
			if off := r.Ahead - mid; len(readings) > 1 && off.Abs() > clockOff {
				list = append(list, warning("tell its owner: what it signs may be refused as too old or not yet valid", "the clock of %s is %s the others", r.Server, apart(off)))
			}
		}
		if len(list) == 0 {
			list = append(list, ok("within %v of %s", clockOff, servers))
		}
	}
	switch {
	case known && !kept:
		list = append(list, warning(byNTP, "the kernel says that nothing keeps this machine's clock in time"))
	case known && len(readings) == 0:
		list = append(list, ok("the kernel says that the clock is kept in time; no server was there to compare with"))
	case len(readings) == 0:
		list = append(list, warning(byNTP, "nothing to compare with: no server told its time, and the kernel does not say"))
	}
	return list
}

func median(readings []Reading) time.Duration {
	offsets := make([]time.Duration, len(readings))
	for i, r := range readings {
		offsets[i] = r.Ahead
	}
	slices.Sort(offsets)
	mid := len(offsets) / 2
	if len(offsets)%2 == 1 {
		return offsets[mid]
	}
	return (offsets[mid-1] + offsets[mid]) / 2
}

// apart says how far a clock is ahead of or behind another.
func apart(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead of"
}
