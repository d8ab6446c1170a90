package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/federation/openid"
	"eidgate/keys"
	"eidgate/provider"
	"eidgate/store/sqlstore"
	"eidgate/web"
)

func databasePath(cfg *config.Config) string { return filepath.Join(cfg.Data, "eidgate.db") }
func statePath(cfg *config.Config) string    { return filepath.Join(cfg.Data, "state.db") }
func masterKeyPath(data string) string       { return filepath.Join(data, "master.key") }

// durable is what outlives everything: the database and the keys in it.
type durable struct {
	db     *sqlstore.DB
	ring   *keys.Ring
	sealer *keys.Sealer
}

// makeDurable makes the data directory if it is not there and brings the database
// up to date: on SQLite there is no other replica to consider.
func makeDurable(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	if _, err := keys.LoadSealer(cfg.MasterKeyFile, true, log); err != nil {
		return fmt.Errorf("making the master key: %w", err)
	}
	return sqlstore.Migrate(ctx, sqlstore.Config{Path: databasePath(cfg)})
}

// openDurable opens what makeDurable made.
func openDurable(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*durable, error) {
	where := sqlstore.Config{Path: databasePath(cfg)}
	if _, err := os.Stat(where.Path); err != nil {
		return nil, fmt.Errorf("there is no gateway's data at %s: %w", cfg.Data, err)
	}
	sealer, err := keys.LoadSealer(cfg.MasterKeyFile, false, log)
	if err != nil {
		return nil, fmt.Errorf("loading the master key: %w", err)
	}
	db, err := sqlstore.Open(ctx, where, sealer, now)
	if err != nil {
		return nil, err
	}
	ring, err := keys.New(keysConfig(cfg), keys.Deps{Store: db, Sealer: sealer, Now: now, Log: log})
	if err == nil {
		err = ring.Load(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("loading the signing keys: %w", err), db.Close())
	}
	return &durable{db: db, ring: ring, sealer: sealer}, nil
}

func keysConfig(cfg *config.Config) keys.Config {
	k := keys.DefaultConfig()
	for i := range k.Algorithms {
		k.Algorithms[i].RotateEvery = cfg.Keys.RotateEvery
	}
	k.RSABits = cfg.Keys.RSABits
	k.JWKSMaxAge = cfg.Lifetimes.JWKSMaxAge
	k.TokenLifetime = max(cfg.Lifetimes.IDToken, cfg.Lifetimes.JWTAccessToken)
	return k
}

// gateway is one process of the gateway, ready to serve.
type gateway struct {
	*durable
	state    passingState
	handler  http.Handler
	tell     func(context.Context) error // tells parties of ended sessions
	tls      *certificate                // nil where a proxy speaks TLS
	log      *slog.Logger
	draining atomic.Bool
}

// openGateway opens the stores and wires everything. It starts nothing.
func openGateway(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*gateway, error) {
	if err := makeDurable(ctx, cfg, log); err != nil {
		return nil, err
	}
	d, err := openDurable(ctx, cfg, log, now)
	if err != nil {
		return nil, err
	}
	g := &gateway{durable: d, log: log}
	if g.state, err = openState(ctx, cfg, d.db, log, now); err != nil {
		return nil, errors.Join(fmt.Errorf("opening passing state: %w", err), d.db.Close())
	}
	if err := g.wire(ctx, cfg, now); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// wire registers what the configuration declares and makes the provider.
func (g *gateway) wire(ctx context.Context, cfg *config.Config, now func() time.Time) error {
	sources, err := cfg.FederationSources()
	if err != nil {
		return fmt.Errorf("reading sources: %w", err)
	}
	if err := g.db.ApplyRegistrations(ctx, cfg.RelyingParties(), sources, "file", "system"); err != nil {
		return err
	}
	passwords, err := credential.NewPasswords(0)
	if err != nil {
		return fmt.Errorf("preparing passwords: %w", err)
	}
	client, err := federation.HTTPClient(cfg.Outbound.Allow)
	if err != nil {
		return fmt.Errorf("outbound.allow: %w", err)
	}
	guessKey, err := g.db.Secret(ctx, "guess-counters")
	if err != nil {
		return err
	}
	deps := sourceDeps{
		cfg: cfg, client: client, now: now,
		account: account.Deps{
			Accounts: g.db, Passwords: passwords, State: g.state, Audit: g.db, Rehasher: g.db, Key: guessKey,
		},
	}
	pages, err := web.New()
	if err != nil {
		return fmt.Errorf("reading pages: %w", err)
	}
	l := cfg.Lifetimes
	p, err := provider.New(provider.Config{
		Issuer: cfg.Issuer, Vocabulary: cfg.Vocabulary(), Version: cfg.Version(), Proxies: cfg.Proxies,
		Lifetimes: provider.Lifetimes{
			Login: l.Login, Code: l.Code, IDToken: l.IDToken, AccessToken: l.AccessToken,
			SessionIdle: l.SessionIdle, SessionAbsolute: l.SessionAbsolute,
			Level2Proof: l.Level2Proof, JWKSMaxAge: l.JWKSMaxAge, Consent: l.Consent,
			RefreshIdle: l.RefreshIdle, RefreshAbsolute: l.RefreshAbsolute, RefreshLevel2: l.RefreshLevel2, JWTAccess: l.JWTAccessToken,
		},
	}, provider.Deps{
		Clients: g.db, Accounts: g.db, Grants: g.db, Consents: g.db, State: g.state, Keys: g.ring, Pages: pages, Log: g.log, Now: now,
		Sources: federation.NewRegistry(g.db, func(src eid.Source) (federation.Source, error) { return buildSource(src, deps) }),
		Outbox:  g.db, Events: g.db, Outbound: client, Sealer: g.sealer,
		Ready: g.ready,
	})
	if err != nil {
		return err
	}
	g.handler, g.tell = p.Handler(), p.Run
	return nil
}

// sourceDeps are what sources of each kind are made from.
type sourceDeps struct {
	cfg     *config.Config
	client  *http.Client
	now     func() time.Time
	account account.Deps
}

// buildSource makes the code that speaks to a registered source.
func buildSource(src eid.Source, d sourceDeps) (federation.Source, error) {
	switch src.Kind {
	case federation.KindAccount:
		return account.New(account.Config{Guesses: int64(d.cfg.Limits.Guesses), Window: d.cfg.Limits.GuessWindow}, d.account)
	case federation.KindOpenID:
		settings, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, fmt.Errorf("reading settings: %w", err)
		}
		return openid.New(settings, openid.Deps{HTTP: d.client, Now: d.now})
	}
	return nil, fmt.Errorf("kind %q is not known", src.Kind)
}

var errDraining = errors.New("stopping")

// ready reports what keeps this process from signing people in.
func (g *gateway) ready(ctx context.Context) error {
	if g.draining.Load() {
		return errDraining
	}
	return errors.Join(g.db.Ping(ctx), g.state.Ping(ctx))
}

func (g *gateway) close() error { return errors.Join(g.state.Close(), g.db.Close()) }

// A stop takes 30 s at most: proxies get drainDelay to see that the process is
// not ready any more, then requests under way get drainTime to end.
const (
	drainDelay = 5 * time.Second
	drainTime  = 24 * time.Second
)

// serve answers requests until ctx ends, for delay longer while it says that it is
// not ready, then lets those under way finish.
func (g *gateway) serve(ctx context.Context, l net.Listener, delay time.Duration) error {
	group, ctx := errgroup.WithContext(ctx)
	if g.tls != nil {
		l = g.tls.listen(l)
		group.Go(func() error { return g.tls.run(ctx) })
	}
	group.Go(func() error { return g.ring.Run(ctx) })
	group.Go(func() error { return g.state.Run(ctx) })
	group.Go(func() error { return g.tell(ctx) })
	group.Go(func() error {
		return serveHTTP(ctx, l, g.handler, g.log, func() {
			g.draining.Store(true)
			time.Sleep(delay)
		})
	})
	return group.Wait()
}

// serveHTTP serves with the limits that every listener has. When ctx ends it runs
// onStop, then takes no more and lets requests under way finish.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger, onStop func()) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		onStop()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		stopped <- server.Shutdown(drain)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
