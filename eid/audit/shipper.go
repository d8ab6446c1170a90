package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"
)

// Receiver keeps checkpoints where the database's owner does not reach.
type Receiver interface {
	// Receive keeps checkpoints, in order, for good. What it got before may come again.
	Receive(ctx context.Context, list []Checkpoint) error
}

// Outbox is where checkpoints wait to be shipped.
type Outbox interface {
	// Checkpoints gives those after a number, in order, limit at most.
	Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error)
	// Shipped is the number of the last that a receiver has, zero at first; Ship notes it.
	Shipped(ctx context.Context, target string) (int64, error)
	Ship(ctx context.Context, target string, n int64) error
	// TakeLease reports whether holder alone ships for so long.
	TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error)
}

const (
	shipEvery   = time.Second
	shipPage    = 20 // checkpoints of one try: 1.1 MB at most
	shipTime    = 15 * time.Second
	shipLasts   = 30 * time.Second
	shipLongest = time.Minute // between two tries
)

// Shipper brings checkpoints to a receiver, in order, each at least once. A receiver
// that is away delays nobody else: they wait where they are.
type Shipper struct {
	outbox   Outbox
	target   string // names the receiver
	receiver Receiver
	log      *slog.Logger
	holder   string
}

// NewShipper starts nothing.
func NewShipper(o Outbox, target string, r Receiver, log *slog.Logger) *Shipper {
	return &Shipper{outbox: o, target: target, receiver: r, log: log, holder: rand.Text()}
}

// Run ships until ctx ends. After a failure it waits twice as long, a minute at most,
// and says so once.
func (s *Shipper) Run(ctx context.Context) error {
	wait, failing := shipEvery, false
	for {
		_, err := s.Turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if failing {
				s.log.InfoContext(ctx, "checkpoints are shipped again", "to", s.target)
			}
			wait, failing = shipEvery, false
		default:
			if !failing {
				s.log.ErrorContext(ctx, "checkpoints are not shipped", "to", s.target, "err", err)
			}
			wait, failing = min(2*wait, shipLongest), true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Turn ships what waits and reports how many checkpoints that were.
func (s *Shipper) Turn(ctx context.Context) (int, error) {
	shipped := 0
	for {
		n, err := s.page(ctx)
		if err != nil || n == 0 {
			return shipped, err
		}
		shipped += n
	}
}

func (s *Shipper) page(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	after, err := s.outbox.Shipped(ctx, s.target)
	if err != nil {
		return 0, err
	}
	list, err := s.outbox.Checkpoints(ctx, after, shipPage)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, s.reached(ctx, after)
	}
	// Whoever has the lease reads anew: another may have shipped meanwhile.
	ours, err := s.outbox.TakeLease(ctx, "audit-shipper/"+s.target, s.holder, shipLasts)
	if err != nil || !ours {
		return 0, err
	}
	if err := s.receiver.Receive(ctx, list); err != nil {
		return 0, fmt.Errorf("shipping to %s: %w", s.target, err)
	}
	return len(list), s.outbox.Ship(ctx, s.target, list[len(list)-1].N)
}

// reached finds the last checkpoint that was shipped where none waits: a note of one that
// was never made would end shipping in silence.
func (s *Shipper) reached(ctx context.Context, n int64) error {
	if n == 0 {
		return nil
	}
	list, err := s.outbox.Checkpoints(ctx, n-1, 1)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: checkpoint %d is noted as shipped to %s, and is not there", ErrTampered, n, s.target)
	}
	return err
}
