package fedtest

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authRequest is an authorization request that waits for a login.
type authRequest struct {
	client      string
	redirectURI string
	state       string
	nonce       string
	challenge   string
	scopes      []string
}

// session is a signed-in browser.
type session struct {
	person Person
	at     time.Time
	sid    string
}

// grant is what a code or an access token stands for.
type grant struct {
	authRequest
	session
}

func (p *OpenID) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	client, ok := p.client(q.Get("client_id"))
	if !ok || !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		http.Error(w, "unknown client or redirect URI", http.StatusBadRequest)
		return
	}
	req := authRequest{
		client: client.ID, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"),
		challenge: q.Get("code_challenge"), scopes: strings.Fields(q.Get("scope")),
	}
	switch {
	case q.Get("response_type") != "code":
		p.answer(w, r, req, url.Values{"error": {"unsupported_response_type"}})
		return
	case !slices.Contains(req.scopes, "openid"):
		p.answer(w, r, req, url.Values{"error": {"invalid_scope"}})
		return
	case q.Get("code_challenge_method") != "S256" || len(req.challenge) != 43:
		p.answer(w, r, req, url.Values{"error": {"invalid_request"}})
		return
	}
	if s, ok := p.current(r); ok && p.recent(s, q) {
		p.issue(w, r, req, s)
		return
	}
	if q.Get("prompt") == "none" {
		p.answer(w, r, req, url.Values{"error": {"login_required"}})
		return
	}
	p.showLogin(w, req, "", false)
}

// current finds the session of the provider's own cookie.
func (p *OpenID) current(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(SessionCookie)
	if err != nil {
		return session{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions.get(cookie.Value, p.cfg.Now())
}

// recent reports whether a session satisfies prompt and max_age (OpenID Connect
// Core §3.1.2.1).
func (p *OpenID) recent(s session, q url.Values) bool {
	if q.Get("prompt") == "login" {
		return false
	}
	if !q.Has("max_age") {
		return true
	}
	seconds, err := strconv.Atoi(q.Get("max_age"))
	return err == nil && p.cfg.Now().Sub(s.at) <= time.Duration(seconds)*time.Second && seconds > 0
}

func (p *OpenID) showLogin(w http.ResponseWriter, req authRequest, username string, wrong bool) {
	p.mu.Lock()
	handle := p.pending.put(req, p.cfg.Now())
	p.mu.Unlock()
	showLoginPage(w, p.page, map[string]any{
		"Title": p.cfg.Title, "Style": p.path + pathStyle, "Action": p.path + PathLogin,
		"Request": handle, "Username": username, "Wrong": wrong,
	}, wrong)
}

// showLoginPage shows the page where a synthetic person signs in.
func showLoginPage(w http.ResponseWriter, page *template.Template, data map[string]any, wrong bool) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// No form-action: browsers hold the whole chain of redirects to it, and it ends
	// at a portal that this provider does not know.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	if wrong {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	_ = page.Execute(w, data)
}

func (p *OpenID) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed form", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	req, ok := p.pending.take(r.PostForm.Get("request"), p.cfg.Now())
	p.mu.Unlock()
	if !ok {
		http.Error(w, "this page has expired", http.StatusBadRequest)
		return
	}
	if r.PostForm.Get("action") == "cancel" {
		p.answer(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {LeakedText}})
		return
	}
	person, ok := p.person(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		p.showLogin(w, req, r.PostForm.Get("username"), true)
		return
	}
	s := session{person: person, at: p.cfg.Now(), sid: rand.Text()}
	p.mu.Lock()
	handle := p.sessions.put(s, s.at)
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: SessionCookie, Value: handle, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(p.cfg.Issuer, "https:"),
	})
	p.issue(w, r, req, s)
}

// issue answers with a code.
func (p *OpenID) issue(w http.ResponseWriter, r *http.Request, req authRequest, s session) {
	p.mu.Lock()
	code := p.codes.put(grant{req, s}, p.cfg.Now())
	p.mu.Unlock()
	p.answer(w, r, req, url.Values{"code": {code}})
}

// answer redirects to the client, with state and issuer (RFC 9207).
func (p *OpenID) answer(w http.ResponseWriter, r *http.Request, req authRequest, params url.Values) {
	if req.state != "" {
		params.Set("state", req.state)
	}
	params.Set("iss", p.cfg.Issuer)
	target, err := url.Parse(req.redirectURI)
	if err != nil {
		http.Error(w, "malformed redirect URI", http.StatusBadRequest)
		return
	}
	query := target.Query()
	for name, values := range params {
		query[name] = values
	}
	target.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}
