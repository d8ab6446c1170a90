package main_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What a rotation under load has to reach.
const (
	keysToSign      = 20
	tokensToGive    = 20_000
	verificationsTo = 100_000
	// loadDeadline is for a machine that has much else to do; the counts are reached
	// in a minute or so.
	loadDeadline = 8 * time.Minute
	// tokenEvery paces the holders together: a test among others takes its share.
	tokenEvery = 2500 * time.Microsecond
)

// load keeps holders taking tokens until its end, paced, and hands the tokens to an
// examination.
type load struct {
	stop context.CancelFunc
	work sync.WaitGroup
}

func startLoad(t *testing.T, e *examination, holders []*holder) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	pace := time.NewTicker(tokenEvery)
	for _, h := range holders {
		l.work.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
				}
				// What has begun is carried through.
				tok, err := h.next(context.WithoutCancel(ctx))
				if err != nil {
					t.Errorf("%s: %v", h.client.ClientID, err)
					return
				}
				e.take(tok)
			}
		})
	}
	t.Cleanup(func() { l.end(); pace.Stop() })
	return l
}

// end stops taking tokens and waits for those under way.
func (l *load) end() {
	l.stop()
	l.work.Wait()
}

// rotate rotates as an operator does, beside the running processes.
func (f *fleet) rotate(t *testing.T, alg jose.SignatureAlgorithm) {
	t.Helper()
	exit, _, stderr := run(t, "keys", "rotate", "--config", f.members[0].file, "--alg", string(alg), "--reason", "a test of rotation")
	if exit != 0 {
		t.Errorf("keys rotate: exit %d, %s", exit, stderr)
	}
}

// TestRotationUnderLoad: three processes rotate their keys, by schedule and by an
// operator, while sessions take tokens and portals cache the key set for as long as
// they may. No portal rejects a token at any moment of its life.
func TestRotationUnderLoad(t *testing.T) {
	begun := time.Now()
	f := startFleet(t, fleetSettings{
		processes: 3, maxAge: 3 * time.Second, life: 8 * time.Second, keys: "keys: {rotate_every: 6100ms, algorithms: [ES256, RS256, PS256]}",
		algorithms: []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256},
	})
	holders := f.holders(t, 2)
	e := f.examine(t)
	t.Logf("%d holders of %d processes are there after %v", len(holders), len(f.members), time.Since(begun).Round(time.Second))
	l := startLoad(t, e, holders)
	reached := func() bool {
		return len(e.kidsOf()) >= keysToSign && e.tokens.Load() >= tokensToGive
	}
	for deadline := begun.Add(loadDeadline); !reached() && !t.Failed(); {
		if time.Now().After(deadline) {
			t.Error("not all is reached in time")
			break
		}
		f.rotate(t, jose.ES256) // the others rotate by schedule alone
		time.Sleep(2 * time.Second)
	}
	l.end()
	e.finish()

	byAlg, keys := e.signed(), len(e.kidsOf())
	if got := e.rejected.Load(); got != 0 {
		t.Errorf("%d verifications rejected, want none", got)
	}
	if got := e.verified.Load(); got < verificationsTo {
		t.Errorf("%d verifications, want %d at least", got, verificationsTo)
	}
	if keys < keysToSign || e.tokens.Load() < tokensToGive {
		t.Errorf("%d keys signed %d tokens, want %d and %d at least", keys, e.tokens.Load(), keysToSign, tokensToGive)
	}
	for _, c := range f.clients {
		if byAlg[c.Alg] < 3 {
			t.Errorf("%d keys signed %s, want 3 at least", byAlg[c.Alg], c.Alg)
		}
	}
	f.logsNothing(t)
	t.Logf("%v: %d keys signed %d tokens (%v); %d verifications, %d too late to be of use",
		time.Since(begun).Round(time.Second), keys, e.tokens.Load(), byAlg, e.verified.Load(), e.late.Load())
}

// within is waitUntil for what takes as long as keys do.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(loadDeadline); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) || t.Failed() {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestFrozenKeySetRejects shows that the examination can fail: a portal that keeps
// its key set over two rotations rejects the tokens of the key that came meanwhile.
func TestFrozenKeySetRejects(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{
		processes: 1, maxAge: 2 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256},
	})
	h := f.holders(t, 1)[0]
	got, err := f.members[0].get(t.Context(), f.Issuer+"/keys")
	must(t, err)
	frozen, err := got.keySet()
	must(t, err)
	fresh := f.verifier(0)
	seen := map[string]bool{}
	var last given
	within(t, "two rotations", func() bool {
		f.rotate(t, jose.ES256)
		time.Sleep(time.Second)
		last, err = h.next(t.Context())
		must(t, err)
		seen[last.kid] = true
		return len(seen) == 3
	})
	if err := fresh.verify(t.Context(), last, time.Now()); err != nil {
		t.Errorf("verify() with the key set of now = %v, want nil", err)
	}
	if err := verifyWith(t.Context(), frozen, f.Issuer, last, time.Now()); err == nil {
		t.Errorf("verify() with the key set from before = nil, want an error")
	}
	if err := verifyWith(t.Context(), fresh.set, f.Issuer, last, last.expires.Add(time.Second)); err == nil {
		t.Errorf("verify() of an expired token = nil, want an error")
	}
}
