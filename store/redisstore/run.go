package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	lookEvery    = 500 * time.Millisecond
	inspectTicks = 20  // ticks of lookEvery between inspections
	keepTicks    = 120 // and between writing down
)

// RefusedError says why a server is not used.
type RefusedError struct{ Finding Finding }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("Redis at %s cannot be used: %s (mend: %s)", e.Finding.Node, e.Finding.Problem, e.Finding.Mend)
}

// Admit looks whether the server is fit, and joins its epoch. A *RefusedError
// means that it is not; any other error that it cannot be asked now. The findings
// are those that do not refuse.
func (s *Store) Admit(ctx context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Timeout)
	defer cancel()
	findings, servers, err := s.inspect(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		if f.Refuses {
			refused := &RefusedError{f}
			s.refuse(refused.Error())
			return nil, refused
		}
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.meet(ctx, servers); err != nil {
		return nil, err
	}
	s.refusal.Store(nil)
	return findings, nil
}

// Run looks after the server until ctx ends, then returns nil: that it is fit, that
// it has forgotten nothing, and that the count of writes is remembered.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	trouble := ""
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := s.tend(ctx, n)
		switch now := text(err); {
		case ctx.Err() != nil || now == trouble:
		case err != nil:
			s.log.WarnContext(ctx, "passing state is in trouble", "err", err)
			trouble = now
		default:
			s.log.InfoContext(ctx, "passing state is well again")
			trouble = ""
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tend is one turn of Run.
func (s *Store) tend(ctx context.Context, n int) error {
	if s.suspect.Swap(false) || s.refusal.Load() != nil || n%inspectTicks == 0 {
		if _, err := s.Admit(ctx); err != nil {
			s.suspect.Store(true)
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	e := s.epoch.Load()
	err := s.look(ctx, e)
	if errors.Is(err, errEnded) {
		err = s.renew(ctx, e)
	}
	if err == nil && n%keepTicks == 0 {
		err = s.keep(ctx, s.epoch.Load())
	}
	if err != nil {
		s.suspect.Store(true)
	}
	return err
}
