package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// cell is one operation at one subject.
type cell struct {
	operation string
	alg       string // of signatures; empty where nothing is signed
	subject   string // SQLite, Redis or floor
	proc      *process
	here      bool // the operations run in the bench itself
	// around makes ready for a slice of time, and says how to clear away after it; nil
	// where there is nothing to do.
	around func(context.Context) (done func() error, err error)
	redis  *redisServer // the subject's store; nil on SQLite
	// floor is the cell of the floor with the same exchanges, if there is one.
	floor *cell
	// do is one operation. Each worker is one connection's worth of load.
	do func(ctx context.Context, worker int) error

	rounds []sample
}

func (c *cell) name() string {
	if c.alg == "" {
		return c.operation + ", " + c.subject
	}
	return c.operation + ", " + c.alg + ", " + c.subject
}

// sample is what one slice of time showed.
type sample struct {
	elapsed   time.Duration
	latencies []time.Duration // one for each operation
	subject   time.Duration   // processor time of the subject's process
	redis     time.Duration   // processor time of the subject's Redis
	own       time.Duration   // processor time of the bench itself
	commands  int64           // that Redis ran, inside scripts too
}

// measure runs a cell for a slice of time in a closed loop: each worker begins an
// operation when its last one ended.
func measure(ctx context.Context, c *cell, workers int, slice time.Duration) (s sample, err error) {
	if c.around != nil {
		done, err := c.around(ctx)
		if err != nil {
			return s, fmt.Errorf("%s: %w", c.name(), err)
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	before, err := readClocks(ctx, c)
	if err != nil {
		return s, err
	}
	perWorker := make([][]time.Duration, workers)
	group, inner := errgroup.WithContext(ctx)
	begin := time.Now()
	for w := range workers {
		group.Go(func() error {
			for {
				started := time.Now()
				if started.Sub(begin) >= slice {
					return nil
				}
				if err := c.do(inner, w); err != nil {
					return fmt.Errorf("%s: %w", c.name(), err)
				}
				perWorker[w] = append(perWorker[w], time.Since(started))
			}
		})
	}
	if err := group.Wait(); err != nil {
		return s, err
	}
	s.elapsed = time.Since(begin)
	after, err := readClocks(ctx, c)
	if err != nil {
		return s, err
	}
	s.latencies = slices.Concat(perWorker...)
	s.subject, s.redis, s.own = after.subject-before.subject, after.redis-before.redis, after.own-before.own
	s.commands = after.commands - before.commands
	if len(s.latencies) < workers {
		return s, fmt.Errorf("%s: %d operations in %v are too few", c.name(), len(s.latencies), slice)
	}
	return s, nil
}

// clocks are the processor times at one moment.
type clocks struct {
	subject, redis, own time.Duration
	commands            int64
}

func readClocks(ctx context.Context, c *cell) (clocks, error) {
	var k clocks
	var err error
	if c.redis != nil {
		if k.commands, err = c.redis.commands(ctx); err != nil {
			return k, err
		}
		if k.redis, err = cpu(c.redis.pid()); err != nil {
			return k, err
		}
	}
	if c.here {
		k.subject, err = cpu(os.Getpid())
		return k, err
	}
	if k.subject, err = cpu(c.proc.pid()); err != nil {
		return k, err
	}
	k.own, err = cpu(os.Getpid())
	return k, err
}
