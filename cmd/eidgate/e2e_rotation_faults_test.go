package main_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/keys"
)

// TestThreeColdStarts: three processes start together on a directory that is not
// there yet, and each line of keys has one that signs.
func TestThreeColdStarts(t *testing.T) {
	t.Parallel() // it waits more than it works
	for range 2 {
		f := newFleet(t, filepath.Join(t.TempDir(), "data"), fleetSettings{processes: 3, maxAge: 10 * time.Minute, life: time.Minute})
		f.configure(t)
		f.start(t, f.members...)
		published := f.agree(t)
		all := 0
		for l, n := range f.lines(t) {
			if all += n; n != 2 {
				t.Errorf("line %v has %d keys, want the first and its standby", l, n)
			}
		}
		if len(published) > all {
			t.Errorf("%d keys are published of %d", len(published), all)
		}
	}
}

// TestKilledInRotations: processes and operators' commands are killed at any moment of
// rotations, again and again. Each line goes on with one key that signs and one
// standby, and no token is rejected.
func TestKilledInRotations(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{
		processes: 3, maxAge: 2 * time.Second, life: 8 * time.Second, keys: "keys: {rotate_every: 4500ms}",
		algorithms: []jose.SignatureAlgorithm{jose.ES256, jose.RS256},
	})
	e := f.examine(t)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for _, h := range f.holders(t, 2) {
		work.Go(func() {
			for ctx.Err() == nil {
				// Killed in the middle, a request has no answer: the next begins anew.
				if tok, err := h.next(context.WithoutCancel(ctx)); err == nil {
					e.take(tok)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	const kills, rotated = 15, 8
	deadline := time.Now().Add(loadDeadline)
	for n := 0; n < kills || len(e.kidsOf()) < rotated; n++ {
		if time.Now().After(deadline) {
			t.Errorf("%d keys signed, want %d", len(e.kidsOf()), rotated)
			break
		}
		m := f.members[n%len(f.members)]
		time.Sleep(upTo(t, time.Second))
		m.kill()
		f.rotateAndKill(t, upTo(t, 120*time.Millisecond))
		f.start(t, m)
	}
	stop()
	work.Wait()
	e.finish()
	f.agree(t)
	f.lines(t)
	if e.rejected.Load() != 0 || e.verified.Load() == 0 {
		t.Errorf("%d verifications rejected of %d, want none", e.rejected.Load(), e.rejected.Load()+e.verified.Load())
	}
	for _, h := range f.holders(t, 1) {
		if _, err := h.next(t.Context()); err != nil {
			t.Errorf("after it all: %v", err)
		}
	}
	f.logsNothing(t)
	t.Logf("%d keys signed %d tokens, %d verifications", len(e.kidsOf()), e.tokens.Load(), e.verified.Load())
}

// rotateAndKill begins a rotation as an operator does and kills the command.
func (f *fleet) rotateAndKill(t *testing.T, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "keys", "rotate", "--config", f.members[0].file, "--alg", "ES256", "--reason", "killed")
	must(t, cmd.Start())
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may be done already
	_ = cmd.Wait()         // it was killed
}

// upTo is any length of time below most.
func upTo(t *testing.T, most time.Duration) time.Duration {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	must(t, err)
	return time.Duration(n.Int64())
}

// TestTwoOperatorsRotateAtOnce: they are told the same, and it happens once.
func TestTwoOperatorsRotateAtOnce(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{processes: 3, maxAge: 3 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256}})
	before := f.lines(t)
	var work sync.WaitGroup
	rings := make([]*keys.Ring, 4)
	for i := range rings {
		rings[i] = f.ring(t, time.Now)
	}
	within(t, "a standby that may sign", func() bool {
		return time.Since(f.key(t, keys.ES256, keys.Published).PublishedAt) > 2*f.settings.maxAge
	})
	signed := f.audited(t, keys.ActionSigning)
	got := make([]keys.Rotation, len(rings))
	for i, ring := range rings {
		work.Go(func() {
			var err error
			if got[i], err = ring.Rotate(t.Context(), keys.Tokens, keys.ES256, "operator:test", "a test"); err != nil {
				t.Errorf("Rotate() = %v, want nil", err)
			}
		})
	}
	work.Wait()
	for _, rot := range got[1:] {
		if rot.From != got[0].From || rot.To != got[0].To || rot.Pending {
			t.Errorf("Rotate() = %+v, want what another was told: %+v", rot, got[0])
		}
	}
	if n := f.audited(t, keys.ActionSigning) - signed; n != 1 {
		t.Errorf("%d keys came to sign, want one", n)
	}
	after := f.lines(t)
	before[keys.Line{Purpose: keys.Tokens, Algorithm: keys.ES256}]++ // the standby that is new
	if !maps.Equal(after, before) {
		t.Errorf("the lines have %v keys, want %v", after, before)
	}
	f.agree(t)
	h := f.holders(t, 1)[0]
	within(t, "the new key to sign everywhere", func() bool {
		for range f.members {
			tok, err := h.next(t.Context())
			must(t, err)
			if tok.kid != got[0].To {
				return false
			}
		}
		return true
	})

	// By the command, while the new standby is young: both schedule the same.
	scheduled := f.audited(t, keys.ActionScheduled)
	said := make([]string, 3)
	for i := range said {
		work.Go(func() {
			out, err := exec.CommandContext(t.Context(), binary, "keys", "rotate", "--config", f.members[i].file,
				"--alg", "ES256", "--reason", "a test").Output()
			if said[i] = string(out); err != nil {
				t.Errorf("keys rotate: %v", err)
			}
		})
	}
	work.Wait()
	if said[0] != said[1] || said[1] != said[2] || !strings.HasPrefix(said[0], "scheduled: ES256 key ") {
		t.Errorf("the operators are told %q, want one rotation that is scheduled", said)
	}
	if n := f.audited(t, keys.ActionScheduled) - scheduled; n != 1 {
		t.Errorf("%d rotations were scheduled, want one", n)
	}
}

// raw is a connection of the test's own to the database.
func (f *fleet) raw(t *testing.T) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.Dir, "eidgate.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	conn, err := db.Conn(t.Context())
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return conn
}

// TestKeysWhileTheDatabaseIsLocked: nobody can write while a rotation is due. The old
// key signs on for as long as it takes, and the rotation follows.
func TestKeysWhileTheDatabaseIsLocked(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{
		processes: 2, maxAge: 2 * time.Second, life: time.Minute, keys: "keys: {rotate_every: 4500ms}",
		algorithms: []jose.SignatureAlgorithm{jose.ES256},
	})
	h, v := f.holders(t, 1)[0], f.verifier(0)
	_, err := h.next(t.Context()) // later ones are refreshed: that writes to Redis alone
	must(t, err)
	conn := f.raw(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec("BEGIN EXCLUSIVE")
	locked := f.key(t, keys.ES256, keys.Signing).ID
	for begun := time.Now(); time.Since(begun) < 8*time.Second; time.Sleep(200 * time.Millisecond) { // longer than the term and than the max-age
		tok, err := h.next(t.Context())
		if err != nil {
			t.Fatalf("while the database is locked: %v", err)
		}
		if tok.kid != locked {
			t.Fatalf("key %s signs while the database is locked, want %s", tok.kid, locked)
		}
		if err := v.verify(t.Context(), tok, time.Now()); err != nil {
			t.Errorf("verify() = %v, want nil", err)
		}
		if h.used == refreshes-1 {
			h.used = 0 // an authorization would write an audit row
		}
	}
	exec("ROLLBACK")
	within(t, "the rotation that was due", func() bool {
		tok, err := h.next(t.Context())
		must(t, err)
		return tok.kid != locked
	})
	f.lines(t)
}

// TestKeysWhileTheStoreIsAway: the table of keys cannot be read. What is known signs
// until another process might have retired it, then nothing does; portals go on
// verifying; with the table everything comes back, and no key was made meanwhile.
func TestKeysWhileTheStoreIsAway(t *testing.T) {
	t.Parallel() // it waits more than it works
	f := startFleet(t, fleetSettings{processes: 2, maxAge: 3 * time.Second, life: time.Minute, algorithms: []jose.SignatureAlgorithm{jose.ES256}})
	h := f.holders(t, 1)[0]
	last, err := h.next(t.Context())
	must(t, err)
	before, published := f.stored(t), f.agree(t)
	conn := f.raw(t)
	rename := func(from, to string) {
		t.Helper()
		_, err := conn.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
		must(t, err)
	}
	rename("signing_keys", "signing_keys_away")
	tokens, refusals := 0, map[string]bool{}
	within(t, "every process to refuse", func() bool {
		refused := 0
		for range f.members {
			held := *h
			tok, err := h.next(t.Context())
			switch {
			case err == nil:
				last, tokens = tok, tokens+1
			case errors.Is(err, errNoToken):
				refused++
				refusals[err.Error()] = true
				*h = held
			default:
				t.Fatal(err)
			}
		}
		return refused == len(f.members)
	})
	if tokens == 0 {
		t.Errorf("nothing was signed from the moment that the keys could not be read")
	}
	for refusal := range refusals {
		if !strings.Contains(refusal, "503") {
			t.Errorf("refused with %q, want 503", refusal)
		}
	}
	for _, m := range f.members {
		got, err := m.get(t.Context(), f.Issuer+"/keys")
		must(t, err)
		var set jose.JSONWebKeySet
		must(t, json.Unmarshal(got.body, &set))
		if got.status != http.StatusOK || !slices.Equal(kids(set), published) {
			t.Errorf("/keys = %d, %v, want %v", got.status, kids(set), published)
		}
		if err := verifyWith(t.Context(), set, f.Issuer, last, time.Now()); err != nil {
			t.Errorf("verify() = %v, want nil", err)
		}
	}
	rename("signing_keys_away", "signing_keys")
	within(t, "both processes to sign again", func() bool {
		for range f.members {
			if h.refresh == "" {
				h.used = refreshes
			}
			if last, err = h.next(t.Context()); err != nil {
				return false
			}
		}
		return true
	})
	if after := f.stored(t); !slices.EqualFunc(after, before, func(a, b keys.Record) bool { return a.ID == b.ID && a.State == b.State }) {
		t.Errorf("%d keys are stored, want the %d from before as they were", len(after), len(before))
	}
}
