// Package redisstore keeps passing state on Redis: one node, Sentinel or Cluster,
// shared by several replicas of the gateway. ADR 9 says how it keeps time and
// what it does about a server that has forgotten something.
package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"eidgate/eid"
	"eidgate/store"
)

// Topology says what the addresses lead to.
type Topology int

// The topologies.
const (
	Single   Topology = iota + 1
	Sentinel          // Addrs are sentinels, which know the master by Config.Master
	Cluster           // Addrs are some of the nodes
)

// Config says where Redis is and what is expected of it.
type Config struct {
	Topology Topology
	Addrs    []string // host:port
	Master   string   // its name at the sentinels
	Username string   // empty: the default user
	Password eid.Secret
	// SentinelUsername and SentinelPassword are for the sentinels alone.
	SentinelUsername string
	SentinelPassword eid.Secret
	DB               int         // of a server that is no cluster
	TLS              *tls.Config // nil: none
	PoolSize         int         // connections to one node, at most. Default 32
	// Timeout bounds one Apply, whatever it waits for. Default 700 ms: a page
	// that says 503 is there within a second.
	Timeout time.Duration
	// WaitReplicas is how many replicas must have a write before it counts, and
	// WaitTimeout how long they may take (WAIT). Zero replicas: none.
	WaitReplicas int
	WaitTimeout  time.Duration
}

// Memory keeps, where Redis cannot lose it, the epoch that passing state is in and
// how many writes were seen in it.
type Memory interface {
	StateEpoch(ctx context.Context) (epoch, writes int64, err error)
	// KeepStateEpoch never goes back to an older epoch, nor to fewer writes.
	KeepStateEpoch(ctx context.Context, epoch, writes int64) error
}

// Store fills store.State. It is safe for concurrent use, and any number of
// processes may share the server.
type Store struct {
	cfg    Config
	client redis.UniversalClient // for Apply; believes only servers that were compared
	looker redis.UniversalClient // for everything that looks after the server
	memory Memory
	log    *slog.Logger

	epoch   atomic.Pointer[epoch]  // nil until the server was found fit
	refusal atomic.Pointer[string] // why the server is not used
	servers atomic.Pointer[string] // the run ids of those that were compared
	suspect atomic.Bool            // something failed: look at the server again
	turn    sync.Mutex             // one goroutine at a time begins an epoch or meets a server
	met     meeting                // under turn
}

var _ store.State = (*Store)(nil)

// New checks the configuration and connects to nothing yet. Until Admit or Run has
// found the server fit, Apply answers store.ErrUnavailable.
func New(cfg Config, memory Memory, log *slog.Logger) (*Store, error) {
	if cfg.PoolSize == 0 {
		cfg.PoolSize = 32
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 700 * time.Millisecond
	}
	s := &Store{cfg: cfg, memory: memory, log: log}
	s.servers.Store(new(string))
	var err error
	if s.client, err = connect(cfg, s.greet); err != nil {
		return nil, fmt.Errorf("configuring Redis: %w", err)
	}
	cfg.PoolSize = 2
	if s.looker, err = connect(cfg, nil); err != nil {
		return nil, fmt.Errorf("configuring Redis: %w", err)
	}
	s.refuse("the server has not been looked at yet")
	return s, nil
}

// Apply fills store.State. Operations that exceed the limits are refused before
// any is done; other errors wrap store.ErrUnavailable. After one of those a write
// may have been done all the same: nothing that writes is ever sent twice.
// Operations on several slots are one step where one node holds everything; on a
// Cluster each part has its own.
func (s *Store) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	if err := store.Check(slot, ops); err != nil {
		return nil, fmt.Errorf("applying to passing state: %w", err)
	}
	if len(ops) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	results, err := s.attempt(ctx, slot, ops)
	if errors.Is(err, errEnded) { // what was done is dead with it: the next epoch may do it
		results, err = s.attempt(ctx, slot, ops)
	}
	if err != nil {
		return nil, fmt.Errorf("applying to passing state: %w: %w", store.ErrUnavailable, err)
	}
	return results, nil
}

// attempt runs the operations in the epoch that stands. errEnded means that there
// is another now.
func (s *Store) attempt(ctx context.Context, slot string, ops []store.Op) (results []store.Result, err error) {
	e, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	for done := true; done && err == nil && len(results) < len(ops); {
		rest := ops[len(results):]
		part, n := e.together(slot, rest)
		var step []store.Result
		if step, err = s.step(ctx, e.place(part), slot, rest[:n]); err == nil {
			results = append(results, step...)
			done = len(step) == n && (step[n-1].OK || !rest[n-1].Conditional())
		}
	}
	if errors.Is(err, errEnded) {
		if failed := s.renew(ctx, e); failed != nil {
			err = failed
		}
	}
	if err != nil {
		s.suspect.Store(true)
		return nil, err
	}
	return results, nil
}

// step runs operations of one part in one round trip.
func (s *Store) step(ctx context.Context, p place, slot string, ops []store.Op) ([]store.Result, error) {
	if store.ReadsOnly(ops) {
		return s.read(ctx, p, slot, ops)
	}
	return s.write(ctx, p, slot, ops)
}

// current is the epoch that stands, if the server may be used.
func (s *Store) current(ctx context.Context) (*epoch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if why := s.refusal.Load(); why != nil {
		return nil, errors.New(*why)
	}
	return s.epoch.Load(), nil
}

// Ping reports whether the server answers and may be used.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	_, err := s.current(ctx)
	if err == nil {
		err = s.looker.Ping(ctx).Err()
	}
	if err != nil {
		return fmt.Errorf("reaching Redis: %w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Close closes all connections.
func (s *Store) Close() error { return errors.Join(s.client.Close(), s.looker.Close()) }

func (s *Store) refuse(why string) { s.refusal.Store(&why) }
