package demo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

func TestSignIn(t *testing.T) {
	f := newFakeProvider(t)
	f.acr = eid.StandardVocabulary().Level2
	portal := startPortal(t, f, nil)
	b := newBrowser(t)

	got := b.signIn(portal, "?acr=2")
	if !got.SignedIn || got.Error != nil || got.Granted == nil {
		t.Fatalf("sign-in = %+v, error %v; want success", got, got.Error)
	}
	if g := got.Granted; g.ACR != f.acr || g.Level != eid.Level2 || g.Subject != "pairwise-subject" ||
		g.AuthTime != f.authTime.Unix() || strings.Join(g.AMR, " ") != "pwd otp" || g.SID != "session-1" {
		t.Errorf("granted = %+v, want what the ID token says", *g)
	}
	if got.Asked.ACRValues != f.acr || got.Asked.Scope != "openid profile" {
		t.Errorf("asked = %+v, want acr_values %s and scope openid profile", *got.Asked, f.acr)
	}
	if !strings.Contains(string(got.IDTokenHeader), `"ES256"`) || !strings.Contains(string(got.IDTokenClaims), `"auth_time"`) ||
		!strings.Contains(string(got.UserInfo), "Nguyễn Thị Thử") {
		t.Errorf("decoded parts are missing in %+v", got)
	}

	html := b.get(portal + "/").body
	for _, want := range []string{"Nguyễn Thị Thử", "Định danh mức 2", "acr 2 ≥ max(registered minimum 1, lowest asked 2)", localTime(vietnamese, f.authTime.Unix())} {
		if !strings.Contains(html, want) {
			t.Errorf("home page lacks %q", want)
		}
	}
	json := b.do(http.MethodGet, portal+"/", map[string]string{"Accept": "application/json"}).body
	for name, secret := range map[string]string{
		"access token": testToken, "ID token": f.lastIDToken, "code": f.lastCode, "client secret": testSecret,
	} {
		if strings.Contains(html, secret) || strings.Contains(json, secret) {
			t.Errorf("the home page shows the %s", name)
		}
	}
}

func TestRequest(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, func(c *Config) { c.Scopes = []string{"openid", "profile", "eid"} })
	level1, level2 := eid.StandardVocabulary().Level1, eid.StandardVocabulary().Level2
	none := url.Values{"acr_values": nil, "claims": nil, "prompt": nil, "max_age": nil}
	tests := []struct {
		query string
		want  url.Values
	}{
		{"", none},
		{"?acr=1", url.Values{"acr_values": {level1}}},
		{"?acr=2", url.Values{"acr_values": {level2}}},
		{"?acr=2+1", url.Values{"acr_values": {level2 + " " + level1}}},
		{"?acr=2%2B1", url.Values{"acr_values": {level2 + " " + level1}}},
		{"?acr=2&essential=1", url.Values{"acr_values": nil, "claims": {`{"id_token":{"acr":{"essential":true,"values":["` + level2 + `"]}}}`}}},
		{"?prompt=none", url.Values{"prompt": {"none"}}},
		{"?prompt=login&acr=1", url.Values{"prompt": {"login"}, "acr_values": {level1}}},
		{"?max_age=0", url.Values{"max_age": {"0"}}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			to, err := url.Parse(newBrowser(t).redirected(portal + "/login" + tt.query))
			if err != nil {
				t.Fatal(err)
			}
			got := to.Query()
			for name, want := range tt.want {
				if strings.Join(got[name], "|") != strings.Join(want, "|") {
					t.Errorf("%s = %q, want %q", name, got[name], want)
				}
			}
			for name, want := range map[string]string{
				"response_type": "code", "client_id": testClient, "redirect_uri": portal + "/callback",
				"scope": "openid profile eid", "code_challenge_method": "S256",
			} {
				if got.Get(name) != want {
					t.Errorf("%s = %q, want %q", name, got.Get(name), want)
				}
			}
			for _, name := range []string{"state", "nonce", "code_challenge"} {
				if len(got.Get(name)) < 26 {
					t.Errorf("%s = %q, want at least 128 random bits", name, got.Get(name))
				}
			}
		})
	}
}

func TestRequestsNotOffered(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	for _, query := range []string{
		"acr=3", "acr=1+2", "acr=", "acr=1&acr=2", "essential=1", "acr=2&essential=yes", "prompt=consent", "prompt=none+login",
		"max_age=-1", "max_age=00", "max_age=86401", "max_age=x", "redirect_uri=https://evil.example", "scope=openid", "%zz",
	} {
		if got := newBrowser(t).get(portal + "/login?" + query); got.status != http.StatusBadRequest || got.location != "" {
			t.Errorf("/login?%s = %d to %q, want 400", query, got.status, got.location)
		}
	}
}

func TestFailureKeepsTheSignIn(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "?acr=1")
	before := b.cookieOf(portal, "portal_8401")

	f.editAnswer = func(q url.Values) {
		q.Del("code")
		q.Set("error", "unmet_authentication_requirements")
	}
	got := b.signIn(portal, "?acr=2")
	if got.SignedIn || got.Granted != nil || got.Error == nil || got.Error.Code != "unmet_authentication_requirements" {
		t.Errorf("result = %+v, want the error alone", got)
	}
	html := b.get(portal + "/").body
	for _, want := range []string{"Chưa đủ mức định danh", "Quý vị vẫn đang đăng nhập", "Nguyễn Thị Thử"} {
		if !strings.Contains(html, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if after := b.cookieOf(portal, "portal_8401"); after == before || after == "" {
		t.Errorf("session handle %q stayed after a login", after)
	}

	f.editAnswer = nil
	if got := b.signIn(portal, ""); !got.SignedIn || got.Error != nil {
		t.Errorf("next sign-in = %+v, want success without the old error", got)
	}
}

func TestLogout(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "")
	handle := b.cookieOf(portal, "portal_8401")

	for name, header := range map[string]map[string]string{
		"sibling site": {"Sec-Fetch-Site": "cross-site"},
		"old browser":  {"Origin": "https://evil.example"},
	} {
		if got := b.do(http.MethodPost, portal+"/logout", header); got.status != http.StatusForbidden {
			t.Errorf("logout from a %s = %d, want 403", name, got.status)
		}
	}
	if got := b.get(portal + "/logout"); got.status == http.StatusOK {
		t.Error("logout by GET worked")
	}
	if !b.result(portal).SignedIn {
		t.Fatal("signed out by a foreign or GET request")
	}

	if got := b.do(http.MethodPost, portal+"/logout", nil); got.status != http.StatusOK || !strings.Contains(got.body, "vẫn còn") {
		t.Errorf("logout = %d %s, want a page that says what remains", got.status, got.body)
	}
	if b.result(portal).SignedIn || b.cookieOf(portal, "portal_8401") != "" {
		t.Error("still signed in after logout")
	}
	thief := newBrowser(t)
	got := thief.do(http.MethodGet, portal+"/", map[string]string{"Accept": "application/json", "Cookie": "portal_8401=" + handle})
	if strings.Contains(got.body, "pairwise-subject") {
		t.Error("a handle kept from before logout still opens the session")
	}
}

func TestTwoPortalsShareABrowser(t *testing.T) {
	f := newFakeProvider(t)
	first := startPortal(t, f, nil)
	second := startPortal(t, f, func(c *Config) { c.Name = "8402" })
	b := newBrowser(t)
	callback := b.begin(first, "")
	b.signIn(second, "")
	b.redirected(callback)
	for _, portal := range []string{first, second} {
		if got := b.result(portal); !got.SignedIn {
			t.Errorf("portal %s: %+v, want signed in", portal, got.Error)
		}
	}
}

func TestTwoTabs(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	one, two := b.begin(portal, ""), b.begin(portal, "?acr=1")
	for _, callback := range []string{two, one} {
		b.redirected(callback)
		if got := b.result(portal); !got.SignedIn {
			t.Errorf("result = %+v, want signed in", got.Error)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	f := newFakeProvider(t)
	now := time.Now()
	f.now = func() time.Time { return now }
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "")
	now = now.Add(sessionTTL - time.Second)
	if !b.result(portal).SignedIn {
		t.Error("session ended before its time")
	}
	now = now.Add(time.Second)
	if b.result(portal).SignedIn {
		t.Error("session lives after its time")
	}
}

func TestGatewayStartsLater(t *testing.T) {
	f := newFakeProvider(t)
	starting := 2
	f.serveConfig = func(w http.ResponseWriter, _ *http.Request) {
		if starting--; starting >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		f.writeConfig(w)
	}
	portal := startPortal(t, f, nil)
	if got := newBrowser(t).signIn(portal, ""); !got.SignedIn {
		t.Errorf("sign-in = %+v, want success once the gateway is up", got.Error)
	}
}

func TestGatewayAway(t *testing.T) {
	f := newFakeProvider(t)
	f.serveConfig = func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<b>proxy</b>", http.StatusBadGateway)
	}
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	if got := b.get(portal + "/login"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" ||
		strings.Contains(got.body, "proxy") {
		t.Errorf("/login = %d %s, want 503, when to retry, and nothing of the answer", got.status, got.body)
	}
	f.serveConfig = nil
	if got := b.signIn(portal, ""); !got.SignedIn {
		t.Errorf("sign-in = %+v, want success once the gateway is back", got.Error)
	}
}

func TestOtherNameOfTheMachine(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, func(c *Config) { c.BaseURL = strings.Replace(c.BaseURL, "127.0.0.1", "localhost", 1) })
	numeric := strings.Replace(portal, "localhost", "127.0.0.1", 1)
	b := newBrowser(t)
	if got := b.get(numeric + "/login?acr=2"); got.status != http.StatusSeeOther || got.location != portal+"/login?acr=2" {
		t.Errorf("GET by another name = %d to %q, want 303 to the portal's own", got.status, got.location)
	}
	if got := b.get(numeric + "//evil.example/"); strings.HasPrefix(got.location, "//") || strings.Contains(got.location, "://evil") {
		t.Errorf("GET //evil.example/ leads to %q, want a page of the portal", got.location)
	}
	if got := b.do(http.MethodPost, numeric+"/logout", nil); got.status != http.StatusMisdirectedRequest {
		t.Errorf("POST by another name = %d, want 421", got.status)
	}
	if got := b.get(numeric + "/healthz"); got.status != http.StatusOK || got.body != "ok\n" {
		t.Errorf("/healthz = %d %q, want 200 ok under every name", got.status, got.body)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Config{Name: "a b", BaseURL: "http://h/path", Issuer: "ftp://h"})
	if err == nil {
		t.Fatal("New of a faulty configuration gave no error")
	}
	for _, want := range []string{"base URL", "issuer", "name", "title", "client id", "client secret", "least level", "acr values"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name the %s", err, want)
		}
	}
}
