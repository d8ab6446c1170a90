package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"eidgate/eid"
)

// How the process that delivers is known, and what it does besides.
const (
	runnerLease = 2 * time.Minute
	pruneEvery  = time.Hour
)

// LeaseName is the lease of the process that sends on a channel. "notices" is that of a
// version that sends mail alone and does not know codes: it holds up nobody who does.
func LeaseName(ch Channel) string { return "notices." + string(ch) }

// Deps are what a Runner works with.
type Deps struct {
	Outbox   Outbox
	Ledger   Ledger
	Registry Registry
	Leases   Leases
	Senders  map[Channel]Sender
	Texts    *Texts
	Meter    Meter
	Log      *slog.Logger
	Now      func() time.Time
}

// Runner delivers notices and queues those of days that come near. Of several processes
// the holder of a channel's lease does so.
type Runner struct {
	deps      Deps
	perMinute int
	each      time.Duration // what one message takes of the pace
	holder    string
	couriers  []*courier

	mu     sync.Mutex            // of leased
	leased map[Channel]time.Time // until when the lease of a channel is ours

	pruned time.Time
	passes map[string]pass
}

// NewRunner starts nothing. At most so many messages go a minute on each channel; those
// that are urgent are not counted.
func NewRunner(perMinute int, d Deps) (*Runner, error) {
	if perMinute < 1 {
		return nil, errors.New("notices: no message a minute")
	}
	if len(d.Senders) == 0 {
		return nil, errors.New("notices: nobody to send them")
	}
	r := &Runner{
		deps: d, perMinute: perMinute, each: time.Minute / time.Duration(perMinute), holder: rand.Text(),
		leased: map[Channel]time.Time{}, passes: map[string]pass{},
	}
	for ch, sender := range d.Senders {
		urgent, quiet := Lane{Channel: ch, Urgent: true}, Lane{Channel: ch}
		for range urgentCouriers {
			r.couriers = append(r.couriers, &courier{Runner: r, lane: urgent, sender: sender, manner: urgent.manner()})
		}
		r.couriers = append(r.couriers, &courier{Runner: r, lane: quiet, sender: sender, manner: quiet.manner()})
	}
	return r, nil
}

// Run delivers until ctx ends, and closes its senders. While something is away notices wait, and it is said once.
func (r *Runner) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, c := range r.couriers {
		group.Go(func() error {
			each(ctx, turnEvery, func() { c.turn(ctx) })
			return nil
		})
	}
	group.Go(func() error {
		failing := false
		each(ctx, turnEvery, func() {
			err := r.keep(ctx)
			if err != nil && ctx.Err() == nil && !failing {
				r.deps.Log.ErrorContext(ctx, "notices to holders are not planned", "err", err)
			}
			failing = err != nil
		})
		return nil
	})
	err := group.Wait()
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	for _, sender := range r.deps.Senders {
		sender.Close(after)
	}
	r.giveBack(after)
	return err
}

// each does something now and from time to time, until ctx ends.
func each(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Turn does once, one after another, what Run does all the time.
func (r *Runner) Turn(ctx context.Context) error {
	var failed []error
	for _, c := range r.couriers {
		failed = append(failed, c.deliver(ctx))
	}
	return errors.Join(append(failed, r.keep(ctx))...)
}

// keep plans notices of days that come near, and clears away.
func (r *Runner) keep(ctx context.Context) error {
	now := r.deps.Now()
	if _, mail := r.deps.Senders[Email]; mail {
		if ours, err := r.ours(ctx, Email, now); err != nil || !ours {
			return err
		}
		if err := r.plan(ctx, now); err != nil {
			return err
		}
	}
	return r.prune(ctx, now)
}

// ours prolongs the lease of a channel when half of it is over.
func (r *Runner) ours(ctx context.Context, ch Channel, now time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := r.leased[ch].Sub(now); left > runnerLease/2 && left <= runnerLease {
		return true, nil
	}
	taken, err := r.deps.Leases.TakeLease(ctx, LeaseName(ch), r.holder, runnerLease)
	if err != nil || !taken {
		delete(r.leased, ch)
		return false, err
	}
	r.leased[ch] = now.Add(runnerLease)
	return true, nil
}

func (r *Runner) giveBack(ctx context.Context) {
	for ch := range r.deps.Senders {
		if err := r.deps.Leases.EndLease(ctx, LeaseName(ch), r.holder); err != nil {
			r.deps.Log.WarnContext(ctx, "the lease of notices was not given back", "channel", ch, "err", err)
		}
	}
}

// places says what texts call the places of old accounts, by source. Most notices are
// about none.
func (r *Runner) places(ctx context.Context, list []Notice) (map[string]Place, error) {
	all := map[string]Place{}
	if !slices.ContainsFunc(list, func(n Notice) bool { return n.Source != "" }) {
		return all, nil
	}
	sources, err := r.deps.Registry.Sources(ctx)
	if err != nil {
		return nil, err
	}
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
