package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// logoutToken is a right one for the session that the fake provider gives, under
// these changes.
func (f *fakeProvider) logoutToken(typ string, key *ecdsa.PrivateKey, edit func(map[string]any)) string {
	f.t.Helper()
	claims := map[string]any{
		"iss": f.url, "aud": testClient, "sub": "pairwise-subject", "sid": "session-1", "jti": rand.Text(),
		"iat": f.now().Unix(), "exp": f.now().Add(2 * time.Minute).Unix(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if edit != nil {
		edit(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", testKeyID))
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return raw
}

// tell posts a logout token to a portal.
func (f *fakeProvider) tell(portal, token string) int {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, portal+BackchannelPath,
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

func TestBackchannelLogout(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	for name, edit := range map[string]func(map[string]any){
		"sub and sid": nil,
		"only sub":    func(c map[string]any) { delete(c, "sid") },
		"only sid":    func(c map[string]any) { delete(c, "sub") },
	} {
		b := newBrowser(t)
		b.signIn(portal, "")
		token := f.logoutToken("logout+jwt", f.key, edit)
		if got := f.tell(portal, token); got != http.StatusOK {
			t.Errorf("%s: answer = %d, want 200", name, got)
		}
		if b.result(portal).SignedIn {
			t.Errorf("%s: still signed in", name)
		}
		b.signIn(portal, "")
		if got := f.tell(portal, token); got != http.StatusBadRequest {
			t.Errorf("%s: the same token again = %d, want 400", name, got)
		}
		if !b.result(portal).SignedIn {
			t.Errorf("%s: a replayed token signed the holder out", name)
		}
	}
}

func TestBackchannelLogoutRefusals(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) string {
		return f.logoutToken("logout+jwt", f.key, func(c map[string]any) { c[name] = value })
	}
	without := func(names ...string) string {
		return f.logoutToken("logout+jwt", f.key, func(c map[string]any) {
			for _, name := range names {
				delete(c, name)
			}
		})
	}
	for name, token := range map[string]string{
		"no token":       "",
		"signature":      f.logoutToken("logout+jwt", stranger, nil),
		"typ":            f.logoutToken("JWT", f.key, nil),
		"an ID token":    f.lastIDToken,
		"issuer":         set("iss", "https://evil.example"),
		"audience":       set("aud", "another"),
		"expired":        set("exp", f.now().Add(-time.Minute).Unix()),
		"no exp":         without("exp"),
		"old":            set("iat", f.now().Add(-time.Hour).Unix()),
		"future":         set("iat", f.now().Add(time.Hour).Unix()),
		"no iat":         without("iat"),
		"no jti":         without("jti"),
		"no events":      without("events"),
		"other event":    set("events", map[string]any{"https://example.org/event": map[string]any{}}),
		"event a text":   set("events", map[string]any{logoutEvent: "yes"}),
		"event null":     set("events", map[string]any{logoutEvent: nil}),
		"nonce":          set("nonce", "n"),
		"nobody's":       without("sub", "sid"),
		"sid of a type":  set("sid", 7),
		"events of type": set("events", []string{logoutEvent}),
	} {
		if got := f.tell(portal, token); got != http.StatusBadRequest {
			t.Errorf("%s: answer = %d, want 400", name, got)
		}
	}
	for name, edit := range map[string]func(map[string]any){
		"another session": func(c map[string]any) { c["sid"] = "session-2" },
		"another subject": func(c map[string]any) { c["sub"] = "somebody" },
	} {
		if got := f.tell(portal, f.logoutToken("logout+jwt", f.key, edit)); got != http.StatusOK {
			t.Errorf("%s: answer = %d, want 200: there is nothing to end", name, got)
		}
	}
	if !b.result(portal).SignedIn {
		t.Error("signed out by a token that is wrong or another's")
	}
}

func TestFrontchannelLogout(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "")
	frame := func(iss, sid string) page {
		return newBrowser(t).get(portal + FrontchannelPath + "?" + url.Values{"iss": {iss}, "sid": {sid}}.Encode())
	}
	for name, got := range map[string]page{
		"issuer": frame("https://evil.example", "session-1"), "no sid": frame(f.url, ""),
	} {
		if got.status != http.StatusBadRequest {
			t.Errorf("%s: frame = %d, want 400", name, got.status)
		}
	}
	if got := frame(f.url, "session-2"); got.status != http.StatusOK || !b.result(portal).SignedIn {
		t.Errorf("another session's frame = %d, signed in = %v, want 200 and true", got.status, b.result(portal).SignedIn)
	}
	got := frame(f.url, "session-1")
	if csp := got.header.Get("Content-Security-Policy"); got.status != http.StatusOK || !strings.Contains(csp, "frame-ancestors "+f.url) {
		t.Errorf("frame = %d with policy %q, want 200 for the gateway alone", got.status, csp)
	}
	if b.result(portal).SignedIn {
		t.Error("still signed in after the frame was loaded")
	}
}

func TestLogoutEverywhere(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	b.signIn(portal, "")
	if got := b.do(http.MethodPost, portal+"/logout/all", map[string]string{"Sec-Fetch-Site": "cross-site"}); got.status != http.StatusForbidden {
		t.Errorf("logout from another site = %d, want 403", got.status)
	}
	if home := b.get(portal + "/"); !strings.Contains(home.body, "Đăng xuất khỏi tất cả") || strings.Contains(home.body, f.lastIDToken) {
		t.Error("home lacks the button, or shows the ID token")
	}
	got := b.do(http.MethodPost, portal+"/logout/all", nil)
	to, err := url.Parse(got.location)
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, f.url+"/logout?") ||
		q.Get("id_token_hint") != f.lastIDToken || q.Get("post_logout_redirect_uri") != portal+LoggedOutPath || q.Get("state") == "" {
		t.Errorf("logout = %d %s, want the end_session_endpoint with hint, address and state", got.status, got.location)
	}
	if b.result(portal).SignedIn {
		t.Error("still signed in at the portal")
	}
	if forged := b.get(portal + LoggedOutPath + "?state=x"); forged.status != http.StatusSeeOther {
		t.Errorf("a return that nobody asked for = %d, want 303 to the home page", forged.status)
	}
	back := portal + LoggedOutPath + "?state=" + q.Get("state")
	if got := b.get(back); got.status != http.StatusOK || !strings.Contains(got.body, "Đã đăng xuất khỏi tất cả") {
		t.Errorf("return = %d, want the page that says so", got.status)
	}
	if again := b.get(back); again.status != http.StatusSeeOther {
		t.Errorf("the same return again = %d, want 303 to the home page", again.status)
	}
}

func TestLogoutEverywhereWithoutGateway(t *testing.T) {
	f := newFakeProvider(t)
	f.serveConfig = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	portal := startPortal(t, f, nil)
	if got := newBrowser(t).do(http.MethodPost, portal+"/logout/all", nil); got.status != http.StatusOK || !strings.Contains(got.body, "vẫn còn") {
		t.Errorf("logout = %d, want a page that says what remains", got.status)
	}
}
