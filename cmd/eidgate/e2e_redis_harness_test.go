package main_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/store/storetest"
)

// pair are two processes of the gateway on one data directory and one Redis: a
// demo, and a `serve` with the same registrations and one client more. Requests
// go to one and the other in turn, each on a connection of its own.
type pair struct {
	*demoRun

	redis *storetest.Redis
	key   *ecdsa.PrivateKey // of client keyed
	addrs [2]string
	turn  atomic.Uint64
	only  atomic.Int64 // 1 or 2: one process alone; 0: in turn
}

// otherConfig is the configuration of `serve`: the demo's registrations, and a
// client that signs.
const otherConfig = `
issuer: %[1]s
listen: %[2]s
data: .
state: redis://%[3]s
outbound: {allow: ["127.0.0.1:1"]}
sources:
  - id: national
    kind: account
    name: Tài khoản định danh điện tử
    provider: eidgate
    window: {from: 2021-11-09}
    may_assert: [1, 2]
    grants_at_most: 2
clients:
  - id: portal-1
    name: Portal 1
    url: %[4]s
    tier: province
    auth_method: client_secret_basic
    client_secrets: [%[5]s]
    redirect_uris: [%[6]s]
    scopes: [openid, profile, email, phone, eid]
    sector: portal-1
    id_token_alg: ES256
    min_level: 1
    sources: [national]
    refresh: true
    consent: {purpose: Kiểm thử}
  - id: portal-2
    name: Portal 2
    url: %[7]s
    tier: province
    auth_method: client_secret_basic
    client_secrets: [%[8]s]
    redirect_uris: [%[9]s]
    scopes: [openid, profile, email, phone, eid]
    sector: portal-2
    id_token_alg: RS256
    min_level: 2
    sources: [national]
    refresh: true
    consent: {purpose: Kiểm thử}
  - id: keyed
    name: Keyed
    url: %[4]s
    tier: province
    auth_method: private_key_jwt
    jwks_file: keyed.json
    redirect_uris: [%[6]s]
    scopes: [openid]
    sector: keyed
    id_token_alg: ES256
    min_level: 1
    sources: [national]
    refresh: true
    consent: {purpose: Kiểm thử}
`

func startPair(t *testing.T, redisArgs ...string) *pair {
	t.Helper()
	p := &pair{redis: storetest.StartRedis(t, redisArgs...)}
	dir := filepath.Join(t.TempDir(), "data")
	d, err := launch([]string{"--data", dir, "--state", "redis://" + p.redis.Addr})
	must(t, err)
	p.demoRun, p.addrs[0] = d, d.Addr
	t.Cleanup(func() {
		problems := d.searchLog()
		if code := d.terminate(); code != 0 {
			problems = append(problems, fmt.Sprintf("exit code = %d, want 0", code))
		}
		for _, problem := range append(problems, d.auditGrants()...) {
			t.Error(problem)
		}
		if t.Failed() {
			t.Logf("log:\n%s", d.stderr)
		}
	})
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "keyed.json"), public, 0o600))
	p.addrs[1] = storetest.FreeAddr(t)
	one, two := d.portal("portal-1"), d.portal("portal-2")
	text := fmt.Sprintf(otherConfig, d.Issuer, p.addrs[1], p.redis.Addr,
		one.URL, one.ClientSecret, one.RedirectURI, two.URL, two.ClientSecret, two.RedirectURI)
	file := filepath.Join(dir, "other.yaml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", "--config", file)
	cmd.Stderr = d.stderr // both logs are searched together
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	d.via = &http.Transport{DialContext: p.dial, DisableKeepAlives: true}
	p.only.Store(2)
	waitUntil(t, "the second process", func() bool {
		status, _ := p.status(t, "/keys")
		return status == http.StatusOK
	})
	// What the second process registered is in force at the first within a second.
	p.only.Store(1)
	portal, a := p.party(t, "portal-2"), p.browser(t)
	waitUntil(t, "the registrations of the second process at the first", func() bool {
		return a.get(portal.request().address).offers("personal_number", "")
	})
	p.only.Store(0)
	return p
}

// dial reaches one of the two processes where the first is meant.
func (p *pair) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr == p.addrs[0] {
		i := p.turn.Add(1) % 2
		if only := p.only.Load(); only > 0 {
			i = uint64(only - 1)
		}
		addr = p.addrs[i]
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// status asks one address and gives status and body; 0 when nobody answers.
func (p *pair) status(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Issuer+path, nil)
	must(t, err)
	return p.send(r)
}

func (p *pair) send(r *http.Request) (int, string) {
	res, err := (&http.Client{
		Transport: p.demoRun, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

// token calls the token endpoint as a client with a secret, or with an assertion
// in the form.
func (p *pair) token(ctx context.Context, client portalReport, form url.Values) (int, map[string]any) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client.ClientSecret != "" {
		r.SetBasicAuth(client.ClientID, client.ClientSecret)
	}
	status, body := p.send(r)
	answer := map[string]any{}
	_ = json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&answer) // a page leaves it empty
	return status, answer
}

// assertion authenticates the client keyed once.
func (p *pair) assertion(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	must(t, err)
	raw, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "keyed", Subject: "keyed", Audience: jwt.Audience{p.Issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}).Serialize()
	must(t, err)
	return raw
}
