package keys

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewReportsEverythingAtOnce(t *testing.T) {
	cfg := Config{
		Plans: []Plan{
			{Purpose: Tokens, Algorithm: ES256, RotateEvery: time.Minute},
			{Purpose: Tokens, Algorithm: ES256},
			{Purpose: Tokens, Algorithm: "HS256"},
			{Purpose: Tokens, Algorithm: "none"},
			{Purpose: Tokens},
			{Purpose: Tokens, Algorithm: RSA},
			{Algorithm: ES256},
			{Purpose: "source//sign", Algorithm: ES256},
			{Purpose: "source/a/open", Algorithm: ES256},
			{Purpose: SourceDecryption("a"), Algorithm: RS256},
			{Purpose: SourceDecryption("b"), Algorithm: RSA, Custody: "hsm"},
			{Purpose: SourceSigning("a"), Algorithm: RS256, Certificate: Certificate{CommonName: "a", Years: 31}},
			{Purpose: SourceSigning("b"), Algorithm: RS256, PublishFor: -1},
		},
		RSABits: 1024, JWKSMaxAge: 1500 * time.Millisecond, Skew: -1,
	}
	_, err := New(cfg, Deps{})
	if err == nil {
		t.Fatal("New() = nil, want an error")
	}
	for _, want := range []string{"named twice", `"HS256"`, `"none"`, `algorithm ""`, `algorithm "RSA"`, `purpose ""`, `purpose "source//sign"`, `purpose "source/a/open"`, `decrypt RS256: algorithm`, `custody "hsm": unknown`, "31 years", "times: want 0", "rsa bits 1024", "max-age 1.5s", "token lifetime 0s", "skew -1ns", "poll 0s"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() error lacks %q: %v", want, err)
		}
	}
	short := es256()
	short.Plans[0].RotateEvery = 2*short.JWKSMaxAge - 1
	if _, err := New(short, Deps{}); err == nil || !strings.Contains(err.Error(), "plan of tokens ES256: rotation") {
		t.Errorf("New() with a rotation shorter than the standby's age = %v, want an error", err)
	}
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("New() with the zero configuration = nil, want an error")
	}
	if _, err := New(DefaultConfig(), Deps{}); err == nil {
		t.Error("New() without dependencies = nil, want an error")
	}
}

func TestRingWithoutKeysFailsClosed(t *testing.T) {
	other, _, _ := loaded(t, es256())
	r, _ := newRing(t, es256(), &memStore{}, newSealer(t), newClock())
	if _, err := r.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign() before Load = %v, want ErrNoKey", err)
	}
	if _, err := r.Snapshot().Verify(Tokens, sign(t, other.Snapshot(), ES256), "JWT"); !errors.Is(err, ErrToken) {
		t.Errorf("Verify() before Load = %v, want ErrToken", err)
	}
	if got := string(r.Snapshot().JWKS()); got != `{"keys":[]}` {
		t.Errorf("JWKS() before Load = %s, want no keys", got)
	}
}

func TestColdStart(t *testing.T) {
	r, store, _ := loaded(t, DefaultConfig())
	for _, alg := range []Algorithm{ES256, RS256} {
		signing, standby := store.in(alg, Signing), store.in(alg, Published)
		if len(signing) != 1 || len(standby) != 1 {
			t.Fatalf("%s: %d signing and %d published, want 1 and 1", alg, len(signing), len(standby))
		}
		if got, want := kidOf(t, sign(t, r.Snapshot(), alg)), signing[0].ID; got != want {
			t.Errorf("%s signed with %s, want %s", alg, got, want)
		}
	}
	var actions []string
	for _, e := range store.events {
		if e.Actor != "system" || e.Reason == "" || e.KeyID == "" {
			t.Errorf("event = %+v, want actor system, a reason and a key", e)
		}
		actions = append(actions, e.Action)
	}
	one := []string{ActionPublished, ActionSigning, ActionPublished}
	if want := slices.Repeat(one, 5); !slices.Equal(actions, want) {
		t.Errorf("events = %v, want %v", actions, want)
	}
	load(t, r)
	if store.updates != 1 {
		t.Errorf("%d updates after a second Load, want 1: there was nothing to do", store.updates)
	}
}

func TestColdStartRace(t *testing.T) {
	store, sealer, c := &memStore{}, newSealer(t), newClock()
	cfg := DefaultConfig()
	rings := make([]*Ring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		rings[i], _ = newRing(t, cfg, store, sealer, c)
		wg.Go(func() {
			if err := rings[i].Load(t.Context()); err != nil {
				t.Errorf("Load() = %v, want nil", err)
			}
		})
	}
	wg.Wait()
	for _, alg := range []Algorithm{ES256, RS256} {
		signing, standby := store.in(alg, Signing), store.in(alg, Published)
		if len(signing) != 1 || len(standby) != 1 {
			t.Errorf("%s: %d signing and %d published, want 1 and 1", alg, len(signing), len(standby))
		}
	}
	for i, r := range rings {
		if got, want := r.Snapshot().ETag(), rings[0].Snapshot().ETag(); got != want {
			t.Errorf("ring %d has the set %s, want %s", i, got, want)
		}
	}
}

func TestWrongMasterKeyStopsTheStart(t *testing.T) {
	_, store, c := loaded(t, es256())
	c.advance(365 * 24 * time.Hour) // everything is due
	before := len(store.records)
	cfg := DefaultConfig() // RS256 has no key yet
	r, _ := newRing(t, cfg, store, newSealer(t), c)
	if err := r.Load(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("Load() = %v, want ErrSealed", err)
	}
	if _, err := r.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test"); !errors.Is(err, ErrSealed) {
		t.Errorf("Rotate() = %v, want ErrSealed", err)
	}
	if len(store.records) != before || store.updates != 1 {
		t.Errorf("%d records after %d updates, want %d after 1: keys were invented", len(store.records), store.updates, before)
	}
}

func TestTamperedStore(t *testing.T) {
	foreign := made(t, Plan{Purpose: Tokens, Algorithm: ES256}, newSealer(t))
	for _, tt := range []struct {
		name string
		edit func([]Record) []Record
		want error // of a ring that starts; nil: any
	}{
		{"blob altered", func(r []Record) []Record {
			r[0].Sealed = append([]byte{}, r[0].Sealed...)
			r[0].Sealed[20] ^= 1
			return r
		}, ErrSealed},
		{"blobs swapped", func(r []Record) []Record {
			r[0].Sealed, r[1].Sealed = r[1].Sealed, r[0].Sealed
			return r
		}, ErrSealed},
		{"blob gone", func(r []Record) []Record { r[0].Sealed = nil; return r }, ErrSealed},
		{"kid changed", func(r []Record) []Record { r[0].ID = "../" + r[0].ID; return r }, ErrSealed},
		{"algorithm changed", func(r []Record) []Record { r[0].Algorithm = RS256; return r }, ErrSealed},
		{"foreign key added", func(r []Record) []Record {
			foreign.State = Verifying
			return append(r, foreign)
		}, ErrSealed},
		{"row twice", func(r []Record) []Record { return append(r, r[0]) }, nil},
		{"two that sign", func(r []Record) []Record { r[0].State, r[1].State = Signing, Signing; return r }, nil},
		{"one that was revoked", func(r []Record) []Record { r[0].RevokedAt = r[0].PublishedAt; return r }, nil},
		{"unknown state", func(r []Record) []Record { r[0].State = "trusted"; return r }, nil},
		{"empty state", func(r []Record) []Record { r[0].State = ""; return r }, nil},
		{"only retired rows left", func(r []Record) []Record {
			r[0].State, r[0].Sealed = Retired, nil
			return r[:1]
		}, ErrNoKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, store, c := loaded(t, es256())
			etag, token := r.Snapshot().ETag(), sign(t, r.Snapshot(), ES256)
			store.edit(tt.edit)
			again, _ := newRing(t, es256(), store, r.box.(*Sealer), c)
			if err := again.Load(t.Context()); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Load() of a starting ring = %v, want %v", err, tt.want)
			}
			if err := r.Load(t.Context()); err == nil {
				t.Error("Load() of the running ring = nil, want an error")
			}
			if got := r.Snapshot().ETag(); got != etag {
				t.Errorf("the running ring took the set %s, want %s still", got, etag)
			}
			if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
				t.Errorf("Verify() on the running ring = %v, want nil", err)
			}
		})
	}
}

func TestRunningRingNeverStartsOver(t *testing.T) {
	for _, left := range []int{0, 1} {
		r, store, _ := loaded(t, es256())
		kid := r.Snapshot().signingID(Line{Tokens, ES256})
		store.edit(func(records []Record) []Record { return records[:left] })
		if err := r.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "restore") {
			t.Errorf("Load() with %d rows left = %v, want an error that says to restore", left, err)
		}
		if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != kid {
			t.Errorf("signed with %s, want %s", got, kid)
		}
		if len(store.records) != left {
			t.Errorf("%d rows, want %d: keys were invented", len(store.records), left)
		}
	}
}

// A row's public member is for the record: whoever writes there publishes nothing.
func TestPublicColumnIsNotTrusted(t *testing.T) {
	r, store, c := loaded(t, es256())
	foreign := made(t, Plan{Purpose: Tokens, Algorithm: ES256}, newSealer(t))
	store.edit(func(records []Record) []Record {
		for i := range records {
			records[i].Public = foreign.Public
		}
		return records
	})
	again, _ := newRing(t, es256(), store, r.box.(*Sealer), c)
	load(t, again)
	if got, want := again.Snapshot().ETag(), r.Snapshot().ETag(); got != want {
		t.Errorf("ETag() = %s, want %s: the public column was published", got, want)
	}
}

func TestOutageKeepsSigningThenStops(t *testing.T) {
	store, sealer, c := &memStore{}, newSealer(t), newClock()
	way := &line{Store: store}
	r, logs := newRing(t, es256(), way, sealer, c)
	pass(t, r)
	token := sign(t, r.Snapshot(), ES256)
	way.set(true)
	for range 10 {
		c.advance(r.cfg.JWKSMaxAge / 10)
		pass(t, r)
		sign(t, r.Snapshot(), ES256)
	}
	if got := logs.count("level=ERROR"); got != 1 {
		t.Errorf("%d errors logged in an outage, want 1", got)
	}
	if err := r.Load(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("Load() = %v, want the store's error", err)
	}
	if _, err := r.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test"); !errors.Is(err, errAway) {
		t.Errorf("Rotate() = %v, want the store's error", err)
	}
	for range 3 {
		c.advance(time.Second)
		pass(t, r)
	}
	if _, err := r.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrStale) {
		t.Errorf("Sign() after the max-age = %v, want ErrStale", err)
	}
	if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
		t.Errorf("Verify() in an outage = %v, want nil", err)
	}
	if len(parseJWKS(t, r.Snapshot().JWKS()).Keys) != 2 {
		t.Error("JWKS() in an outage lost keys")
	}
	if got := logs.count("level=ERROR"); got != 2 {
		t.Errorf("%d errors logged, want 2: the outage and the end of signing", got)
	}
	way.set(false)
	pass(t, r)
	sign(t, r.Snapshot(), ES256)
	if got := logs.count("refreshed again"); got != 1 {
		t.Errorf("%d recoveries logged, want 1", got)
	}
}

func TestStoreThatCannotWriteKeepsSigning(t *testing.T) {
	store, sealer, c := &memStore{}, newSealer(t), newClock()
	way := &line{Store: store}
	cfg := es256()
	cfg.Plans[0].RotateEvery = 24 * time.Hour
	r, logs := newRing(t, cfg, way, sealer, c)
	load(t, r)
	first := r.Snapshot().signingID(Line{Tokens, ES256})
	way.readOnly = true
	for range 3 {
		c.advance(24 * time.Hour) // the rotation is due and cannot be written
		pass(t, r)
	}
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != first {
		t.Errorf("signed with %s, want %s: the store still says so", got, first)
	}
	if got := logs.count("level=ERROR"); got != 1 {
		t.Errorf("%d errors logged, want 1", got)
	}
	if _, err := r.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test"); !errors.Is(err, errAway) {
		t.Errorf("Rotate() = %v, want the store's error", err)
	}
	other, _ := newRing(t, cfg, store, sealer, c)
	load(t, other)
	pass(t, r)
	if got, want := r.Snapshot().signingID(Line{Tokens, ES256}), other.Snapshot().signingID(Line{Tokens, ES256}); got != want || got == first {
		t.Errorf("%s signs after another process rotated, want %s", got, want)
	}
}

// hungStore never answers before its caller gives up.
type hungStore struct{ Store }

func (hungStore) Keys(ctx context.Context) ([]Record, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHungStoreIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRing(t, es256(), hungStore{}, newSealer(t), newClock())
		start := time.Now()
		if err := r.Load(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Load() = %v, want context.DeadlineExceeded", err)
		}
		if got := time.Since(start); got != storeTimeout {
			t.Errorf("Load() gave up after %s, want %s", got, storeTimeout)
		}
	})
}

func TestRunAdoptsAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sealer := &memStore{}, newSealer(t)
		ring := func() *Ring {
			r, err := New(es256(), Deps{Store: store, Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		server, command := ring(), ring()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		synctest.Wait()
		first := kidOf(t, sign(t, server.Snapshot(), ES256))

		rot := rotate(t, command, ES256)
		if !rot.Pending || rot.From != first {
			t.Fatalf("Rotate() = %+v, want a pending one from %s", rot, first)
		}
		time.Sleep(time.Until(rot.At) - time.Second)
		synctest.Wait()
		if got := kidOf(t, sign(t, server.Snapshot(), ES256)); got != first {
			t.Errorf("signed with %s before its time, want %s", got, first)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := kidOf(t, sign(t, server.Snapshot(), ES256)); got != rot.To {
			t.Errorf("signed with %s after the rotation, want %s", got, rot.To)
		}
		time.Sleep(es256().verifyAge())
		synctest.Wait()
		if got := len(store.in(ES256, Retired)); got != 1 {
			t.Errorf("%d retired keys, want 1", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
}

// TestExamine: every key is opened, and nothing is written, due or not.
func TestExamine(t *testing.T) {
	c, store := newClock(), &memStore{}
	box := newSealer(t)
	cfg := DefaultConfig()
	ring, err := New(cfg, Deps{Store: store, Sealer: box, Now: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if infos, err := ring.Examine(t.Context()); err != nil || len(infos) != 0 {
		t.Errorf("Examine() of an empty store = %v, %v, want nothing", infos, err)
	}
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.advance(200 * 24 * time.Hour) // long due
	before, err := store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	infos, err := ring.Examine(t.Context())
	if err != nil || len(infos) != 10 {
		t.Errorf("Examine() = %d keys, %v, want 10", len(infos), err)
	}
	after, err := store.Keys(t.Context())
	if err != nil || !slices.EqualFunc(before, after, func(a, b Record) bool { return a.ID == b.ID && a.State == b.State }) {
		t.Errorf("the store changed: %v, %v", after, err)
	}
	other, err := New(cfg, Deps{Store: store, Sealer: newSealer(t), Now: c.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Examine(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("Examine() with another master key = %v, want ErrSealed", err)
	}
}

// TestSigningStopsThoughNobodyLooks: the look at the store hangs, or the process slept
// and was asked before it looked. What signs is judged when it signs.
func TestSigningStopsThoughNobodyLooks(t *testing.T) {
	r, _, c := loaded(t, es256())
	token := sign(t, r.Snapshot(), ES256)
	before := r.Snapshot()
	c.advance(es256().JWKSMaxAge)
	sign(t, before, ES256)
	c.advance(time.Microsecond)
	for name, s := range map[string]*Snapshot{"taken before": before, "taken now": r.Snapshot()} {
		if _, err := s.Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrStale) {
			t.Errorf("Sign() of a snapshot %s = %v, want ErrStale", name, err)
		}
		if _, err := s.Keys(Tokens)[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, ErrStale) {
			t.Errorf("signing by Keys() of a snapshot %s = %v, want ErrStale", name, err)
		}
		if _, err := s.Verify(Tokens, token, "JWT"); err != nil {
			t.Errorf("Verify() of a snapshot %s = %v, want nil", name, err)
		}
	}
	pass(t, r)
	sign(t, r.Snapshot(), ES256)
}
