package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"time"

	"eidgate/cmd/eidgate/doctor"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/provider"
)

// checksOf lists what is to be looked at under a configuration, in the order of the
// report.
func checksOf(cfg *config.Config, via string, now func() time.Time) ([]doctor.Check, error) {
	sources, err := federationSources(cfg)
	if err != nil {
		return nil, err
	}
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, errors.New("issuer: not a URL")
	}
	clocks := &doctor.Clocks{}
	public := publicOf(cfg, via, clocks, now)
	listener := doctor.Listener{Key: "listen", Listen: cfg.Listen, Issuer: cfg.Issuer, Addresses: machineAddresses}
	held, master, custodyErr := openMasterKey(cfg, now)
	checks := []doctor.Check{
		{Name: "configuration", Look: func(context.Context) []doctor.Finding { return exposed(cfg) }},
		{Name: "data", Look: func(context.Context) []doctor.Finding { return doctor.Directory(cfg.Data) }},
		{Name: "database", Look: func(ctx context.Context) []doctor.Finding { return doctor.Database(ctx, databasePath(cfg)) }},
		{Name: "master key", Look: func(ctx context.Context) []doctor.Finding {
			return doctor.MasterKey(ctx, master, databasePath(cfg))
		}},
		{Name: "signing keys", Look: func(ctx context.Context) []doctor.Finding {
			k := keysConfig(cfg)
			k.Plans = append(k.Plans, plansOf(sources, cfg.Lifetimes.JWKSMaxAge, nil)...)
			return doctor.SigningKeys(ctx, databasePath(cfg), master, held.list(), k, now)
		}},
		{Name: "passing state", Look: func(ctx context.Context) []doctor.Finding { return passingStateChecks(ctx, cfg) }},
		{Name: "notices", Look: func(ctx context.Context) []doctor.Finding { return noticeChecks(ctx, cfg, sources, now) }},
		{Name: "clock", Last: true, Look: clocks.Look},
	}
	checks = append(append(checks, accountSystemChecks(cfg, sources)...), registryChecks(cfg)...)
	if cfg.Custody.PKCS11.Given() {
		checks = append(checks, doctor.Check{Name: "custody.pkcs11", Look: func(ctx context.Context) []doctor.Finding {
			return doctor.Custody(ctx, "token "+cfg.Custody.PKCS11.Token, unless(held.pkcs11 != nil, custodyErr), held.pkcs11.Ping)
		}})
	}
	if cfg.Custody.Transit.Given() {
		checks = append(checks, doctor.Check{Name: "custody.transit", Look: func(ctx context.Context) []doctor.Finding {
			return doctor.Custody(ctx, cfg.Custody.Transit.Address, unless(held.transit != nil, custodyErr), held.transit.Ping)
		}})
	}
	if path := cfg.AccountSystem.Passwords.LeakedFile; path != "" {
		checks = append(checks, doctor.Check{Name: "leaked passwords", Look: func(context.Context) []doctor.Finding {
			_, err := openLeaks(cfg)
			return doctor.Leaked(path, err)
		}})
	}
	if cfg.TLS.On() {
		checks = append(checks, doctor.Check{Name: "certificate", Look: func(context.Context) []doctor.Finding {
			return doctor.Certificate(cfg.TLS.CertFile, cfg.TLS.KeyFile, issuer.Hostname(), nil, now())
		}})
		if pair, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile); err == nil {
			listener.Cert = pair.Leaf.Raw
		} else {
			listener.Cert = []byte{} // TLS is spoken all the same
		}
	}
	checks = append(checks,
		doctor.Check{Name: "listen", Look: listener.LookPublic},
		doctor.Check{Name: "public address", Look: public.Look},
		doctor.Check{Name: "proxies", Look: public.LookProxies},
	)
	metrics := ""
	if cfg.Metrics.On() {
		metrics = cfg.Metrics.Listen
		l := doctor.Listener{Key: "metrics.listen", Listen: metrics, Addresses: machineAddresses}
		checks = append(checks, doctor.Check{Name: "metrics", Look: func(ctx context.Context) []doctor.Finding { return l.LookMetrics(ctx, cfg.Metrics.PProf) }})
	}
	more, err := sourceChecks(cfg, sources, clocks, now)
	if err != nil {
		return nil, err
	}
	return append(append(checks, more...),
		doctor.Check{Name: "clients", Look: func(context.Context) []doctor.Finding {
			return doctor.Levels(cfg.RelyingParties(), sources, now())
		}},
		doctor.Check{Name: "lock requests", Look: doctor.LockRequests{Database: databasePath(cfg), Now: now}.Look},
		doctor.Check{Name: "old accounts", Look: doctor.OldAccounts{Database: databasePath(cfg), Sources: sources, Now: now}.Look},
		doctor.Check{Name: "open files", Look: func(ctx context.Context) []doctor.Finding {
			return doctor.Files(ctx, cfg.Limits.Connections, metrics)
		}},
		doctor.Check{Name: "memory", Look: func(context.Context) []doctor.Finding { return doctor.Memory(evaluations(cfg.Limits)) }},
	), nil
}

// unless is err where a thing is not there.
func unless(there bool, err error) error {
	if there {
		return nil
	}
	return err
}

func publicOf(cfg *config.Config, via string, clocks *doctor.Clocks, now func() time.Time) doctor.Public {
	_, err := os.Stat(databasePath(cfg))
	return doctor.Public{
		Issuer: cfg.Issuer, Via: via, Version: cfg.Version(), Proxies: cfg.Proxies, OwnTLS: cfg.TLS.On(),
		Fresh: errors.Is(err, fs.ErrNotExist), Clocks: clocks, Now: now,
		Probe: func(ctx context.Context) (string, error) {
			_, master, err := openMasterKey(cfg, now)
			if err != nil {
				return "", err
			}
			sealer, err := master.Load(ctx)
			if err != nil {
				return "", err
			}
			return provider.NewProbe(sealer, now())
		},
	}
}

// sourceChecks look at each source through the guard that the gateway's calls pass.
func sourceChecks(cfg *config.Config, sources []eid.Source, clocks *doctor.Clocks, now func() time.Time) ([]doctor.Check, error) {
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return nil, fmt.Errorf("outbound.allow: %w", err)
	}
	outbound := federation.NewOutbound(allowed)
	calls := outbound.Client()
	calls.Timeout = lookTime
	asks := doctor.Sources{Issuer: cfg.Issuer, HTTP: calls, Dial: outbound.DialContext, Clocks: clocks, Now: now}
	var checks []doctor.Check
	for _, src := range sources {
		checks = append(checks, doctor.Check{Name: "source " + src.ID, Look: func(ctx context.Context) []doctor.Finding { return asks.Look(ctx, src) }})
	}
	if len(cfg.Outbound.Allow) > 0 {
		checks = append(checks, doctor.Check{Name: "outbound.allow", Look: func(ctx context.Context) []doctor.Finding {
			return doctor.Allowed(ctx, cfg.Outbound.Allow, net.DefaultResolver.LookupHost)
		}})
	}
	return checks, nil
}

func passingStateChecks(ctx context.Context, cfg *config.Config) []doctor.Finding {
	server, err := cfg.StateServer()
	switch {
	case err != nil:
		return []doctor.Finding{{Status: doctor.Fault, Found: "state: " + err.Error(), Mend: "mend state in the configuration"}}
	case server.Kind == config.StateFile:
		return doctor.PassingState(ctx, statePath(cfg))
	}
	return redisChecks(ctx, cfg, server)
}

// exposed are the files of secrets that everybody may read.
func exposed(cfg *config.Config) []doctor.Finding {
	var list []doctor.Finding
	for _, f := range cfg.Exposed() {
		list = append(list, doctor.Finding{Status: doctor.Warning, Found: f.Path + ": " + f.Problem, Mend: f.Remedy})
	}
	if len(list) == 0 {
		list = append(list, doctor.Finding{Status: doctor.OK, Found: fmt.Sprintf("version %s; clients: %d, sources: %d; no secret that everybody may read",
			cfg.Version(), len(cfg.Clients), len(cfg.Sources))})
	}
	return list
}
