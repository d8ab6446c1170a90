package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/storetest"
)

// answer is what a back-channel endpoint said.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// backChannel posts a form with changes to the request.
func (w *world) backChannel(path string, form url.Values, changes ...func(*http.Request)) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+path, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, change := range changes {
		change(r)
	}
	res, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	got := answer{status: res.StatusCode, header: res.Header, body: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		must(w.t, json.Unmarshal(raw, &got.json))
	}
	return got
}

func as(id string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(clientSecret)) }
}

func tokenForm(token string) url.Values { return url.Values{"token": {token}} }

// addParty registers one more confidential party, like portal.
func (w *world) addParty(id string, change func(*eid.RelyingParty)) {
	w.t.Helper()
	party := w.parties[0]
	party.ID, party.Sector, party.RedirectURIs = id, "other", []string{"https://other.example.test/cb"}
	if change != nil {
		change(&party)
	}
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	w.parties = append(w.parties, party)
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, sources, "file", "system"))
}

func TestRevocation(t *testing.T) {
	for _, tt := range []struct {
		name  string
		which func(first, second tokens) string
	}{
		{"access token", func(_, second tokens) string { return second.AccessToken }},
		{"refresh token", func(_, second tokens) string { return second.RefreshToken }},
		{"refresh token of before", func(first, _ tokens) string { return first.RefreshToken }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := refreshing(t)
			first := w.redeem(w.codeFor(numberLevel1))
			second := w.refresh(first.RefreshToken)
			form := tokenForm(tt.which(first, second))
			form.Set("token_type_hint", "made_up")
			if got := w.backChannel("/revoke", form, asPortal); got.status != http.StatusOK || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("revoking: %d %q", got.status, got.body)
			}
			if w.active(first.AccessToken) || w.active(second.AccessToken) || w.refresh(second.RefreshToken).Error != "invalid_grant" {
				t.Error("a token of the family still works")
			}
			if why := w.revoked(); len(why) != 1 || why[0] != "revoked_by_client" {
				t.Errorf("on record: %v", why)
			}
			if got := w.backChannel("/revoke", form, asPortal); got.status != http.StatusOK {
				t.Errorf("once more: %d, want 200", got.status)
			}
		})
	}
}

// Another's token is left alone, and nothing tells it from one that never was.
func TestRevocationAndIntrospectionOfForeignTokens(t *testing.T) {
	w := refreshing(t)
	w.addParty("other", nil)
	got := w.redeem(w.codeFor(numberLevel1))
	for name, token := range map[string]string{
		"access": got.AccessToken, "refresh": got.RefreshToken, "id token": got.IDToken, "guessed": randomHandle(), "garbage": "x",
		"alg none":      "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJhdWQiOlsxXX0.",
		"panicking aud": "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJhdWQiOlsxXX0.eA", "long": strings.Repeat("a.", 4000),
	} {
		if a := w.backChannel("/revoke", tokenForm(token), as("other")); a.status != http.StatusOK || a.body != "" {
			t.Errorf("revoking %s: %d %q, want an empty 200", name, a.status, a.body)
		}
		if a := w.backChannel("/introspect", tokenForm(token), as("other")); a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"active":false}` {
			t.Errorf("introspecting %s: %d %q, want inactive and no more", name, a.status, a.body)
		}
	}
	if a := w.backChannel("/revoke", url.Values{"token": {got.AccessToken}, "client_id": {"high"}}); a.status != http.StatusOK {
		t.Errorf("a public client: %d, want 200", a.status)
	}
	if !w.active(got.AccessToken) || w.refresh(got.RefreshToken).status != http.StatusOK {
		t.Error("another client ended the tokens")
	}
	if why := w.revoked(); len(why) != 0 {
		t.Errorf("on record: %v", why)
	}
}

func TestRevocationAndIntrospectionNeedAClient(t *testing.T) {
	w := refreshing(t)
	got := w.redeem(w.codeFor(numberLevel1))
	nothing := func(*http.Request) {}
	for _, path := range []string{"/revoke", "/introspect"} {
		for _, tt := range []struct {
			name   string
			path   string
			form   url.Values
			change func(*http.Request)
			status int
			want   string
		}{
			{"nobody", path, tokenForm(got.AccessToken), nothing, 401, "invalid_client"},
			{"unknown", path, tokenForm(got.AccessToken), as("nobody"), 401, "invalid_client"},
			{"wrong secret", path, tokenForm(got.AccessToken), func(r *http.Request) { r.SetBasicAuth("portal", "x") }, 401, "invalid_client"},
			{"by name", path, url.Values{"token": {got.AccessToken}, "client_id": {"portal"}}, nothing, 401, "invalid_client"},
			{"bearer", path, tokenForm(got.AccessToken), func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+got.AccessToken) }, 401, "invalid_client"},
			{"in the query", path + "?token=x", url.Values{}, asPortal, 400, "invalid_request"},
			{"no token", path, url.Values{}, asPortal, 400, "invalid_request"},
			{"two tokens", path, url.Values{"token": {"a", "b"}}, asPortal, 400, "invalid_request"},
		} {
			a := w.backChannel(tt.path, tt.form, tt.change)
			if a.status != tt.status || a.json["error"] != tt.want {
				t.Errorf("%s %s: %d %s, want %d %s", path, tt.name, a.status, a.body, tt.status, tt.want)
			}
		}
		if p := w.browser().get(w.server.URL + path); p.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d, want 405", path, p.status)
		}
	}
	if a := w.backChannel("/introspect", url.Values{"token": {got.AccessToken}, "client_id": {"high"}}); a.status != 401 || a.json["error"] != "invalid_client" {
		t.Errorf("a public client introspects: %d %s, want 401", a.status, a.body)
	}
	if !w.active(got.AccessToken) {
		t.Error("the token ended")
	}
}

func TestIntrospection(t *testing.T) {
	w := refreshing(t)
	got := w.redeem(w.codeFor(numberLevel2, "acr_values", "LoA2", "scope", "openid email"))
	access := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal)
	if access.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
	now := float64(w.clock().Unix())
	for name, want := range map[string]any{
		"active": true, "iss": w.server.URL, "aud": w.server.URL, "sub": got.claims["sub"], "client_id": "portal", "scope": "openid email",
		"token_type": "Bearer", "acr": "LoA2", "auth_time": got.claims["auth_time"], "iat": now, "exp": now + 600,
	} {
		if access.json[name] != want {
			t.Errorf("%s = %v, want %v", name, access.json[name], want)
		}
	}
	refresh := w.backChannel("/introspect", tokenForm(got.RefreshToken), asPortal)
	if refresh.json["active"] != true || refresh.json["token_type"] != nil || refresh.json["exp"] != now+8*3600 {
		t.Errorf("refresh token: %s", refresh.body)
	}
	next := w.refresh(got.RefreshToken, "scope", "openid")
	if a := w.backChannel("/introspect", tokenForm(got.RefreshToken), asPortal); a.json["active"] != false || len(a.json) != 1 {
		t.Errorf("used refresh token: %s", a.body)
	}
	if a := w.backChannel("/introspect", tokenForm(next.AccessToken), asPortal); a.json["scope"] != "openid" {
		t.Errorf("narrowed token: %s", a.body)
	}
	// The terms are checked at the moment of asking.
	_, err := w.locks.Set(t.Context(), w.people[numberLevel2], eid.LockSelf, storetest.Self())
	must(t, err)
	for name, token := range map[string]string{"access": next.AccessToken, "refresh": next.RefreshToken} {
		if a := w.backChannel("/introspect", tokenForm(token), asPortal); a.json["active"] != false || len(a.json) != 1 {
			t.Errorf("%s token of a locked account: %s", name, a.body)
		}
	}
}

func TestIntrospectionExpires(t *testing.T) {
	w := refreshing(t)
	got := w.redeem(w.codeFor(numberLevel1))
	w.pass(10*time.Minute + time.Second)
	if a := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal); a.json["active"] != false {
		t.Errorf("expired access token: %s", a.body)
	}
	w.pass(8 * time.Hour)
	if a := w.backChannel("/introspect", tokenForm(got.RefreshToken), asPortal); a.json["active"] != false {
		t.Errorf("expired refresh token: %s", a.body)
	}
}

// The answer comes signed to who asks for it so (RFC 9701).
func TestIntrospectionAsJWT(t *testing.T) {
	w := refreshing(t)
	got := w.redeem(w.codeFor(numberLevel1))
	signed := func(r *http.Request) {
		r.Header.Set("Accept", "application/json;q=0.5, application/token-introspection+jwt")
	}
	for token, active := range map[string]bool{got.AccessToken: true, "x": false} {
		a := w.backChannel("/introspect", tokenForm(token), asPortal, signed)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/token-introspection+jwt" {
			t.Fatalf("status %d, type %q: %s", a.status, a.header.Get("Content-Type"), a.body)
		}
		header, claims := w.verifyJWT(a.body)
		inner, _ := claims["token_introspection"].(map[string]any)
		if header["typ"] != "token-introspection+jwt" || header["alg"] != "RS256" || claims["iss"] != w.server.URL || claims["aud"] != "portal" ||
			claims["iat"] != float64(w.clock().Unix()) || claims["sub"] != nil || inner["active"] != active || (inner["sub"] != nil) != active {
			t.Errorf("header %v claims %v", header, claims)
		}
		// It is no token of another kind.
		if w.active(a.body) || w.backChannel("/introspect", tokenForm(a.body), asPortal).json["active"] != false {
			t.Error("an introspection answer passes as a token")
		}
	}
	refused := func(r *http.Request) { r.Header.Set("Accept", "application/token-introspection+jwt;q=0") }
	if a := w.backChannel("/introspect", tokenForm("x"), asPortal, refused); a.json["active"] != false {
		t.Errorf("type refused by the caller: %s", a.body)
	}
}
