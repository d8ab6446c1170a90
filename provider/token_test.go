package provider_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	oidc "github.com/coreos/go-oidc/v3/oidc"

	"eidgate/eid"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

func TestTokensOfASignIn(t *testing.T) {
	w := newWorld(t)
	got := w.redeem(w.codeFor(numberLevel2, "acr_values", "LoA2"))
	if got.status != http.StatusOK || got.TokenType != "Bearer" || got.ExpiresIn != 600 {
		t.Fatalf("status %d %s, type %q, expires_in %d", got.status, got.Error, got.TokenType, got.ExpiresIn)
	}
	if cc := got.header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store", cc)
	}
	// An independent library verifies signature, iss, aud and exp.
	op, err := oidc.NewProvider(t.Context(), w.server.URL)
	must(t, err)
	token, err := op.Verifier(&oidc.Config{ClientID: "portal", Now: w.clock}).Verify(t.Context(), got.IDToken)
	must(t, err)
	must(t, token.VerifyAccessToken(got.AccessToken))
	for claim, want := range map[string]any{"acr": "LoA2", "nonce": "no", "aud": "portal", "iss": w.server.URL} {
		if got.claims[claim] != want {
			t.Errorf("%s = %v, want %v", claim, got.claims[claim], want)
		}
	}
	for claim := range got.claims {
		if !strings.Contains(" iss sub aud exp iat auth_time nonce acr amr at_hash sid ", " "+claim+" ") {
			t.Errorf("the ID token has %s, which nobody asked for", claim)
		}
	}
	if age := w.clock().Unix() - int64(got.claims["auth_time"].(float64)); age < 0 || age > 60 {
		t.Errorf("auth_time is %d s ago", age)
	}

	status, _, claims := w.userinfo("Bearer " + got.AccessToken)
	if status != http.StatusOK || claims["sub"] != got.claims["sub"] {
		t.Fatalf("userinfo: status %d, sub %v, want %v", status, claims["sub"], got.claims["sub"])
	}
	for claim, want := range map[string]any{
		"name": "Nguyễn Thị Thử", "family_name": "Nguyễn", "middle_name": "Thị", "given_name": "Thử", "gender": "female",
		"birthdate": "1988-03-08", "phone_number": "+84900000001", "phone_number_verified": true,
		"email": "nguoi-thu@example.test", "email_verified": false, "eid_personal_number": numberLevel2, "eid_source": "national",
	} {
		if claims[claim] != want {
			t.Errorf("userinfo %s = %v, want %v", claim, claims[claim], want)
		}
	}
}

func TestSubjectsArePairwise(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	first := w.redeem(a.signIn(w.authorizeURL("portal", "acr_values", acrLevel2), numberLevel2).back.Query().Get("code"))
	again := w.redeem(w.codeFor(numberLevel2))
	p := a.share(a.get(w.authorizeURL("high")))
	other := w.redeem(p.back.Query().Get("code"), "client_id", "high", "redirect_uri", "https://high.example.test/cb")
	if first.claims["sub"] == nil || first.claims["sub"] != again.claims["sub"] {
		t.Errorf("the same party sees %v and %v", first.claims["sub"], again.claims["sub"])
	}
	if other.status != http.StatusOK || other.claims["sub"] == first.claims["sub"] {
		t.Errorf("another party: status %d, sub %v", other.status, other.claims["sub"])
	}
	if strings.Contains(first.claims["sub"].(string), numberLevel2) || strings.Contains(first.claims["sub"].(string), ":") {
		t.Error("sub tells a number or has a colon")
	}
}

const acrLevel2 = "urn:vn:eid:level:2"

// Asking by name is answered as far as the party registered the scope.
func TestClaimsByName(t *testing.T) {
	w := newWorld(t)
	got := w.redeem(w.codeFor(numberLevel1, "scope", "openid",
		"claims", `{"userinfo":{"name":{"essential":true},"email":null,"made_up":null},"id_token":{"birthdate":null,"acr":{"value":"urn:vn:eid:level:1"}}}`))
	if got.claims["birthdate"] != "1990-01-15" || got.claims["acr"] != "urn:vn:eid:level:1" {
		t.Errorf("id token claims = %v", got.claims)
	}
	_, _, claims := w.userinfo("Bearer " + got.AccessToken)
	if len(claims) != 3 || claims["name"] != "Trần Văn Mẫu" || claims["email"] == nil {
		t.Errorf("userinfo = %v, want sub, name and email", claims)
	}
	// The party high never registered scope eid.
	p := w.browser().signIn(w.authorizeURL("high", "claims", `{"userinfo":{"eid_personal_number":{"essential":true}}}`), numberLevel2)
	high := w.redeem(p.back.Query().Get("code"), "client_id", "high", "redirect_uri", "https://high.example.test/cb")
	if _, _, claims := w.userinfo("Bearer " + high.AccessToken); claims["eid_personal_number"] != nil {
		t.Error("a claim was released that the party did not register for")
	}
}

func TestCodeRefusals(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		change []string
		want   string
	}{
		{"wrong verifier", []string{"code_verifier", strings.Repeat("w", 43)}, "invalid_grant"},
		{"no verifier", []string{"code_verifier", ""}, "invalid_grant"},
		{"one-character verifier", []string{"code_verifier", "v"}, "invalid_grant"},
		{"long verifier", []string{"code_verifier", strings.Repeat("v", 129)}, "invalid_grant"},
		{"challenge as verifier", []string{"code_verifier", challenge()}, "invalid_grant"},
		{"another redirect", []string{"redirect_uri", "https://portal.example.test/cb?a=%2Fb&c"}, "invalid_grant"},
		{"no redirect", []string{"redirect_uri", ""}, "invalid_request"},
		{"another client", []string{"client_id", "high"}, "invalid_grant"},
		{"no grant type", []string{"grant_type", ""}, "invalid_request"},
		{"password", []string{"grant_type", "password"}, "unsupported_grant_type"},
		{"client_credentials", []string{"grant_type", "client_credentials"}, "unsupported_grant_type"},
		{"jwt-bearer", []string{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "eyJhIjoxfQ.eyJhdWQiOlsxXX0."}, "unsupported_grant_type"},
		{"refresh", []string{"grant_type", "refresh_token", "refresh_token", "x"}, "unauthorized_client"},
		{"token exchange", []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"}, "unsupported_grant_type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := w.codeFor(numberLevel1)
			got := w.redeem(code, tt.change...)
			if got.status != http.StatusBadRequest || got.Error != tt.want || got.AccessToken != "" {
				t.Errorf("status %d error %q, want 400 %q", got.status, got.Error, tt.want)
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Error("the refusal may be cached")
			}
			if tt.want == "invalid_grant" {
				if second := w.redeem(code); second.Error != "invalid_grant" {
					t.Errorf("after a try that did not fit: %d %q, want invalid_grant", second.status, second.Error)
				}
			}
		})
	}
	for name, code := range map[string]string{"none": "", "garbage": "x", "guessed": randomHandle(), "dots": "..", "long": strings.Repeat("x", 5000)} {
		got := w.redeem("x", "code", code)
		if got.status != http.StatusBadRequest || got.Error != "invalid_grant" && got.Error != "invalid_request" {
			t.Errorf("code %s: status %d error %q", name, got.status, got.Error)
		}
	}
}

func TestCodeExpires(t *testing.T) {
	w := newWorld(t)
	code := w.codeFor(numberLevel1)
	w.pass(59 * time.Second)
	if got := w.redeem(code); got.status != http.StatusOK {
		t.Errorf("after 59 s: %d %s, want 200", got.status, got.Error)
	}
	code = w.codeFor(numberLevel1)
	w.pass(61 * time.Second)
	if got := w.redeem(code); got.Error != "invalid_grant" {
		t.Errorf("after 61 s: %d %s, want invalid_grant", got.status, got.Error)
	}
}

// A code used again is refused and its tokens die.
func TestReplayRevokes(t *testing.T) {
	w := newWorld(t)
	code := w.codeFor(numberLevel1)
	got := w.redeem(code)
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		t.Fatalf("userinfo before: %d", status)
	}
	if again := w.redeem(code); again.Error != "invalid_grant" {
		t.Fatalf("replay: %d %s", again.status, again.Error)
	}
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the replay: %d, want 401", status)
	}
}

// Of 16 calls with one code at most one gets tokens, and none keeps them.
func TestOneCodeSixteenTimes(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		code := w.codeFor(numberLevel1)
		var mu sync.Mutex
		var won []tokens
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if got := w.redeem(code); got.status == http.StatusOK {
					mu.Lock()
					won = append(won, got)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(won) > 1 {
			t.Fatalf("%d calls got tokens", len(won))
		}
		for _, got := range won {
			if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
				t.Errorf("the winner's token still works: %d", status)
			}
		}
	}
}

func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
	}
	none := func(*http.Request) {}
	for _, tt := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"wrong secret", nil, basic("portal", clientSecret+"x"), 401, "invalid_client"},
		{"empty secret", nil, basic("portal", ""), 401, "invalid_client"},
		{"the hash as secret", nil, basic("portal", "x"), 401, "invalid_client"},
		{"unknown client", nil, basic("nobody", clientSecret), 401, "invalid_client"},
		{"secret in the body", url.Values{"client_id": {"portal"}, "client_secret": {clientSecret}}, none, 401, "invalid_client"},
		{"no authentication", url.Values{"client_id": {"portal"}}, none, 401, "invalid_client"},
		{"nothing", nil, none, 401, "invalid_client"},
		{"both", url.Values{"client_secret": {clientSecret}}, basic("portal", clientSecret), 400, "invalid_request"},
		{"two clients", url.Values{"client_id": {"high"}}, basic("portal", clientSecret), 401, "invalid_client"},
		{"public client with a secret", nil, basic("high", "x"), 401, "invalid_client"},
		{"assertion", url.Values{"client_id": {"portal"}, "client_assertion": {"eyJhbGciOiJub25lIn0.eyJhdWQiOlsxXX0."}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}, none, 401, "invalid_client"},
		{"bearer", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_client"},
		{"broken escape", nil, func(r *http.Request) { r.SetBasicAuth("portal", "%zz") }, 401, "invalid_client"},
		{"broken basic", nil, func(r *http.Request) { r.Header.Set("Authorization", "Basic !!") }, 401, "invalid_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {randomHandle()}, "redirect_uri": {"https://portal.example.test/cb"}, "code_verifier": {verifier},
			}
			for name, values := range tt.form {
				form[name] = values
			}
			var withHeader bool
			got := w.token(form, func(r *http.Request) { tt.change(r); withHeader = r.Header.Get("Authorization") != "" })
			if got.status != tt.status || got.Error != tt.want {
				t.Errorf("status %d error %q, want %d %q", got.status, got.Error, tt.status, tt.want)
			}
			if tt.status == 401 && (got.header.Get("WWW-Authenticate") != "") != withHeader {
				t.Errorf("WWW-Authenticate = %q, header sent: %v", got.header.Get("WWW-Authenticate"), withHeader)
			}
		})
	}
}

func TestTokenEndpointTakesAFormInABody(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	if p := a.get(w.server.URL + "/token?grant_type=authorization_code&code=x"); p.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", p.status)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"x"}}
	if p := a.post(w.server.URL+"/token?client_id=high", form); p.status != http.StatusBadRequest || !strings.Contains(p.body, "invalid_request") {
		t.Errorf("query: status %d, %s", p.status, p.body)
	}
	twice := url.Values{"grant_type": {"authorization_code"}, "code": {"x", "y"}, "client_id": {"high"}}
	if p := a.post(w.server.URL+"/token", twice); p.status != http.StatusBadRequest || !strings.Contains(p.body, "invalid_request") {
		t.Errorf("code twice: status %d, %s", p.status, p.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/token", strings.NewReader(`{"grant_type":"authorization_code"}`))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	if p := a.do(r); p.status != http.StatusUnauthorized && p.status != http.StatusBadRequest {
		t.Errorf("JSON: status %d", p.status)
	}
}

// Whoever holds an access token, such as a server that it was shown to, cannot make
// up a refresh token from it that would end the family as used twice.
func TestAccessTokenEndsNoFamily(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(portal *eid.RelyingParty) { portal.Refresh = true })
	got := w.redeem(w.codeFor(numberLevel1))
	own, hidden, ok := strings.Cut(got.AccessToken, "~")
	slot, secret, _ := strings.Cut(own, ".")
	if !ok || len(hidden) != len(secret) || strings.Contains(got.RefreshToken, hidden) {
		t.Fatalf("access token %d characters, hidden part %d, want one apart from the refresh token", len(own), len(hidden))
	}
	for _, made := range []string{slot + "." + hidden + secret, slot + "." + secret + hidden, slot + "." + hidden + hidden} {
		if again := w.refresh(made); again.Error != "invalid_grant" {
			t.Errorf("made up: %d %s, want invalid_grant", again.status, again.Error)
		}
	}
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		t.Errorf("userinfo = %d afterwards, want 200", status)
	}
	if next := w.refresh(got.RefreshToken); next.status != http.StatusOK {
		t.Errorf("refresh = %d afterwards, want 200", next.status)
	}
}

// Whatever is wrong with a token, the answer is the same.
func TestUserinfoIsUniform(t *testing.T) {
	w := newWorld(t)
	got := w.redeem(w.codeFor(numberLevel1))
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	var first string
	for name, token := range map[string]string{
		"id token":         got.IDToken,
		"guessed":          randomHandle(),
		"cut":              got.AccessToken[:len(got.AccessToken)-1],
		"other secret":     got.AccessToken[:17] + randomHandle()[17:],
		"garbage":          "x",
		"empty":            "",
		"alg none":         part(`{"alg":"none"}`) + "." + part(`{"sub":"a"}`) + ".",
		"panicking aud":    part(`{"alg":"RS256"}`) + "." + part(`{"aud":[1]}`) + "." + part("x"),
		"long":             strings.Repeat("a", 8000),
		"with a path":      "../../etc/passwd.x",
		"not quite base64": strings.Replace(got.AccessToken, ".", "!", 1),
		"no family":        got.AccessToken[:strings.Index(got.AccessToken, "~")],
		"empty family":     got.AccessToken[:strings.Index(got.AccessToken, "~")+1],
		"other family":     got.AccessToken[:strings.Index(got.AccessToken, "~")+1] + randomHandle()[17:],
		"family twice":     got.AccessToken + got.AccessToken[strings.Index(got.AccessToken, "~"):],
	} {
		status, header, claims := w.userinfo("Bearer " + token)
		if status != http.StatusUnauthorized || !strings.Contains(header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: status %d, WWW-Authenticate %q", name, status, header.Get("WWW-Authenticate"))
		}
		raw, err := json.Marshal(claims)
		must(t, err)
		if first == "" {
			first = string(raw)
		}
		if string(raw) != first {
			t.Errorf("%s: body %s differs from %s", name, raw, first)
		}
	}
	if p := w.browser().get(w.server.URL + "/userinfo?access_token=" + url.QueryEscape(got.AccessToken)); p.status != http.StatusBadRequest {
		t.Errorf("token in the query: status %d, want 400", p.status)
	}
	w.pass(10*time.Minute + time.Second)
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("expired token: status %d", status)
	}
}

// A lock is in force for the tokens that are out there, at once.
func TestLockEndsTokens(t *testing.T) {
	w := newWorld(t)
	got := w.redeem(w.codeFor(numberLevel1))
	pending := w.codeFor(numberLevel1)
	_, err := w.locks.Set(t.Context(), w.people[numberLevel1], eid.LockSelf, storetest.Self())
	must(t, err)
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo of a locked account: %d, want 401", status)
	}
	if got := w.redeem(pending); got.Error != "invalid_grant" {
		t.Errorf("code of a locked account: %d %s, want invalid_grant", got.status, got.Error)
	}
}

// The level of each token is derived again from the terms on record.
func TestEveryGrantIsSound(t *testing.T) {
	w := newWorld(t)
	asked := []string{"", "LoA1", "LoA2", "LoA2 LoA1", "LoA1 LoA2", "urn:vn:eid:level:9", "URN:VN:EID:LEVEL:2"}
	acrs := map[string]int{}
	for _, values := range asked {
		a := w.browser()
		p := a.signIn(w.authorizeURL("portal", "acr_values", values), numberLevel2)
		for p.back == nil && strings.Contains(p.body, "stay") {
			p = a.submit(p, "action", "stay")
		}
		if p.back == nil {
			t.Fatalf("asked %q: no way back: %s", values, p.body)
		}
		got := w.redeem(p.back.Query().Get("code"))
		acrs[got.claims["acr"].(string)]++
	}
	rows, err := w.db.Audit(context.WithoutCancel(t.Context()), sqlstore.AuditFilter{Action: eid.ActionGrantIssued, Limit: 100})
	must(t, err)
	if len(rows) != len(asked) {
		t.Errorf("%d grants on record, want %d", len(rows), len(asked))
	}
	for _, row := range rows {
		var g eid.Grant
		must(t, json.Unmarshal(row.Detail, &g))
		if !g.Sound(eid.StandardVocabulary()) || g.Rules == "" || g.Config == "" {
			t.Errorf("grant %+v does not follow from its terms", g)
		}
		acrs[g.ACR.Name]--
	}
	for name, n := range acrs {
		if n != 0 {
			t.Errorf("acr %s: tokens and grants differ by %d", name, n)
		}
	}
}

// The token may come in a form, once.
func TestUserinfoTakesAForm(t *testing.T) {
	w := newWorld(t)
	got := w.redeem(w.codeFor(numberLevel1))
	form := url.Values{"access_token": {got.AccessToken}}
	if p := w.browser().post(w.server.URL+"/userinfo", form); p.status != http.StatusOK || !strings.Contains(p.body, got.claims["sub"].(string)) {
		t.Errorf("form: status %d %s", p.status, p.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/userinfo", strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+got.AccessToken)
	if p := w.browser().do(r); p.status != http.StatusBadRequest {
		t.Errorf("form and header: status %d, want 400", p.status)
	}
}
