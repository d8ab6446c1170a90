//go:build interop

package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"
	"go.yaml.in/yaml/v3"
)

const acr2 = "urn:vn:eid:level:2"

// gateway is `eidgate serve` with a registration for each relying party.
type gateway struct {
	*process
	ctx      context.Context // of the whole run
	issuer   string
	dir      string
	offers   offers
	servers  servers
	clients  map[string]*registration
	people   []*person
	nextTurn int

	lemon, simpleSAML *provider
	samlKeys          string // file of the gateway's own as a SAML service provider
}

// offers is what discovery says that matters here.
type offers struct {
	Issuer        string   `json:"issuer"`
	EndSession    string   `json:"end_session_endpoint"`
	Backchannel   bool     `json:"backchannel_logout_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	ResponseModes []string `json:"response_modes_supported"`
	Scopes        []string `json:"scopes_supported"`
	Prompts       []string `json:"prompt_values_supported"`
}

func (o *offers) refresh() bool { return slices.Contains(o.GrantTypes, "refresh_token") }
func (o *offers) logout() bool  { return o.EndSession != "" }

// registration is one client of the gateway.
type registration struct {
	id, secret, method, mode string
	alg                      string // of ID tokens
	origin                   string // the relying party's own address
	callback, signedOut      string // paths there
	told                     string // path of its back-channel logout; empty without one
	keyFile                  string // of its private key, for private_key_jwt
	sources                  []string
}

func (r *registration) addr() string { return strings.TrimPrefix(r.origin, "http://") }

// scope is what the relying party asks for.
func (g *gateway) scope() string {
	scopes := []string{"openid", "profile", "email", "phone", "eid"}
	if slices.Contains(g.offers.Scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return strings.Join(scopes, " ")
}

// registrations are all clients: those that are tried, and one for each source.
func registrations() []*registration {
	all := slices.Clone(parties())
	for _, u := range upstreams() {
		all = append(all, u.rp)
	}
	return all
}

// supports reports whether the gateway offers how a client wants to talk to it.
func (o *offers) supports(r *registration) bool {
	return slices.Contains(o.AuthMethods, r.method) && slices.Contains(o.ResponseModes, r.mode)
}

// startGateway makes synthetic people with a demo, then serves its data with a
// configuration of our own.
func startGateway(ctx context.Context, dir string) (*gateway, error) {
	g := &gateway{ctx: ctx, dir: dir, clients: map[string]*registration{}}
	data := filepath.Join(dir, "data")
	if err := g.seed(ctx, data); err != nil {
		return nil, fmt.Errorf("making people: %w", err)
	}
	if err := errors.Join(g.makeUpstreams(), g.servers.make(dir)); err != nil {
		return nil, fmt.Errorf("making sources: %w", err)
	}
	addr, err := freeAddr(1)
	if err != nil {
		return nil, err
	}
	g.issuer = "http://" + addr
	for _, r := range registrations() {
		if err := g.register(r); err != nil {
			return nil, err
		}
	}
	registry, err := g.registry()
	if err != nil {
		return nil, err
	}
	raw, err := yaml.Marshal(g.config(addr, data, registry))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "eidgate.yaml")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", "eidgate"), "serve", "--config", path)
	if g.process, err = start(ctx, addr, cmd); err != nil {
		return nil, err
	}
	served, err := discover(ctx, g.issuer)
	if err != nil {
		return nil, errors.Join(err, g.stop())
	}
	g.offers = served
	return g, nil
}

// person is a synthetic holder who reaches Level 2.
type person struct {
	PersonalNumber string `json:"personal_number"`
	Password       string `json:"password"`
	TOTPSecret     string `json:"totp_secret"`
	Level          int    `json:"level"`

	mu   sync.Mutex
	last int64 // step of the last code given
}

// seed runs `eidgate demo` until its people are there. What that gateway offers
// decides which keys the configuration may have.
func (g *gateway) seed(ctx context.Context, data string) error {
	addr, err := freeAddr(5)
	if err != nil {
		return err
	}
	out := &log{}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", "eidgate"), "demo", "--json", "--addr", addr, "--data", data)
	cmd.Stdout = out
	p, err := start(ctx, addr, cmd)
	if err != nil {
		return err
	}
	var demo struct {
		Accounts []*person `json:"accounts"`
	}
	for deadline := time.Now().Add(startTime); json.Unmarshal(out.bytes(), &demo) != nil; time.Sleep(20 * time.Millisecond) {
		if p.ended() || time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("the demo prints no JSON document but\n%.500s\n%s", out, p.log), p.stop())
		}
	}
	g.offers, err = discover(ctx, "http://"+addr)
	if err = errors.Join(err, p.stop()); err != nil {
		return err
	}
	for _, a := range demo.Accounts {
		// 001 and 005 are active; others at Level 2 are locked.
		if a.Level == 2 && a.TOTPSecret != "" && (strings.HasSuffix(a.PersonalNumber, "001") || strings.HasSuffix(a.PersonalNumber, "005")) {
			g.people = append(g.people, a)
		}
	}
	if len(g.people) != 2 {
		return fmt.Errorf("the demo has %d people at Level 2, want 2", len(g.people))
	}
	return nil
}

func discover(ctx context.Context, issuer string) (offers, error) {
	var o offers
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return o, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return o, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&o); err != nil {
		return o, fmt.Errorf("reading discovery: %w", err)
	}
	if o.Issuer != issuer {
		return o, fmt.Errorf("discovery names issuer %s, want %s", o.Issuer, issuer)
	}
	return o, nil
}

// register gives a relying party its address and its secret or key.
func (g *gateway) register(r *registration) error {
	addr, err := freeAddr(1)
	if err != nil {
		return err
	}
	r.origin = "http://" + addr
	if r.method == "private_key_jwt" {
		r.keyFile = filepath.Join(g.dir, r.id+".pem")
	} else if r.method != "none" {
		r.secret = rand.Text() + rand.Text()
	}
	g.clients[r.id] = r
	return nil
}

// config is the gateway's configuration, with the keys of what it offers.
func (g *gateway) config(addr, data, registry string) map[string]any {
	var clients []map[string]any
	allow := []string{g.lemon.addr(), g.simpleSAML.addr()} // addresses of parties that the gateway calls
	for _, r := range registrations() {
		if !g.offers.supports(r) {
			continue
		}
		c := map[string]any{
			"id": r.id, "name": "Cổng thử nghiệm " + r.id, "url": r.origin + "/", "tier": "province",
			"auth_method": r.method, "redirect_uris": []string{r.origin + r.callback},
			"scopes": strings.Fields(g.scope()), "sector": r.id, "id_token_alg": r.alg, "min_level": 2, "sources": []string{"tai-khoan"},
		}
		if r.sources != nil {
			c["sources"], c["min_level"], c["category"] = r.sources, 1, "other" // which legacy providers may serve
		}
		switch {
		case r.keyFile != "":
			c["jwks"] = newKey(r.keyFile)
		case r.secret != "":
			c["client_secrets"] = []string{r.secret}
		}
		if g.offers.refresh() {
			c["refresh"] = true
		}
		if g.offers.logout() {
			logout := map[string]any{"post_logout_redirect_uris": []string{r.origin + r.signedOut}}
			if g.offers.Backchannel && r.told != "" {
				logout["backchannel_uri"] = r.origin + r.told
				allow = append(allow, r.addr())
			}
			c["logout"] = logout
		}
		if slices.Contains(g.offers.Prompts, "consent") {
			c["consent"] = map[string]any{"purpose": "thử nghiệm liên thông"}
		}
		clients = append(clients, c)
	}
	sources := []map[string]any{{
		"id": "tai-khoan", "kind": "account", "name": "Tài khoản định danh điện tử", "provider": "eidgate",
		"window":     map[string]any{"from": "2021-11-09"},
		"may_assert": []int{1, 2}, "grants_at_most": 2,
	}}
	allow = append(allow, g.servers.addrs()...)
	for _, u := range upstreams() {
		sources = append(sources, u.describe(g))
	}
	return map[string]any{
		"issuer": g.issuer, "listen": addr, "data": data,
		"outbound":   map[string]any{"allow": allow},
		"registries": map[string]any{"population": map[string]any{"people_file": registry}},
		"limits":     map[string]any{"guesses": 10},
		"clients":    clients,
		"sources":    sources,
	}
}

// newKey makes a client's key, writes the private half to a file and returns the
// public one as a key set.
func newKey(file string) map[string]any {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		panic(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []map[string]any{{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "rp-1", "x": text(point[1:33]), "y": text(point[33:]),
	}}}
}

// somebody is a person for the next sign-in: they take turns, because a one-time
// code counts once.
func (g *gateway) somebody() *person {
	g.nextTurn++
	return g.people[g.nextTurn%len(g.people)]
}

// code is a one-time code later than every one before. The gateway takes the
// neighbours of the present one too, so there are three in half a minute.
func (p *person) code() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const step = 30 // seconds, RFC 6238
	now := time.Now()
	next := max(p.last+1, now.Unix()/step)
	if now.Unix()%step < step-5 { // the one before is not about to end
		next = max(p.last+1, now.Unix()/step-1)
	}
	if ahead := next - now.Unix()/step; ahead > 1 {
		time.Sleep(time.Unix((next-1)*step, 0).Sub(now))
	}
	p.last = next
	return totp.GenerateCode(p.TOTPSecret, time.Unix(next*step, 0))
}
