package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const bye = "https://portal.example.test/bye"

// dead fails unless nothing of these tokens and this browser's session is left.
func (a *agent) dead(got tokens) {
	a.w.t.Helper()
	if status, _, _ := a.w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		a.w.t.Errorf("userinfo = %d after the end of the session, want 401", status)
	}
	if p := a.get(a.w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		a.w.t.Errorf("prompt=none = %v after the end of the session, want login_required", p.back)
	}
}

// alive fails unless the session and the tokens live.
func (a *agent) alive(got tokens) {
	a.w.t.Helper()
	if status, _, _ := a.w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		a.w.t.Errorf("userinfo = %d, want 200: the session lives", status)
	}
	if p := a.get(a.w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("code") == "" {
		a.w.t.Errorf("prompt=none = %v, want a code: the session lives", p.back)
	}
}

// answer posts the confirmation page.
func (a *agent) answer(p page, action string, changes ...string) page {
	a.w.t.Helper()
	form := url.Values{"action": {action}}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	if form.Get("csrf") == "" {
		a.w.t.Fatalf("no form on the page:\n%s", p.body)
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return a.post(a.w.server.URL+"/logout/confirm", form)
}

// signedOut reports whether a page is the last of a logout, without a redirect
// to anywhere else.
func signedOut(p page) bool {
	return p.status == http.StatusOK && p.back == nil && !strings.Contains(p.body, `action="/log`) && strings.Contains(p.body, "đăng xuất")
}

func asks(p page) bool {
	return p.status == http.StatusOK && p.back == nil && strings.Contains(p.body, `action="/logout/confirm"`)
}

func TestLogoutAtOnce(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for name, test := range map[string]struct {
		uri, state, want string
	}{
		"with state":    {bye, "s t&ä=1", bye + "?state=s+t%26%C3%A4%3D1"},
		"without state": {bye, "", bye},
		"query kept":    {bye + "?a=%2Fb", "x", bye + "?a=%2Fb&state=x"},
	} {
		a, got := w.signedIn(numberLevel1)
		native := a.also()
		p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", test.uri, "state", test.state,
			"logout_hint", "x", "ui_locales", "en", "unknown", "y"))
		if p.back == nil || p.back.String() != test.want {
			t.Errorf("%s: logout = %d to %v, want %s", name, p.status, p.back, test.want)
		}
		a.dead(got)
		a.dead(native)
		if cookie := p.header.Get("Set-Cookie"); !strings.Contains(cookie, "Max-Age=0") {
			t.Errorf("%s: Set-Cookie = %q, want the handle removed", name, cookie)
		}
		if got := p.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control = %q, want no-store", name, got)
		}
	}
}

func TestLogoutWithoutReturn(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	if p := a.logout(got.IDToken); !signedOut(p) || !strings.Contains(p.body, "https://portal.example.test") {
		t.Errorf("logout = %d %v, want the signed-out page with a way back\n%s", p.status, p.back, p.body)
	}
	a.dead(got)
}

// The hint may have expired (RP-Initiated Logout §4), and may be the one of a
// sign-in before the last.
func TestLogoutWithOldHint(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	w.pass(20 * time.Minute)
	a.signIn(w.authorizeURL("portal", "prompt", "login"), numberLevel1)
	if p := a.get(w.logoutURL("id_token_hint", got.IDToken, "post_logout_redirect_uri", bye)); p.back == nil || p.back.String() != bye {
		t.Errorf("logout with an expired hint = %d %v, want %s", p.status, p.back, bye)
	}
	a.dead(got)
}

func TestLogoutAsksFirst(t *testing.T) {
	unsigned := func(token string) string {
		payload := strings.Split(token, ".")[1]
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + payload + "."
	}
	edited := func(token string) string {
		parts := strings.Split(token, ".")
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"sub":"`, `"sub":"x`, 1))) + "." + parts[2]
	}
	w := newWorld(t)
	w.notified()
	other, others := w.signedIn(numberLevel1)
	// back is where the holder ends who confirms: empty at the signed-out page.
	for name, test := range map[string]struct {
		params func(own, foreign string) []string
		back   string
	}{
		"no parameter":    {func(_, _ string) []string { return nil }, ""},
		"only state":      {func(_, _ string) []string { return []string{"state", "s"} }, ""},
		"no hint":         {func(_, _ string) []string { return []string{"post_logout_redirect_uri", bye} }, ""},
		"no hint, client": {func(_, _ string) []string { return []string{"client_id", "portal", "post_logout_redirect_uri", bye} }, bye},
		"unknown client":  {func(_, _ string) []string { return []string{"client_id", "nobody", "post_logout_redirect_uri", bye} }, ""},
		"another's URI":   {func(_, _ string) []string { return []string{"client_id", "native", "post_logout_redirect_uri", bye} }, ""},
		"bad signature": {func(own, _ string) []string {
			return []string{"id_token_hint", edited(own), "post_logout_redirect_uri", bye}
		}, ""},
		"alg none": {func(own, _ string) []string {
			return []string{"id_token_hint", unsigned(own), "post_logout_redirect_uri", bye}
		}, ""},
		"not a token": {func(_, _ string) []string {
			return []string{"id_token_hint", `{"aud":[1]}`, "post_logout_redirect_uri", bye}
		}, ""},
		"bad hint, client": {func(own, _ string) []string {
			return []string{"id_token_hint", edited(own), "client_id", "portal", "post_logout_redirect_uri", bye}
		}, ""},
		"foreign session": {func(_, foreign string) []string {
			return []string{"id_token_hint", foreign, "post_logout_redirect_uri", bye}
		}, bye},
		"hint and client": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "client_id", "native", "post_logout_redirect_uri", bye}
		}, ""},
		"unregistered URI": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "post_logout_redirect_uri", "https://evil.example/"}
		}, ""},
		"query added": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "post_logout_redirect_uri", bye + "?x=1"}
		}, ""},
		"redirect URI": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "post_logout_redirect_uri", "https://portal.example.test/cb"}
		}, ""},
		"script": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "post_logout_redirect_uri", "javascript:alert(1)"}
		}, ""},
		"URI decoded twice": {func(own, _ string) []string {
			return []string{"id_token_hint", own, "post_logout_redirect_uri", bye + "?a=/b"}
		}, ""},
		"signature cut": {func(own, _ string) []string { return []string{"id_token_hint", own[:strings.LastIndex(own, ".")+1]} }, ""},
	} {
		a, got := w.signedIn(numberLevel1)
		p := a.get(w.logoutURL(test.params(got.IDToken, others.IDToken)...))
		if !asks(p) {
			t.Errorf("%s: logout = %d %v, want the confirmation page", name, p.status, p.back)
			continue
		}
		if !strings.Contains(p.body, "Cổng thử") {
			t.Errorf("%s: the page does not name the service signed in to", name)
		}
		if strings.Contains(p.body, "evil.example") || strings.Contains(p.header.Get("Content-Security-Policy"), "evil") {
			t.Errorf("%s: the page repeats an address that is not registered", name)
		}
		a.alive(got)
		stay := a.answer(p, "stay")
		if stay.back == nil && !strings.Contains(stay.body, "<main") {
			t.Errorf("%s: stay = %d, want a page or the portal", name, stay.status)
		}
		a.alive(got)
		after := a.answer(p, "logout")
		switch {
		case test.back == "" && !signedOut(after):
			t.Errorf("%s: confirmed = %d %v, want the signed-out page", name, after.status, after.back)
		case test.back != "" && (after.back == nil || after.back.String() != test.back):
			t.Errorf("%s: confirmed = %d %v, want %s", name, after.status, after.back, test.back)
		}
		a.dead(got)
		other.alive(others)
		if again := a.answer(p, "logout"); !signedOut(again) {
			t.Errorf("%s: confirmed twice = %d %v, want the signed-out page", name, again.status, again.back)
		}
	}
}

// A foreign hint ends no session: neither the one it is of, nor this browser's.
func TestLogoutWithForeignHint(t *testing.T) {
	w := newWorld(t)
	w.notified()
	victim, hers := w.signedIn(numberLevel2)
	attacker, his := w.signedIn(numberLevel1)
	if p := attacker.logout(hers.IDToken); !asks(p) {
		t.Errorf("a foreign hint = %d %v, want the confirmation page", p.status, p.back)
	}
	victim.alive(hers)
	attacker.alive(his)
	if p := w.browser().get(w.logoutURL("id_token_hint", hers.IDToken, "post_logout_redirect_uri", bye)); p.back == nil || p.back.String() != bye {
		t.Errorf("a browser without session = %d %v, want %s", p.status, p.back, bye)
	}
	victim.alive(hers)
}

func TestLogoutConfirmationIsGuarded(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	b, _ := w.signedIn(numberLevel1)
	p := a.get(w.logoutURL())
	theirs := b.get(w.logoutURL())
	csrf := regexp.MustCompile(`name="csrf" value="([^"]*)"`).FindStringSubmatch(theirs.body)[1]
	packed, err := json.Marshal(map[string]string{"client": "portal", "uri": bye})
	must(t, err)
	for name, changes := range map[string][]string{
		"no csrf":       {"csrf", ""},
		"wrong csrf":    {"csrf", strings.Repeat("A", 43)},
		"another's":     {"csrf", csrf},
		"other request": {"login", base64.RawURLEncoding.EncodeToString(packed)},
	} {
		if answer := a.answer(p, "logout", changes...); answer.status != http.StatusForbidden {
			t.Errorf("%s: confirmed = %d, want 403", name, answer.status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/logout/confirm", strings.NewReader("action=logout"))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if answer := a.do(r); answer.status != http.StatusForbidden {
		t.Errorf("a cross-site form = %d, want 403", answer.status)
	}
	a.alive(got)
}

// What was registered when the page was shown may not be any more.
func TestLogoutReturnIsCheckedAgain(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	p := a.get(w.logoutURL("client_id", "portal", "post_logout_redirect_uri", bye))
	w.tweak = nil
	w.register()
	if after := a.answer(p, "logout"); !signedOut(after) {
		t.Errorf("confirmed = %d %v, want the signed-out page", after.status, after.back)
	}
	a.dead(got)
}

func TestLogoutOfNobody(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for name, params := range map[string][]string{
		"nothing": nil, "no hint": {"client_id", "portal", "post_logout_redirect_uri", bye}, "bad hint": {"id_token_hint", "x", "post_logout_redirect_uri", bye},
	} {
		if p := w.browser().get(w.logoutURL(params...)); !signedOut(p) {
			t.Errorf("%s: logout of nobody = %d %v, want the signed-out page", name, p.status, p.back)
		}
	}
	if p := w.browser().post(w.server.URL+"/logout/confirm", url.Values{"action": {"logout"}}); !signedOut(p) {
		t.Errorf("confirmation of nobody = %d %v, want the signed-out page", p.status, p.back)
	}
	// A login under way is nobody's session.
	a := w.browser()
	form := a.get(w.authorizeURL("portal"))
	if p := a.get(w.logoutURL()); !signedOut(p) {
		t.Errorf("logout during a login = %d %v, want the signed-out page", p.status, p.back)
	}
	if p := a.share(a.submit(form, "personal_number", numberLevel1, "password", password)); p.back == nil {
		t.Errorf("the login after it = %d, want it to go on", p.status)
	}
}

func TestLogoutByPost(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	p := a.post(w.server.URL+"/logout", url.Values{"id_token_hint": {got.IDToken}, "post_logout_redirect_uri": {bye}, "state": {"s"}})
	if p.back == nil || p.back.String() != bye+"?state=s" {
		t.Errorf("logout by POST = %d %v, want %s?state=s", p.status, p.back, bye)
	}
	a.dead(got)
}

func TestLogoutRefusesMalformedRequests(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	for name, query := range map[string]string{
		"twice":    "state=a&state=b",
		"encoding": "state=%zz",
		"long":     "state=" + strings.Repeat("x", 3000),
	} {
		if p := a.get(w.server.URL + "/logout?" + query); p.status != http.StatusBadRequest || p.back != nil {
			t.Errorf("%s: logout = %d %v, want 400", name, p.status, p.back)
		}
	}
	a.alive(got)
}

func TestAfterLogoutNothingOpens(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a := w.browser()
	begun := a.get(w.authorizeURL("portal"))
	p := a.share(a.submit(begun, "personal_number", numberLevel1, "password", password))
	got := w.redeem(p.back.Query().Get("code"))
	site, err := url.Parse(w.server.URL)
	must(t, err)
	kept := a.client.Jar.Cookies(site)
	unused := a.get(w.authorizeURL("portal", "prompt", "none")).back.Query().Get("code")
	open := a.get(w.authorizeURL("portal", "prompt", "login"))
	a.logout(got.IDToken)

	a.client.Jar.SetCookies(site, kept) // a copy of the cookie from before
	a.dead(got)
	if again := w.redeem(unused); again.Error != "invalid_grant" {
		t.Errorf("a code from before = %d %s, want invalid_grant", again.status, again.Error)
	}
	if again := w.redeem(unused); again.Error != "invalid_grant" {
		t.Errorf("the same code again = %d %s, want invalid_grant", again.status, again.Error)
	}
	a.client.Jar.SetCookies(site, kept)
	if again := a.submit(open, "personal_number", numberLevel1, "password", password); again.status != http.StatusBadRequest {
		t.Errorf("a form from before = %d %v, want 400", again.status, again.back)
	}
}

// Codes that are issued while the session ends are worth nothing afterwards.
func TestLogoutRacesWithGrants(t *testing.T) {
	w := newWorld(t)
	w.notified()
	for range 4 {
		a, got := w.signedIn(numberLevel1)
		var wait sync.WaitGroup
		codes := make(chan string, 8)
		for range cap(codes) {
			wait.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.authorizeURL("portal", "prompt", "none"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := a.client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				back, err := url.Parse(res.Header.Get("Location"))
				if err != nil {
					t.Error(err)
					return
				}
				codes <- back.Query().Get("code")
			})
		}
		a.logout(got.IDToken)
		wait.Wait()
		close(codes)
		for code := range codes {
			if code == "" {
				continue
			}
			if again := w.redeem(code); again.Error != "invalid_grant" {
				t.Errorf("a code that raced the logout = %d %s, want invalid_grant", again.status, again.Error)
			}
		}
		a.dead(got)
	}
}

// A logout that cannot be put on record has not happened, and says so.
func TestLogoutWithTheOutboxAway(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	w.outbox.away.Store(true)
	if p := a.logout(got.IDToken); p.status != http.StatusServiceUnavailable {
		t.Errorf("logout = %d, want 503", p.status)
	}
	w.outbox.away.Store(false)
	a.alive(got)
	a.logout(got.IDToken)
	a.dead(got)
}
