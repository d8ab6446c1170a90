package main_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/keys"
)

// TestEmergencyUnderLoad revokes a key that signs while sessions take tokens and
// portals verify them. Within the processes' next look nobody signs with it, its
// tokens are refused where the gateway is asked, and by portals once their caches have
// run out; tokens under every other key verify at every moment, and sessions go on.
func TestEmergencyUnderLoad(t *testing.T) {
	f := startFleet(t, fleetSettings{
		processes: 3, maxAge: 3 * time.Second, life: 10 * time.Second,
		algorithms: []jose.SignatureAlgorithm{jose.ES256, jose.RS256},
	})
	holders := f.holders(t, 2)
	opaque, victim := f.holders(t, 1)[0], holders[len(holders)-1] // of the ES256 client, and of the other
	holders = holders[:len(holders)-1]
	e := f.examine(t)
	l := startLoad(t, e, holders)

	// A rotation first, so that a key that verifies only is there too; then the new
	// standby is left until caches have it.
	first := f.key(t, keys.RS256, keys.Signing)
	f.rotate(t, jose.RS256)
	within(t, "a rotation", func() bool { return f.key(t, keys.RS256, keys.Signing).ID != first.ID })
	within(t, "a standby that caches have", func() bool {
		return time.Since(f.key(t, keys.RS256, keys.Published).PublishedAt) > 2*f.settings.maxAge+time.Second
	})
	revoked, standby := f.key(t, keys.RS256, keys.Signing), f.key(t, keys.RS256, keys.Published)
	if _, err := opaque.next(t.Context()); err != nil {
		t.Fatal(err)
	}
	hint, err := victim.next(t.Context())
	must(t, err)
	jwt, err := victim.resource(t.Context())
	must(t, err)
	if hint.kid != revoked.ID || jwt.kid != revoked.ID || hint.client.Alg != jose.RS256 {
		t.Fatalf("%s signed the tokens, want %s", hint.kid, revoked.ID)
	}
	asked := func(m *member) (counts, hints, known bool) {
		counts, err := victim.active(t.Context(), m, victim.access)
		must(t, err)
		hints, err = victim.hinted(t.Context(), m, hint.raw)
		must(t, err)
		known, err = m.knows(t.Context(), f.Issuer, opaque.access)
		must(t, err)
		return counts, hints, known
	}
	access := victim.access // the hint makes a code, and with it another token
	for i, m := range f.members {
		victim.access = access
		if counts, hints, known := asked(m); !counts || !hints || !known {
			t.Errorf("process %d before: introspection %v, hint %v, userinfo %v, want all of them", i+1, counts, hints, known)
		}
	}

	e.revoke(revoked.ID)
	begun := time.Now()
	rev, err := f.ring(t, time.Now).Revoke(t.Context(), revoked.ID, "operator:test", "a test of an emergency")
	must(t, err)
	if rev.Signing != standby.ID || !slices.Equal(rev.Revoked, []string{revoked.ID}) {
		t.Errorf("Revoke() = %+v, want that %s signs from now on", rev, standby.ID)
	}
	for _, m := range f.members {
		within(t, "every process to know", func() bool { return !slices.Contains(f.published(t, m), revoked.ID) })
	}
	e.revokedEverywhere()
	inForce := time.Since(begun)
	victim.access = access
	for i, m := range f.members {
		if counts, hints, known := asked(m); counts || hints || !known {
			t.Errorf("process %d after: introspection %v, hint %v, userinfo %v, want the last alone", i+1, counts, hints, known)
		}
	}
	before := e.tokens.Load()
	within(t, "sessions to go on", func() bool {
		_, signs := e.kidsOf()[standby.ID]
		return signs && e.tokens.Load() > before+2000 && time.Since(begun) > 2*f.settings.life/3
	})
	l.end()
	e.finish()
	if e.rejected.Load() != 0 || e.verified.Load() < 10_000 {
		t.Errorf("%d verifications under other keys rejected and %d good, want none and many", e.rejected.Load(), e.verified.Load())
	}
	if e.revoked.Load() == 0 {
		t.Errorf("no token under the revoked key was rejected by any portal")
	}
	f.lines(t)
	if rec := f.find(t, revoked.ID); rec.State != keys.Retired || rec.RevokedAt.IsZero() {
		t.Errorf("the revoked key is %s, revoked at %v", rec.State, rec.RevokedAt)
	}
	f.logsNothing(t)
	t.Logf("in force everywhere after %v; %d tokens, %d verifications, %d of the revoked key rejected",
		inForce.Round(time.Millisecond), e.tokens.Load(), e.verified.Load(), e.revoked.Load())
}

// TestForcedActivationRejects shows what the wait is for, and that the verifiers of
// these tests notice: a standby that is forced to sign before caches have it makes
// portals reject its tokens until they fetch.
func TestForcedActivationRejects(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{
		processes: 1, maxAge: 30 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256},
	})
	h, v, ring := f.holders(t, 1)[0], f.verifier(0), f.ring(t, time.Now)
	if _, err := v.cached(t.Context()); err != nil {
		t.Fatal(err)
	}
	force := func() given {
		t.Helper()
		rot, err := ring.Activate(t.Context(), keys.Tokens, keys.ES256, "operator:test", "a test", true)
		must(t, err)
		var tok given
		within(t, "the forced key to sign", func() bool {
			var err error
			tok, err = h.next(t.Context())
			must(t, err)
			return tok.kid == rot.To
		})
		return tok
	}
	if err := v.verify(t.Context(), force(), time.Now()); err != nil {
		t.Errorf("verify() of the standby that was cached = %v, want nil", err)
	}
	tok := force()
	if err := v.verify(t.Context(), tok, time.Now()); err == nil {
		t.Errorf("verify() of a key that was made a moment ago = nil, want an error")
	}
	if err := f.verifier(0).verify(t.Context(), tok, time.Now()); err != nil {
		t.Errorf("verify() with a key set of now = %v, want nil", err)
	}
	if _, err := ring.Activate(t.Context(), keys.Tokens, keys.ES256, "operator:test", "a test", false); err == nil {
		t.Errorf("Activate() of a young standby without force = nil, want an error")
	}
}
