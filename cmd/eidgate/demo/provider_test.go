package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/eid"
)

const (
	testClient = "portal-under-test"
	testSecret = "portal-secret-under-test"
	testToken  = "access-token-that-no-page-shows"
	testKeyID  = "test-key"
)

// fakeProvider is a small OpenID provider that grants whatever its test says. It
// checks what a provider must check of a client: secret, redirect URI, PKCE, code
// used once.
type fakeProvider struct {
	t   *testing.T
	url string
	key *ecdsa.PrivateKey
	now func() time.Time

	// What a test changes, before any request; nil means the honest answer.
	acr         string
	authTime    time.Time
	editAnswer  func(url.Values)
	editClaims  func(map[string]any)
	editInfo    func(map[string]any)
	sign        func(map[string]any) string
	serveConfig http.HandlerFunc
	serveToken  http.HandlerFunc
	serveInfo   http.HandlerFunc
	omitIDToken bool
	inactive    bool // the access token is not, when somebody asks

	mu          sync.Mutex
	outstanding map[string]url.Values // authorize parameters by code
	lastRequest url.Values
	lastCode    string
	lastIDToken string
	tokenCalls  int
}

func newFakeProvider(t *testing.T) *fakeProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeProvider{t: t, key: key, now: time.Now, acr: eid.StandardVocabulary().Level1, outstanding: make(map[string]url.Values)}
	f.authTime = f.now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", f.config)
	mux.HandleFunc("GET /keys", f.keys)
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /userinfo", f.userinfo)
	mux.HandleFunc("POST /introspect", f.introspect)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fakeProvider) config(w http.ResponseWriter, r *http.Request) {
	if f.serveConfig != nil {
		f.serveConfig(w, r)
		return
	}
	f.writeConfig(w)
}

func (f *fakeProvider) writeConfig(w http.ResponseWriter) {
	writeJSON(w, map[string]any{
		"issuer": f.url, "authorization_endpoint": f.url + "/authorize", "token_endpoint": f.url + "/token",
		"userinfo_endpoint": f.url + "/userinfo", "jwks_uri": f.url + "/keys", "end_session_endpoint": f.url + "/logout", "introspection_endpoint": f.url + "/introspect",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	})
}

func (f *fakeProvider) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &f.key.PublicKey, KeyID: testKeyID, Algorithm: "ES256", Use: "sig"}}})
}

func (f *fakeProvider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	f.mu.Lock()
	f.outstanding[code], f.lastRequest, f.lastCode = q, q, code
	f.mu.Unlock()
	if q.Get("client_id") != testClient || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {f.url}}
	if f.editAnswer != nil {
		f.editAnswer(answer)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

func (f *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokenCalls++
	if f.serveToken != nil {
		f.serveToken(w, r)
		return
	}
	id, secret, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	asked, ok := f.outstanding[code]
	delete(f.outstanding, code)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != testClient || secret != testSecret:
		f.refuse(w, "invalid_client")
	case !ok, r.PostFormValue("redirect_uri") != asked.Get("redirect_uri"),
		base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge"):
		f.refuse(w, "invalid_grant")
	default:
		f.grant(w, asked)
	}
}

func (f *fakeProvider) grant(w http.ResponseWriter, asked url.Values) {
	hash := sha256.Sum256([]byte(testToken))
	claims := map[string]any{
		"iss": f.url, "sub": "pairwise-subject", "aud": testClient, "nonce": asked.Get("nonce"),
		"iat": f.now().Unix(), "exp": f.now().Add(5 * time.Minute).Unix(), "auth_time": f.authTime.Unix(),
		"acr": f.acr, "amr": []string{"pwd", "otp"}, "sid": "session-1",
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if f.editClaims != nil {
		f.editClaims(claims)
	}
	sign := f.sign
	if sign == nil {
		sign = func(c map[string]any) string { return signed(f.t, jose.ES256, f.key, c) }
	}
	f.lastIDToken = sign(claims)
	answer := map[string]any{"access_token": testToken, "token_type": "Bearer", "expires_in": 600, "id_token": f.lastIDToken}
	if f.omitIDToken {
		delete(answer, "id_token")
	}
	writeJSON(w, answer)
}

func (f *fakeProvider) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
}

func (f *fakeProvider) userinfo(w http.ResponseWriter, r *http.Request) {
	if f.serveInfo != nil {
		f.serveInfo(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+testToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	info := map[string]any{"sub": "pairwise-subject", "name": "Nguyễn Thị Thử"}
	if f.editInfo != nil {
		f.editInfo(info)
	}
	writeJSON(w, info)
}

func (f *fakeProvider) introspect(w http.ResponseWriter, r *http.Request) {
	if id, secret, _ := r.BasicAuth(); id != testClient || secret != testSecret {
		f.refuse(w, "invalid_client")
		return
	}
	if r.PostFormValue("token") != testToken || f.inactive {
		writeJSON(w, map[string]any{"active": false})
		return
	}
	writeJSON(w, map[string]any{"active": true, "acr": f.acr, "auth_time": f.authTime.Unix()})
}

// signed makes a JWT under the test's key id.
func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", testKeyID))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
