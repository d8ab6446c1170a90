package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
)

// claim returns an edit that sets a claim, or removes it when v is nil.
func claim(name string, v any) func(*fakeProvider) {
	return func(f *fakeProvider) {
		f.editClaims = func(c map[string]any) {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
	}
}

// param does the same to the authorization response.
func param(name, v string) func(*fakeProvider) {
	return func(f *fakeProvider) {
		f.editAnswer = func(q url.Values) {
			if q.Set(name, v); v == "" {
				q.Del(name)
			}
		}
	}
}

func TestAnswersNotBelieved(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxAnswer+1)
	body := func(status int, contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	tests := []struct {
		name  string
		query string
		edit  func(*fakeProvider)
		stage Stage
		code  string
	}{
		{"wrong iss parameter", "", param("iss", "https://evil.example"), StageAnswer, "iss_mismatch"},
		{"no iss parameter", "", param("iss", ""), StageAnswer, "iss_mismatch"},
		{"error of another issuer", "", func(f *fakeProvider) {
			f.editAnswer = func(q url.Values) {
				q.Del("code")
				q.Set("error", "access_denied")
				q.Set("iss", "https://evil.example")
			}
		}, StageAnswer, "iss_mismatch"},
		{"foreign code", "", param("code", "stolen"), StageToken, "invalid_grant"},

		{"wrong nonce", "", claim("nonce", "replayed"), StageIDToken, "nonce_mismatch"},
		{"no nonce", "", claim("nonce", nil), StageIDToken, "nonce_mismatch"},
		{"other issuer", "", claim("iss", "https://evil.example"), StageIDToken, "id_token_invalid"},
		{"other audience", "", claim("aud", "another"), StageIDToken, "id_token_invalid"},
		{"one audience more", "", claim("aud", []string{testClient, "another"}), StageIDToken, "id_token_invalid"},
		{"other azp", "", claim("azp", "another"), StageIDToken, "id_token_invalid"},
		{"expired", "", claim("exp", time.Now().Add(-time.Minute).Unix()), StageIDToken, "id_token_invalid"},
		{"no sub", "", claim("sub", nil), StageIDToken, "id_token_invalid"},
		{"wrong at_hash", "", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), StageIDToken, "id_token_invalid"},
		{"empty at_hash", "", claim("at_hash", ""), StageIDToken, "id_token_invalid"},
		{"acr of the wrong type", "", claim("acr", 2), StageIDToken, "id_token_invalid"},
		{"auth_time of the wrong type", "", claim("auth_time", "now"), StageIDToken, "id_token_invalid"},

		{"level below what was asked", "?acr=2", func(*fakeProvider) {}, StageIDToken, "acr_too_low"},
		{"level below an essential acr", "?acr=2&essential=1", func(*fakeProvider) {}, StageIDToken, "acr_too_low"},
		{"no acr", "", claim("acr", nil), StageIDToken, "acr_too_low"},
		{"unknown acr", "", claim("acr", "urn:vn:eid:level:9"), StageIDToken, "acr_too_low"},
		{"capitalised acr", "", claim("acr", "URN:VN:EID:LEVEL:2"), StageIDToken, "acr_too_low"},
		{"old sign-in at max_age=0", "?max_age=0", func(f *fakeProvider) { f.authTime = f.now().Add(-time.Minute) }, StageIDToken, "auth_time_too_old"},
		{"old sign-in at prompt=login", "?prompt=login", func(f *fakeProvider) { f.authTime = f.now().Add(-time.Minute) }, StageIDToken, "auth_time_too_old"},
		{"no auth_time at max_age", "?max_age=60", claim("auth_time", nil), StageIDToken, "auth_time_too_old"},

		{"no ID token", "", func(f *fakeProvider) { f.omitIDToken = true }, StageIDToken, "id_token_invalid"},
		{"signed by a stranger", "", func(f *fakeProvider) {
			f.sign = func(c map[string]any) string { return signed(t, jose.ES256, stranger, c) }
		}, StageIDToken, "id_token_invalid"},
		{"HS256 under the client secret", "", func(f *fakeProvider) {
			f.sign = func(c map[string]any) string {
				return signed(t, jose.HS256, []byte(strings.Repeat(testSecret, 2)), c)
			}
		}, StageIDToken, "id_token_invalid"},
		{"alg none", "", func(f *fakeProvider) { f.sign = unsigned }, StageIDToken, "id_token_invalid"},

		{"token endpoint down", "", func(f *fakeProvider) { f.serveToken = body(500, "text/html", "<b>"+testToken) }, StageToken, "token_failed"},
		{"token endpoint redirects", "", func(f *fakeProvider) {
			f.serveToken = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) }
		}, StageToken, "token_failed"},
		{"token answer is no JSON", "", func(f *fakeProvider) { f.serveToken = body(200, "application/json", "{") }, StageToken, "token_failed"},
		{"token answer without end", "", func(f *fakeProvider) {
			f.serveToken = body(200, "application/json", `{"access_token":"`+long+`","token_type":"Bearer"}`)
		}, StageToken, "token_failed"},
		{"token endpoint refuses", "", func(f *fakeProvider) {
			f.serveToken = body(401, "application/json", `{"error":"invalid_client"}`)
		}, StageToken, "invalid_client"},

		{"userinfo of someone else", "", func(f *fakeProvider) {
			f.editInfo = func(i map[string]any) { i["sub"] = "another" }
		}, StageUserInfo, "sub_mismatch"},
		{"userinfo refuses", "", func(f *fakeProvider) { f.serveInfo = body(401, "text/plain", testToken) }, StageUserInfo, "userinfo_failed"},
		{"userinfo without end", "", func(f *fakeProvider) {
			f.editInfo = func(i map[string]any) { i["name"] = long }
		}, StageUserInfo, "userinfo_failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeProvider(t)
			tt.edit(f)
			portal := startPortal(t, f, nil)
			b := newBrowser(t)
			got := b.signIn(portal, tt.query)
			if got.SignedIn || got.Granted != nil || got.IDTokenClaims != nil || got.UserInfo != nil {
				t.Fatalf("result = %+v, want nothing granted", got)
			}
			if got.Error == nil || got.Error.Stage != tt.stage || got.Error.Code != tt.code {
				t.Errorf("error = %v, want %s: %s", got.Error, tt.stage, tt.code)
			}
			if tt.code == "iss_mismatch" && f.tokenCalls != 0 {
				t.Error("the code was redeemed although another issuer answered")
			}
			html := b.get(portal + "/").body
			if !strings.Contains(html, tt.code) || strings.Contains(html, testToken) {
				t.Errorf("the page lacks the error code or shows a token:\n%s", html)
			}
		})
	}
}

// unsigned makes a JWT with alg none, which go-jose refuses to write.
func unsigned(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc(payload) + "."
}

func TestAnswersToQuestionsNotAsked(t *testing.T) {
	edit := func(f func(q url.Values)) func(string) string {
		return func(callback string) string {
			u, _ := url.Parse(callback)
			q := u.Query()
			f(q)
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	same := func(callback string) string { return callback }
	tests := []struct {
		name    string
		address func(string) string
		before  func(victim *browser, callback string)
	}{
		{"wrong state", edit(func(q url.Values) { q.Set("state", "AAAAAAAAAAAAAAAAAAAAAAAAAA") }), nil},
		{"no state", edit(func(q url.Values) { q.Del("state") }), nil},
		{"state twice", edit(func(q url.Values) { q.Add("state", "x") }), nil},
		{"code twice", edit(func(q url.Values) { q.Add("code", "x") }), nil},
		{"code and error", edit(func(q url.Values) { q.Set("error", "access_denied") }), nil},
		{"neither code nor error", edit(func(q url.Values) { q.Del("code") }), nil},
		{"an error with a wrong state", edit(func(q url.Values) {
			q.Del("code")
			q.Set("state", "x")
			q.Set("error", "access_denied")
			q.Set("error_description", "call-this-number")
		}), nil},
		{"broken escape", func(c string) string { return c + "&x=%zz" }, nil},
		{"far too long", func(c string) string { return c + "&x=" + strings.Repeat("x", maxQuery) }, nil},
		{"used before", same, func(b *browser, callback string) { b.redirected(callback) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeProvider(t)
			portal := startPortal(t, f, nil)
			b := newBrowser(t)
			callback := b.begin(portal, "")
			if tt.before != nil {
				tt.before(b, callback)
			}
			calls, was := f.tokenCalls, b.result(portal)
			got := b.get(tt.address(callback))
			if got.status != http.StatusBadRequest && got.status != http.StatusRequestURITooLong {
				t.Errorf("callback = %d, want 400 or 414", got.status)
			}
			if strings.Contains(got.body, "call-this-number") {
				t.Error("the page repeats what a stranger wrote")
			}
			if f.tokenCalls != calls {
				t.Error("a code was redeemed")
			}
			if now := b.result(portal); now.SignedIn != was.SignedIn || now.Error != nil {
				t.Errorf("the session changed to %+v", now)
			}
		})
	}
}

func TestAnotherBrowser(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	attacker, victim := newBrowser(t), newBrowser(t)
	callback := attacker.begin(portal, "")
	victim.begin(portal, "") // has a login of its own under way
	for name, b := range map[string]*browser{"victim": victim, "one without cookies": newBrowser(t)} {
		if got := b.get(callback); got.status != http.StatusBadRequest {
			t.Errorf("callback at the browser of %s = %d, want 400", name, got.status)
		}
		if b.result(portal).SignedIn {
			t.Errorf("%s is signed in as the attacker", name)
		}
	}
	attacker.redirected(callback)
	if !attacker.result(portal).SignedIn {
		t.Error("a stranger's attempt spoiled the login of the browser that began it")
	}
}

func TestLoginExpires(t *testing.T) {
	f := newFakeProvider(t)
	now := time.Now()
	f.now = func() time.Time { return now }
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	callback := b.begin(portal, "")
	now = now.Add(loginTTL)
	if got := b.get(callback); got.status != http.StatusBadRequest {
		t.Errorf("callback after %v = %d, want 400", loginTTL, got.status)
	}
}

func TestErrorAnswers(t *testing.T) {
	for _, code := range []string{
		"access_denied", "login_required", "interaction_required", "consent_required", "unmet_authentication_requirements",
		"temporarily_unavailable", "server_error", "invalid_request", "invalid_scope", "some_new_error",
	} {
		t.Run(code, func(t *testing.T) {
			f := newFakeProvider(t)
			f.editAnswer = func(q url.Values) {
				q.Del("code")
				q.Set("error", code)
				q.Set("error_description", "in plain words")
			}
			portal := startPortal(t, f, nil)
			b := newBrowser(t)
			got := b.signIn(portal, "?prompt=none&acr=2")
			if got.Error == nil || *got.Error != (Failure{StageAnswer, code, "in plain words"}) {
				t.Errorf("error = %+v, want the gateway's own", got.Error)
			}
			if f.tokenCalls != 0 {
				t.Error("the token endpoint was called")
			}
			html := b.get(portal + "/").body
			if !strings.Contains(html, code) || !strings.Contains(html, "in plain words") {
				t.Error("the page lacks the error or its description")
			}
			if code == "login_required" && !strings.Contains(html, `href="/login?acr=2"`) {
				t.Error("the way on still says prompt=none, or drops the level")
			}
		})
	}
}

func TestHostileText(t *testing.T) {
	const script = `"><script>alert(1)</script>`
	inert := func(t *testing.T, html string) {
		t.Helper()
		if strings.Contains(html, "<script") || strings.Contains(html, "<img") || strings.ContainsAny(html, "\u202e\x00") {
			t.Errorf("foreign text reached the page unescaped:\n%s", html)
		}
	}
	t.Run("error", func(t *testing.T) {
		f := newFakeProvider(t)
		f.editAnswer = func(q url.Values) {
			q.Del("code")
			q.Set("error", script)
			q.Set("error_description", script+"\u202e\x00\xff\r\n"+strings.Repeat("<img src=x>", 200))
		}
		portal := startPortal(t, f, nil)
		b := newBrowser(t)
		got := b.signIn(portal, "")
		if n := len([]rune(got.Error.Description)); n > maxDescription+1 {
			t.Errorf("description keeps %d runes, want at most %d", n, maxDescription)
		}
		html := b.get(portal + "/").body
		inert(t, html)
		if !strings.Contains(html, "&lt;script&gt;") {
			t.Error("the description is not shown at all")
		}
	})
	t.Run("token endpoint", func(t *testing.T) {
		f := newFakeProvider(t)
		f.serveToken = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": script, "error_description": script})
		}
		portal := startPortal(t, f, nil)
		b := newBrowser(t)
		b.signIn(portal, "")
		inert(t, b.get(portal+"/").body)
	})
	t.Run("claims", func(t *testing.T) {
		f := newFakeProvider(t)
		f.editClaims = func(c map[string]any) { c["sid"], c["amr"] = script, []string{script} }
		f.editInfo = func(i map[string]any) { i["name"] = script }
		portal := startPortal(t, f, nil)
		b := newBrowser(t)
		if got := b.signIn(portal, ""); !got.SignedIn {
			t.Fatalf("sign-in failed: %v", got.Error)
		}
		inert(t, b.get(portal+"/").body)
	})
}

func TestHigherLevelIsTaken(t *testing.T) {
	f := newFakeProvider(t)
	f.acr = eid.StandardVocabulary().Level2
	for _, query := range []string{"", "?acr=1", "?acr=2+1", "?max_age=3600"} {
		if got := newBrowser(t).signIn(startPortal(t, f, nil), query); !got.SignedIn {
			t.Errorf("level 2 at a request %q: %v, want success", query, got.Error)
		}
	}
}

func TestRegisteredMinimumStands(t *testing.T) {
	f := newFakeProvider(t) // grants level 1
	portal := startPortal(t, f, func(c *Config) { c.MinLevel = eid.Level2 })
	for _, query := range []string{"", "?acr=1", "?acr=2+1"} {
		if got := newBrowser(t).signIn(portal, query); got.Error == nil || got.Error.Code != "acr_too_low" {
			t.Errorf("level 1 at a portal that needs 2, request %q = %+v, want acr_too_low", query, got)
		}
	}
}
