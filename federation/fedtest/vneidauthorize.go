package fedtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// vneidRequest is an authorization request that waits for a login.
type vneidRequest struct {
	dialect     string
	client      string
	redirectURI string
	state       string
	challenge   string
}

// vneidGrant is what a code or an access token stands for.
type vneidGrant struct {
	vneidRequest
	Citizen
}

func (v *VNeID) authorize(w http.ResponseWriter, r *http.Request, dialect string) {
	q := r.URL.Query()
	client, ok := v.client(q.Get("client_id"))
	if !ok || !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		http.Error(w, "unknown client or redirect URI", http.StatusBadRequest)
		return
	}
	req := vneidRequest{
		dialect: dialect, client: client.ID, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), challenge: q.Get("code_challenge"),
	}
	v.mu.Lock()
	closed := dialect == DialectEncrypted && v.sealTo == nil
	v.mu.Unlock()
	switch {
	case closed || q.Get("response_type") != "code":
		v.answer(w, r, req, url.Values{"error": {"unsupported_response_type"}})
		return
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		v.answer(w, r, req, url.Values{"error": {"invalid_scope"}})
		return
	case req.challenge != "" && q.Get("code_challenge_method") != "S256":
		v.answer(w, r, req, url.Values{"error": {"invalid_request"}})
		return
	}
	if cookie, err := r.Cookie(VNeIDCookie); err == nil && v.cfg.Remember && q.Get("prompt") != "login" {
		v.mu.Lock()
		one, ok := v.sessions.get(cookie.Value, v.cfg.Now())
		v.mu.Unlock()
		if ok {
			v.issue(w, r, req, one)
			return
		}
	}
	v.showLogin(w, req, "", false)
}

func (v *VNeID) showLogin(w http.ResponseWriter, req vneidRequest, username string, wrong bool) {
	v.mu.Lock()
	handle := v.pending.put(req, v.cfg.Now())
	v.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	// No form-action: see OpenID.showLogin.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	if wrong {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	_ = v.page.Execute(w, map[string]any{
		"Title": v.cfg.Title, "Style": v.path + pathStyle, "Action": v.path + PathLogin,
		"Request": handle, "Username": username, "Wrong": wrong,
	})
}

func (v *VNeID) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed form", http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	req, ok := v.pending.take(r.PostForm.Get("request"), v.cfg.Now())
	v.mu.Unlock()
	if !ok {
		http.Error(w, "this page has expired", http.StatusBadRequest)
		return
	}
	if r.PostForm.Get("action") == "cancel" {
		v.answer(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {LeakedText}})
		return
	}
	one, ok := v.citizen(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		v.showLogin(w, req, r.PostForm.Get("username"), true)
		return
	}
	if v.cfg.Remember {
		v.mu.Lock()
		handle := v.sessions.put(one, v.cfg.Now())
		v.mu.Unlock()
		http.SetCookie(w, v.cookie(handle))
	}
	v.issue(w, r, req, one)
}

func (v *VNeID) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: VNeIDCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(v.cfg.Base, "https:"),
	}
}

// issue answers with a code, encrypted where that was configured.
func (v *VNeID) issue(w http.ResponseWriter, r *http.Request, req vneidRequest, one Citizen) {
	v.mu.Lock()
	code := v.codes.put(vneidGrant{req, one}, v.cfg.Now())
	v.mu.Unlock()
	params := url.Values{"code": {code}}
	if req.dialect == DialectEncrypted && v.cfg.SealCode {
		data, key, err := v.seal([]byte(code))
		if err != nil {
			http.Error(w, "sealing failed", http.StatusInternalServerError)
			return
		}
		params = url.Values{"code": {data}, "encrypt_key": {key}}
	}
	v.answer(w, r, req, params)
}

// answer redirects to the client.
func (v *VNeID) answer(w http.ResponseWriter, r *http.Request, req vneidRequest, params url.Values) {
	if req.state != "" {
		params.Set("state", req.state)
	}
	target, err := url.Parse(req.redirectURI)
	if err != nil {
		http.Error(w, "malformed redirect URI", http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	leave := v.faults.leavePlus
	v.mu.Unlock()
	if target.RawQuery = params.Encode(); leave {
		target.RawQuery = strings.ReplaceAll(target.RawQuery, "%2B", "+")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// logout ends the browser's session and returns to what the client registered.
func (v *VNeID) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	client, ok := v.client(q.Get("client_id"))
	to := slices.Index(client.PostLogoutURIs, q.Get("post_logout_redirect_uri"))
	if !ok || to < 0 {
		http.Error(w, "unknown client or return address", http.StatusBadRequest)
		return
	}
	if cookie, err := r.Cookie(VNeIDCookie); err == nil {
		v.mu.Lock()
		v.sessions.take(cookie.Value, v.cfg.Now())
		v.mu.Unlock()
	}
	gone := v.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	w.Header().Set("Cache-Control", "no-store")
	goBack(w, r, client.PostLogoutURIs[to], q.Get("state"))
}
