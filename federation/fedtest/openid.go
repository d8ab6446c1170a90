// Package fedtest owns real protocol servers on loopback, for tests and for the
// demonstration. They hold synthetic people only, keep everything in memory, and
// can be told to misbehave.
package fedtest

import (
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

//go:embed assets
var assets embed.FS

// SessionCookie is the name of the provider's own cookie. It differs from those
// of the gateway and the portals, since cookies ignore ports.
const SessionCookie = "legacy_session"

// Client is a registered client of the provider.
type Client struct {
	ID           string
	Secret       string            // empty: a public client, or one with keys
	Keys         []jose.JSONWebKey // public ones: the client authenticates by private_key_jwt
	RedirectURIs []string
	// PostLogoutURIs are where a logout may lead back to.
	PostLogoutURIs []string
	// Backchannel: its ID tokens carry sid, which logout tokens name.
	Backchannel bool
	// SignUserInfo makes userinfo a JWT; EncryptUserInfo, a public key, makes it a
	// JWE, of that JWT or of the claims alone.
	SignUserInfo    bool
	EncryptUserInfo *jose.JSONWebKey
	Encryption      jose.ContentEncryption // A128GCM when empty
}

// Person is a synthetic person.
type Person struct {
	Subject  string
	Login    string
	Password string
	ACR      string
	AMR      []string // ["pwd"] when empty
	Name     string
	Email    string
	Claims   map[string]any // further claims of userinfo
	// Attributes are what a CAS server and a directory know beside, by name.
	Attributes map[string][]string
}

// Config is what an OpenID provider is made of.
type Config struct {
	// Issuer is the provider's base address, such as http://127.0.0.1:9400/openid.
	Issuer string
	// Title names the provider on its page.
	Title   string
	Clients []Client
	People  []Person
	// Alg signs ID tokens: RS256 (default), PS256, ES256 or EdDSA.
	Alg jose.SignatureAlgorithm
	// Now is the provider's clock; nil means the machine's.
	Now func() time.Time
}

// OpenID is an OpenID provider: the code flow with PKCE, on purpose written
// apart from the gateway's own.
type OpenID struct {
	cfg  Config
	path string // of the issuer
	page *template.Template

	mu       sync.Mutex
	signing  signingKey
	retired  []signingKey
	pending  shelf[authRequest]
	sessions shelf[session]
	codes    shelf[grant]
	tokens   shelf[grant]
	used     shelf[string] // jti of client assertions
	calls    map[string]int
	faults   faults
}

// NewOpenID makes a provider. It starts nothing.
func NewOpenID(cfg Config) (*OpenID, error) {
	path, err := basePath(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	if len(cfg.Clients) == 0 || len(cfg.People) == 0 {
		return nil, errors.New("a provider needs clients and people")
	}
	if cfg.Alg == "" {
		cfg.Alg = jose.RS256
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Title == "" {
		cfg.Title = cfg.Issuer
	}
	page, err := template.ParseFS(assets, "assets/login.html")
	if err != nil {
		return nil, fmt.Errorf("reading the login page: %w", err)
	}
	key, err := newSigningKey(cfg.Alg)
	if err != nil {
		return nil, err
	}
	return &OpenID{
		cfg: cfg, path: path, page: page, signing: key, calls: map[string]int{},
		pending:  newShelf[authRequest](10 * time.Minute),
		sessions: newShelf[session](8 * time.Hour),
		codes:    newShelf[grant](time.Minute),
		tokens:   newShelf[grant](10 * time.Minute),
		used:     newShelf[string](10 * time.Minute),
	}, nil
}

// Paths of the provider.
const (
	PathDiscovery = "/.well-known/openid-configuration"
	PathKeys      = "/keys"
	PathAuthorize = "/authorize"
	PathLogin     = "/login"
	PathToken     = "/token"
	PathUserInfo  = "/userinfo"
	PathLogout    = "/logout" // end_session_endpoint
	pathStyle     = "/style.css"
)

// Handler serves the provider at its issuer.
func (p *OpenID) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathDiscovery, p.breakable(p.discovery))
	mux.HandleFunc("GET "+PathKeys, p.breakable(p.keySet))
	mux.HandleFunc("GET "+PathAuthorize, p.authorize)
	mux.HandleFunc("POST "+PathLogin, p.login)
	mux.HandleFunc("POST "+PathToken, p.breakable(p.token))
	mux.HandleFunc("GET "+PathUserInfo, p.breakable(p.userInfo))
	mux.HandleFunc("GET "+PathLogout, p.breakable(p.logout))
	mux.HandleFunc("GET "+pathStyle, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, assets, "assets/style.css")
	})
	return mounted(p.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.calls[r.URL.Path]++
		if len(p.calls) > 100 { // paths are the caller's to choose
			clear(p.calls)
		}
		p.mu.Unlock()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(w, r)
	}))
}

// Issuer is the provider's issuer identifier.
func (p *OpenID) Issuer() string { return p.cfg.Issuer }

// Calls is how often a path was asked for.
func (p *OpenID) Calls(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

// TB is what StartOpenID needs of a testing.TB, without linking package testing
// into the demonstration.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// StartOpenID serves a provider on a free port of 127.0.0.1 until the test ends.
// It fills Config.Issuer.
func StartOpenID(t TB, cfg Config) *OpenID {
	t.Helper()
	listener := listen(t)
	cfg.Issuer = "http://" + listener.Addr().String()
	p, err := NewOpenID(cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatal(err)
	}
	serveUntilEnd(t, listener, p.Handler())
	return p
}

// listen takes a free port of 127.0.0.1.
func listen(t TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // binding a free port waits for nothing
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serveUntilEnd serves until the test ends.
func serveUntilEnd(t TB, listener net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// Rekey has a client authenticate by other keys, and userinfo encrypted to another,
// as after reading its key set again.
func (p *OpenID) Rekey(id string, keys []jose.JSONWebKey, encrypt *jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clients := slices.Clone(p.cfg.Clients)
	for i := range clients {
		if clients[i].ID == id {
			clients[i].Keys, clients[i].EncryptUserInfo = keys, encrypt
		}
	}
	p.cfg.Clients = clients
}

func (p *OpenID) client(id string) (Client, bool) {
	p.mu.Lock()
	clients := p.cfg.Clients
	p.mu.Unlock()
	for _, c := range clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

func (p *OpenID) person(login, password string) (Person, bool) {
	return findPerson(p.cfg.People, login, password)
}

func findPerson(people []Person, login, password string) (Person, bool) {
	for _, one := range people {
		if strings.EqualFold(one.Login, strings.TrimSpace(login)) &&
			subtle.ConstantTimeCompare([]byte(one.Password), []byte(password)) == 1 {
			return one, true
		}
	}
	return Person{}, false
}
