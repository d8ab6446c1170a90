package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// bufferSize of each connection, for reading and for writing: most records are
// shorter.
const bufferSize = 8 << 10

// noRetry is what go-redis calls none at all.
const noRetry = -1

// greeter looks at a connection before its first command.
type greeter func(ctx context.Context, conn *redis.Conn) error

// connect makes a client, which dials when it is first used. Every bound is at
// most the timeout of one Apply. RESP2 has all that is used here.
func connect(cfg Config, greet greeter) (redis.UniversalClient, error) {
	if len(cfg.Addrs) == 0 {
		return nil, errors.New("no address")
	}
	switch cfg.Topology {
	case Single:
		return redis.NewClient(&redis.Options{
			Addr: cfg.Addrs[0], Username: cfg.Username, Password: cfg.Password.Reveal(), DB: cfg.DB, TLSConfig: cfg.TLS,
			OnConnect: greet, Protocol: 2, DisableIdentity: true,
			MaxRetries: noRetry, DialerRetries: 1, ContextTimeoutEnabled: true,
			DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
			PoolSize: cfg.PoolSize, MaxActiveConns: cfg.PoolSize, PipelinePoolSize: -1,
			ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
		}), nil
	case Sentinel:
		if cfg.Master == "" {
			return nil, errors.New("no name of the master")
		}
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: cfg.Master, SentinelAddrs: cfg.Addrs,
			SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword.Reveal(),
			Username: cfg.Username, Password: cfg.Password.Reveal(), DB: cfg.DB, TLSConfig: cfg.TLS,
			OnConnect: greet, Protocol: 2, DisableIdentity: true,
			MaxRetries: noRetry, DialerRetries: 1, ContextTimeoutEnabled: true,
			DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
			PoolSize: cfg.PoolSize, MaxActiveConns: cfg.PoolSize, PipelinePoolSize: -1,
			ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
		}), nil
	case Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: cfg.Addrs, Username: cfg.Username, Password: cfg.Password.Reveal(), TLSConfig: cfg.TLS,
			OnConnect: greet, Protocol: 2, DisableIdentity: true, DisableRoutingPolicies: true,
			MaxRetries: noRetry, DialerRetries: 1, ContextTimeoutEnabled: true,
			DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, PoolTimeout: cfg.Timeout,
			PoolSize: cfg.PoolSize, MaxActiveConns: cfg.PoolSize, PipelinePoolSize: -1,
			ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
		}), nil
	}
	return nil, fmt.Errorf("unknown topology %d", cfg.Topology)
}

// node is the server that holds a key.
func (s *Store) node(ctx context.Context, key string) (redis.UniversalClient, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.client, nil
}

// nodes runs f on every master, at the same time.
func (s *Store) nodes(ctx context.Context, f func(ctx context.Context, node redis.UniversalClient) error) error {
	cluster, ok := s.looker.(*redis.ClusterClient)
	if !ok {
		return f(ctx, s.looker)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return f(ctx, node) })
}

// LogTo sends what go-redis has to say of its connections to log, for the whole
// process: the library knows no other way. Its lines name addresses at most.
func LogTo(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

// Printf implements the logger of go-redis.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis client", "says", fmt.Sprintf(format, v...))
}

// once is a command that must not be sent a second time once it may have reached
// a server. Cluster redirections are followed all the same: a node that redirects
// has done nothing.
type once struct{ *redis.Cmd }

// NoRetry tells go-redis so.
func (once) NoRetry() bool { return true }
