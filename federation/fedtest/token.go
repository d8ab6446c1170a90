package fedtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (p *OpenID) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	tampering := p.faults.document
	p.mu.Unlock()
	document := map[string]any{
		"issuer":                                         p.cfg.Issuer,
		"authorization_endpoint":                         p.cfg.Issuer + PathAuthorize,
		"token_endpoint":                                 p.cfg.Issuer + PathToken,
		"userinfo_endpoint":                              p.cfg.Issuer + PathUserInfo,
		"jwks_uri":                                       p.cfg.Issuer + PathKeys,
		"end_session_endpoint":                           p.cfg.Issuer + PathLogout,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"scopes_supported":                               []string{"openid", "profile", "email"},
		"claims_supported":                               []string{"sub", "name", "email", "acr", "amr", "auth_time"},
		"acr_values_supported":                           p.acrValues(),
		"id_token_signing_alg_values_supported":          []string{string(p.cfg.Alg)},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none", "private_key_jwt"},
		"authorization_response_iss_parameter_supported": true,
	}
	for _, change := range tampering {
		change(document)
	}
	writeJSON(w, http.StatusOK, document)
}

func (p *OpenID) acrValues() []string {
	values := map[string]bool{}
	for _, one := range p.cfg.People {
		values[one.ACR] = true
	}
	return slices.Sorted(maps.Keys(values))
}

func (p *OpenID) keySet(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.signing.public()}}
	for _, key := range p.retired {
		set.Keys = append(set.Keys, key.public())
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, set)
}

func (p *OpenID) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil || r.URL.RawQuery != "" {
		writeError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	client, ok := p.authenticate(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", "Basic")
		writeError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		writeError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	now := p.cfg.Now()
	p.mu.Lock()
	g, ok := p.codes.take(r.PostForm.Get("code"), now)
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || g.client != client.ID || g.redirectURI != r.PostForm.Get("redirect_uri") ||
		g.challenge != base64.RawURLEncoding.EncodeToString(challenge[:]) {
		writeError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	p.mu.Lock()
	access := p.tokens.put(g, now)
	p.mu.Unlock()
	idToken, err := p.idToken(g, access, now)
	if err != nil {
		writeError(w, http.StatusInternalServerError, "server_error")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": 600, "id_token": idToken,
	})
}

// authenticate knows client_secret_basic, client_secret_post, private_key_jwt and
// none.
func (p *OpenID) authenticate(r *http.Request) (Client, bool) {
	if r.PostForm.Has("client_assertion") {
		return p.authenticateByKey(r)
	}
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		var err1, err2 error
		id, err1 = url.QueryUnescape(user) // RFC 6749 §2.3.1
		secret, err2 = url.QueryUnescape(pass)
		if err1 != nil || err2 != nil {
			return Client{}, false
		}
	}
	client, ok := p.client(id)
	return client, ok && len(client.Keys) == 0 && subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) == 1
}

func (p *OpenID) idToken(g grant, access string, now time.Time) (string, error) {
	p.mu.Lock()
	key, tampering, how := p.signing, p.faults.tampering, p.faults.signing
	p.mu.Unlock()
	amr := g.person.AMR
	if len(amr) == 0 {
		amr = []string{"pwd"}
	}
	claims := map[string]any{
		"iss": p.cfg.Issuer, "sub": g.person.Subject, "aud": g.client,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": g.at.Unix(),
		"acr": g.person.ACR, "amr": amr, "at_hash": key.tokenHash(access),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if client, _ := p.client(g.client); client.Backchannel {
		claims["sid"] = g.sid
	}
	for _, change := range tampering {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return key.signAs(how, payload)
}

func (p *OpenID) userInfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	g, ok := p.tokens.get(token, p.cfg.Now())
	p.mu.Unlock()
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeError(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	claims := maps.Clone(g.person.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	claims["sub"] = g.person.Subject
	if slices.Contains(g.scopes, "profile") {
		claims["name"] = g.person.Name
	}
	if slices.Contains(g.scopes, "email") {
		claims["email"] = g.person.Email
	}
	p.writeUserInfo(w, g, claims)
}

func writeError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encoding failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
