package fedtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// logout is the end_session_endpoint (OpenID Connect RP-Initiated Logout §2). It
// asks nobody, and returns only to what the client registered.
func (p *OpenID) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := q.Get("client_id")
	if hint := q.Get("id_token_hint"); hint != "" {
		audience, ok := p.audienceOf(hint)
		if !ok || id != "" && id != audience {
			http.Error(w, "wrong id_token_hint", http.StatusBadRequest)
			return
		}
		id = audience
	}
	client, known := p.client(id)
	to := slices.Index(client.PostLogoutURIs, q.Get("post_logout_redirect_uri"))
	if id != "" && !known || to < 0 && q.Get("post_logout_redirect_uri") != "" {
		http.Error(w, "unknown client or return address", http.StatusBadRequest)
		return
	}
	if cookie, err := r.Cookie(SessionCookie); err == nil {
		p.mu.Lock()
		p.sessions.take(cookie.Value, p.cfg.Now())
		p.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{
		Name: SessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(p.cfg.Issuer, "https:"),
	})
	w.Header().Set("Cache-Control", "no-store")
	if to < 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "signed out\n")
		return
	}
	goBack(w, r, client.PostLogoutURIs[to], q.Get("state"))
}

// goBack returns to a registered address.
func goBack(w http.ResponseWriter, r *http.Request, address, state string) {
	target, err := url.Parse(address)
	if err != nil {
		http.Error(w, "malformed return address", http.StatusBadRequest)
		return
	}
	if state != "" {
		params := target.Query()
		params.Set("state", state)
		target.RawQuery = params.Encode()
	}
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// audienceOf reads the client that an ID token was issued to, expired or not.
func (p *OpenID) audienceOf(idToken string) (string, bool) {
	signed, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{p.cfg.Alg})
	if err != nil {
		return "", false
	}
	p.mu.Lock()
	keys := append([]signingKey{p.signing}, p.retired...)
	p.mu.Unlock()
	for _, key := range keys {
		payload, err := signed.Verify(key.public())
		if err != nil {
			continue
		}
		var claims struct {
			Audience string `json:"aud"`
		}
		err = json.Unmarshal(payload, &claims)
		return claims.Audience, err == nil && claims.Audience != ""
	}
	return "", false
}
