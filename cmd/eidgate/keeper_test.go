package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// What the sources of these tests keep.
const (
	rotation  = 12 * time.Hour
	published = 2 * time.Hour
	kept      = 3 * time.Hour
	lag       = 10 * time.Minute // the default of lifetimes.jwks_max_age
)

// standstill is a clock that tests move.
type standstill struct {
	mu  sync.Mutex
	now time.Time
}

func (c *standstill) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *standstill) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// listed is a registry of sources.
type listed []eid.Source

func (l listed) Sources(context.Context) ([]eid.Source, error) { return l, nil }

// keeper is what there is of several processes of a gateway over one database, with
// sources that want their keys kept.
type keeper struct {
	clock    *standstill
	cfg      *config.Config
	gateways []*gateway
	allowed  *federation.Outbound
}

func newKeeper(t *testing.T, processes int) *keeper {
	t.Helper()
	k := &keeper{clock: &standstill{now: time.Now().UTC().Truncate(time.Second)}, cfg: config.Default(), allowed: federation.NewOutbound(federation.Destinations{})}
	k.cfg.Issuer, k.cfg.Data = "http://127.0.0.1:1", t.TempDir()
	k.cfg.Keys.RSABits = 2048
	log := slog.New(slog.DiscardHandler)
	sealer, err := keys.LoadSealer(filepath.Join(k.cfg.Data, "master.key"), true, log)
	require(t, err)
	where := sqlstore.Config{Path: databasePath(k.cfg)}
	require(t, sqlstore.Migrate(t.Context(), where))
	db, err := sqlstore.Open(t.Context(), where, sealer, k.clock.Now)
	require(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for range processes {
		ring, err := keys.New(keysConfig(k.cfg), keys.Deps{Store: db, Sealer: sealer, Now: k.clock.Now, Log: log})
		require(t, err)
		k.gateways = append(k.gateways, &gateway{durable: &durable{db: db, ring: ring, sealer: sealer}, calls: k.allowed.Client(), now: k.clock.Now, log: log})
	}
	return k
}

func require(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// register has all processes keep the keys of these sources, which may be at addresses
// of this machine.
func (k *keeper) register(t *testing.T, allow []string, sources ...config.Source) []eid.Source {
	t.Helper()
	to, err := federation.ParseDestinations(allow)
	require(t, err)
	k.allowed.Allow(to)
	k.cfg.Sources = sources
	list, err := k.cfg.FederationSources()
	require(t, err)
	for _, g := range k.gateways {
		require(t, planSources(t.Context(), listed(list), g.ring, g.ring.Known(), lag))
		require(t, g.ring.Load(t.Context()))
	}
	return list
}

// open makes a source in a process.
func (k *keeper) open(t *testing.T, process int, src eid.Source) federation.Source {
	t.Helper()
	s, err := k.gateways[process].buildSource(src, k.cfg)
	require(t, err)
	return s
}

// publishedBy gives what a source in a process publishes.
func publishedBy(t *testing.T, s federation.Source) []byte {
	t.Helper()
	publisher, ok := s.(federation.Publisher)
	if !ok {
		t.Fatal("the source publishes nothing")
	}
	_, body, err := publisher.Publish("", "http://127.0.0.1:1/callback", "http://127.0.0.1:1/logout")
	require(t, err)
	if strings.Contains(string(body), "PRIVATE") || strings.Contains(string(body), `"d":`) {
		t.Fatal("a private key is published")
	}
	return body
}

// managed is the block of the configuration in these tests.
func managed(confirm bool) *config.ManagedKeys {
	return &config.ManagedKeys{RotateEvery: rotation, PublishFor: published, KeepFor: kept, Confirm: &confirm, RSABits: 2048}
}

func keptSource(id, kind string) config.Source {
	return config.Source{ID: id, Kind: kind, Name: id, Provider: id, National: kind == "vneid",
		MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: config.Ceilings{{Level: eid.Level1}}}
}

// upstream is a source on the other side, which caches what it reads of the gateway.
type upstream struct {
	src  eid.Source
	read func(t *testing.T, body []byte) // takes what the gateway publishes now
	at   time.Time                       // when it last did
	// pending is a sign-in that has come back to the browser and not to the gateway.
	pending *comeback
	done    int
}

type comeback struct {
	req    federation.Request
	values url.Values
	at     time.Time
}

const callbackOfTests = "http://127.0.0.1:1/callback"

var (
	hiddenField = regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
)

// begin signs somebody in at the source, until the browser is to come back. The
// source refuses what no key signed that it knows.
func begin(t *testing.T, s federation.Source, now time.Time) (*comeback, error) {
	t.Helper()
	req := federation.Request{State: "state", Callback: callbackOfTests, Now: now, Level: eid.Level1}
	step, err := s.Begin(t.Context(), req)
	if err != nil {
		return nil, err
	}
	req.Memory = step.Memory
	jar, err := cookiejar.New(nil)
	require(t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(step.Redirect)
	require(t, err)
	for range 2 {
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		require(t, err)
		if back := res.Header.Get("Location"); back != "" {
			u, err := url.Parse(back)
			require(t, err)
			return &comeback{req, u.Query(), now}, nil
		}
		form := url.Values{}
		for _, field := range hiddenField.FindAllStringSubmatch(string(body), -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		action := formAction.FindStringSubmatch(string(body))
		if action == nil {
			return nil, &refusedThere{string(body)}
		}
		to, err := res.Request.URL.Parse(html.UnescapeString(action[1]))
		require(t, err)
		if to.String() == callbackOfTests {
			return &comeback{req, form, now}, nil
		}
		form.Set("username", "one")
		form.Set("password", "pw-1")
		form.Set("action", "login")
		res, err = browser.PostForm(to.String(), form)
		require(t, err)
	}
	t.Fatal("the source leads nowhere")
	return nil, nil
}

// refusedThere is a source that refuses a request.
type refusedThere struct{ said string }

func (e *refusedThere) Error() string { return "the source refuses: " + e.said }

func end(t *testing.T, s federation.Source, c *comeback, now time.Time) error {
	t.Helper()
	c.req.Now = now
	step, err := s.Finish(t.Context(), c.req, federation.Reply{Values: c.values})
	if err == nil && (step.Assertion == nil || step.Assertion.Subject == "") {
		t.Error("Finish() = nothing, want an assertion")
	}
	return err
}

// signIn is a whole sign-in.
func signIn(t *testing.T, s federation.Source, now time.Time) error {
	t.Helper()
	c, err := begin(t, s, now)
	if err != nil {
		return err
	}
	return end(t, s, c, now)
}

// hostOf is the host and port of an address.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require(t, err)
	return u.Host
}

func samlUpstream(t *testing.T, k *keeper, id string, keep *config.ManagedKeys) (*fedtest.SAML, config.Source) {
	t.Helper()
	idp := fedtest.StartSAML(t, fedtest.SAMLConfig{Now: k.clock.Now, People: []fedtest.SAMLPerson{
		{Person: fedtest.Person{Subject: "p-1", Login: "one", Password: "pw-1", ACR: "low"}}}})
	idp.Misbehave(fedtest.SAMLFaults{Encrypt: fedtest.GCM{Method: fedtest.AES256GCM}}) // to the last key that it reads
	src := keptSource(id, "saml")
	src.SAML = &config.SAML{Issuer: idp.EntityID(), MetadataURL: idp.EntityID(), ACR: map[string]eid.Level{"low": eid.Level1}, ManagedKeys: keep}
	return idp, src
}

func openidUpstream(t *testing.T, k *keeper, id string, keep *config.ManagedKeys) (*fedtest.OpenID, config.Source) {
	t.Helper()
	op := fedtest.StartOpenID(t, fedtest.Config{Now: k.clock.Now, Alg: jose.ES256,
		Clients: []fedtest.Client{{ID: "eidgate", RedirectURIs: []string{callbackOfTests}, SignUserInfo: true}},
		People:  []fedtest.Person{{Subject: "u-1", Login: "one", Password: "pw-1", ACR: "low", Name: "Người Giả Định"}}})
	keep.Encryption = true
	src := keptSource(id, "openid")
	src.OpenID = &config.OpenID{Issuer: op.Issuer(), ClientID: "eidgate", ACR: map[string]eid.Level{"low": eid.Level1}, UserInfo: true,
		Person: config.PersonClaims{Name: "name"}, ManagedKeys: keep}
	return op, src
}

// reread has a provider know a client by a key set: it encrypts to the first or the
// last of the keys.
func reread(t *testing.T, op *fedtest.OpenID, body []byte, last bool) {
	t.Helper()
	var set jose.JSONWebKeySet
	require(t, json.Unmarshal(body, &set))
	var signing, opening []jose.JSONWebKey
	for _, key := range set.Keys {
		if key.Use == "sig" {
			signing = append(signing, key)
		} else {
			opening = append(opening, key)
		}
	}
	if len(signing) == 0 || len(opening) == 0 {
		t.Fatalf("%d keys that sign and %d to encrypt to, want both", len(signing), len(opening))
	}
	to := opening[0]
	if last {
		to = opening[len(opening)-1]
	}
	op.Rekey("eidgate", signing, &to)
}

func vneidUpstream(t *testing.T, k *keeper, id string, keep *config.ManagedKeys) (*fedtest.VNeID, config.Source) {
	t.Helper()
	v := fedtest.StartVNeID(t, fedtest.VNeIDConfig{Now: k.clock.Now, SealCode: true,
		Clients: []fedtest.Client{{ID: "eidgate", Secret: "synthetic", RedirectURIs: []string{callbackOfTests}}},
		People:  []fedtest.Citizen{{Login: "one", Password: "pw-1", TechID: "t-1", Number: "001203000001", Name: "Người Giả Định", BirthDate: "02/01/2003", Level: 1}}})
	at := v.Endpoints(fedtest.DialectEncrypted)
	src := keptSource(id, "vneid")
	src.VNeID = &config.VNeID{Dialect: "encrypted", Authorize: at.Authorize, Token: at.Token, UserInfo: at.UserInfo, ClientID: "eidgate",
		ClientSecret: eid.NewSecret("synthetic"), Levels: map[string]eid.Level{"1": eid.Level1}, ManagedKeys: keep}
	return v, src
}

// byState gives the newest key of a purpose in a state, nil if there is none.
func (k *keeper) byState(purpose keys.Purpose, state keys.State) *keys.Key {
	var newest *keys.Key
	for _, key := range k.gateways[0].ring.Snapshot().Keys(purpose) {
		if key.State == state && (newest == nil || key.PublishedAt.After(newest.PublishedAt)) {
			newest = &key
		}
	}
	return newest
}

func rsaPublic(t *testing.T, key *keys.Key) *rsa.PublicKey {
	t.Helper()
	if key == nil {
		t.Fatal("no such key")
	}
	public, ok := key.Decrypter.Public().(*rsa.PublicKey)
	if !ok {
		t.Fatalf("a %T, want RSA", key.Decrypter.Public())
	}
	return public
}
