package statestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/store"
	"eidgate/store/storetest"
)

func TestState(t *testing.T) {
	storetest.State(t, time.Millisecond, func(t *testing.T, clock *storetest.Clock) store.State {
		return open(t, filepath.Join(t.TempDir(), "state.db"), clock.Now)
	})
}

// TestStateOfTwoProcesses gives each call to the other of two stores on one file.
func TestStateOfTwoProcesses(t *testing.T) {
	storetest.State(t, time.Millisecond, func(t *testing.T, clock *storetest.Clock) store.State {
		path := filepath.Join(t.TempDir(), "state.db")
		return storetest.InTurn(open(t, path, clock.Now), open(t, path, clock.Now))
	})
}

func TestRestartKeepsState(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "deep", "state.db"), storetest.NewClock()
	before := open(t, path, clock.Now)
	apply(t, before, store.PutIfAbsent("session", []byte("alive"), time.Hour), store.Count("guesses", 5, time.Hour))
	if err := before.Close(); err != nil {
		t.Fatalf("Close(): %v", err)
	}
	clock.Advance(time.Minute)
	got := apply(t, open(t, path, clock.Now), store.Get("session"), store.Count("guesses", 5, time.Hour))
	if string(got[0].Value) != "alive" || got[1].N != 2 || got[1].Left != 59*time.Minute {
		t.Errorf("after a restart: %+v, want the session and the second guess", got)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	apply(t, open(t, filepath.Join(dir, "state.db"), time.Now), store.PutIfAbsent("k", nil, time.Hour))
	want := map[string]os.FileMode{".": 0o700, "state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("Stat(%s): %v", name, err)
		}
		if got := info.Mode().Perm(); got != mode {
			t.Errorf("mode of %s = %o, want %o", name, got, mode)
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), time.Now)
	if err := s.Close(); err != nil {
		t.Fatalf("Close(): %v", err)
	}
	for _, op := range []store.Op{store.Get("k"), store.Take("k")} {
		if _, err := s.Apply(t.Context(), "s", op); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Apply() on a closed store: %v, want store.ErrUnavailable", err)
		}
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Ping() on a closed store: %v, want store.ErrUnavailable", err)
	}
	if _, err := Open(t.Context(), Config{Path: t.TempDir()}, time.Now); err == nil {
		t.Error("Open() of a folder gave no error")
	}
}

func TestErrorsHideKeysAndValues(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), time.Now)
	apply(t, s, store.PutIfAbsent("hidden-key", []byte("hidden-value"), time.Hour))
	big := bytes.Repeat([]byte("hidden-value"), store.MaxValue)
	for _, op := range []store.Op{
		store.Count("hidden-key", 1, time.Hour), // it holds no counter
		store.PutIfAbsent("hidden-key", big, time.Hour),
		store.Get(strings.Repeat("hidden-key", 20)),
	} {
		_, err := s.Apply(t.Context(), "hidden-slot", op)
		if op.Kind == store.OpCount {
			_, err = s.Apply(t.Context(), "s", op)
		}
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("error = %v, want one that tells no key or value", err)
		}
	}
}

// TestReadsTakeNoWriteLock reads while another process holds the write lock.
func TestReadsTakeNoWriteLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, other := open(t, path, time.Now), open(t, path, time.Now)
	apply(t, s, store.PutIfAbsent("k", []byte("a"), time.Hour))
	tx, err := other.file.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatalf("BeginTx(): %v", err)
	}
	defer func() { _ = tx.Rollback() }()
	if got := apply(t, s, store.Get("k")); !got[0].OK {
		t.Error("a single read found nothing")
	}
	if got := apply(t, s, store.Get("k"), store.Get("l")); !got[0].OK || got[1].OK {
		t.Errorf("two reads = %+v, want the first alone", got)
	}
}

func TestSweepRemovesWhatExpired(t *testing.T) {
	clock := storetest.NewClock()
	s := open(t, filepath.Join(t.TempDir(), "state.db"), clock.Now)
	ops := []store.Op{store.PutIfAbsent("stays", nil, time.Hour)}
	for i := range 2*sweepBatch + 1 {
		ops = append(ops, store.PutIfAbsent(fmt.Sprint("goes", i), nil, time.Minute))
	}
	apply(t, s, ops...)
	clock.Advance(time.Minute)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatalf("sweep(): %v", err)
	}
	if got := rows(t, s); got != 1 {
		t.Errorf("%d entries left, want 1", got)
	}
}

func TestRunSweepsUntilItsContextEnds(t *testing.T) {
	clock := storetest.NewClock()
	cfg := Config{Path: filepath.Join(t.TempDir(), "state.db"), SweepEvery: time.Millisecond}
	s, err := Open(t.Context(), cfg, clock.Now)
	if err != nil {
		t.Fatalf("Open(): %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	apply(t, s, store.PutIfAbsent("goes", nil, time.Minute))
	clock.Advance(time.Minute)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	for rows(t, s) > 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v, want nil at the end of its context", err)
	}
}

func rows(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.file.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM entries").Scan(&n); err != nil {
		t.Fatalf("counting entries: %v", err)
	}
	return n
}

func open(t testing.TB, path string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path}, now)
	if err != nil {
		t.Fatalf("Open(): %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func apply(t testing.TB, s *Store, ops ...store.Op) []store.Result {
	t.Helper()
	results, err := s.Apply(t.Context(), "s", ops...)
	if err != nil {
		t.Fatalf("Apply(): %v", err)
	}
	return results
}

func BenchmarkApply(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "state.db"), time.Now)
	value := make([]byte, 1024)
	b.Run("get", func(b *testing.B) {
		apply(b, s, store.Delete("k"), store.PutIfAbsent("k", value, time.Hour))
		for b.Loop() {
			apply(b, s, store.Get("k"))
		}
	})
	b.Run("put and take", func(b *testing.B) {
		for b.Loop() {
			apply(b, s, store.PutIfAbsent("t", value, time.Hour))
			apply(b, s, store.Take("t"))
		}
	})
	b.Run("take of nothing", func(b *testing.B) {
		for b.Loop() {
			apply(b, s, store.Take("absent"))
		}
	})
}
