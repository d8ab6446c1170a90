package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const issuer = "http://gateway.example.test"

// fakeGateway is an OpenID provider as a gate sees it, with one person at a time.
type fakeGateway struct {
	t   *testing.T
	key *ecdsa.PrivateKey
	now func() time.Time

	mu       sync.Mutex
	codes    map[string]url.Values // the authorization requests that codes answer
	edit     func(claims map[string]any)
	subject  string
	acr      string
	authTime time.Time
	ended    bool // tokens are not active, and nothing is refreshed
	down     bool
	refresh  int // how often
	asked    int // introspections
	lifetime int // seconds, of access tokens
	redeemed int
}

func newFakeGateway(t *testing.T, now func() time.Time) *fakeGateway {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeGateway{t: t, key: key, now: now, codes: map[string]url.Values{}, subject: "sub-1", acr: "urn:vn:eid:level:2", authTime: now(), lifetime: 600}
}

// authorize is the gateway's answer to a sign-in that went well: the address that the
// browser is sent to.
func (f *fakeGateway) authorize(address string) string {
	f.t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Path != "/authorize" {
		f.t.Fatalf("led to %q, want the authorization endpoint", address)
	}
	q := u.Query()
	code := rand.Text()
	f.mu.Lock()
	f.codes[code] = q
	f.mu.Unlock()
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {issuer}}.Encode()
}

func (f *fakeGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		f.json(w, map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
			"jwks_uri": issuer + "/keys", "introspection_endpoint": issuer + "/introspect", "end_session_endpoint": issuer + "/logout",
			"id_token_signing_alg_values_supported": []string{"ES256"}})
	case "/keys":
		f.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		f.token(w, r)
	case "/introspect":
		f.asked++
		if f.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if id, secret, ok := r.BasicAuth(); !ok || id != "eidgate-me" || secret != "secret-of-the-gate" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if f.ended {
			f.json(w, map[string]any{"active": false})
			return
		}
		f.json(w, map[string]any{"active": true, "client_id": "eidgate-me", "acr": f.acr, "auth_time": f.authTime.Unix()})
	case "/logout":
		if r.URL.Query().Get("id_token_hint") == "" || r.Header.Get("Cookie") == "" {
			w.WriteHeader(http.StatusOK)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "eidgate", MaxAge: -1})
		w.Header().Set("Location", issuer+"/logout/done?page=1")
		w.WriteHeader(http.StatusSeeOther)
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeGateway) token(w http.ResponseWriter, r *http.Request) {
	refuse := func() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		f.json(w, map[string]any{"error": "invalid_grant"})
	}
	if f.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if err := r.ParseForm(); err != nil {
		f.t.Error(err)
	}
	answer := map[string]any{"access_token": "access-" + rand.Text(), "token_type": "Bearer", "expires_in": f.lifetime, "refresh_token": "refresh-" + rand.Text()}
	if r.PostForm.Get("grant_type") == "refresh_token" {
		if f.refresh++; f.ended || !strings.HasPrefix(r.PostForm.Get("refresh_token"), "refresh-") {
			refuse()
			return
		}
		f.json(w, answer)
		return
	}
	asked, ok := f.codes[r.PostForm.Get("code")]
	delete(f.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		refuse()
		return
	}
	f.redeemed++
	access := sha256.Sum256([]byte(answer["access_token"].(string)))
	claims := map[string]any{
		"iss": issuer, "aud": "eidgate-me", "sub": f.subject, "nonce": asked.Get("nonce"), "acr": f.acr, "amr": []string{"pwd", "otp"},
		"auth_time": f.authTime.Unix(), "iat": f.now().Unix(), "exp": f.now().Add(5 * time.Minute).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(access[:16]),
	}
	if f.edit != nil {
		f.edit(claims)
	}
	answer["id_token"] = f.sign(claims)
	f.json(w, answer)
}

func (f *fakeGateway) sign(claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: f.key, KeyID: "1"}}, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

func (f *fakeGateway) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Error(err)
	}
}
