package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"
)

// Sources of the gateway's configuration.
const (
	sourceAccount  = "tai-khoan"
	sourceUpstream = "thuong-nguon"
)

// Values of acr.
const (
	acr1 = "urn:vn:eid:level:1"
	acr2 = "urn:vn:eid:level:2"
)

// algorithms sign ID tokens.
var algorithms = []string{"RS256", "ES256"}

// gateway is one `eidgate serve` with its own data.
type gateway struct {
	*process
	store        string // SQLite or Redis: where passing state lives
	issuer, addr string
	data, config string // paths
	stateURL     string // of Redis; empty on SQLite
	people       []person
	transport    http.RoundTripper
	counts       counts
	kept         []string          // sessions of the keepers
	direct       map[string]*party // by algorithm, signing in at the built-in account system
	federated    map[string]*party // by algorithm, signing in at the upstream provider
}

func newGateway(ctx context.Context, dir, store, stateURL string, people []person, transport http.RoundTripper) (*gateway, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	g := &gateway{
		store: store, addr: addr, issuer: "http://" + addr, stateURL: stateURL, people: people, transport: transport,
		data: filepath.Join(dir, "data-"+store), config: filepath.Join(dir, store+".yaml"),
		direct: map[string]*party{}, federated: map[string]*party{},
	}
	for _, alg := range algorithms {
		g.direct[alg] = g.party("cong-"+alg, alg, acr2)
		g.federated[alg] = g.party("cong-lien-ket-"+alg, alg, acr1)
	}
	return g, nil
}

func (g *gateway) party(id, alg, acr string) *party {
	return &party{
		issuer: g.issuer, id: id, secret: secretText(), alg: alg, acr: acr, cookie: "eidgate",
		http: newClient(g.transport), counts: &g.counts,
	}
}

func (g *gateway) callback() string { return g.issuer + "/callback/" + sourceUpstream }

// serve seeds the data, writes the configuration, starts the binary and waits for
// it.
func (g *gateway) serve(ctx context.Context, binary string, up *upstream) error {
	if err := seed(ctx, g.data, g.people); err != nil {
		return fmt.Errorf("making people: %w", err)
	}
	if err := g.configure(up); err != nil {
		return err
	}
	if err := g.run(ctx, binary); err != nil {
		return err
	}
	if _, err := g.answers(ctx, newClient(g.transport), time.Now(), g.issuer+"/readyz"); err != nil {
		return err
	}
	for _, alg := range algorithms {
		if err := errors.Join(g.direct[alg].learnKeys(ctx), g.federated[alg].learnKeys(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// run starts the binary.
func (g *gateway) run(ctx context.Context, binary string) error {
	profiler, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	environ := []string{envProfiler + "=" + profiler}
	if g.stateURL != "" {
		environ = append(environ, envState+"="+g.stateURL)
	}
	if metrics, err := freeAddr(ctx); err != nil {
		return err
	} else if known, err := knows(ctx, binary, envMetrics+"="+metrics); err != nil {
		return err
	} else if known {
		environ = append(environ, envMetrics+"="+metrics)
	}
	g.process, err = start(ctx, "eidgate on "+g.store, filepath.Join(filepath.Dir(g.config), "gateway-"+g.store+".log"), environ,
		binary, "serve", "--config", g.config)
	if err != nil {
		return err
	}
	g.profiler = profiler
	return nil
}

// Variables of the gateway's configuration that not every build has.
const (
	envState   = "EIDGATE_STATE"
	envMetrics = "EIDGATE_METRICS__LISTEN" // each process needs one of its own
)

// knows reports whether a build accepts a variable. It names those that it does
// not know as faults.
func knows(ctx context.Context, binary, variable string) (bool, error) {
	cmd := exec.CommandContext(ctx, binary, "check")
	cmd.Env = append(os.Environ(), "EIDGATE_ISSUER=http://127.0.0.1:9", variable)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, fmt.Errorf("asking the gateway about its configuration: %w", err)
	}
	name, _, _ := strings.Cut(variable, "=")
	return !strings.Contains(string(text), name+": unknown"), nil
}

// configure writes the configuration file: two clients for each algorithm, and
// nothing that a default would not be.
func (g *gateway) configure(up *upstream) error {
	var clients []map[string]any
	for _, alg := range algorithms {
		clients = append(clients, client(g.direct[alg], 2, sourceAccount), client(g.federated[alg], 1, sourceUpstream))
	}
	raw, err := yaml.Marshal(map[string]any{
		"issuer": g.issuer, "listen": g.addr, "data": g.data,
		"lifetimes": map[string]any{"access_token": "1h", "session_idle": "2h"}, // a long run must not outlive them
		"outbound":  map[string]any{"allow": []string{up.issuer[len("http://"):]}},
		"clients":   clients,
		"sources": []map[string]any{
			{"id": sourceAccount, "kind": "account", "name": "Tài khoản định danh điện tử", "provider": "eidgate", "may_assert": []int{1, 2}, "grants_at_most": 2},
			{
				"id": sourceUpstream, "kind": "openid", "reconcile": "link", "name": "Tài khoản liên kết", "provider": "Giả định", "may_assert": []int{1}, "grants_at_most": 1,
				"openid": map[string]any{
					"issuer": up.issuer, "client_id": "eidgate", "client_secret": up.secret,
					"acr": map[string]int{acrUpstream: 1}, "request_acr": map[int]string{1: acrUpstream},
				},
			},
		},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(g.config, raw, 0o600)
}

func client(p *party, level int, source string) map[string]any {
	return map[string]any{
		"id": p.id, "name": "Cổng đo thử " + p.id, "url": "http://127.0.0.1:9/", "tier": "province", "category": "other", "auth_method": "client_secret_basic",
		"client_secrets": []string{p.secret}, "redirect_uris": []string{redirectURI}, "scopes": []string{"openid", "profile", "email", "phone", "eid"},
		"sector": "do-thu", "id_token_alg": p.alg, "min_level": level, "sources": []string{source}, "refresh": true,
		"consent": map[string]any{"purpose": "đo thử bằng dữ liệu giả định"},
	}
}

// signPeopleIn gives every person a session, in which both parties' consent was
// given.
func (g *gateway) signPeopleIn(ctx context.Context) error {
	sessions := make([]string, len(g.people))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2) // each hashes a password
	for i, who := range g.people {
		group.Go(func() error {
			session, err := g.signIn(ctx, who, g.direct["RS256"], g.direct["ES256"])
			sessions[i] = session
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("signing people in: %w", err)
	}
	for _, alg := range algorithms {
		g.direct[alg].sessions = sessions[:len(sessions)-keepers]
	}
	g.kept = sessions[len(sessions)-keepers:]
	return nil
}

// signIn signs somebody in at parties, one after the other in the same new
// browser, and returns the session.
func (g *gateway) signIn(ctx context.Context, who person, parties ...*party) (session string, err error) {
	b, err := newBrowser(g.transport)
	if err != nil {
		return "", err
	}
	for _, p := range parties {
		a := p.ask()
		location, err := b.signIn(ctx, a.address, who)
		if err != nil {
			return "", err
		}
		if _, err := p.exchange(ctx, a, location); err != nil {
			return "", err
		}
	}
	return b.cookie(g.issuer, "eidgate"), nil
}

// check holds the stopped gateway against what the bench counted.
func (g *gateway) check(ctx context.Context) error {
	failed, err := g.failures()
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s logged %d failures:\n%s", g.name, failed, g.tail())
	}
	granted, err := grantsIn(ctx, g.data)
	if err != nil {
		return fmt.Errorf("reading the audit: %w", err)
	}
	if codes := int(g.counts.codes.Load()); granted != codes || codes == 0 {
		return fmt.Errorf("%s has %d grants in its audit, and the bench took %d codes", g.name, granted, codes)
	}
	return nil
}
