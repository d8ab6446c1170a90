package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Errors of sealing.
var (
	// ErrTaken reports that another process made the checkpoint.
	ErrTaken = errors.New("checkpoint is there already")
	// ErrTampered reports checkpoints that are not those that were made: sealing on
	// would make new evidence over what was cut away.
	ErrTampered = errors.New("the audit's checkpoints were tampered with; run `eidgate audit verify`")
)

// Store is where rows come from and checkpoints go.
type Store interface {
	// Head says where the chain stands. The error wraps ErrTampered where what is
	// stored is not what was appended last.
	Head(ctx context.Context) (Head, error)
	// RowsAfter gives rows after an id, oldest first, limit at most.
	RowsAfter(ctx context.Context, id int64, limit int) ([]Row, error)
	// Append keeps a checkpoint and the head that it makes, together. The error wraps
	// ErrTaken where one of that number is there.
	Append(ctx context.Context, c Checkpoint, head Head) error
	// TakeLease reports whether holder alone seals for so long.
	TakeLease(ctx context.Context, name, holder string, lasts time.Duration) (bool, error)
}

const (
	sealEvery   = 500 * time.Millisecond
	turnTime    = 10 * time.Second
	turnPages   = 20 // checkpoints of one turn: over an old database others write as well
	leaseName   = "audit-sealer"
	leaseLasts  = 10 * time.Second
	leaseRenews = 5 * time.Second // what is left of a lease at most when it is prolonged
)

// Sealer puts the rows that were written into checkpoints. Of several processes the
// holder of the lease does so.
type Sealer struct {
	store  Store
	signer Signer
	log    *slog.Logger
	now    func() time.Time
	holder string

	mu      sync.Mutex // one turn at a time
	known   Head       // the last that this process saw
	leased  time.Time  // until when the lease is ours
	failing bool       // the last turn failed, and it was said
}

// NewSealer starts nothing.
func NewSealer(store Store, signer Signer, log *slog.Logger, now func() time.Time) *Sealer {
	return &Sealer{store: store, signer: signer, log: log, now: now, holder: rand.Text()}
}

// Run seals until ctx ends. While the store or the key is away rows wait, and it is
// said once. What is written after its end is for Finish.
func (s *Sealer) Run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		s.turn(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Finish seals what was written before a process ends, though ctx has ended.
func (s *Sealer) Finish(ctx context.Context) { s.turn(context.WithoutCancel(ctx)) }

// turn is one Seal of Run.
func (s *Sealer) turn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	_, err := s.Seal(ctx)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // the process ends
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.failing:
		s.failing = false
		s.log.InfoContext(ctx, "audit rows are sealed again")
	case err != nil && !s.failing:
		s.failing = true
		s.log.ErrorContext(ctx, "audit rows are not sealed", "err", err)
	}
}

// Seal makes checkpoints of the rows that have none yet, a page each and 20 at most,
// and reports how many it made. Where nothing was written it writes nothing, and where another
// process seals it leaves the rows to that one.
func (s *Sealer) Seal(ctx context.Context) (made int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range turnPages {
		more, err := s.page(ctx)
		if errors.Is(err, ErrTaken) {
			s.leased = time.Time{} // somebody else believes to have it
			return made, nil
		}
		if err != nil || !more {
			return made, err
		}
		made++
	}
	return made, nil
}

// page makes one checkpoint, if there is something to seal and it is ours to do.
func (s *Sealer) page(ctx context.Context) (bool, error) {
	head, err := s.store.Head(ctx)
	if err != nil {
		return false, fmt.Errorf("finding the last checkpoint: %w", err)
	}
	if head.N < s.known.N || (head.N == s.known.N && head.Hash != s.known.Hash) {
		return false, fmt.Errorf("%w: checkpoint %d was there, %d is the last now", ErrTampered, s.known.N, head.N)
	}
	s.known = head
	rows, err := s.store.RowsAfter(ctx, head.Last, MaxRows)
	if err != nil {
		return false, fmt.Errorf("reading what is to be sealed: %w", err)
	}
	if len(rows) == 0 {
		return false, nil
	}
	if ours, err := s.lease(ctx); err != nil || !ours {
		return false, err
	}
	if head.Log == "" {
		head.Log = rand.Text()
	}
	at := s.now().UTC().Truncate(time.Microsecond)
	if at.Before(head.At) {
		at = head.At // time does not go back in the chain, whatever the clock does
	}
	c, next, err := head.next(rows, at, s.signer)
	if err != nil {
		return false, err
	}
	if err := s.store.Append(ctx, c, next); err != nil {
		return false, fmt.Errorf("keeping checkpoint %d: %w", c.N, err)
	}
	s.known = next
	return true, nil
}

// lease reports whether this process seals. It asks only when it has something to
// seal, so that an idle gateway writes nothing.
func (s *Sealer) lease(ctx context.Context) (bool, error) {
	now := s.now()
	if s.leased.Sub(now) > leaseRenews {
		return true, nil
	}
	ours, err := s.store.TakeLease(ctx, leaseName, s.holder, leaseLasts)
	if err != nil {
		return false, err
	}
	s.leased = time.Time{}
	if ours {
		s.leased = now.Add(leaseLasts)
	}
	return ours, nil
}
