package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// complaints keeps a failing collector from filling the log.
type complaints struct {
	log  *slog.Logger
	now  func() time.Time
	mu   sync.Mutex
	last time.Time
	held int // since the last line
}

func newComplaints(log *slog.Logger, now func() time.Time) *complaints {
	return &complaints{log: log, now: now}
}

func (c *complaints) take(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !c.last.IsZero() && now.Sub(c.last) < exportComplaints {
		c.held++
		return
	}
	c.log.Warn("traces not sent", "why", sendingFault(err), "more_since_last", c.held)
	c.last, c.held = now, 0
}

// sendingFault names the kind of a failure.
func sendingFault(err error) string {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &network):
		return "collector not reached"
	}
	return "refused by the collector, or not understood"
}
