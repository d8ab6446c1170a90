// Package provider owns the OpenID provider and its login: authorize, the stages
// of a sign-in, token, userinfo and discovery.
package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/keys"
	"eidgate/store"
	"eidgate/web"
)

// Clients finds registered relying parties.
type Clients interface {
	RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error)
	Parties
}

// Accounts reads accounts and their links.
type Accounts interface {
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
	LinkBySubject(ctx context.Context, source, subject string) (eid.Link, error)
	LinksOf(ctx context.Context, id eid.AccountID) ([]eid.Link, error)
}

// Sources gives the registered sources and the code that speaks to them.
type Sources interface {
	Policies(ctx context.Context) ([]eid.Source, error)
	Open(ctx context.Context, src eid.Source) (federation.Source, error)
	// Origins are where sign-ins at these sources lead browsers to.
	Origins(ctx context.Context, ids []string) []string
	// Resting lists the ids of those that failed and are left alone for the moment.
	Resting() []string
}

// Grants keeps what was issued, each act with its audit row.
type Grants interface {
	SectorSecret(ctx context.Context, sector string) ([]byte, error)
	// Subjects are what a sector's parties know an account by, as far as that does not
	// follow from the sector's secret.
	Subjects(ctx context.Context, sector string, account eid.AccountID) (eid.Subjects, error)
	// RecordGrant: eid.ErrSubject when tokens of the account may not carry the subject.
	RecordGrant(ctx context.Context, sector, subject string, g eid.Grant, entry eid.AuditEntry) error
	Record(ctx context.Context, entries ...eid.AuditEntry) error
	// RenamedSubjects pages through old subjects that tokens of a sector do not carry, of
	// one that they carry or, with an empty issued, of all.
	RenamedSubjects(ctx context.Context, sector, issued, after string, limit int) (list []eid.RenamedSubject, next string, err error)
}

// Consents keeps what holders agreed to share, each change with its audit row.
type Consents interface {
	// Consent is the standing one; eid.ErrNotFound when there is none.
	Consent(ctx context.Context, account eid.AccountID, client string) (eid.ConsentGiven, error)
	GiveConsent(ctx context.Context, c eid.ConsentGiven, entry eid.AuditEntry) error
}

// Signer signs with the keys in force.
type Signer interface {
	Snapshot() *keys.Snapshot
}

// Sealer encrypts what passing state must not hold in the clear.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// Lifetimes bound what the provider issues and remembers. design.md has the
// defaults and the bounds; package config checks them.
type Lifetimes struct {
	Login           time.Duration // a sign-in under way
	Code            time.Duration // an authorization code
	IDToken         time.Duration
	AccessToken     time.Duration
	SessionIdle     time.Duration // a session without use
	SessionAbsolute time.Duration // a session at all
	Level2Proof     time.Duration // how long a proof carries Level2 for new grants
	JWKSMaxAge      time.Duration // how long a key set may be cached
	Consent         time.Duration // how long a consent is remembered
	RefreshIdle     time.Duration // a refresh token without use
	RefreshAbsolute time.Duration // refreshing at all, from the sign-in on
	RefreshLevel2   time.Duration // the same where acr says Level2
	JWTAccess       time.Duration // an access token in JWT form, MaxJWTAccess at most
}

// Config is what the provider is told once.
type Config struct {
	Issuer     string // no trailing slash
	Vocabulary eid.Vocabulary
	Lifetimes  Lifetimes
	// Version names the configuration in force; grants record it.
	Version string
	// Algorithms are what tokens can be signed with; none: RS256 and ES256.
	Algorithms []string
	// Proxies are the addresses and networks whose X-Forwarded-For is believed.
	Proxies []string
	Limits  Limits
}

// Deps are what the provider works with.
type Deps struct {
	Clients  Clients
	Accounts Accounts
	Sources  Sources
	Grants   Grants
	Consents Consents
	History  History
	// Documents are holders' papers, which parties ask for one by one.
	Documents Documents
	// Registry is the population registry, nil where there is none: then nobody
	// comes in through a source that is compared with it.
	Registry civil.Registry
	Reviews  Reviews
	Outbox   Outbox
	Events   Events
	Switches Switches
	// Revocations and KeyFetches are what parties have to do with keys.
	Revocations Revocations
	KeyFetches  KeyFetches

	State  store.State
	Keys   Signer
	Sealer Sealer
	Pages  *web.Pages
	Log    *slog.Logger
	Now    func() time.Time
	// TokenKey hides what access tokens say of their families, and marks the
	// cookies that were made here: 32 bytes at least.
	TokenKey []byte
	// Outbound calls parties: it reaches public addresses only.
	Outbound *http.Client
	// Ready reports what keeps this process from serving sign-ins, nil if
	// nothing does.
	Ready func(ctx context.Context) error
	// Meter is told what happens; nil tells nobody.
	Meter Meter
	// Registrar takes in who comes for the first time through a source that
	// provisions.
	Registrar Registrar
	// OldAccounts is what was imported of portals.
	OldAccounts OldAccounts
	// Linker writes the links that holders make.
	Linker Linker
	// Locks lets holders undo locks of their own.
	Locks Locks
	// Subjects and LockRequests are what a service user needs to ask for a lock.
	Subjects     Subjects
	LockRequests LockRequests
}

// Provider answers the protocol's endpoints and runs the login.
type Provider struct {
	cfg        Config
	deps       Deps
	origin     string // scheme and host of the issuer
	secure     bool   // the issuer is https
	proxies    []netip.Prefix
	discovery  document
	courier    *courier
	origins    *origins
	clientKeys *clientKeys
	keyFetches *keyFetches
	admission  *admission
	beginnings *beginnings
	large      *beginnings // posted answers beyond maxBody
}

// New checks the configuration; it starts nothing.
func New(cfg Config, d Deps) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || strings.HasSuffix(cfg.Issuer, "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("issuer %q: want an absolute address without trailing slash, query or fragment", cfg.Issuer)
	}
	if u.Path != "" {
		return nil, fmt.Errorf("issuer %q: a path is not supported; give the gateway a host of its own", cfg.Issuer)
	}
	if min(cfg.Limits.Requests, cfg.Limits.NewLogins) < 0 {
		return nil, errors.New("limits: none may be negative")
	}
	l := cfg.Lifetimes
	if min(l.Login, l.Code, l.IDToken, l.AccessToken, l.SessionIdle, l.SessionAbsolute, l.Level2Proof, l.JWKSMaxAge, l.Consent) <= 0 ||
		min(l.RefreshIdle, l.RefreshAbsolute, l.RefreshLevel2, l.JWTAccess) <= 0 {
		return nil, errors.New("lifetimes: each must be longer than zero")
	}
	if l.JWTAccess > MaxJWTAccess || max(l.RefreshIdle, l.RefreshAbsolute, l.RefreshLevel2) > store.MaxTTL {
		return nil, fmt.Errorf("lifetimes: a JWT access token lives %v at most, a refresh token %v", MaxJWTAccess, store.MaxTTL)
	}
	if cfg.Vocabulary.Level1 == "" || cfg.Vocabulary.Level2 == "" || cfg.Vocabulary.Level1 == cfg.Vocabulary.Level2 {
		return nil, errors.New("acr: two different values are needed")
	}
	if d.Clients == nil || d.Accounts == nil || d.Sources == nil || d.Grants == nil || d.Consents == nil || d.History == nil || d.Documents == nil || d.State == nil ||
		d.Outbox == nil || d.Registrar == nil || d.Linker == nil || d.OldAccounts == nil || d.Events == nil || d.Switches == nil || d.Revocations == nil || d.KeyFetches == nil || d.Subjects == nil || d.Locks == nil || d.LockRequests == nil || d.Outbound == nil || d.Keys == nil || d.Sealer == nil || d.Pages == nil || d.Log == nil || d.Now == nil || d.Ready == nil {
		return nil, errors.New("every dependency of the provider is needed")
	}
	if d.Meter == nil {
		d.Meter = silent{}
	}
	if len(d.TokenKey) < 32 {
		return nil, errors.New("token key: 32 bytes at least")
	}
	p := &Provider{cfg: cfg, deps: d, origin: u.Scheme + "://" + u.Host, secure: u.Scheme == "https"}
	gin.SetMode(gin.ReleaseMode) // before any engine: it would print otherwise
	if err := trustProxies(gin.New(), cfg.Proxies); err != nil {
		return nil, err
	}
	if p.proxies, err = networks(cfg.Proxies); err != nil {
		return nil, err
	}
	p.admission = newAdmission(cmp.Or(cfg.Limits.Requests, 512))
	p.beginnings = newBeginnings(cmp.Or(cfg.Limits.NewLogins, 20_000), l.Login, d.Now)
	p.large = newBeginnings(mostLarge, postedTime, d.Now)
	p.courier = newCourier(d.Outbound)
	p.origins = &origins{parties: d.Clients, now: d.Now}
	p.clientKeys = newClientKeys(d.Outbound, d.Now)
	p.keyFetches = newKeyFetches(d.KeyFetches)
	p.discovery, err = newDocument(p.metadata())
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Reconfigured makes the provider that answers in place of p under another
// configuration. What p began goes on: deliveries are shared and Run of either
// makes them, and so is what parties published.
func (p *Provider) Reconfigured(cfg Config, sources Sources) (*Provider, error) {
	if cfg.Issuer != p.cfg.Issuer {
		return nil, errors.New("issuer: cannot change while the provider runs")
	}
	d := p.deps
	d.Sources = sources
	next, err := New(cfg, d)
	if err != nil {
		return nil, err
	}
	next.courier, next.clientKeys, next.keyFetches, next.large = p.courier, p.clientKeys, p.keyFetches, p.large
	if cfg.Limits == p.cfg.Limits && cfg.Lifetimes.Login == p.cfg.Lifetimes.Login {
		next.admission, next.beginnings = p.admission, p.beginnings
	}
	return next, nil
}

// Handler routes the provider's endpoints. Each answer carries a request
// reference that the log line of the request repeats. Pages of other packages answer at
// their mounts.
func (p *Provider) Handler(mounts ...Mount) http.Handler {
	r := gin.New()
	if err := trustProxies(r, p.cfg.Proxies); err != nil {
		panic(err) // New tried it
	}
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.Use(p.observe, p.bound, func(c *gin.Context) { p.admit(c, mounts) })

	get := func(path string, h gin.HandlerFunc) { r.GET(path, h); r.HEAD(path, h) }
	get("/", p.home)
	get(pathHealth, p.health)
	get(pathReady, p.ready)
	r.GET(PathSeen, p.seen)
	get("/assets/:name", gin.WrapH(p.deps.Pages.Assets()))
	for path, h := range map[string]gin.HandlerFunc{
		pathDiscovery: p.discovery.serve, pathMetadata: p.discovery.serve, pathKeys: p.jwks, pathKeysOf: p.jwks,
	} {
		r.GET(path, anyOrigin, h)
		r.HEAD(path, anyOrigin, h)
		r.OPTIONS(path, preflightAny)
	}
	r.GET(pathAuthorize, p.authorize)
	r.POST(pathAuthorize, p.authorizePost)
	r.OPTIONS(pathToken, p.preflight("POST"))
	r.POST(pathToken, varyOrigin, p.token())
	r.OPTIONS(pathUserinfo, p.preflight("GET, POST"))
	r.GET(pathUserinfo, varyOrigin, p.userinfo)
	r.POST(pathUserinfo, varyOrigin, p.userinfo)
	r.OPTIONS(pathRevoke, p.preflight("POST"))
	r.POST(pathRevoke, varyOrigin, p.revocation)
	r.POST(pathIntrospect, p.introspection)
	r.POST(pathSubjects, p.renamed)
	r.POST(pathLocks, p.lockRequest)

	// Forms of our own pages come from our own pages only.
	guard := http.NewCrossOriginProtection()
	sameOrigin := func(c *gin.Context) {
		if err := guard.Check(c.Request); err != nil {
			p.pageError(c, http.StatusForbidden, web.ErrorForbidden, "cross_origin")
			c.Abort()
		}
	}
	r.GET(pathLogin, p.showLogin)
	r.POST(pathLogin, sameOrigin, p.submitLogin)
	r.POST(pathLanguage, sameOrigin, p.switchLanguage)
	r.GET(pathCallback+":source", p.callback)
	r.POST(pathCallback+":source", p.postedCallback)
	get(pathSource+":source"+tailMetadata, p.publish)
	r.GET(pathSource+":source"+tailLogout, p.hear)
	r.POST(pathSource+":source"+tailLogout, p.hear)
	r.GET(pathLogout, p.logout)
	r.POST(pathLogout, p.authorizePost)
	r.POST(pathLogoutConfirm, sameOrigin, p.confirmLogout)
	get(pathLoggedOut, p.loggedOut)
	get(pathHistory, p.history)
	get(pathLinks, p.links)
	r.POST(pathLinks, sameOrigin, p.undoLink)
	for _, m := range mounts {
		p.mount(r, m, sameOrigin)
	}

	r.NoRoute(func(c *gin.Context) { p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "") })
	r.NoMethod(func(c *gin.Context) { p.pageError(c, http.StatusMethodNotAllowed, web.ErrorInvalidRequest, "method") })
	return r
}

// Paths of the endpoints.
const (
	pathHealth    = "/healthz"
	pathReady     = "/readyz"
	pathDiscovery = "/.well-known/openid-configuration"
	pathMetadata  = "/.well-known/oauth-authorization-server" // RFC 8414
	pathKeys      = "/keys"
	pathKeysOf    = pathKeys + "/:client" // the same, for one party
	pathAuthorize = "/authorize"
	pathToken     = "/token"
	pathUserinfo  = "/userinfo"
	pathLogin     = "/login"
	pathLanguage  = "/language"
	pathCallback  = "/callback/"
	pathSource    = "/source/"
	pathLogout    = "/logout" // end_session_endpoint

	tailMetadata = "/metadata" // below pathSource and the source's id
	tailLogout   = "/logout"

	pathLogoutConfirm = "/logout/confirm"
	pathLoggedOut     = "/logout/done"
	pathHistory       = "/history"
	pathLinks         = "/links"

	pathRevoke     = "/revoke"     // RFC 7009
	pathIntrospect = "/introspect" // RFC 7662
	pathSubjects   = "/subjects"
	pathLocks      = "/lock-requests"
)

func (p *Provider) health(c *gin.Context) { c.String(http.StatusOK, "ok\n") }

func (p *Provider) ready(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Second)
	defer cancel()
	if err := p.deps.Ready(ctx); err != nil {
		note(c, "err", err)
		c.String(http.StatusServiceUnavailable, "not ready\n")
		return
	}
	c.String(http.StatusOK, "ready\n")
}

func (p *Provider) home(c *gin.Context) {
	p.render(c, web.Page{Name: "home", Status: http.StatusOK, Data: web.HomeData{Common: shell(c), Issuer: p.cfg.Issuer}})
}
