package credential

import (
	"fmt"
	"sync"
	"time"
)

// admittedWait is how long somebody who was admitted waits for the evaluation at
// most, as far as the cost measured so far tells. With the evaluation itself an
// answer comes within a second.
const admittedWait = 700 * time.Millisecond

// shares is into how many parts the queue is divided: nobody has more than one,
// and one is kept free of strangers.
const shares = 4

// admission bounds how many evaluations run or wait. Whoever finds no room is
// turned away at once, before anything was counted or evaluated, so that a surge
// costs next to nothing and those inside are not kept waiting.
type admission struct {
	evaluations int // that run at a time

	mu        sync.Mutex
	inside    int
	strangers int            // of those inside
	of        map[string]int // how many of each name are inside
	cost      time.Duration  // of one evaluation, a moving average
	shed      uint64
	admitted  uint64
}

func newAdmission(evaluations int, cost time.Duration) *admission {
	return &admission{evaluations: evaluations, of: map[string]int{}, cost: cost}
}

// enter takes a place for who, or returns ErrBusy. The place is given back once.
// Whoever is not familiar is a stranger: however many of them come, and under
// whatever names, people who signed in here before find a place.
func (a *admission) enter(who string, familiar bool) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	room := a.room()
	share := max(room/shares, 1)
	full := a.inside >= room || !familiar && a.strangers >= room-share
	if full || who != "" && a.of[who] >= share {
		a.shed++
		return nil, fmt.Errorf("queueing to evaluate a password: %w", ErrBusy)
	}
	a.inside++
	if !familiar {
		a.strangers++
	}
	a.admitted++
	a.of[who]++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.inside--
		if !familiar {
			a.strangers--
		}
		if a.of[who]--; a.of[who] == 0 {
			delete(a.of, who)
		}
	}), nil
}

// room is how many may be inside: those that run, and those that will have begun
// when admittedWait is over, one for each that runs at the least.
func (a *admission) room() int {
	waiting := int(admittedWait / max(a.cost, time.Millisecond))
	return a.evaluations * (1 + max(waiting, 1))
}

// measured takes in what one evaluation cost. A machine that has other work makes
// the queue shorter, and longer again afterwards.
func (a *admission) measured(cost time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cost += (cost - a.cost) / 8
}

// Load is how busy the evaluation of passwords is.
type Load struct {
	Running, Waiting int
	Room             int    // for those that run and those that wait, now
	Admitted, Shed   uint64 // since the start
}

// Load gives the numbers of this moment.
func (p *Passwords) Load() Load {
	p.admission.mu.Lock()
	defer p.admission.mu.Unlock()
	running := len(p.running)
	return Load{
		Running: running, Waiting: max(p.admission.inside-running, 0), Room: p.admission.room(),
		Admitted: p.admission.admitted, Shed: p.admission.shed,
	}
}
