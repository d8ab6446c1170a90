package fedtest

import (
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// VNeIDCookie is the name of the stand-in's own cookie.
const VNeIDCookie = "vneid_session"

// The dialects that VNeID speaks.
const (
	DialectWSO2      = "wso2"
	DialectSSO       = "sso"
	DialectEncrypted = "encrypted"
)

// Citizen is a synthetic person at VNeID.
type Citizen struct {
	Login     string // what to type; a synthetic personal number looks well
	Password  string
	TechID    string
	Number    string // synthetic
	Name      string
	BirthDate string // dd/MM/yyyy
	// AccountType is 1 for a citizen (also when it is 0), 2 an enterprise, 3 an
	// organisation.
	AccountType int
	Level       int
}

// VNeIDConfig is what a VNeID is made of.
type VNeIDConfig struct {
	// Base is its address, such as http://127.0.0.1:9400/vneid.
	Base string
	// Title names it on its page.
	Title   string
	Clients []Client
	People  []Citizen
	// SealTo is the key of the gateway; without it the encrypted dialect is closed.
	SealTo *rsa.PublicKey
	// CBC encrypts with AES-CBC and a leading IV instead of AES-ECB.
	CBC bool
	// AESBits is the size of AES keys: 128, 192 or 256 (default).
	AESBits int
	// SealCode encrypts codes of the encrypted dialect as well.
	SealCode bool
	// Remember keeps browsers signed in, as some real ones do.
	Remember bool
	// Now is its clock; nil means the machine's.
	Now func() time.Time
}

// VNeID is a stand-in of the national platform for tests and the demonstration. It
// speaks the three dialects that were seen in public code, each below paths of its
// own, and says on its page that it is none of the real one.
type VNeID struct {
	cfg  VNeIDConfig
	path string // of the base
	page *template.Template

	mu       sync.Mutex
	sealTo   *rsa.PublicKey
	pending  shelf[vneidRequest]
	sessions shelf[Citizen]
	codes    shelf[vneidGrant]
	tokens   shelf[vneidGrant]
	calls    map[string]int
	faults   vneidFaults
}

// NewVNeID makes a VNeID. It starts nothing.
func NewVNeID(cfg VNeIDConfig) (*VNeID, error) {
	path, err := basePath(cfg.Base)
	if err != nil {
		return nil, err
	}
	if len(cfg.Clients) == 0 || len(cfg.People) == 0 {
		return nil, errors.New("a VNeID needs clients and people")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Title == "" {
		cfg.Title = "VNeID (bản mô phỏng)"
	}
	if cfg.AESBits == 0 {
		cfg.AESBits = 256
	}
	page, err := template.ParseFS(assets, "assets/vneid.html")
	if err != nil {
		return nil, fmt.Errorf("reading the login page: %w", err)
	}
	return &VNeID{
		cfg: cfg, path: path, page: page, sealTo: cfg.SealTo, calls: map[string]int{},
		pending:  newShelf[vneidRequest](10 * time.Minute),
		sessions: newShelf[Citizen](8 * time.Hour),
		codes:    newShelf[vneidGrant](time.Minute),
		tokens:   newShelf[vneidGrant](10 * time.Minute),
	}, nil
}

// VNeIDEndpoints are the addresses of one dialect.
type VNeIDEndpoints struct{ Authorize, Token, UserInfo, Logout string }

// Endpoints gives the addresses of a dialect: DialectWSO2, DialectSSO or
// DialectEncrypted.
func (v *VNeID) Endpoints(dialect string) VNeIDEndpoints {
	e := vneidPaths(dialect)
	return VNeIDEndpoints{v.cfg.Base + e.Authorize, v.cfg.Base + e.Token, v.cfg.Base + e.UserInfo, v.cfg.Base + e.Logout}
}

func vneidPaths(dialect string) VNeIDEndpoints {
	switch dialect {
	case DialectWSO2:
		return VNeIDEndpoints{"/oauth2/authorize", "/oauth2/token", "/oauth2/userinfo", PathLogout}
	case DialectSSO:
		return VNeIDEndpoints{"/auth", "/auth/token", "/auth/userinfo", PathLogout}
	}
	return VNeIDEndpoints{"/vneid/authorize", "/vneid/token", "/vneid/userinfo", PathLogout}
}

// Handler serves VNeID at its base.
func (v *VNeID) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, dialect := range []string{DialectWSO2, DialectSSO, DialectEncrypted} {
		paths := vneidPaths(dialect)
		mux.HandleFunc("GET "+paths.Authorize, func(w http.ResponseWriter, r *http.Request) { v.authorize(w, r, dialect) })
		mux.HandleFunc("POST "+paths.Token, v.breakable(func(w http.ResponseWriter, r *http.Request) { v.token(w, r, dialect) }))
		mux.HandleFunc("GET "+paths.UserInfo, v.breakable(func(w http.ResponseWriter, r *http.Request) { v.userInfo(w, r, dialect) }))
	}
	mux.HandleFunc("POST "+PathLogin, v.login)
	mux.HandleFunc("GET "+PathLogout, v.logout)
	mux.HandleFunc("GET "+pathStyle, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, assets, "assets/style.css")
	})
	return mounted(v.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.calls[r.URL.Path]++
		if len(v.calls) > 100 { // paths are the caller's to choose
			clear(v.calls)
		}
		v.mu.Unlock()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(w, r)
	}))
}

// Base is its address.
func (v *VNeID) Base() string { return v.cfg.Base }

// Calls is how often the path of an address was asked for.
func (v *VNeID) Calls(address string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[strings.TrimPrefix(address, v.cfg.Base)]
}

// StartVNeID serves a VNeID on a free port of 127.0.0.1 until the test ends. It
// fills VNeIDConfig.Base.
func StartVNeID(t TB, cfg VNeIDConfig) *VNeID {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // binding a free port waits for nothing
	if err != nil {
		t.Fatal(err)
	}
	cfg.Base = "http://" + listener.Addr().String()
	v, err := NewVNeID(cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatal(err)
	}
	server := &http.Server{Handler: v.Handler(), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return v
}

func (v *VNeID) client(id string) (Client, bool) {
	for _, c := range v.cfg.Clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

func (v *VNeID) citizen(login, password string) (Citizen, bool) {
	for _, one := range v.cfg.People {
		if one.Login == strings.TrimSpace(login) && subtle.ConstantTimeCompare([]byte(one.Password), []byte(password)) == 1 {
			return one, true
		}
	}
	return Citizen{}, false
}
