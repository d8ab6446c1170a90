package main_test

import (
	"context"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/keys"
)

// ring is one more process of the fleet, as far as keys go, with a clock of its own.
func (f *fleet) ring(t *testing.T, now func() time.Time) *keys.Ring {
	t.Helper()
	db := f.open(t)
	cfg := keys.DefaultConfig()
	cfg.JWKSMaxAge, cfg.TokenLifetime = f.settings.maxAge, time.Hour
	ring, err := keys.New(cfg, keys.Deps{Store: db, Leases: db, Sealer: f.sealer, Now: now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	must(t, ring.Load(t.Context()))
	return ring
}

// TestProcessWithAClockAhead: of several processes one is two hours ahead. It neither
// lets a standby sign before caches have it nor retires a key, and nothing is written
// that lies ahead.
func TestProcessWithAClockAhead(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{processes: 2, maxAge: 3 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256}})
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	ahead := f.ring(t, func() time.Time { return time.Now().Add(2 * time.Hour) })
	work.Go(func() {
		if err := ahead.Run(ctx); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	h, v := f.holders(t, 1)[0], f.verifier(0)
	for range 2 {
		// Scheduled while the standby is young, or done at once by a right clock.
		standby := f.key(t, keys.ES256, keys.Published)
		f.rotate(t, jose.ES256)
		within(t, "the standby to sign", func() bool {
			tok, err := h.next(t.Context())
			must(t, err)
			if err := v.verify(t.Context(), tok, time.Now()); err != nil {
				t.Errorf("verify() = %v, want nil", err)
			}
			return tok.kid == standby.ID
		})
		if rec := f.find(t, standby.ID); rec.SigningAt.Sub(rec.PublishedAt) < 2*f.settings.maxAge {
			t.Errorf("the standby signs %v after it was published, want %v at least", rec.SigningAt.Sub(rec.PublishedAt), 2*f.settings.maxAge)
		}
	}
	stop()
	work.Wait()
	for _, rec := range f.stored(t) {
		for _, at := range []time.Time{rec.PublishedAt, rec.SigningAt, rec.VerifyingAt, rec.RetiredAt} {
			if at.After(time.Now()) {
				t.Errorf("key %s (%s) has a time ahead: %v", rec.ID, rec.State, at)
			}
		}
		if rec.State == keys.Retired {
			t.Errorf("key %s has retired", rec.ID)
		}
	}
	f.lines(t)
}

// TestProcessThatWasStopped: a process sleeps over an emergency, for longer than keys
// may go unconfirmed, and wakes with requests waiting. It signs none of them with the
// revoked key.
func TestProcessThatWasStopped(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{processes: 2, maxAge: 2 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256}})
	holders, asleep := f.holders(t, 3), f.members[1]
	for _, h := range holders {
		_, err := h.next(t.Context())
		must(t, err)
		h.via = asleep
	}
	ring, revoked := f.ring(t, time.Now), f.key(t, keys.ES256, keys.Signing).ID
	must(t, asleep.cmd.Process.Signal(syscall.SIGSTOP))
	_, err := ring.Revoke(t.Context(), revoked, "operator:test", "a test of an emergency")
	must(t, err)
	time.Sleep(f.settings.maxAge + time.Second)
	var work sync.WaitGroup
	for _, h := range holders {
		work.Go(func() {
			tok, err := h.next(context.WithoutCancel(t.Context()))
			if err == nil && tok.kid == revoked { // a refusal is right, too
				t.Errorf("the process that woke signs with the revoked key")
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // the requests wait at its socket
	must(t, asleep.cmd.Process.Signal(syscall.SIGCONT))
	work.Wait()
	h := f.holders(t, 1)[0]
	h.via = asleep
	within(t, "the process to follow", func() bool {
		tok, err := h.next(t.Context())
		return err == nil && tok.kid != revoked
	})
}
