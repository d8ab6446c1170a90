package demo

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// login is a sign-in under way: what the answer must match. It is kept under its
// state.
type login struct {
	browser  string // handle of the browser that began it
	nonce    string
	verifier string // PKCE, RFC 7636
	ask      ask
	asked    Asked
	started  time.Time
}

// login sends the browser to the gateway.
func (p *Portal) login(w http.ResponseWriter, r *http.Request) {
	a, err := parseAsk(r.URL.RawQuery)
	if err != nil {
		p.problem(w, r, http.StatusBadRequest, problemAsk)
		return
	}
	up, err := p.discover(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "5")
		p.problem(w, r, http.StatusServiceUnavailable, problemUnreachable)
		return
	}
	asked := a.asked(strings.Join(p.cfg.Scopes, " "), p.cfg.ACR)

	// One handle serves all tabs of a browser, so that two logins at once both end well.
	browser := p.cookie(r, browserCookie)
	if len(browser) != len(rand.Text()) {
		browser = rand.Text()
	}
	p.remember(w, browserCookie, browser, loginTTL)

	l := login{
		browser: browser, nonce: rand.Text(), verifier: oauth2.GenerateVerifier(),
		ask: a, asked: asked, started: p.cfg.Now(),
	}
	state := p.logins.put(l)
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(l.verifier),
		oauth2.SetAuthURLParam("nonce", l.nonce),
		oauth2.SetAuthURLParam("ui_locales", string(p.lang(r))), // the gateway goes on in the portal's language
	}
	for name, values := range asked.params() {
		options = append(options, oauth2.SetAuthURLParam(name, values[0]))
	}
	http.Redirect(w, r, up.oauth.AuthCodeURL(state, options...), http.StatusSeeOther)
}
