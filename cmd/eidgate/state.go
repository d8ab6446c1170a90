package main

import (
	"context"
	"errors"

	"log/slog"
	"time"

	"eidgate/config"
	"eidgate/store"
	"eidgate/store/redisstore"
	"eidgate/store/sqlstore"
	"eidgate/store/statestore"
)

// passingState is what holds sessions, codes, tokens and counters.
type passingState interface {
	store.State
	Ping(ctx context.Context) error
	Run(ctx context.Context) error
	Close() error
}

// openState opens the passing state that the configuration names.
func openState(ctx context.Context, cfg *config.Config, db *sqlstore.DB, log *slog.Logger, now func() time.Time) (passingState, error) {
	server, err := cfg.StateServer()
	if err != nil {
		return nil, err
	}
	if server.Kind == config.StateFile {
		return statestore.Open(ctx, statestore.Config{Path: statePath(cfg)}, now)
	}
	s, err := newRedisState(cfg, server, db, log)
	if err != nil {
		return nil, err
	}
	findings, err := s.Admit(ctx)
	var refused *redisstore.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, errors.Join(err, s.Close())
	case err != nil:
		// It may come: until then sign-ins are answered with 503.
		log.WarnContext(ctx, "Redis does not answer yet", "err", err)
	}
	for _, f := range findings {
		log.WarnContext(ctx, "Redis could be better", "node", f.Node, "problem", f.Problem, "mend", f.Mend)
	}
	return s, nil
}

// newRedisState makes the store and connects to nothing.
func newRedisState(cfg *config.Config, server config.StateServer, db *sqlstore.DB, log *slog.Logger) (*redisstore.Store, error) {
	c := redisstore.Config{
		Addrs: server.Addrs, Master: server.Master, DB: server.DB,
		Username: server.Username, Password: server.Password,
		SentinelUsername: server.SentinelUsername, SentinelPassword: server.SentinelPassword,
		PoolSize: cfg.Redis.PoolSize, Timeout: cfg.Redis.Timeout,
		WaitReplicas: cfg.Redis.WaitReplicas, WaitTimeout: min(cfg.Redis.WaitTimeout, cfg.Redis.Timeout/2),
	}
	switch server.Kind {
	case config.StateSentinel:
		c.Topology = redisstore.Sentinel
	case config.StateCluster:
		c.Topology = redisstore.Cluster
	default:
		c.Topology = redisstore.Single
	}
	if server.TLS {
		var err error
		if c.TLS, err = clientTLS("redis", cfg.Redis.CAFile, cfg.Redis.CertFile, cfg.Redis.KeyFile); err != nil {
			return nil, err
		}
	}
	redisstore.LogTo(log)
	return redisstore.New(c, db, log)
}
