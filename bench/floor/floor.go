package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/redis/go-redis/v9"
)

const (
	clientID     = "bench"
	codeLifetime = time.Minute
)

// floor answers for one client.
type floor struct {
	issuer, redirect string
	secret           [sha256.Size]byte
	rdb              *redis.Client
	signer           jose.Signer
	metadata, keys   []byte
}

func newFloor(issuer, redirect, redisURL, alg, secret string) (*floor, error) {
	if redirect == "" || secret == "" {
		return nil, errors.New("-redirect and FLOOR_SECRET are needed")
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	options.MaxRetries = -1 // what counts once is never sent twice
	f := &floor{issuer: issuer, redirect: redirect, secret: sha256.Sum256([]byte(secret)), rdb: redis.NewClient(options)}
	var key crypto.Signer
	switch jose.SignatureAlgorithm(alg) {
	case jose.RS256:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("-alg %q: want RS256 or ES256", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: alg, Use: "sig"}
	f.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("making a signer: %w", err)
	}
	if f.keys, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}); err != nil {
		return nil, fmt.Errorf("writing the key set: %w", err)
	}
	f.metadata, err = json.Marshal(map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{alg}, "code_challenge_methods_supported": []string{"S256"},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the metadata: %w", err)
	}
	return f, nil
}

func (f *floor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /keys", static(f.keys))
	mux.HandleFunc("GET /.well-known/openid-configuration", static(f.metadata))
	return mux
}

func static(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=600")
		_, _ = w.Write(body)
	}
}

// session is what the bench puts into Redis for each browser.
type session struct {
	Subject  string `json:"sub"`
	SID      string `json:"sid"`
	AuthTime int64  `json:"auth_time"`
}

// grant is what a code stands for.
type grant struct {
	session
	Nonce     string `json:"nonce"`
	Challenge string `json:"challenge"`
}

// authorize answers with a code: two round trips, the session read and the code
// kept.
func (f *floor) authorize(w http.ResponseWriter, r *http.Request) {
	ctx, q := r.Context(), r.URL.Query()
	if q.Get("client_id") != clientID || q.Get("redirect_uri") != f.redirect || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	cookie, err := r.Cookie("floor")
	if err != nil {
		http.Error(w, "login_required", http.StatusBadRequest)
		return
	}
	g := grant{Nonce: q.Get("nonce"), Challenge: q.Get("code_challenge")}
	if !f.read(ctx, w, "session:"+cookie.Value, f.rdb.Get, &g.session) {
		return
	}
	record, err := json.Marshal(g)
	if err != nil {
		http.Error(w, "server_error", http.StatusInternalServerError)
		return
	}
	code := randomText()
	if err := f.rdb.Set(ctx, "code:"+code, record, codeLifetime).Err(); err != nil {
		http.Error(w, "temporarily_unavailable", http.StatusServiceUnavailable)
		return
	}
	answer := url.Values{"code": {code}, "iss": {f.issuer}, "state": {q.Get("state")}}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, f.redirect+"?"+answer.Encode(), http.StatusSeeOther)
}

// idToken has the claims of the gateway's.
type idToken struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	AuthTime  int64    `json:"auth_time"`
	Nonce     string   `json:"nonce"`
	ACR       string   `json:"acr"`
	AMR       []string `json:"amr"`
	Hash      string   `json:"at_hash"`
	SID       string   `json:"sid"`
}

// tokens is the answer of the token endpoint, as long as the gateway's.
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
}

// token takes the code, which is the third round trip, and signs.
func (f *floor) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	id, secret, _ := r.BasicAuth()
	if sum := sha256.Sum256([]byte(secret)); id != clientID || subtle.ConstantTimeCompare(sum[:], f.secret[:]) != 1 {
		http.Error(w, "invalid_client", http.StatusUnauthorized)
		return
	}
	form := r.PostForm
	var g grant
	if !f.read(r.Context(), w, "code:"+form.Get("code"), f.rdb.GetDel, &g) {
		return
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if form.Get("grant_type") != "authorization_code" || form.Get("redirect_uri") != f.redirect ||
		g.Challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		http.Error(w, "invalid_grant", http.StatusBadRequest)
		return
	}
	answer, err := f.answer(g, time.Now())
	if err != nil {
		http.Error(w, "server_error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *floor) answer(g grant, now time.Time) (*tokens, error) {
	access := randomText()
	sum := sha256.Sum256([]byte(access))
	payload, err := json.Marshal(idToken{
		Issuer: f.issuer, Subject: g.Subject, Audience: clientID, ExpiresAt: now.Add(5 * time.Minute).Unix(), IssuedAt: now.Unix(),
		AuthTime: g.AuthTime, Nonce: g.Nonce, ACR: "urn:vn:eid:level:2", AMR: []string{"pwd", "otp"},
		Hash: base64.RawURLEncoding.EncodeToString(sum[:16]), SID: g.SID,
	})
	if err != nil {
		return nil, err
	}
	signed, err := f.signer.Sign(payload)
	if err != nil {
		return nil, err
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return nil, err
	}
	return &tokens{
		AccessToken: access, TokenType: "Bearer", RefreshToken: randomText(), ExpiresIn: 600, IDToken: text, Scope: "openid profile email phone eid",
	}, nil
}

// read gets a record by one command, or answers why there is none.
func (f *floor) read(ctx context.Context, w http.ResponseWriter, key string, command func(context.Context, string) *redis.StringCmd, into any) bool {
	raw, err := command(ctx, key).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		http.Error(w, "invalid_grant", http.StatusBadRequest)
	case err != nil:
		http.Error(w, "temporarily_unavailable", http.StatusServiceUnavailable)
	case json.Unmarshal(raw, into) != nil:
		http.Error(w, "server_error", http.StatusInternalServerError)
	default:
		return true
	}
	return false
}

// randomText is as long as the gateway's codes and tokens.
func randomText() string {
	b := make([]byte, 45)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}
