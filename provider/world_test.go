package provider_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/pquerna/otp/totp"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
	"eidgate/keys"
	"eidgate/provider"
	"eidgate/store"
	"eidgate/store/sqlstore"
	"eidgate/store/statestore"
	"eidgate/store/storetest"
)

// Synthetic people of these tests.
const (
	numberLevel2 = "001188000901" // level 2, password and code
	numberLevel1 = "001090000902" // level 1, password only
	password     = "mat khau thu nghiem"
	totpSecret   = "ONSWG4TFOQWXG6LOORUGK5DJMMWTAMBQ"

	clientSecret = "a synthetic secret of more than thirty-two characters"
)

// world is a provider over real stores, served on loopback, with a clock that
// the test moves.
type world struct {
	t        testing.TB
	server   *httptest.Server
	db       *sqlstore.DB
	state    *statestore.Store
	accounts *accounts.Accounts
	locks    *accounts.Locks

	passwords *credential.Passwords
	people    map[string]eid.AccountID
	log       *syncBuffer
	dir       string
	parties   []eid.RelyingParty // as last registered

	upstream *fedtest.OpenID
	keys     *keyServer

	meter    *recorder
	provider *provider.Provider
	// build makes another process on the same stores.
	build  func() *provider.Provider
	outbox *outbox
	told   [2]*receiver // back-channel endpoints that the gateway may call
	// spoken are sources of a protocol that only a test speaks.
	spoken map[string]federation.Source
	// tweak changes all registrations.
	tweak func(parties []eid.RelyingParty)
	// tweakSources changes those of sources: national, upstream.
	tweakSources func(sources []eid.Source)

	// unconfirmed is how long ago the store confirmed the keys; snapshots counts how often
	// somebody took them.
	unconfirmed, snapshots atomic.Int64

	mu  sync.Mutex
	now time.Time
}

// countedKeys counts the snapshots that are taken.
type countedKeys struct {
	*keys.Ring

	taken *atomic.Int64
}

func (c countedKeys) Snapshot() *keys.Snapshot {
	c.taken.Add(1)
	return c.Ring.Snapshot()
}

// startUpstream runs a provider that is trusted with both levels and states 1.
// It gives its host and port.
func (w *world) startUpstream() string {
	w.upstream = fedtest.StartOpenID(w.t, fedtest.Config{
		Alg: jose.ES256, // quick to make
		Clients: []fedtest.Client{{ID: "gateway", Secret: clientSecret, RedirectURIs: []string{w.server.URL + "/callback/upstream", w.server.URL + "/callback/second"}, Backchannel: true,
			PostLogoutURIs: []string{w.server.URL + "/logout/done"}}},
		People: []fedtest.Person{{Subject: "synthetic", Login: "nguoi-thu", Password: password, ACR: "one"}},
		Now:    w.clock,
	})
	return strings.TrimPrefix(w.upstream.Issuer(), "http://")
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// syncBuffer collects the log.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, func(*provider.Config, *provider.Deps) {})
}

// newWorldWith makes a world whose provider is another one in some way.
func newWorldWith(t testing.TB, change func(cfg *provider.Config, d *provider.Deps)) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	w := &world{t: t, now: time.Now().Truncate(time.Second), people: maps.Clone(seed.people), log: &syncBuffer{}, dir: dir, meter: &recorder{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	for _, name := range []string{"master.key", "eidgate.db"} {
		raw, err := os.ReadFile(filepath.Join(seed.dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), false, log)
	must(t, err)
	where := sqlstore.Config{Path: filepath.Join(dir, "eidgate.db")}
	w.db, err = sqlstore.Open(ctx, where, sealer, w.clock)
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	w.state, err = statestore.Open(ctx, statestore.Config{Path: filepath.Join(dir, "state.db")}, w.clock)
	must(t, err)
	t.Cleanup(func() { must(t, w.state.Close()) })
	ring, err := keys.New(keys.DefaultConfig(), keys.Deps{
		Store: w.db, Sealer: sealer, Now: w.clock, Log: log,
		Uptime: func() time.Duration { return time.Duration(w.unconfirmed.Load()) }, // nobody runs it: keys count as confirmed
	})
	must(t, err)
	must(t, ring.Load(ctx))

	passwords, err := credential.NewPasswords(0)
	must(t, err)
	w.passwords = passwords
	source, err := account.New(account.Config{}, account.Deps{
		Accounts: w.db, Passwords: passwords, State: w.state, Audit: w.db, Key: make([]byte, 32),
	})
	must(t, err)
	handler := http.Handler(nil)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(w.server.Close)
	w.told, w.outbox = [2]*receiver{newReceiver(t), newReceiver(t)}, &outbox{Outbox: w.db, waiting: map[string]bool{}}
	w.keys = startKeyServer(t)
	outbound, err := federation.HTTPClient([]string{w.startUpstream(), w.told[0].host(), w.told[1].host(), strings.TrimPrefix(w.keys.server.URL, "http://")})
	must(t, err)
	registry := federation.NewRegistry(w.db, func(src eid.Source) (federation.Source, error) {
		if src.Kind == federation.KindAccount {
			return source, nil
		}
		if spoken, ok := w.spoken[src.ID]; ok {
			return spoken, nil
		}
		settings, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, err
		}
		return openid.New(settings, openid.Deps{HTTP: outbound, Now: w.clock})
	}, 0)
	w.build = func() *provider.Provider {
		cfg, deps := provider.Config{
			Issuer: w.server.URL, Vocabulary: eid.StandardVocabulary(), Version: "test",
			Lifetimes: provider.Lifetimes{
				Login: 10 * time.Minute, Code: time.Minute, IDToken: 5 * time.Minute, AccessToken: 10 * time.Minute,
				SessionIdle: 30 * time.Minute, SessionAbsolute: 12 * time.Hour, Level2Proof: 30 * time.Minute, JWKSMaxAge: 10 * time.Minute, Consent: 365 * 24 * time.Hour,
				RefreshIdle: 8 * time.Hour, RefreshAbsolute: 30 * 24 * time.Hour, RefreshLevel2: 24 * time.Hour, JWTAccess: 5 * time.Minute,
			},
		}, provider.Deps{
			Clients: w.db, Accounts: w.db, Grants: w.db, Consents: w.db, History: w.db, Documents: w.db, Sources: registry, State: w.state, Sealer: sealer, Outbox: w.outbox, Events: w.db, Switches: w.db, Revocations: w.db, KeyFetches: w.db, Outbound: outbound, Keys: countedKeys{ring, &w.snapshots}, Pages: seed.pages,
			Log: log, Now: w.clock, Ready: func(context.Context) error { return nil }, Meter: w.meter, TokenKey: make([]byte, 32),
			Registrar: accounts.NewRegistrar(w.db, w.clock), Linker: accounts.NewLinker(w.db, w.clock), OldAccounts: w.db,
			Locks: storetest.Locks(t, w.db, w.clock), Subjects: w.db, LockRequests: storetest.Requests(t, w.db, w.clock),
		}
		change(&cfg, &deps)
		p, err := provider.New(cfg, deps)
		must(t, err)
		return p
	}
	w.provider = w.build()
	handler = w.provider.Handler()

	w.accounts, w.locks = accounts.New(w.db, w.clock), storetest.Locks(t, w.db, w.clock)
	w.register()
	return w
}

// register declares three parties: portal (level 1, secret), high (level 2,
// public) and native.
func (w *world) register() { w.registerWith(func(*eid.RelyingParty) {}) }

// registerWith registers them anew, with the first changed.
func (w *world) registerWith(change func(portal *eid.RelyingParty)) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(clientSecret))
	hash := base64.RawURLEncoding.EncodeToString(sum[:])
	scopes := []string{"openid", "profile", "email", "phone", "eid"}
	from := w.clock().AddDate(-1, 0, 0)
	parties := []eid.RelyingParty{
		{
			ID: "portal", Name: "Cổng thử", URL: "https://portal.example.test", Tier: "province", AuthMethod: eid.AuthSecretBasic,
			SecretHashes: []string{hash}, RedirectURIs: []string{"https://portal.example.test/cb", "https://portal.example.test/cb?a=%2Fb&c"},
			Scopes: scopes, Sector: "portal", IDTokenAlg: "RS256", Sources: []string{"national"},
			Levels: eid.LevelPolicy{Minimum: eid.Level1, Aliases: map[string]eid.Level{"LoA1": eid.Level1, "LoA2": eid.Level2}},
		},
		{
			ID: "high", Name: "Cổng cao", URL: "https://high.example.test", Tier: "ministry", AuthMethod: eid.AuthNone,
			RedirectURIs: []string{"https://high.example.test/cb"}, Scopes: []string{"openid", "profile"}, Sector: "high",
			IDTokenAlg: "ES256", Sources: []string{"national"}, Levels: eid.LevelPolicy{Minimum: eid.Level2},
		},
		{
			ID: "native", Name: "Ứng dụng", URL: "https://app.example.test", Tier: "other", AuthMethod: eid.AuthNone, Native: true,
			RedirectURIs: []string{"http://127.0.0.1/cb"}, Scopes: []string{"openid"}, Sector: "native",
			IDTokenAlg: "ES256", Sources: []string{"national"}, Levels: eid.LevelPolicy{Minimum: eid.Level1},
		},
	}
	for i := range parties {
		parties[i].Category = eid.OtherCategory
	}
	change(&parties[0])
	if w.tweak != nil {
		w.tweak(parties)
	}
	w.parties = parties
	sources := []eid.Source{{
		ID: "national", National: true, Kind: federation.KindAccount, Name: "Tài khoản định danh điện tử", Provider: "test", Window: eid.Window{From: from},
		MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
	}, {
		ID: "upstream", Kind: federation.KindOpenID, Name: "Nguồn ngoài thử", Provider: "fedtest", Window: eid.Window{From: from},
		MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
		Settings: json.RawMessage(`{"issuer":"` + w.upstream.Issuer() + `","client_id":"gateway","client_secret":"` + clientSecret +
			`","acr":{"one":1,"two":2},"request_acr":{"1":"one","2":"two"}}`),
	}}
	if w.tweakSources != nil {
		w.tweakSources(sources)
	}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), parties, sources, "file", "system"))
}

// agent is a browser: a cookie jar that follows redirects within the gateway
// and stops at the portal's.
type agent struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *agent {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	return &agent{w: w, client: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == strings.TrimPrefix(w.server.URL, "http://") {
			return nil
		}
		return http.ErrUseLastResponse
	}}}
}

// page is an answer: a page of the gateway, or a redirect to the portal.
type page struct {
	status int
	header http.Header
	body   string
	back   *url.URL // where a redirect to the portal leads, nil for a page
}

func (a *agent) do(r *http.Request) page {
	a.w.t.Helper()
	res, err := a.client.Do(r)
	must(a.w.t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(a.w.t, err)
	p := page{status: res.StatusCode, header: res.Header, body: string(body)}
	if location := res.Header.Get("Location"); location != "" {
		p.back, err = url.Parse(location)
		must(a.w.t, err)
	}
	return p
}

func (a *agent) get(address string) page {
	a.w.t.Helper()
	r, err := http.NewRequestWithContext(a.w.t.Context(), http.MethodGet, address, nil)
	must(a.w.t, err)
	return a.do(r)
}

func (a *agent) post(address string, form url.Values) page {
	a.w.t.Helper()
	r, err := http.NewRequestWithContext(a.w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(a.w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.do(r)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)

// submit posts the form of a page with these fields.
func (a *agent) submit(p page, fields ...string) page {
	a.w.t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	if form.Get("login") == "" || form.Get("csrf") == "" {
		a.w.t.Fatalf("no form on the page:\n%s", p.body)
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return a.post(a.w.server.URL+"/login", form)
}

// verifier and its S256 challenge (RFC 7636).
var verifier = strings.Repeat("v", 43)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorizeURL is a complete request of a client, with changes: name, value, … An
// empty value removes the parameter.
func (w *world) authorizeURL(client string, changes ...string) string {
	redirects := map[string]string{
		"portal": "https://portal.example.test/cb", "high": "https://high.example.test/cb", "native": "http://127.0.0.1:5555/cb",
	}
	q := url.Values{
		"client_id": {client}, "redirect_uri": {redirects[client]}, "response_type": {"code"}, "scope": {"openid profile email phone eid"},
		"state": {"st"}, "nonce": {"no"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			q.Del(changes[i])
		} else {
			q.Set(changes[i], changes[i+1])
		}
	}
	return w.server.URL + "/authorize?" + q.Encode()
}

// signIn goes through the forms of a fresh sign-in until the portal is reached
// or a page is shown that has no field to fill.
func (a *agent) signIn(address, number string) page {
	a.w.t.Helper()
	p := a.get(address)
	if strings.Contains(p.body, `name="personal_number"`) {
		p = a.submit(p, "personal_number", number, "password", password)
	}
	if strings.Contains(p.body, `name="code"`) {
		p = a.submit(p, "code", a.w.code())
	}
	return a.share(p)
}

// share agrees where the page asks whether data may be shared.
func (a *agent) share(p page) page {
	a.w.t.Helper()
	if strings.Contains(p.body, `value="share"`) {
		p = a.submit(p, "action", "share")
	}
	return p
}

// code is the one-time code of this moment. The clock moves on, for a code
// counts once.
func (w *world) code() string {
	w.t.Helper()
	w.pass(30 * time.Second)
	code, err := totp.GenerateCode(totpSecret, w.clock())
	must(w.t, err)
	return code
}

// tokens are what the token endpoint answered.
type tokens struct {
	status      int
	header      http.Header
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	IDToken     string `json:"id_token"`
	Error       string `json:"error"`
	claims      map[string]any

	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

// redeem exchanges a code as client portal, with changes to the form.
func (w *world) redeem(code string, changes ...string) tokens {
	w.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://portal.example.test/cb"}, "code_verifier": {verifier},
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			form.Del(changes[i])
		} else {
			form.Set(changes[i], changes[i+1])
		}
	}
	return w.token(form, func(r *http.Request) {
		if form.Get("client_id") == "" {
			r.SetBasicAuth("portal", url.QueryEscape(clientSecret))
		}
	})
}

func (w *world) token(form url.Values, change func(*http.Request)) tokens {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+"/token", strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	change(r)
	res, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	got := tokens{status: res.StatusCode, header: res.Header}
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	if err := json.Unmarshal(raw, &got); err != nil && res.Header.Get("Content-Type") == "application/json" {
		w.t.Fatalf("token answer %q: %v", raw, err)
	}
	if parts := strings.Split(got.IDToken, "."); len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		must(w.t, err)
		must(w.t, json.Unmarshal(payload, &got.claims))
	}
	return got
}

// userinfo asks with an Authorization header.
func (w *world) userinfo(authorization string) (int, http.Header, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+"/userinfo", nil)
	must(w.t, err)
	r.Header.Set("Authorization", authorization)
	res, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	var claims map[string]any
	if res.ContentLength != 0 {
		must(w.t, json.NewDecoder(res.Body).Decode(&claims))
	}
	return res.StatusCode, res.Header, claims
}

// codeFor signs in afresh and returns the code.
func (w *world) codeFor(number string, changes ...string) string {
	w.t.Helper()
	p := w.browser().signIn(w.authorizeURL("portal", changes...), number)
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d, back %v\n%s", p.status, p.back, p.body)
	}
	return p.back.Query().Get("code")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func randomHandle() string {
	b := make([]byte, 44)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b[:12]) + "." + base64.RawURLEncoding.EncodeToString(b[12:])
}

// alsoRefreshing registers another party for refresh tokens, beside what is.
func (w *world) alsoRefreshing(id string) {
	w.t.Helper()
	for i := range w.parties {
		if w.parties[i].ID == id {
			w.parties[i].Refresh = true
		}
	}
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, sources, "file", "system"))
}

// deleteFamily does what the end of a session does to a grant, given its code.
func (w *world) deleteFamily(code string) {
	w.t.Helper()
	slot, secret, _ := strings.Cut(code, ".")
	sum := sha256.Sum256([]byte(secret))
	results, err := w.state.Apply(w.t.Context(), slot, store.Delete("family:"+base64.RawURLEncoding.EncodeToString(sum[:])))
	must(w.t, err)
	if !results[0].OK {
		w.t.Fatal("no family")
	}
}

// stateBytes are the files of the passing state, as they lie on the disk.
func (w *world) stateBytes() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "state.db*"))
	must(w.t, err)
	var all strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(w.t, err)
		all.Write(raw)
	}
	if !strings.Contains(all.String(), "family:") {
		w.t.Fatal("no families in the files of the state")
	}
	return all.String()
}
