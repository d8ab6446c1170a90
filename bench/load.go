package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of a load.
const (
	maxWorkers  = 500
	maxDuration = 20 * time.Minute // sessions and tokens live longer
	// restFor is how long nobody signs in again: a one-time code counts once, and
	// five sign-ins in a quarter of an hour are allowed.
	restFor = 4 * time.Minute
)

// mix is the order in which each worker goes about its work: half flows, a
// quarter userinfo, a fifth refreshes, and one password sign-in in twenty.
var mix = []string{
	"flow", "userinfo", "flow", "refresh", "flow", "userinfo", "flow", "refresh", "flow", "sign-in",
	"userinfo", "flow", "refresh", "flow", "userinfo", "flow", "refresh", "flow", "userinfo", "flow",
}

// load is mixed work against one gateway.
type load struct {
	g        *gateway
	duration time.Duration
	tally    *tally
	signers  []person // who sign in with a password, taking turns

	mu     sync.Mutex
	turn   int
	lastAt []time.Time // when each of them last signed in
}

func newLoad(g *gateway, duration time.Duration, signers []person) *load {
	return &load{g: g, duration: duration, tally: newTally(), signers: signers, lastAt: make([]time.Time, len(signers))}
}

// run puts the load on until its time is over, or ctx ends.
func (l *load) run(ctx context.Context, workers int) error {
	inner, cancel := context.WithTimeout(ctx, l.duration)
	defer cancel()
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() { l.work(inner, w) })
	}
	group.Wait()
	return ctx.Err()
}

// work goes through the mix. What the end of the time cuts off does not count.
func (l *load) work(ctx context.Context, worker int) {
	p := l.g.direct[algorithms[worker%len(algorithms)]]
	var held tokens
	for step := worker; ctx.Err() == nil; step++ {
		operation, who := mix[step%len(mix)], person{}
		if operation == "sign-in" {
			var ok bool
			if who, ok = l.rested(time.Now()); !ok {
				operation = "flow"
			}
		} else if held.Refresh == "" {
			operation = "flow"
		}
		started := time.Now()
		got, err := held, error(nil)
		switch operation {
		case "flow":
			got, err = p.flow(ctx)
		case "userinfo":
			err = p.userinfo(ctx, held.Access)
		case "refresh":
			got, err = p.refresh(ctx, held.Refresh)
		case "sign-in":
			_, err = l.g.signIn(ctx, who, p)
		}
		if err != nil && ctx.Err() != nil {
			return
		}
		held = got
		if err != nil {
			held = tokens{} // nobody told whether they still count
			pause(ctx, err)
		}
		l.tally.add(operation, time.Since(started), err)
	}
}

// pause waits after an answer that asked to: a tenth of a second, so that a
// gateway that sheds is asked again and not hammered.
func pause(ctx context.Context, err error) {
	var status *statusError
	if !errors.As(err, &status) || !status.clear {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// rested is the next person, unless even that one signed in a short while ago.
func (l *load) rested(now time.Time) (person, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.lastAt[l.turn]) < restFor {
		return person{}, false
	}
	who := l.signers[l.turn]
	l.lastAt[l.turn] = now
	l.turn = (l.turn + 1) % len(l.signers)
	return who, true
}
