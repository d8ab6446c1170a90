// Package storetest holds one suite for each port of the store: every backend
// passes the same tests.
package storetest

import (
	"sync"
	"time"
)

// Clock is a clock that moves when told. It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	t       time.Time
	follows []func(time.Duration)
}

// NewClock starts a clock at a fixed time.
func NewClock() *Clock {
	return &Clock{t: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock, and whatever follows it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	for _, follow := range c.follows {
		follow(d)
	}
}

// Follow has f called with every move of the clock: a backend that keeps a clock
// of its own ages what it holds instead.
func (c *Clock) Follow(f func(d time.Duration)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follows = append(c.follows, f)
}

// race runs f in n goroutines that start together and returns when all are done.
func race(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
