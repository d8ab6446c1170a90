package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

var errAway = errors.New("store away")

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// memStore is a Store in memory. UpdateKeys runs each change twice, as a store that
// retries a transaction does.
type memStore struct {
	mu      sync.Mutex
	records []Record
	events  []Event
	revoked []RevokedKey
	updates int
}

func (s *memStore) Keys(context.Context) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records), nil
}

func (s *memStore) UpdateKeys(_ context.Context, change func([]Record) (Update, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := change(slices.Clone(s.records)); err != nil {
		return err
	}
	u, err := change(slices.Clone(s.records))
	if err != nil {
		return err
	}
	for _, rec := range u.Put {
		i := slices.IndexFunc(s.records, func(have Record) bool { return have.ID == rec.ID })
		if i < 0 {
			s.records = append(s.records, rec)
			continue
		}
		s.records[i] = rec
	}
	s.events = append(s.events, u.Events...)
	s.revoked = append(s.revoked, u.Revoked...)
	s.updates++
	return nil
}

// edit changes the stored records behind the ring's back.
func (s *memStore) edit(change func(records []Record) []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = change(slices.Clone(s.records))
}

func (s *memStore) in(alg Algorithm, state State) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Record
	for _, rec := range s.records {
		if rec.Purpose == Tokens && rec.Algorithm == alg && rec.State == state {
			found = append(found, rec)
		}
	}
	return found
}

// line is one process's way to the store; tests cut it.
type line struct {
	Store
	mu       sync.Mutex
	cut      bool
	readOnly bool
}

func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

func (l *line) away() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return errAway
	}
	return nil
}

func (l *line) Keys(ctx context.Context) ([]Record, error) {
	if err := l.away(); err != nil {
		return nil, err
	}
	return l.Store.Keys(ctx)
}

func (l *line) UpdateKeys(ctx context.Context, change func([]Record) (Update, error)) error {
	if err := l.away(); err != nil {
		return err
	}
	if l.readOnly {
		return errAway
	}
	return l.Store.UpdateKeys(ctx, change)
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.buf.Bytes(), []byte(text))
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// es256 is a quick configuration: one algorithm, rotated by hand only.
func es256() Config {
	cfg := DefaultConfig()
	cfg.Plans = []Plan{{Purpose: Tokens, Algorithm: ES256}}
	return cfg
}

// standbyAge and verifyAge are how long a key of tokens is published before it signs, and
// kept after.
func (c Config) standbyAge() time.Duration { return c.complete(c.Plans[0]).PublishFor }
func (c Config) verifyAge() time.Duration  { return c.complete(c.Plans[0]).VerifyFor }

// pass is one poll of a process, with what its custodies have to do between.
func pass(t testing.TB, r *Ring) {
	t.Helper()
	for range 3 {
		w := r.turn(t.Context())
		if w.none() || r.attend(t.Context(), w) != nil {
			break
		}
	}
	r.turn(t.Context())
}

func masterKey(t testing.TB) []byte {
	t.Helper()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&buf)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// made makes a key that no store has.
func made(t testing.TB, p Plan, box SealOpener) Record {
	t.Helper()
	rec, _, err := newRecord(t.Context(), p, 2048, software{}, box, newClock().now())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func newSealer(t testing.TB) *Sealer {
	t.Helper()
	s, err := NewSealer(masterKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newRing makes a ring that is not loaded.
func newRing(t testing.TB, cfg Config, store Store, sealer *Sealer, c *clock) (*Ring, *logBuffer) {
	t.Helper()
	logs := &logBuffer{}
	r, err := New(cfg, Deps{Store: store, Sealer: sealer, Now: c.now, Log: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	return r, logs
}

// loaded makes a ring over a store of its own and loads it.
func loaded(t testing.TB, cfg Config) (*Ring, *memStore, *clock) {
	t.Helper()
	store, c := &memStore{}, newClock()
	r, _ := newRing(t, cfg, store, newSealer(t), c)
	load(t, r)
	return r, store, c
}

func load(t testing.TB, r *Ring) {
	t.Helper()
	if err := r.Load(t.Context()); err != nil {
		t.Fatalf("Load() = %v, want nil", err)
	}
}

func rotate(t testing.TB, r *Ring, alg Algorithm) Rotation {
	t.Helper()
	rot, err := r.Rotate(t.Context(), Tokens, alg, "operator:synthetic", "test")
	if err != nil {
		t.Fatalf("Rotate(%s) error = %v, want nil", alg, err)
	}
	return rot
}

func sign(t testing.TB, s *Snapshot, alg Algorithm) string {
	t.Helper()
	token, err := s.Sign(Tokens, alg, "JWT", []byte(`{"sub":"synthetic"}`))
	if err != nil {
		t.Fatalf("Sign(%s) error = %v, want nil", alg, err)
	}
	return token
}

// kidOf reads the kid of a token as a verifier does.
func kidOf(t testing.TB, token string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Protected.KeyID
}

func parseJWKS(t testing.TB, raw []byte) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatalf("JWKS is not a key set: %v", err)
	}
	return set
}

// verifies reports whether a relying party that holds set accepts a token.
func verifies(token string, set jose.JSONWebKeySet) bool {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256})
	if err != nil {
		return false
	}
	_, err = jws.Verify(set)
	return err == nil
}
