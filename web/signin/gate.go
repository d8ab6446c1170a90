// Package signin owns the sign-in to the gateway's own pages, which are a client of the
// gateway like any other: code, PKCE, nonce, and a token that is checked at each request.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/web"
	"eidgate/web/shell"
)

// Path is where sign-ins come back and are ended: below it each gate has its name.
const Path = "/signin"

// Sealer encrypts what passing state and browsers must not hold in the clear.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// Accounts knows whom the subjects of a sector are.
type Accounts interface {
	// AccountOfSubject: eid.ErrNotFound when the sector knows nobody by it.
	AccountOfSubject(ctx context.Context, sector, subject string) (eid.AccountID, error)
}

// Config is what a gate is told once.
type Config struct {
	Name       string // such as me: names its cookies, and its path below Path
	Home       string // the first of the pages behind it, such as /me
	Issuer     string
	ClientID   string
	Secret     eid.Secret
	Sector     string
	Vocabulary eid.Vocabulary
}

// Deps are what a gate works with.
type Deps struct {
	Shell    *shell.Shell
	State    store.State
	Sealer   Sealer
	Accounts Accounts
	// Gateway answers the calls to the issuer, in this process.
	Gateway http.Handler
	Key     []byte // 32 bytes at least; all replicas have the same
	Now     func() time.Time
}

// Gate lets holders in to pages of ours. It is safe for concurrent use.
type Gate struct {
	cfg    Config
	d      Deps
	client *http.Client
	party  *party
}

var validName = regexp.MustCompile(`^[a-z]{1,16}$`)

// New checks the configuration; it calls nobody yet.
func New(cfg Config, d Deps) (*Gate, error) {
	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || issuer.Host == "":
		return nil, fmt.Errorf("issuer %q: not an address", cfg.Issuer)
	case !validName.MatchString(cfg.Name) || cfg.Home == "" || cfg.ClientID == "" || cfg.Secret.IsZero() || cfg.Sector == "":
		return nil, errors.New("a gate needs a name, a home, a client and its sector")
	case d.Shell == nil || d.State == nil || d.Sealer == nil || d.Accounts == nil || d.Gateway == nil || len(d.Key) < 32 || d.Now == nil:
		return nil, errors.New("every dependency of a gate is needed")
	}
	g := &Gate{cfg: cfg, d: d}
	g.client = &http.Client{
		Transport:     inProcess{gateway: d.Gateway, scheme: issuer.Scheme, host: issuer.Host},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	g.party = &party{cfg: cfg, client: g.client, now: d.Now, redirect: RedirectURI(cfg.Issuer, cfg.Name)}
	return g, nil
}

// Path is where the gate's handler is mounted.
func (g *Gate) Path() string { return Path + "/" + g.cfg.Name }

// RedirectURI is where codes for a gate arrive.
func RedirectURI(issuer, name string) string { return issuer + Path + "/" + name }

// Person is who is signed in, as of this request.
type Person struct {
	Account  eid.AccountID
	Level    eid.Level // what the token's acr says
	AMR      []string  // RFC 8176
	AuthTime time.Time // when the proof behind acr was given
	// CSRF goes into the forms of the page.
	CSRF string
	// SignOut goes with CSRF into the form that signs out.
	SignOut string
	// Typed is what was typed in the page's form before the language was switched, or
	// before the session ended: it is given back, and nothing is tried. Nil at first.
	Typed url.Values
}

// Need is what pages want of a sign-in. The zero value wants one at all.
type Need struct {
	Level  eid.Level
	MaxAge time.Duration // since the proof was given; zero: any
	// Keep names the fields of the page's form that may be given back; never passwords
	// and codes.
	Keep []string
}

// metBy reports whether a sign-in is enough.
func (n Need) metBy(s *session, now time.Time) bool {
	return s.Level >= max(n.Level, eid.Level1) && (n.MaxAge == 0 || now.Sub(s.AuthTime) <= n.MaxAge)
}

// Guard lets people in who are signed in as far as a page needs it; others are led
// through the gateway and back. What is posted is done only in a living session and with
// its mark: the form of an ended one is kept, is done by nobody, and comes back typed in.
func (g *Gate) Guard(need Need, next func(http.ResponseWriter, *http.Request, Person)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held, err := g.find(r.Context(), r)
		if err != nil {
			g.d.Shell.Failure(w, r, err)
			return
		}
		if r.Method != http.MethodPost {
			if !held.living || !need.metBy(&held.session, g.d.Now()) {
				g.begin(w, r, need, r.URL.RequestURI())
				return
			}
			p := g.person(held)
			if p.Typed, err = g.takeDraft(r.Context(), held, r.URL.Path); err != nil {
				g.d.Shell.Failure(w, r, err)
				return
			}
			next(w, r, p)
			return
		}
		g.post(w, r, need, held, next)
	})
}

// post takes a form.
func (g *Gate) post(w http.ResponseWriter, r *http.Request, need Need, held held, next func(http.ResponseWriter, *http.Request, Person)) {
	form, ok := shell.Posted(r)
	if !ok {
		return
	}
	p := g.person(held)
	if held.known && !shell.Marked(form, p.CSRF) {
		web.VisitOf(r).Fail(http.StatusForbidden, web.ErrorForbidden, "csrf")
		return
	}
	if !held.living || !need.metBy(&held.session, g.d.Now()) {
		kept, err := g.keepDraft(r.Context(), held, r.URL.Path, shell.Kept(form, need.Keep))
		if err != nil {
			g.d.Shell.Failure(w, r, err)
			return
		}
		g.stopped(w, r, web.StoppedEnded, r.URL.Path, kept)
		return
	}
	again, typed, ok := shell.Typed(r, form, need.Keep)
	if !ok {
		return
	}
	p.Typed = typed
	next(w, again, p)
}

func (g *Gate) person(h held) Person {
	return Person{
		Account: h.session.Account, Level: h.session.Level, AMR: h.session.AMR, AuthTime: h.session.AuthTime,
		CSRF: g.d.Shell.Mark("gate "+g.cfg.Name, h.handle.secret), SignOut: Path + "/" + g.cfg.Name + "/end",
	}
}

// Brings reports whether a request carries a cookie of a sign-in that was made here: who
// sends it was signed in once. Whether that session lives would cost a look at the store.
func (g *Gate) Brings(r *http.Request) bool {
	return g.d.Shell.Brings(r, g.cfg.Name)
}

// stopped says that nobody is signed in, why, and where to go on.
func (g *Gate) stopped(w http.ResponseWriter, r *http.Request, why, again string, kept bool) {
	web.VisitOf(r).Note("refused", why)
	g.d.Shell.Render(w, r, web.Page{Name: "stopped", Status: http.StatusForbidden, Data: web.StoppedData{
		Common: shell.Common(r), Why: why, Again: again, Kept: kept,
	}})
}
