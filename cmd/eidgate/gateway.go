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
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/eid/counter"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/eid/rules"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/keys"
	"eidgate/provider"
	"eidgate/store"
	"eidgate/store/sqlstore"
	"eidgate/telemetry"
	"eidgate/web"
)

func databasePath(cfg *config.Config) string { return filepath.Join(cfg.Data, "eidgate.db") }
func statePath(cfg *config.Config) string    { return filepath.Join(cfg.Data, "state.db") }
func masterKeyPath(data string) string       { return filepath.Join(data, "master.key") }

// durable is what outlives everything: the database and the keys in it.
type durable struct {
	db         *sqlstore.DB
	ring       *keys.Ring
	sealer     *keys.Sealer
	master     keys.MasterKey // where sealer was read from
	custodies  custodies
	vocabulary eid.Vocabulary
	rulesAt    string // directory of further rule sets; may be empty
}

// makeDurable makes the data directory if it is not there and brings the database
// up to date: on SQLite there is no other replica to consider.
func makeDurable(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	_, master, err := openMasterKey(cfg, time.Now)
	if err != nil {
		return err
	}
	if err := makeMasterKey(ctx, cfg, master, log); err != nil {
		return fmt.Errorf("making the master key: %w", err)
	}
	return sqlstore.Migrate(ctx, sqlstore.Config{Path: databasePath(cfg)})
}

// durableMeter accounts for what durable data costs; nil keeps nothing.
type durableMeter interface {
	sqlstore.Meter
	keys.Meter
}

// openDurable opens what makeDurable made. It writes nothing: the ring has no keys
// until load.
func openDurable(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time, m durableMeter) (*durable, error) {
	d, err := openUnexamined(ctx, cfg, log, now, m)
	if err != nil {
		return nil, err
	}
	known, err := d.ring.Examine(ctx) // with another master key nothing is done
	if err == nil {                   // what sources want kept; adopt makes it
		err = planSources(ctx, d.db, d.ring, known, cfg.Lifetimes.JWKSMaxAge)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the signing keys: %w", err), d.db.Close())
	}
	return d, nil
}

// openUnexamined is openDurable for an emergency, which a key that does not open must
// not keep from happening.
func openUnexamined(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time, m durableMeter) (*durable, error) {
	where := sqlstore.Config{Path: databasePath(cfg), Meter: m, Notices: channels(cfg),
		SMSHourly: notify.Hourly{All: cfg.Notify.SMS.PerHour, Abroad: cfg.Notify.SMS.PerHourAbroad}}
	if _, err := os.Stat(where.Path); err != nil {
		return nil, fmt.Errorf("there is no gateway's data at %s: %w", cfg.Data, err)
	}
	held, master, err := openMasterKey(cfg, now)
	if err != nil {
		return nil, err
	}
	sealer, err := master.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the master key: %w", err)
	}
	db, err := sqlstore.Open(ctx, where, sealer, now)
	if err != nil {
		return nil, err
	}
	ring, err := keys.New(keysConfig(cfg), keys.Deps{Store: db, Sealer: sealer, Now: now, Log: log, Meter: m, Leases: db, Fetches: db, Custodies: held.list()})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &durable{db: db, ring: ring, sealer: sealer, master: master, custodies: held, vocabulary: cfg.Vocabulary(), rulesAt: cfg.Rules.Directory}, nil
}

// load takes the keys that are stored, and makes the first ones, for who signs with
// them or changes them.
func (d *durable) load(ctx context.Context) error {
	if err := d.ring.Load(ctx); err != nil {
		return fmt.Errorf("loading the signing keys: %w", err)
	}
	return nil
}

// follow is load for an act that is told what others did since. Custodies that are away
// keep nobody from it.
func (d *durable) follow(ctx context.Context) error {
	if err := d.load(ctx); err != nil && !errors.Is(err, keys.ErrCustody) {
		return err
	}
	return nil
}

func keysConfig(cfg *config.Config) keys.Config {
	k := keys.DefaultConfig()
	var algs []keys.Algorithm
	for _, alg := range cfg.Keys.Algorithms {
		algs = append(algs, keys.Algorithm(alg))
	}
	k.Plans = keys.TokenPlans(cfg.Keys.RotateEvery, algs...)
	for i, p := range k.Plans {
		plan := cfg.Keys.For(string(p.Purpose), string(p.Algorithm))
		k.Plans[i].RotateEvery, k.Plans[i].Custody = plan.RotateEvery, plan.Custody
	}
	k.RSABits = cfg.Keys.RSABits
	k.JWKSMaxAge = cfg.Lifetimes.JWKSMaxAge
	k.TokenLifetime = config.MaxTokenLifetime // so that lifetimes may change while keys are in use
	return k
}

// gateway is one process of the gateway, ready to serve. What stands here lives as
// long as the process; what follows the configuration stands in a front.
type gateway struct {
	*durable
	rules    *rules.Book
	state    passingState
	measured store.State // state, with the operator looking on
	tokenKey []byte
	pageKey  []byte // of our own pages: marks of cookies and forms, and their client secrets
	outbound *federation.Outbound
	calls    *http.Client // over outbound, measured
	account  account.Deps
	// passwords are account.Passwords, for the hashes of portals too.
	passwords telemetry.Evaluator
	passkeys  *credential.Passkeys // nil where browsers have none for the issuer
	codes     *credential.Codes    // that are sent
	leaks     credential.Leaks     // nil where no list of leaked passwords is configured
	registries
	pages   *web.Pages
	front   atomic.Pointer[front]
	metrics *telemetry.Metrics
	tracing *telemetry.Tracing // nil where traces are off
	monitor *monitor           // serves the metrics; nil where they are off
	keeper  *masterKeeper
	watch   *watch       // nil where there is nothing to read again
	tls     *certificate // nil where a proxy speaks TLS
	// connections is how many may be open at a time.
	connections  int
	evidence     *audit.Sealer
	retention    *audit.Retainer
	applications *counter.Retainer
	shipments    []shipment     // of checkpoints, to each receiver
	notices      *notify.Runner // nil where nobody is told by message
	log          *slog.Logger
	now          func() time.Time
	draining     atomic.Bool
}

// front answers requests under one configuration.
type front struct {
	cfg      *config.Config
	sources  *federation.Registry
	provider *provider.Provider
	handler  http.Handler
}

// openGateway opens the stores and wires everything. It starts nothing.
func openGateway(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*gateway, error) {
	if err := makeDurable(ctx, cfg, log); err != nil {
		return nil, err
	}
	metrics, tracing, err := openTelemetry(ctx, log, now)
	if err != nil {
		return nil, err
	}
	d, err := openDurable(ctx, cfg, log, now, metrics)
	if err != nil {
		return nil, err
	}
	if err := d.load(ctx); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	g := &gateway{durable: d, keeper: newMasterKeeper(d, log), log: log, now: now, connections: cfg.Limits.Connections, metrics: metrics, tracing: tracing}
	g.evidence = audit.NewSealer(d.db, checkpointSigner{d.ring}, log, now)
	if g.rules, err = openRules(cfg); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	g.retention = audit.NewRetainer(d.db, cfg.Audit.RetentionYears, log, now)
	g.applications = counter.NewRetainer(d.db, g.rules, log, now)
	if g.shipments, err = openShipments(cfg, g); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	if g.notices, err = openNotices(cfg, g); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	if g.state, err = openState(ctx, cfg, d.db, log, now); err != nil {
		return nil, errors.Join(fmt.Errorf("opening passing state: %w", err), d.db.Close())
	}
	if err := g.wire(ctx, cfg); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// wire makes what lives as long as the process, and the first front.
func (g *gateway) wire(ctx context.Context, cfg *config.Config) error {
	passwords, err := credential.NewPasswords(cfg.Limits.PasswordEvaluations)
	if err != nil {
		return fmt.Errorf("preparing passwords: %w", err)
	}
	if g.tokenKey, err = g.db.Secret(ctx, "access-tokens"); err != nil {
		return err
	}
	if g.pageKey, err = g.db.Secret(ctx, "own-pages"); err != nil {
		return err
	}
	g.measured = g.metrics.State(g.state)
	guessKey, err := g.db.Secret(ctx, "guess-counters")
	if err != nil {
		return err
	}
	g.passwords = g.metrics.Passwords(passwords, passwordOutcome)
	g.account = account.Deps{
		Accounts: g.db, Passwords: g.passwords, State: g.measured, Audit: g.db, Rehasher: g.db, Key: guessKey,
	}
	if err := g.wireCredentials(ctx, cfg); err != nil {
		return err
	}
	if g.pages, err = web.New(); err != nil {
		return fmt.Errorf("reading pages: %w", err)
	}
	if g.passkeys, err = openPasskeys(ctx, cfg, g.durable); err != nil {
		return err
	}
	if g.passkeys == nil {
		g.log.InfoContext(ctx, "no passkeys: browsers have none for an issuer that is an IP address", "issuer", cfg.Issuer)
	}
	g.outbound = federation.NewOutbound(federation.Destinations{}) // adopt says which
	if g.registries, err = openRegistries(cfg, g.now); err != nil {
		return err
	}
	g.calls = g.outbound.Client()
	g.calls.Transport = g.metrics.Outbound(g.calls.Transport)
	if err := g.adopt(ctx, cfg); err != nil {
		return err
	}
	g.metrics.ConfigLive(cfg.Version(), g.now())
	return nil
}

// adopt answers new requests under a configuration, and registers what it
// declares. Requests under way end on the front where they began. On an error
// everything stays as it was.
func (g *gateway) adopt(ctx context.Context, cfg *config.Config) error {
	old := g.front.Load()
	next, err := g.newFront(cfg, old)
	if err != nil {
		return err
	}
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return fmt.Errorf("outbound.allow: %w", err)
	}
	sources, err := federationSources(cfg)
	if err != nil {
		return err
	}
	book, err := openRules(cfg)
	if err != nil {
		return err
	}
	if err := g.db.ApplyRegistrations(ctx, cfg.RelyingParties(), sources, "file", "system"); err != nil {
		return err
	}
	if err := g.registerBuiltin(ctx, cfg); err != nil {
		return err
	}
	if err := planSources(ctx, g.db, g.ring, g.ring.Known(), cfg.Lifetimes.JWKSMaxAge); err != nil {
		return err
	}
	if err := g.ring.Load(ctx); err != nil { // nobody else has to wait for it; Run goes on trying
		g.log.ErrorContext(ctx, "keys of sources not made yet", "err", err)
	}
	if old == nil || !slices.Equal(old.cfg.Outbound.Allow, cfg.Outbound.Allow) {
		g.outbound.Allow(allowed)
	}
	g.rules.Replace(book)
	g.front.Store(next)
	return nil
}

// newFront makes the front for a configuration. It keeps what old knows, where the
// configuration leaves it as it is.
func (g *gateway) newFront(cfg *config.Config, old *front) (_ *front, err error) {
	next := &front{cfg: cfg}
	if old != nil && old.cfg.Limits == cfg.Limits {
		next.sources = old.sources
	} else {
		next.sources = federation.NewRegistry(g.db, func(src eid.Source) (federation.Source, error) { return g.buildSource(src, cfg) }, cfg.Limits.SourceCalls)
	}
	if old != nil {
		next.provider, err = old.provider.Reconfigured(providerConfig(cfg), next.sources)
	} else {
		next.provider, err = provider.New(providerConfig(cfg), provider.Deps{
			Registry: g.population, Reviews: accounts.NewReviews(g.db, g.now), Registrar: accounts.NewRegistrar(g.db, g.now), Linker: accounts.NewLinker(g.db, g.now), OldAccounts: g.db,
			Locks: accounts.NewLocks(g.db, g.rules, g.now), Subjects: g.db, LockRequests: accounts.NewLockRequests(g.db, g.rules, g.now), Documents: g.db,
			Clients: g.db, Accounts: g.db, Grants: g.db, Consents: g.db, History: g.db, State: g.measured, Keys: g.ring, Pages: g.pages, Log: g.log, Now: g.now,
			Sources: next.sources,
			Outbox:  g.db, Events: g.db, Switches: g.db, Revocations: g.db, KeyFetches: g.db, Outbound: g.calls, Sealer: g.sealer,
			Ready: g.ready, Meter: g.metrics, TokenKey: g.tokenKey,
		})
	}
	if err != nil {
		return nil, err
	}
	mounts, err := g.mounts(cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing our own pages: %w", err)
	}
	next.handler = next.provider.Handler(mounts...)
	return next, nil
}

func providerConfig(cfg *config.Config) provider.Config {
	l := cfg.Lifetimes
	return provider.Config{
		Issuer: cfg.Issuer, Vocabulary: cfg.Vocabulary(), Version: cfg.Version(), Proxies: cfg.Proxies, Algorithms: cfg.Keys.Algorithms,
		Limits: provider.Limits{Requests: cfg.Limits.Requests, NewLogins: cfg.Limits.NewLogins},
		Lifetimes: provider.Lifetimes{
			Login: l.Login, Code: l.Code, IDToken: l.IDToken, AccessToken: l.AccessToken,
			SessionIdle: l.SessionIdle, SessionAbsolute: l.SessionAbsolute,
			Level2Proof: l.Level2Proof, JWKSMaxAge: l.JWKSMaxAge, Consent: l.Consent,
			RefreshIdle: l.RefreshIdle, RefreshAbsolute: l.RefreshAbsolute, RefreshLevel2: l.RefreshLevel2, JWTAccess: l.JWTAccessToken,
		},
	}
}

// ServeHTTP answers a request under the configuration of its beginning.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.front.Load().handler.ServeHTTP(w, r)
}

var errDraining = errors.New("stopping")

// ready reports what keeps this process from signing people in.
func (g *gateway) ready(ctx context.Context) error {
	if g.draining.Load() {
		return errDraining
	}
	return errors.Join(g.db.Ping(ctx), g.state.Ping(ctx))
}

func (g *gateway) close() error {
	g.custodies.close()
	return errors.Join(g.state.Close(), g.db.Close())
}

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
	}
	if g.watch != nil {
		group.Go(func() error { return g.watch.run(ctx) })
	}
	if g.monitor != nil {
		group.Go(func() error { return g.monitor.serve(ctx, delay) })
	}
	group.Go(func() error { return g.ring.Run(ctx) })
	group.Go(func() error { return g.evidence.Run(ctx) })
	group.Go(func() error { return g.retention.Run(ctx) })
	group.Go(func() error { return g.applications.Run(ctx) })
	group.Go(func() error { return g.pruneCases(ctx) })
	for _, s := range g.shipments {
		group.Go(func() error { return s.Run(ctx) })
	}
	if g.notices != nil {
		group.Go(func() error { return g.notices.Run(ctx) })
	}
	group.Go(func() error { return g.keeper.run(ctx) })
	group.Go(func() error { return g.custodies.run(ctx, g.log) })
	group.Go(func() error { return g.state.Run(ctx) })
	group.Go(func() error { return g.keepWarm(ctx) })
	group.Go(func() error { return g.front.Load().provider.Run(ctx) }) // tells parties of ended sessions, over all fronts
	group.Go(func() error {
		return serveHTTP(ctx, l, g, g.connections, g.log, func() {
			g.draining.Store(true)
			time.Sleep(delay)
		})
	})
	err := group.Wait()
	g.evidence.Finish(ctx) // what requests wrote that ended meanwhile
	flushTraces(ctx, g.tracing, g.log)
	return err
}

// warmEvery is how often what sources publish is looked after.
const warmEvery = time.Minute

// keepWarm has what sources publish at hand before anybody signs in there, and plans
// of their keys as they are registered.
func (g *gateway) keepWarm(ctx context.Context) error {
	for {
		front := g.front.Load()
		front.sources.Warm(ctx)
		// Another process may have registered sources.
		if err := planSources(ctx, g.db, g.ring, g.ring.Known(), front.cfg.Lifetimes.JWKSMaxAge); err != nil && ctx.Err() == nil {
			g.log.WarnContext(ctx, "keys of sources not planned anew", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(warmEvery):
		}
	}
}

// maxStreams is how many requests one connection carries at a time (HTTP/2).
const maxStreams = 100

// serveHTTP serves with the limits that every listener has. When ctx ends it runs
// onStop, then takes no more and lets requests under way finish.
// At most so many connections are open at a time: see connections.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, most int, log *slog.Logger, onStop func()) error {
	open := newConnections(most)
	server := &http.Server{
		Handler:           open.handler(h),
		ConnContext:       open.context,
		ConnState:         open.changed,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
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
