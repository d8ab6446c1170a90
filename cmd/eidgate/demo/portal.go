// Package demo owns the demonstration portals and the synthetic people who sign
// in to them.
package demo

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"eidgate/eid"
)

// CallbackPath is where a portal takes codes.
const CallbackPath = "/callback"

const (
	loginTTL   = 10 * time.Minute
	sessionTTL = 30 * time.Minute
	maxKept    = 1000    // logins, and sessions, kept at once
	maxQuery   = 8 << 10 // bytes
	maxBody    = 4 << 10 // bytes
)

// Config is what a portal knows: itself, and what it registered at the gateway.
type Config struct {
	Name  string // short, a-z 0-9 - _; tells the cookies of two portals apart, since cookies ignore ports
	Title string // shown to holders
	// TitleEN is the title on pages in English; empty shows Title.
	TitleEN string
	// BaseURL is the origin the portal is reached at, such as
	// http://127.0.0.1:8401. Requests under another name are sent there, for
	// cookies are bound to it.
	BaseURL      string
	Issuer       string
	ClientID     string
	ClientSecret eid.Secret
	// Scopes are asked beside openid; profile when empty.
	Scopes []string
	// MinLevel is the least level the portal registered and accepts.
	MinLevel eid.Level
	// ACR holds the acr values the gateway publishes.
	ACR eid.Vocabulary
	// Now is the clock that tokens are checked by; time.Now when nil.
	Now func() time.Time
}

// Portal is a relying party as a portal would write it: it knows the gateway by
// its issuer only, and speaks to it over HTTP with an OpenID Connect library of
// its own.
type Portal struct {
	cfg    Config
	base   *url.URL
	client *http.Client

	logins   *shelf[login]
	sessions *shelf[session]
	logouts  *shelf[struct{}] // logouts at the gateway under way, by state
	told     *shelf[struct{}] // jti of logout tokens that were taken

	mu       sync.Mutex
	upstream *upstream // nil until discovery succeeded
}

var validName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// New checks the configuration and reports every fault of it at once. It opens
// no connection: the gateway may start later than its portals.
func New(cfg Config) (*Portal, error) {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	base, err := origin(cfg.BaseURL)
	fault(err != nil, "base URL: %w", err)
	_, err = absolute(cfg.Issuer)
	fault(err != nil, "issuer: %w", err)
	fault(!validName.MatchString(cfg.Name), "name %q: want 1 to 32 of a-z 0-9 - _", cfg.Name)
	fault(cfg.Title == "", "title is empty")
	fault(cfg.ClientID == "", "client id is empty")
	fault(cfg.ClientSecret.IsZero(), "client secret is empty")
	fault(!cfg.MinLevel.Valid(), "least level %v: want 1 or 2", cfg.MinLevel)
	fault(cfg.ACR.Level1 == "" || cfg.ACR.Level2 == "" || cfg.ACR.Level1 == cfg.ACR.Level2,
		"acr values %q: want two that differ", cfg.ACR.Values())
	if len(errs) > 0 {
		return nil, fmt.Errorf("portal %q: %w", cfg.Name, errors.Join(errs...))
	}

	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{"profile"}
	}
	scopes := []string{"openid"}
	for _, scope := range cfg.Scopes {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	cfg.Scopes = scopes
	return &Portal{
		cfg:      cfg,
		base:     base,
		client:   newClient(),
		logins:   newShelf[login](maxKept, loginTTL, cfg.Now),
		sessions: newShelf[session](maxKept, sessionTTL, cfg.Now),
		logouts:  newShelf[struct{}](maxKept, loginTTL, cfg.Now),
		told:     newShelf[struct{}](maxKept, loginTTL, cfg.Now),
	}, nil
}

// RedirectURI is the address to register at the gateway.
func (p *Portal) RedirectURI() string { return p.base.JoinPath(CallbackPath).String() }

// Handler serves the portal.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /login", p.login)
	mux.HandleFunc("GET "+CallbackPath, p.callback)
	mux.HandleFunc("POST /language", p.switchLanguage)
	mux.HandleFunc("POST /logout", p.logout)
	mux.HandleFunc("POST /logout/all", p.logoutAll)
	mux.HandleFunc("GET "+LoggedOutPath, p.loggedOut)
	mux.HandleFunc("POST "+BackchannelPath, p.backchannel)
	mux.HandleFunc("GET "+FrontchannelPath, p.frontchannel)
	mux.HandleFunc("GET "+servicePath, p.service)
	mux.HandleFunc("GET "+stylePath, style)
	mux.HandleFunc("/", p.notFound)

	own := p.ownName(http.NewCrossOriginProtection().Handler(mux))
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", healthz)
	outer.Handle("/", own)
	return http.MaxBytesHandler(p.headers(outer), maxBody)
}

// ownName sends a browser that came by another name of this machine to the one
// the cookies and the redirect URI are bound to.
func (p *Portal) ownName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.URL.RawQuery) > maxQuery:
			p.problem(w, r, http.StatusRequestURITooLong, problemTooLong)
		case r.Host == p.base.Host:
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			to := *r.URL
			to.Scheme, to.Host, to.User = p.base.Scheme, p.base.Host, nil
			http.Redirect(w, r, to.String(), http.StatusSeeOther) //nolint:gosec // scheme and host are the configured ones
		default:
			p.problem(w, r, http.StatusMisdirectedRequest, problemOtherName)
		}
	})
}

func (p *Portal) home(w http.ResponseWriter, r *http.Request) {
	s, _ := p.sessions.get(p.cookie(r, sessionCookie))
	w.Header().Set("Vary", "Accept, Cookie")
	if wantsJSON(r) {
		writeJSON(w, s.last())
		return
	}
	p.render(w, r, http.StatusOK, "home", p.homeView(p.lang(r), s))
}

func (p *Portal) notFound(w http.ResponseWriter, r *http.Request) {
	p.problem(w, r, http.StatusNotFound, problemNotFound)
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// origin reads an absolute URL that has nothing but a scheme and a host.
func origin(s string) (*url.URL, error) {
	u, err := absolute(s)
	if err != nil {
		return nil, err
	}
	if u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%q: want no path", s)
	}
	u.Path = ""
	return u, nil
}

func absolute(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("%q: want http or https and a host", s)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("%q: want no user, query or fragment", s)
	}
	return u, nil
}
