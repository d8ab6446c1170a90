package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"eidgate/eid"
)

// How notices are delivered.
const (
	turnEvery   = time.Second
	turnTime    = 75 * time.Second // of one turn's messages; those not begun wait
	turnMost    = 20               // notices of one turn
	atOnce      = 4                // connections
	noticeLease = 3 * time.Minute  // longer than any turn and its last message
	runnerLease = 2 * time.Minute
	pruneEvery  = time.Hour
	leastRest   = 5 * time.Second // while the server is down
	mostRest    = 5 * time.Minute
	noteTime    = 5 * time.Second // to write down how it went, though the process ends
)

// LeaseName is the lease of the process that sends on a channel.
func LeaseName(ch Channel) string {
	if ch == Email {
		return "notices"
	}
	return "notices." + string(ch)
}

// backOff is the pause after a failed attempt, given how many were begun before.
func backOff(before int) time.Duration {
	pauses := []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
	}
	return pauses[min(max(before, 0), len(pauses)-1)]
}

// Deps are what a Runner works with.
type Deps struct {
	Outbox   Outbox
	Ledger   Ledger
	Registry Registry
	Leases   Leases
	Sender   Sender
	Texts    *Texts
	Meter    Meter
	Log      *slog.Logger
	Now      func() time.Time
}

// Runner delivers notices and queues those of days that come near. Of several processes
// the holder of the lease does so.
type Runner struct {
	deps      Deps
	perMinute int
	each      time.Duration // what one message takes of the pace
	holder    string

	leased   time.Time     // until when the lease is ours
	credit   time.Duration // worth of messages that may go now
	measured time.Time     // when credit was last raised
	rest     time.Duration
	resting  time.Time // until when the server is left alone
	pruned   time.Time
	failing  bool // the last turn failed, and it was said
	passes   map[string]pass
}

// NewRunner starts nothing. At most so many messages go a minute.
func NewRunner(perMinute int, d Deps) (*Runner, error) {
	if perMinute < 1 {
		return nil, errors.New("notices: no message a minute")
	}
	return &Runner{deps: d, perMinute: perMinute, each: time.Minute / time.Duration(perMinute), holder: rand.Text(), passes: map[string]pass{}}, nil
}

// Run delivers until ctx ends. While something is away notices wait, and it is said once.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		err := r.Turn(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
		case err == nil && r.failing:
			r.failing = false
			r.deps.Log.InfoContext(ctx, "notices to holders go out again")
		case err != nil && !r.failing:
			r.failing = true
			r.deps.Log.ErrorContext(ctx, "notices to holders do not go out", "err", err)
		}
		select {
		case <-ctx.Done():
			r.giveBack(ctx)
			return nil
		case <-tick.C:
		}
	}
}

// Turn does what is to be done now, if it is ours to do.
func (r *Runner) Turn(ctx context.Context) error {
	now := r.deps.Now()
	if ours, err := r.ours(ctx, now); err != nil || !ours {
		return err
	}
	err := r.deliver(ctx, now)
	return errors.Join(err, r.plan(ctx, now), r.prune(ctx, now))
}

// ours prolongs the lease when half of it is over.
func (r *Runner) ours(ctx context.Context, now time.Time) (bool, error) {
	if left := r.leased.Sub(now); left > runnerLease/2 && left <= runnerLease {
		return true, nil
	}
	taken, err := r.deps.Leases.TakeLease(ctx, LeaseName(Email), r.holder, runnerLease)
	if err != nil || !taken {
		r.leased = time.Time{}
		return false, err
	}
	r.leased = now.Add(runnerLease)
	return true, nil
}

func (r *Runner) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := r.deps.Leases.EndLease(ctx, LeaseName(Email), r.holder); err != nil {
		r.deps.Log.WarnContext(ctx, "the lease of notices was not given back", "err", err)
	}
}

// deliver sends what is due, as fast as it may.
func (r *Runner) deliver(ctx context.Context, now time.Time) error {
	if now.Before(r.resting) {
		return r.downSince()
	}
	n := r.budget(now)
	if n == 0 {
		return nil
	}
	list, err := r.deps.Outbox.ClaimNotices(ctx, Lane{Channel: Email}, noticeLease, n)
	if err != nil || len(list) == 0 {
		return err
	}
	r.credit -= time.Duration(len(list)) * r.each
	places, err := r.places(ctx)
	if err != nil {
		return errors.Join(err, r.putBack(ctx, list, now.Add(leastRest)))
	}
	within, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	var mu sync.Mutex
	var waiting []Notice // not tried, or tried in vain with a server that is down
	var down error
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, n := range list {
		group.Go(func() error {
			mu.Lock()
			stop := down != nil || within.Err() != nil
			mu.Unlock()
			var err error
			if !stop {
				err = r.send(within, n, places[n.Source])
			}
			switch {
			case stop, errors.Is(err, ErrDown), err != nil && ctx.Err() != nil:
				mu.Lock()
				defer mu.Unlock()
				waiting = append(waiting, n)
				if errors.Is(err, ErrDown) && ctx.Err() == nil {
					down = err
					r.deps.Meter.Notice(n.Kind, Down)
				}
				return nil
			}
			return r.settle(ctx, n, err)
		})
	}
	err = group.Wait()
	next := r.deps.Now()
	if down != nil {
		r.rest = min(max(2*r.rest, leastRest), mostRest)
		r.resting = next.Add(r.rest)
		next = r.resting
	} else if len(waiting) < len(list) {
		r.rest = 0
	}
	return errors.Join(err, down, r.putBack(ctx, waiting, next))
}

// downSince keeps the state of a failing server until it is tried again.
func (r *Runner) downSince() error { return fmt.Errorf("%w; tried again soon", ErrDown) }

// budget is how many messages may go now.
func (r *Runner) budget(now time.Time) int {
	if r.measured.IsZero() || now.Before(r.measured) {
		r.measured, r.credit = now, r.each
	}
	r.credit = min(r.credit+now.Sub(r.measured), turnMost*r.each)
	r.measured = now
	return int(r.credit / r.each)
}

// send writes and sends one notice.
func (r *Runner) send(ctx context.Context, n Notice, at Place) error {
	if n.Kind == OldStops && !r.deps.Now().Before(at.Stops) {
		return ErrRefused // its day was put forward, or its source is gone
	}
	m, err := r.deps.Texts.Message(n, at)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return r.deps.Sender.Send(ctx, m)
}

// settle writes down how an attempt ended. What cannot be written is tried again when
// its lease ends: a second copy has the ID of the first.
func (r *Runner) settle(ctx context.Context, n Notice, sent error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if sent == nil {
		r.deps.Meter.Notice(n.Kind, Sent)
		return r.deps.Outbox.NoticeSent(ctx, n.ID)
	}
	next, outcome := r.deps.Now().Add(backOff(n.Attempts)), Later
	if errors.Is(sent, ErrRefused) || !next.Before(n.Until) {
		next, outcome = time.Time{}, GivenUp
	}
	r.deps.Meter.Notice(n.Kind, outcome)
	r.deps.Log.WarnContext(ctx, "a notice to a holder was not taken", "notice", n.ID, "kind", n.Kind, "source", n.Source,
		"attempts", n.Attempts+1, "given_up", next.IsZero(), "err", sent)
	return r.deps.Outbox.NoticeFailed(ctx, n.ID, next)
}

func (r *Runner) putBack(ctx context.Context, list []Notice, next time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	var failed []error
	for _, n := range list {
		failed = append(failed, r.deps.Outbox.NoticePutBack(ctx, n.ID, next))
	}
	return errors.Join(failed...)
}

// places says what texts call the places of old accounts, by source.
func (r *Runner) places(ctx context.Context) (map[string]Place, error) {
	sources, err := r.deps.Registry.Sources(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]Place{}
	for i := range sources {
		src := &sources[i]
		at := Place{Portal: src.Provider}
		if src.Portal != nil {
			at.Stops = src.Portal.VerifyBy
			party, err := r.deps.Registry.RelyingParty(ctx, src.Portal.Client)
			switch {
			case err == nil:
				at.Portal, at.PortalEN, at.URL = party.Name, party.NameEN, party.URL
			case !errors.Is(err, eid.ErrNotFound):
				return nil, err
			}
		}
		all[src.ID] = at
	}
	return all, nil
}

// prune removes what went long ago.
func (r *Runner) prune(ctx context.Context, now time.Time) error {
	if since := now.Sub(r.pruned); since >= 0 && since < pruneEvery {
		return nil
	}
	n, err := r.deps.Outbox.PruneNotices(ctx)
	if err == nil && n == 0 {
		r.pruned = now // else there is more
	}
	return err
}
