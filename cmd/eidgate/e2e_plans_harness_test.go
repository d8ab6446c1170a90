package main_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// plansRun is a gateway with deploy/conformance's configuration, and in the
// suite's place a server at the addresses of its clients.
type plansRun struct {
	*conformanceRun

	issuer   string
	suite    *httptest.Server
	password string         // of the only person
	meta     map[string]any // discovery document
	provider *oidc.Provider
	ctx      context.Context // carries the client that trusts the gateway
	client   *http.Client    // of relying parties: no cookies, no redirects

	mu    sync.Mutex
	calls []url.Values // what the suite's server was sent, with its path under ""

	keys map[jose.SignatureAlgorithm]crypto.Signer // of client many-keys
}

// extraClients stand beside those of the suite: what no plan of it needs.
const extraClients = `
  - id: public
    name: Public
    url: https://localhost.emobix.co.uk:8443/
    tier: other
    auth_method: none
    redirect_uris: [https://localhost.emobix.co.uk:8443/test/a/eidgate/callback]
    scopes: [openid, profile, email, phone, address, eid, eid_driving_licence, eid_vehicle_registration, eid_social_insurance, eid_health_insurance]
    sector: conformance
    min_level: 1
    sources: [national]
    consent: {purpose: Kiểm thử}
  - id: signed-userinfo
    name: Signed userinfo
    url: https://localhost.emobix.co.uk:8443/
    tier: other
    auth_method: private_key_jwt
    jwks_file: run/client-key.public.json
    redirect_uris: [https://localhost.emobix.co.uk:8443/test/a/eidgate/callback]
    scopes: [openid, profile]
    sector: elsewhere
    min_level: 1
    sources: [national]
    userinfo_alg: ES256
    consent: {purpose: Kiểm thử}
  - id: many-keys
    name: Many keys
    url: https://localhost.emobix.co.uk:8443/
    tier: other
    auth_method: private_key_jwt
    jwks_file: run/many-keys.json
    redirect_uris: [https://localhost.emobix.co.uk:8443/test/a/eidgate/callback]
    scopes: [openid, profile]
    sector: conformance
    min_level: 1
    sources: [national]
    userinfo_alg: RS256
    consent: {purpose: Kiểm thử}
`

func startPlans(t *testing.T) *plansRun {
	t.Helper()
	r := &plansRun{conformanceRun: prepareConformance(t)}
	r.issuer, r.password = "https://"+r.addr, r.secret(t, "person")
	r.suite = httptest.NewTLSServer(http.HandlerFunc(r.hear))
	t.Cleanup(r.suite.Close)
	r.write(t, "suite.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.suite.Certificate().Raw}))
	r.env = []string{"SSL_CERT_FILE=" + filepath.Join(r.dir, "run", "suite.crt")}
	r.makeKeys(t)
	file := filepath.Join(r.dir, "eidgate.yaml")
	raw, err := os.ReadFile(file)
	must(t, err)
	text := strings.ReplaceAll(string(raw)+extraClients, "localhost.emobix.co.uk:8443", r.suite.Listener.Addr().String())
	must(t, os.WriteFile(file, []byte(text), 0o600))
	exit, out := r.run(t, r.password+"\n", "accounts", "add", "--file", filepath.Join(r.dir, "person.json"), "--password-file", "-")
	if exit != 0 {
		t.Fatalf("accounts add: exit %d\n%s", exit, out)
	}
	server := r.command(t, "", "serve")
	server.Stderr = &r.log
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Wait() // the test's context killed it
		if t.Failed() {
			t.Logf("log:\n%s", &r.log)
		}
	})
	r.client = &http.Client{
		Transport: r.transport(), Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r.ctx = oidc.ClientContext(t.Context(), r.client)
	waitUntil(t, "the gateway", func() bool {
		r.provider, err = oidc.NewProvider(r.ctx, r.issuer)
		return err == nil
	})
	must(t, r.provider.Claims(&r.meta))
	return r
}

func (r *plansRun) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots}, ForceAttemptHTTP2: true}
}

// hear is the suite's server. It notes what it is sent.
func (r *plansRun) hear(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm() // what is not a form is an empty one
	form := url.Values{"": {req.URL.Path}}
	for name, values := range req.Form {
		form[name] = values
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, form)
	w.WriteHeader(http.StatusOK)
}

// heard waits for a call of the suite's server with this value, and takes it.
func (r *plansRun) heard(t *testing.T, path string, fits func(url.Values) bool) url.Values {
	t.Helper()
	var got url.Values
	waitUntil(t, "a call of "+path, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		i := slices.IndexFunc(r.calls, func(c url.Values) bool { return c.Get("") == r.path(path) && fits(c) })
		if i >= 0 {
			got = r.calls[i]
			r.calls = slices.Delete(r.calls, i, i+1)
		}
		return i >= 0
	})
	return got
}

func (r *plansRun) path(name string) string { return "/test/a/eidgate/" + name }

// at is an address of the suite's server.
func (r *plansRun) at(name string) string { return r.suite.URL + r.path(name) }

// reply is an answer to a browser or to a client.
type reply struct {
	status int
	header http.Header
	body   string
	url    *url.URL
	next   string         // Location
	json   map[string]any // of a JSON answer
}

func (r *plansRun) do(t *testing.T, client *http.Client, method, address string, form url.Values, header ...string) reply {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	must(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	got := reply{status: res.StatusCode, header: res.Header, body: string(raw), url: res.Request.URL, next: res.Header.Get("Location")}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && bytes.HasPrefix(raw, []byte("{")) {
		must(t, json.Unmarshal(raw, &got.json))
	}
	if got.status >= 500 {
		t.Errorf("%s %s = %d\n%s", method, got.url.Path, got.status, got.body)
	}
	return got
}

// user is the suite's browser.
type user struct {
	*plansRun

	t      *testing.T
	client *http.Client
	mode   string // response_mode of every request; empty: none is named
	typed  int    // times that the password was asked for
	agreed int    // times that the consent was
}

func (r *plansRun) user(t *testing.T, mode string) *user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &user{plansRun: r, t: t, mode: mode, client: &http.Client{
		Jar: jar, Transport: r.transport(), Timeout: 20 * time.Second,
		CheckRedirect: func(req *http.Request, _ []*http.Request) error {
			if req.URL.Host == r.addr {
				return nil
			}
			return http.ErrUseLastResponse
		},
	}}
}

func (u *user) get(address string) reply {
	u.t.Helper()
	return u.do(u.t, u.client, http.MethodGet, address, nil)
}

func (u *user) post(path string, form url.Values) reply {
	u.t.Helper()
	return u.do(u.t, u.client, http.MethodPost, u.issuer+path, form, "Origin", u.issuer, "Sec-Fetch-Site", "same-origin")
}

// asking is an authorization request: the defaults, changed by name and value;
// "-" leaves a parameter out.
func (u *user) asking(client string, params ...string) url.Values {
	q := url.Values{
		"client_id": {client}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {u.at("callback")},
		"state": {rand.Text()}, "nonce": {rand.Text()},
	}
	if u.mode != "" {
		q.Set("response_mode", u.mode)
	}
	for i := 0; i < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "-" {
			q.Del(params[i])
		}
	}
	return q
}

// authorize asks, and goes through the pages to the answer.
func (u *user) authorize(client string, params ...string) url.Values {
	u.t.Helper()
	q := u.asking(client, params...)
	return u.answer(q, u.through(u.get(u.issuer+"/authorize?"+q.Encode())))
}

// through fills in the pages that the suite's browser knows.
func (u *user) through(p reply) reply {
	u.t.Helper()
	for range 3 {
		switch {
		case strings.Contains(p.body, `id="personal_number"`):
			u.typed++
			p = u.post("/login", fields(u.t, p.body, "personal_number", "001188000950", "password", u.password))
		case strings.Contains(p.body, `value="share"`):
			u.agreed++
			p = u.post("/login", fields(u.t, p.body, "action", "share"))
		}
	}
	return p
}

// answer reads what comes back to the client, and checks that it came in the mode
// that was asked for, with the state and the issuer.
func (u *user) answer(q url.Values, p reply) url.Values {
	u.t.Helper()
	got := url.Values{}
	if u.mode == "form_post" {
		if !strings.Contains(p.body, `action="`+u.at("callback")+`"`) || p.next != "" {
			u.t.Fatalf("want a form to the callback, got %d %s\n%s", p.status, p.next, p.body)
		}
		for _, m := range formParam.FindAllStringSubmatch(p.body, -1) {
			got.Set(m[1], html.UnescapeString(m[2]))
		}
	} else {
		back, err := url.Parse(p.next)
		must(u.t, err)
		if !strings.HasPrefix(p.next, u.at("callback")+"?") || back.Fragment != "" {
			u.t.Fatalf("want a redirect to the callback, got %d %q\n%s", p.status, p.next, p.body)
		}
		got = back.Query()
	}
	if got.Get("iss") != u.issuer || got.Get("state") != q.Get("state") {
		u.t.Errorf("answer has iss %q, state %q, want %q, %q", got.Get("iss"), got.Get("state"), u.issuer, q.Get("state"))
	}
	if got.Has("error") == got.Has("code") {
		u.t.Errorf("answer has %v, want a code or an error", got)
	}
	return got
}

// refused asks and wants one of these errors.
func (u *user) refused(client string, codes []string, params ...string) {
	u.t.Helper()
	if got := u.authorize(client, params...).Get("error"); !slices.Contains(codes, got) {
		u.t.Errorf("answer is error %q, want one of %q", got, codes)
	}
}

// signIn asks, redeems the code, and gives the tokens with the claims.
func (u *user) signIn(client string, params ...string) grant {
	u.t.Helper()
	got := u.authorize(client, params...)
	if got.Get("code") == "" {
		u.t.Fatalf("answer is %v, want a code", got)
	}
	return u.redeem(u.t, client, got.Get("code"))
}

// grant is what a code or a refresh token gave.
type grant struct {
	reply

	access, refresh, idToken string
	id                       map[string]any // claims of the ID token
}

func (g grant) sub() string { s, _ := g.id["sub"].(string); return s }

func (g grant) authTime() int64 { n, _ := g.id["auth_time"].(float64); return int64(n) }

// redeem exchanges a code and verifies what it gives.
func (r *plansRun) redeem(t *testing.T, client, code string, more ...string) grant {
	t.Helper()
	return r.granted(t, client, r.token(t, client,
		append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", r.at("callback")}, more...)...))
}

func (r *plansRun) granted(t *testing.T, client string, got reply) grant {
	t.Helper()
	if got.status != http.StatusOK || got.json["token_type"] != "Bearer" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token endpoint: %d %s, Cache-Control %q", got.status, got.body, got.header.Get("Cache-Control"))
	}
	g := grant{reply: got}
	g.access, _ = got.json["access_token"].(string)
	g.refresh, _ = got.json["refresh_token"].(string)
	g.idToken, _ = got.json["id_token"].(string)
	verifier := r.provider.VerifierContext(r.ctx, &oidc.Config{ClientID: client, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}})
	id, err := verifier.Verify(r.ctx, g.idToken)
	must(t, err)
	must(t, id.VerifyAccessToken(g.access))
	must(t, id.Claims(&g.id))
	return g
}

// token calls the token endpoint as a client that is registered.
func (r *plansRun) token(t *testing.T, client string, form ...string) reply {
	t.Helper()
	return r.call(t, "/token", client, form...)
}

// call is a client's own call, authenticated as it is registered.
func (r *plansRun) call(t *testing.T, path, client string, form ...string) reply {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(form); i += 2 {
		q.Set(form[i], form[i+1])
	}
	var header []string
	switch client {
	case "public":
		q.Set("client_id", client)
	case "conformance-key", "signed-userinfo", "many-keys":
		q.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		q.Set("client_assertion", r.assertion(t, client, jose.ES256))
	case "conformance-post":
		q.Set("client_id", client)
		q.Set("client_secret", r.secret(t, "client-post"))
	default:
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(client, r.secret(t, "client-"+strings.TrimPrefix(client, "conformance-")))
		header = []string{"Authorization", req.Header.Get("Authorization")}
	}
	return r.do(t, r.client, http.MethodPost, r.issuer+path, q, header...)
}

// makeKeys makes a key for each algorithm that a client may sign with.
func (r *plansRun) makeKeys(t *testing.T) {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	r.keys = map[jose.SignatureAlgorithm]crypto.Signer{jose.ES256: r.key, jose.EdDSA: ed}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		r.keys[alg] = rsaKey
	}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		r.keys[alg] = key
	}
	var set jose.JSONWebKeySet
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: r.keys[alg].Public(), KeyID: keyName(alg)})
	}
	raw, err := json.Marshal(set)
	must(t, err)
	r.write(t, "many-keys.json", raw)
}

// keyName names the key of an algorithm; those of RSA share one.
func keyName(alg jose.SignatureAlgorithm) string {
	switch {
	case alg == jose.ES256:
		return "conformance"
	case alg[:2] == "RS" || alg[:2] == "PS":
		return "rsa"
	default:
		return strings.ToLower(string(alg))
	}
}

// assertion authenticates a client (RFC 7523).
func (r *plansRun) assertion(t *testing.T, client string, alg jose.SignatureAlgorithm) string {
	t.Helper()
	return r.sign(t, alg, "JWT", map[string]any{
		"iss": client, "sub": client, "aud": r.issuer, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix(),
	})
}

// sign makes a JWT with a client's key.
func (r *plansRun) sign(t *testing.T, alg jose.SignatureAlgorithm, typ string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: r.keys[alg], KeyID: keyName(alg)}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	must(t, err)
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	must(t, err)
	return raw
}

// userinfo asks with a token in the header.
func (r *plansRun) userinfo(t *testing.T, access string) reply {
	t.Helper()
	return r.do(t, r.client, http.MethodGet, r.issuer+"/userinfo", nil, "Authorization", "Bearer "+access)
}

// challengeOf is a PKCE pair of one run.
func challengeOf() (verifier string, params []string) {
	verifier = rand.Text() + rand.Text()
	return verifier, []string{"code_challenge", s256(verifier), "code_challenge_method", "S256"}
}

// nextSecond waits until the clock of tokens has moved on.
func nextSecond(t *testing.T, after int64) {
	t.Helper()
	waitUntil(t, fmt.Sprintf("the second after %d", after), func() bool { return time.Now().Unix() > after })
}
