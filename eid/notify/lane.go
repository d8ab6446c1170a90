package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// How notices are delivered.
const (
	turnEvery = time.Second
	turnMost  = 20              // notices of one turn
	atOnce    = 4               // messages under way, of one courier
	noteTime  = 5 * time.Second // to write down how it went, though the process ends
	// urgentCouriers share what is urgent, so that one message that hangs holds up few.
	urgentCouriers = 3
)

// manner is how the notices of a lane are delivered.
type manner struct {
	time      time.Duration // of one turn's messages; those not begun wait
	lease     time.Duration // longer than any turn and its last message
	leastRest time.Duration // while the server is down, or takes no more for now
	mostRest  time.Duration
	pauses    []time.Duration // after a failed attempt, by how many were begun before
}

func (l Lane) manner() manner {
	if l.Urgent { // a code lives for minutes
		return manner{
			time: 10 * time.Second, lease: time.Minute, leastRest: time.Second, mostRest: 10 * time.Second,
			pauses: []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute},
		}
	}
	return manner{
		time: 75 * time.Second, lease: 3 * time.Minute, leastRest: 5 * time.Second, mostRest: 5 * time.Minute,
		pauses: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour},
	}
}

func (m manner) backOff(before int) time.Duration {
	return m.pauses[min(max(before, 0), len(m.pauses)-1)]
}

// courier delivers what waits in one lane. It rests by itself: what one lane's server
// does holds up no other.
type courier struct {
	*Runner
	lane   Lane
	sender Sender
	manner

	credit   time.Duration // worth of messages that may go now
	measured time.Time     // when credit was last raised
	rest     time.Duration
	resting  time.Time // until when the server is left alone
	fault    error     // why
	failing  bool      // the last turn failed, and it was said
	more     bool      // the last turn had as much as it could take: more may wait
}

// turn delivers until nothing urgent is left.
func (c *courier) turn(ctx context.Context) {
	for again := true; again && ctx.Err() == nil; {
		err := c.deliver(ctx)
		c.say(ctx, err)
		again = err == nil && c.more
	}
}

// deliver sends what is due, as fast as it may.
func (c *courier) deliver(ctx context.Context) error {
	now := c.deps.Now()
	c.more = false
	if ours, err := c.ours(ctx, c.lane.Channel, now); err != nil || !ours {
		return err
	}
	if now.Before(c.resting) {
		return c.fault
	}
	n := c.budget(now)
	if n == 0 {
		return nil
	}
	list, err := c.deps.Outbox.ClaimNotices(ctx, c.lane, c.lease, n)
	if err != nil || len(list) == 0 {
		return err
	}
	c.more = c.lane.Urgent && len(list) == n
	c.credit -= time.Duration(len(list)) * c.each
	places, err := c.places(ctx, list)
	if err != nil {
		return errors.Join(err, c.putBack(ctx, list, now.Add(c.leastRest)))
	}
	within, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	var mu sync.Mutex
	var waiting []attempt
	var taken, faulty bool
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, n := range list {
		group.Go(func() error {
			mu.Lock()
			stop := faulty || within.Err() != nil
			mu.Unlock()
			var err error
			if !stop {
				err = c.send(ctx, n, places[n.Source])
			}
			fault := errors.Is(err, ErrDown) || errors.Is(err, ErrBusy)
			if !stop && !fault && (err == nil || ctx.Err() == nil) {
				mu.Lock()
				taken = taken || err == nil
				mu.Unlock()
				return c.settle(ctx, n, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !fault || ctx.Err() != nil {
				err = nil
			}
			faulty = faulty || err != nil
			waiting = append(waiting, attempt{n, err})
			return nil
		})
	}
	return errors.Join(group.Wait(), c.setAside(ctx, waiting, taken, len(waiting) == len(list)))
}

// attempt is a notice that was not taken: by a fault of the server, or with nil not tried.
type attempt struct {
	Notice
	fault error
}

// setAside puts notices back for when the server can be used again. One that took others
// of the turn can be: what it did not take for a fault of its own is tried as what failed
// by itself is, and holds up nobody.
func (c *courier) setAside(ctx context.Context, waiting []attempt, taken, all bool) error {
	var back []Notice
	var down error
	var failed []error
	for _, w := range waiting {
		if taken && errors.Is(w.fault, ErrDown) {
			failed = append(failed, c.settle(ctx, w.Notice, w.fault))
			continue
		}
		if w.fault != nil {
			down = w.fault
			c.deps.Meter.Notice(w.Channel, w.Kind, outcomeOf(w.fault))
		}
		back = append(back, w.Notice)
	}
	next := c.deps.Now()
	if down != nil {
		c.rest = min(max(2*c.rest, c.leastRest), c.mostRest)
		c.resting, c.fault = next.Add(c.rest), down
		next = c.resting
	} else if !all {
		c.rest = 0
	}
	return errors.Join(append(failed, down, c.putBack(ctx, back, next))...)
}

func outcomeOf(fault error) Outcome {
	if errors.Is(fault, ErrBusy) {
		return Later
	}
	return Down
}

// budget is how many messages may go now. Nobody's pace holds up what is urgent.
func (c *courier) budget(now time.Time) int {
	if c.lane.Urgent {
		return atOnce
	}
	if c.measured.IsZero() || now.Before(c.measured) {
		c.measured, c.credit = now, c.each
	}
	c.credit = min(c.credit+now.Sub(c.measured), turnMost*c.each)
	c.measured = now
	return int(c.credit / c.each)
}

// send writes and sends one notice.
func (c *courier) send(ctx context.Context, n Notice, at Place) error {
	now := c.deps.Now()
	if !now.Before(n.Until) || n.Kind == OldStops && !now.Before(at.Stops) {
		return ErrRefused // its time is over; its day was put forward, or its source is gone
	}
	m, err := c.deps.Texts.Message(n, at)
	if err != nil {
		return errors.Join(ErrRefused, err)
	}
	m.Lasts = max(n.Until.Sub(now), time.Second) // who reads whole seconds takes none for always
	return c.sender.Send(ctx, m)
}

// settle writes down how an attempt ended. What cannot be written is tried again when
// its lease ends: a second copy has the ID of the first.
func (c *courier) settle(ctx context.Context, n Notice, sent error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if sent == nil {
		c.deps.Meter.Notice(n.Channel, n.Kind, Sent)
		return c.deps.Outbox.NoticeSent(ctx, n.ID)
	}
	next, outcome := c.deps.Now().Add(c.backOff(n.Attempts)), Later
	if errors.Is(sent, ErrRefused) || !next.Before(n.Until) {
		next, outcome = time.Time{}, GivenUp
	}
	c.deps.Meter.Notice(n.Channel, n.Kind, outcome)
	c.deps.Log.WarnContext(ctx, "a notice to a holder was not taken", "notice", n.ID, "kind", n.Kind, "channel", n.Channel, "source", n.Source,
		"attempts", n.Attempts+1, "given_up", next.IsZero(), "err", sent)
	return c.deps.Outbox.NoticeFailed(ctx, n.ID, next)
}

func (c *courier) putBack(ctx context.Context, list []Notice, next time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	var failed []error
	for _, n := range list {
		failed = append(failed, c.deps.Outbox.NoticePutBack(ctx, n.ID, next))
	}
	return errors.Join(failed...)
}

// say logs that a lane stopped, and that it goes on.
func (c *courier) say(ctx context.Context, err error) {
	switch {
	case err != nil && ctx.Err() != nil:
	case err == nil && c.failing:
		c.failing = false
		c.deps.Log.InfoContext(ctx, "notices to holders go out again", "channel", c.lane.Channel, "urgent", c.lane.Urgent)
	case err != nil && !c.failing:
		c.failing = true
		c.deps.Log.ErrorContext(ctx, "notices to holders do not go out", "channel", c.lane.Channel, "urgent", c.lane.Urgent, "err", err)
	}
}
