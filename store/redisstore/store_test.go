package redisstore

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/store/storetest"
)

func TestMain(m *testing.M) {
	LogTo(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// grain is how much real time a step of the suite may take.
const grain = 10 * time.Second

func TestState(t *testing.T) {
	server := storetest.StartRedis(t)
	storetest.State(t, grain, func(t *testing.T, clock *storetest.Clock) store.State {
		server.CLI("FLUSHALL")
		clock.Follow(server.Age)
		return open(t, at(server))
	})
}

// TestStateOfTwoProcesses gives each call to the other of two stores on one server.
func TestStateOfTwoProcesses(t *testing.T) {
	server := storetest.StartRedis(t)
	storetest.State(t, grain, func(t *testing.T, clock *storetest.Clock) store.State {
		server.CLI("FLUSHALL")
		clock.Follow(server.Age)
		return storetest.InTurn(open(t, at(server)), open(t, at(server)))
	})
}

// at is the configuration for one server.
func at(server *storetest.Redis) Config {
	return Config{Topology: Single, Addrs: []string{server.Addr}}
}

// open admits a store that forgets everything when it is closed.
func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s := closed(t, cfg, &notes{})
	if _, err := s.Admit(t.Context()); err != nil {
		t.Fatalf("Admit(): %v", err)
	}
	return s
}

// closed makes a store that has not looked at its server yet.
func closed(t testing.TB, cfg Config, memory Memory) *Store {
	t.Helper()
	s, err := New(cfg, memory, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("New(): %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// notes is a Memory.
type notes struct {
	mu            sync.Mutex
	epoch, writes int64
}

func (n *notes) StateEpoch(context.Context) (epoch, writes int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.epoch, n.writes, nil
}

func (n *notes) KeepStateEpoch(_ context.Context, epoch, writes int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if epoch > n.epoch || epoch == n.epoch && writes > n.writes {
		n.epoch, n.writes = epoch, writes
	}
	return nil
}

func apply(t testing.TB, s store.State, ops ...store.Op) []store.Result {
	t.Helper()
	results, err := s.Apply(t.Context(), "s", ops...)
	if err != nil {
		t.Fatalf("Apply(): %v", err)
	}
	return results
}

func secret(text string) eid.Secret { return eid.NewSecret(text) }
