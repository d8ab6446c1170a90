package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlstore"
)

const (
	// heldEvery is how often a process says which keys of the master key it has.
	heldEvery = 10 * time.Second
	// heldFor is how long its word counts.
	heldFor = 35 * time.Second
)

// masterKeeper takes a changed master key into use, and tells other processes which
// keys this one has.
type masterKeeper struct {
	master  keys.MasterKey
	sealer  *keys.Sealer
	db      *sqlstore.DB
	log     *slog.Logger
	process string
	told    chan struct{} // a change is to be told at once

	refused string // why the last one was; empty: it was not
}

func newMasterKeeper(d *durable, log *slog.Logger) *masterKeeper {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &masterKeeper{
		master: d.master, sealer: d.sealer, db: d.db, log: log, told: make(chan struct{}, 1),
		process: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6]),
	}
}

// reload is what a subject calls. A master key that is bad, or that does not open what
// is sealed, leaves the old one in use.
func (k *masterKeeper) reload(ctx context.Context, asked bool) bool {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	next, err := k.master.Load(ctx)
	if err == nil {
		without := slices.DeleteFunc(k.sealer.KeyIDs(), next.Has)
		err = k.db.Opens(ctx, next, without)
	}
	was := fmt.Sprint(k.sealer.Primary(), k.sealer.KeyIDs())
	if err == nil {
		err = k.sealer.Replace(next)
	}
	if err != nil {
		if why := err.Error(); asked || why != k.refused {
			k.refused = why
			k.log.ErrorContext(ctx, "master key refused, going on with the one in use", "err", err)
		}
		return false
	}
	k.refused = ""
	if is := fmt.Sprint(next.Primary(), next.KeyIDs()); is != was {
		k.log.InfoContext(ctx, "master key live", "seals", next.Primary(), "keys", len(next.KeyIDs()))
	}
	select {
	case k.told <- struct{}{}:
	default:
	}
	return true
}

// run says again and again which keys this process has, until ctx ends, and takes its
// word back then.
func (k *masterKeeper) run(ctx context.Context) error {
	tick := time.NewTicker(heldEvery)
	defer tick.Stop()
	failing := false
	for {
		err := k.db.HoldsMasterKey(ctx, k.process, k.sealer.Primary(), k.sealer.KeyIDs())
		if ctx.Err() == nil && err != nil && !failing {
			k.log.ErrorContext(ctx, "not said which master key is held", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = k.db.EndMasterKeyProcess(last, k.process) // its word ends by itself
			return nil
		case <-k.told:
		case <-tick.C:
		}
	}
}
