package fedtest

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Paths of a CAS server, below its address.
const (
	PathCASLogin    = "/login"
	PathCASValidate = "/p3/serviceValidate"
	PathCASLogout   = "/logout"
)

const casCookie = "cas_session" // cookies ignore ports: not that of another server here

// CASConfig is what a CAS server is made of.
type CASConfig struct {
	// Server is its address, such as http://127.0.0.1:9401/cas.
	Server string
	// Title names the server on its page.
	Title string
	// Services are what the addresses of services begin with.
	Services []string
	// People sign in by Login; Subject is the user of the protocol, Attributes are
	// given as they are, ACR as the attribute loa.
	People []Person
	// Now is the server's clock; nil means the machine's.
	Now func() time.Time
	// HTTP tells services of sessions that ended; nil tells nobody.
	HTTP *http.Client
}

// CAS is a CAS 3 server: login, /p3/serviceValidate, single logout.
type CAS struct {
	cfg  CASConfig
	path string // of the server's address
	page *template.Template

	mu       sync.Mutex
	pending  shelf[casLogin]
	sessions shelf[casSession]
	tickets  shelf[casTicket]
	granted  map[string][]casTicket // by session, to tell of its end
	calls    map[string]int
	faults   casFaults
}

// casLogin is a login page that waits.
type casLogin struct{ service string }

// casSession is a browser that signed in.
type casSession struct {
	person Person
	at     time.Time
}

// casTicket is a service ticket that was given out.
type casTicket struct {
	casSession
	name    string
	service string
	renewed bool // from a login just made
}

// NewCAS makes a server. It starts nothing.
func NewCAS(cfg CASConfig) (*CAS, error) {
	path, err := basePath(cfg.Server)
	if err != nil {
		return nil, err
	}
	if len(cfg.Services) == 0 || len(cfg.People) == 0 {
		return nil, errors.New("a CAS server needs services and people")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Title == "" {
		cfg.Title = cfg.Server
	}
	page, err := template.ParseFS(assets, "assets/login.html")
	if err != nil {
		return nil, fmt.Errorf("reading the login page: %w", err)
	}
	return &CAS{
		cfg: cfg, path: path, page: page, calls: map[string]int{}, granted: map[string][]casTicket{},
		pending:  newShelf[casLogin](10 * time.Minute),
		sessions: newShelf[casSession](8 * time.Hour),
		tickets:  newShelf[casTicket](10 * time.Second),
	}, nil
}

// StartCAS serves a CAS server on a free port of 127.0.0.1 until the test ends. It
// fills CASConfig.Server.
func StartCAS(t TB, cfg CASConfig) *CAS {
	t.Helper()
	listener := listen(t)
	cfg.Server = "http://" + listener.Addr().String()
	s, err := NewCAS(cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatal(err)
	}
	serveUntilEnd(t, listener, s.Handler())
	return s
}

// Server is the server's address.
func (s *CAS) Server() string { return s.cfg.Server }

// Calls is how often a path was asked for.
func (s *CAS) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// Handler serves the server at its address.
func (s *CAS) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathCASLogin, s.breakable(s.login))
	mux.HandleFunc("POST "+PathCASLogin, s.submit)
	mux.HandleFunc("GET "+PathCASValidate, s.breakable(s.validate))
	mux.HandleFunc("GET "+PathCASLogout, s.breakable(s.logout))
	mux.HandleFunc("GET "+pathStyle, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, assets, "assets/style.css")
	})
	return mounted(s.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[r.URL.Path]++
		if len(s.calls) > 100 { // paths are the caller's to choose
			clear(s.calls)
		}
		s.mu.Unlock()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(w, r)
	}))
}

func (s *CAS) serves(service string) bool {
	return slices.ContainsFunc(s.cfg.Services, func(prefix string) bool { return strings.HasPrefix(service, prefix) })
}

// login asks for a password, or gives a ticket to who signed in before.
func (s *CAS) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	service := q.Get("service")
	if !s.serves(service) {
		http.Error(w, "unknown service", http.StatusForbidden)
		return
	}
	if cookie, err := r.Cookie(casCookie); err == nil && q.Get("renew") != "true" {
		s.mu.Lock()
		signedIn, ok := s.sessions.get(cookie.Value, s.cfg.Now())
		s.mu.Unlock()
		if ok {
			s.grant(w, r, cookie.Value, signedIn, service, false)
			return
		}
	}
	s.showLogin(w, casLogin{service: service}, "", false)
}

func (s *CAS) showLogin(w http.ResponseWriter, l casLogin, username string, wrong bool) {
	s.mu.Lock()
	handle := s.pending.put(l, s.cfg.Now())
	s.mu.Unlock()
	showLoginPage(w, s.page, map[string]any{
		"Title": s.cfg.Title, "Style": s.path + pathStyle, "Action": s.path + PathCASLogin,
		"Request": handle, "Username": username, "Wrong": wrong,
	}, wrong)
}

func (s *CAS) submit(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed form", http.StatusBadRequest)
		return
	}
	now := s.cfg.Now()
	s.mu.Lock()
	l, ok := s.pending.take(r.PostForm.Get("request"), now)
	s.mu.Unlock()
	if !ok {
		http.Error(w, "this page has expired", http.StatusBadRequest)
		return
	}
	if r.PostForm.Get("action") == "cancel" {
		// The protocol has no way back without a ticket.
		http.Redirect(w, r, l.service, http.StatusSeeOther)
		return
	}
	person, ok := findPerson(s.cfg.People, r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		s.showLogin(w, l, r.PostForm.Get("username"), true)
		return
	}
	signedIn := casSession{person: person, at: now}
	s.mu.Lock()
	handle := s.sessions.put(signedIn, now)
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: casCookie, Value: handle, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.cfg.Server, "https:"),
	})
	s.grant(w, r, handle, signedIn, l.service, true)
}

// grant gives a ticket to a session and sends the browser back with it.
func (s *CAS) grant(w http.ResponseWriter, r *http.Request, handle string, signedIn casSession, service string, renewed bool) {
	target, err := url.Parse(service)
	if err != nil {
		http.Error(w, "malformed service", http.StatusBadRequest)
		return
	}
	t := casTicket{casSession: signedIn, service: service, renewed: renewed}
	now := s.cfg.Now()
	s.mu.Lock()
	t.name = "ST-" + s.tickets.put(t, now)
	if len(s.granted) > maxShelf {
		clear(s.granted)
	}
	s.granted[handle] = append(s.granted[handle], t)
	s.mu.Unlock()
	params := target.Query()
	params.Set("ticket", t.name)
	target.RawQuery = params.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusFound) //nolint:gosec // a service that serves() knows
}

// logout ends the browser's session, tells the services, and returns to one of
// them where asked (CAS Protocol 3.0 §2.3).
func (s *CAS) logout(w http.ResponseWriter, r *http.Request) {
	var ended []casTicket
	if cookie, err := r.Cookie(casCookie); err == nil {
		s.mu.Lock()
		s.sessions.take(cookie.Value, s.cfg.Now())
		ended = s.granted[cookie.Value]
		delete(s.granted, cookie.Value)
		s.mu.Unlock()
	}
	for _, t := range ended {
		s.tell(r.Context(), t)
	}
	http.SetCookie(w, &http.Cookie{
		Name: casCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.cfg.Server, "https:"),
	})
	w.Header().Set("Cache-Control", "no-store")
	if service := r.URL.Query().Get("service"); s.serves(service) {
		http.Redirect(w, r, service, http.StatusFound) //nolint:gosec // one that serves() knows
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "signed out\n")
}

// tell posts a logout request to the service of a ticket (CAS Protocol 3.0,
// Appendix C). Nobody minds one that does not listen.
func (s *CAS) tell(ctx context.Context, t casTicket) {
	if s.cfg.HTTP == nil {
		return
	}
	form := url.Values{"logoutRequest": {LogoutRequest(t.name, s.cfg.Now())}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.service, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if res, err := s.cfg.HTTP.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// LogoutRequest is what a CAS server posts when the session of a ticket ends.
func LogoutRequest(ticket string, now time.Time) string {
	return `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="LR-1" Version="2.0" IssueInstant="` +
		now.UTC().Format(time.RFC3339) + `"><saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">@NOT_USED@</saml:NameID>` +
		`<samlp:SessionIndex>` + escapeXML(ticket) + `</samlp:SessionIndex></samlp:LogoutRequest>`
}
