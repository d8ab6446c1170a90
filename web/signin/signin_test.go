package signin_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	begun := b.get("/me")
	u, err := url.Parse(begun.location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": "eidgate-me", "redirect_uri": issuer + "/signin/me", "response_type": "code", "scope": "openid",
		"code_challenge_method": "S256", "ui_locales": "vi",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if len(q.Get("nonce")) < 40 || len(q.Get("state")) < 40 || len(q.Get("state")) > 2048 {
		t.Errorf("nonce and state are %d and %d long, want random ones", len(q.Get("nonce")), len(q.Get("state")))
	}
	got := b.signIn("/me").person(t)
	if got.Account != "account-1" || got.Level != eid.Level2 || !slices.Equal(got.AMR, []string{"pwd", "otp"}) || !got.AuthTime.Equal(w.now()) || got.CSRF == "" {
		t.Errorf("person = %+v, want account-1 at 2", got)
	}
	if again := b.get("/me").person(t); again.CSRF != got.CSRF {
		t.Errorf("the mark changes within a session")
	}
}

// TestAnswersRefused: an answer is taken once, in the browser that asked, for what was
// asked, and nothing else signs anybody in.
func TestAnswersRefused(t *testing.T) {
	change := func(name, value string) func(string) string {
		return func(address string) string {
			u, _ := url.Parse(address)
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	for _, tt := range []struct {
		name   string
		page   string
		before func(w *world, b *browser)
		answer func(address string) string
		claims func(map[string]any)
		want   int
	}{
		{name: "another browser", before: func(_ *world, b *browser) { clear(b.cookies) }},
		{name: "the cookie of another", before: func(w *world, b *browser) {
			other := w.browser()
			other.get("/me")
			maps.Copy(b.cookies, other.cookies)
		}},
		{name: "a cookie made up", before: func(_ *world, b *browser) {
			b.cookies["eidgate-me-trip"] = strings.Repeat("A", 43) + "~" + strings.Repeat("A", 22)
		}},
		{name: "too late", before: func(w *world, _ *browser) { w.pass(21 * time.Minute) }},
		{name: "no state", answer: change("state", "")},
		{name: "a state made up", answer: change("state", strings.Repeat("A", 200))},
		{name: "a long state", answer: change("state", strings.Repeat("A", 4096))},
		{name: "state twice", answer: func(a string) string { return a + "&state=x" }},
		{name: "another issuer", answer: change("iss", "https://evil.example.test")},
		{name: "no issuer", answer: change("iss", "")},
		{name: "another code", answer: change("code", "x")},
		{name: "no code", answer: change("code", "")},
		{name: "cancelled", answer: change("error", "access_denied")},
		{name: "unmet", answer: change("error", "unmet_authentication_requirements")},
		{name: "an error made up", answer: change("error", "<script>")},
		{name: "gateway busy", answer: change("error", "temporarily_unavailable"), want: http.StatusServiceUnavailable},
		{name: "nonce of another", claims: func(c map[string]any) { c["nonce"] = "x" }},
		{name: "no nonce", claims: func(c map[string]any) { delete(c, "nonce") }},
		{name: "for another", claims: func(c map[string]any) { c["aud"] = "portal-1" }},
		{name: "for others too", claims: func(c map[string]any) { c["aud"] = []string{"eidgate-me", "portal-1"} }},
		{name: "of another", claims: func(c map[string]any) { c["iss"] = "https://evil.example.test" }},
		{name: "expired", claims: func(c map[string]any) { c["exp"] = 1 }},
		{name: "another token", claims: func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }},
		{name: "no at_hash", claims: func(c map[string]any) { delete(c, "at_hash") }},
		{name: "no level", claims: func(c map[string]any) { c["acr"] = "2" }},
		{name: "level too low", page: "/me/level2", claims: func(c map[string]any) { c["acr"] = "urn:vn:eid:level:1" }},
		{name: "proof too old", page: "/me/fresh", claims: func(c map[string]any) { c["auth_time"] = c["auth_time"].(int64) - 400 }},
		{name: "nobody here", claims: func(c map[string]any) { c["sub"] = "sub-9" }, want: http.StatusInternalServerError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			path := tt.page
			if path == "" {
				path = "/me"
			}
			answer := w.gateway.authorize(b.get(path).location)
			if tt.before != nil {
				tt.before(w, b)
			}
			if tt.answer != nil {
				answer = tt.answer(answer)
			}
			w.gateway.edit = tt.claims
			want := tt.want
			if want == 0 {
				want = http.StatusForbidden
			}
			if got := b.get(answer); got.status != want {
				t.Errorf("the callback = %d %s, want %d", got.status, got.failed, want)
			}
			w.gateway.edit = nil
			if got := b.get("/me"); !got.away() {
				t.Errorf("afterwards /me = %d, want a new sign-in", got.status)
			}
		})
	}
}

// TestAnswerOnce has sixteen tabs send one answer at once.
func TestAnswerOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	answer := w.gateway.authorize(b.get("/me").location)
	var wg sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		wg.Go(func() {
			tab := &browser{w, maps.Clone(b.cookies)}
			statuses[i] = tab.get(answer).status
		})
	}
	wg.Wait()
	let := len(statuses) - len(slices.DeleteFunc(slices.Clone(statuses), func(s int) bool { return s == http.StatusSeeOther }))
	if let != 1 || w.gateway.redeemed != 1 {
		t.Errorf("%d of 16 were let in and %d codes redeemed, want 1: %v", let, w.gateway.redeemed, statuses)
	}
}

// TestEndIsInForceAtOnce: a lock, a logout and an ended link all show in introspection.
func TestEndIsInForceAtOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	who := b.signIn("/me").person(t)
	if got := b.post("/me", "csrf", who.CSRF, "name", "first"); got.status != http.StatusOK {
		t.Fatalf("a form of a living session = %d, want 200", got.status)
	}
	w.gateway.ended = true
	got := b.post("/me", "csrf", who.CSRF, "name", "second", "password", "hidden")
	if got.status != http.StatusForbidden || !strings.Contains(got.body, `href="/me"`) || !slices.Equal(w.actions(), []string{"first"}) {
		t.Errorf("a form after the end = %d and acts %v, want 403 and none but the first", got.status, w.actions())
	}
	if got := b.get("/me"); !got.away() {
		t.Errorf("after the end /me = %d, want a new sign-in", got.status)
	}
	w.gateway.ended = false
	if got := b.get("/me"); !got.away() {
		t.Errorf("a session that ended lives again: %d", got.status)
	}

	// The same person finds what was typed, once, and nothing secret.
	again := b.signIn("/me").person(t)
	if again.Typed.Get("name") != "second" || again.Typed.Has("password") || again.Typed.Has("csrf") {
		t.Errorf("typed = %v, want the name alone", again.Typed)
	}
	if last := b.get("/me").person(t); last.Typed != nil {
		t.Errorf("typed = %v the second time, want nothing", last.Typed)
	}
}

// TestDraftIsNobodyElses: what one person typed does not come back to the next at the
// same browser, nor at another page.
func TestDraftIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	who := b.signIn("/me").person(t)
	w.gateway.ended = true
	b.post("/me", "csrf", who.CSRF, "name", "mine")
	w.gateway.ended, w.gateway.subject = false, "sub-2"
	if got := b.signIn("/me").person(t); got.Account != "account-2" || got.Typed != nil {
		t.Errorf("another person = %s, %v, want account-2 and nothing typed", got.Account, got.Typed)
	}
}

func TestIdle(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("/me")
	for range 3 { // used, it lives; its tokens are replaced
		w.pass(29 * time.Minute)
		b.get("/me").person(t)
	}
	w.pass(31 * time.Minute)
	if got := b.get("/me"); !got.away() {
		t.Errorf("after 31 minutes without use /me = %d, want a new sign-in", got.status)
	}
	b.signIn("/me")
	for range 25 {
		w.pass(29 * time.Minute)
		b.get("/me")
	}
	if got := b.get("/me"); !got.away() {
		t.Errorf("after half a day of use /me = %d, want a new sign-in", got.status)
	}
}

// TestCookies: a cookie is worth nothing changed, at another gate, or once a new sign-in
// took its place.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("/me")
	old := maps.Clone(b.cookies)
	cookie := old["eidgate-me"]
	for name, value := range map[string]string{
		"no mark": strings.Split(cookie, "~")[0], "another mark": cookie[:len(cookie)-4] + "AAAA", "another slot": "A" + cookie[1:], "empty": "",
		"the mark of another cookie": strings.Split(cookie, "~")[0] + "~" + strings.Split(b.cookies["eidgate-me-trip"], "~")[1],
	} {
		thief := &browser{w, map[string]string{"eidgate-me": value}}
		if got := thief.get("/me"); !got.away() {
			t.Errorf("a cookie with %s = %d, want a new sign-in", name, got.status)
		}
	}
	w.gateway.ended = true
	b.get("/me")
	w.gateway.ended = false
	b.signIn("/me")
	if b.cookies["eidgate-me"] == cookie {
		t.Errorf("a new sign-in keeps the cookie")
	}
	if got := (&browser{w, old}).get("/me"); !got.away() {
		t.Errorf("the cookie of before = %d, want a new sign-in", got.status)
	}
}

func TestForms(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	mark, foreign := b.signIn("/me").person(t).CSRF, other.signIn("/me").person(t).CSRF
	for _, tt := range []struct {
		name  string
		pairs []string
	}{
		{"without a mark", nil},
		{"an empty mark", []string{"csrf", ""}},
		{"the mark of another", []string{"csrf", foreign}},
		{"two marks", []string{"csrf", mark, "csrf", mark}},
	} {
		if got := b.post("/me", append(tt.pairs, "name", "x")...); got.status != http.StatusForbidden || got.failed != "forbidden csrf" {
			t.Errorf("%s = %d %s, want 403", tt.name, got.status, got.failed)
		}
	}
	if got := b.post("/me", "csrf", mark, "name", strings.Repeat("x", 5000)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long field = %d, want 413", got.status)
	}
	// The switch of the language does nothing but that.
	if got := b.post("/me", "csrf", mark, "name", "typed", "password", "p", "language", "en").person(t); got.Typed.Get("name") != "typed" || got.Typed.Has("password") {
		t.Errorf("typed after a switch = %v, want the name alone", got.Typed)
	}
	if len(w.actions()) != 0 {
		t.Errorf("acted on %v, want nothing", w.actions())
	}
}

// TestGatewayAway: where the gateway cannot be asked nobody is let in, and nothing ends.
func TestGatewayAway(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	mark := b.signIn("/me").person(t).CSRF
	for range 2 { // with a living access token, and with one to replace
		w.gateway.down = true
		if got := b.get("/me"); got.status != http.StatusServiceUnavailable {
			t.Errorf("/me = %d, want 503", got.status)
		}
		if got := b.post("/me", "csrf", mark, "name", "x"); got.status != http.StatusServiceUnavailable || len(w.actions()) != 0 {
			t.Errorf("a form = %d and acts %v, want 503 and nothing", got.status, w.actions())
		}
		w.gateway.down = false
		b.get("/me").person(t)
		w.pass(15 * time.Minute)
	}
}

// TestNeeds: a page that wants more leads to the gateway with what it wants.
func TestNeeds(t *testing.T) {
	w := newWorld(t)
	w.gateway.acr = "urn:vn:eid:level:1"
	b := w.browser()
	b.signIn("/me")
	if got := b.get("/me/level2"); !got.away() || !strings.Contains(got.location, "acr_values=urn%3Avn%3Aeid%3Alevel%3A2") {
		t.Errorf("a page of Level 2 = %d %q, want a sign-in at Level 2", got.status, got.location)
	}
	b.get("/me/fresh").person(t)
	w.pass(6 * time.Minute)
	if got := b.get("/me/fresh"); !got.away() || !strings.Contains(got.location, "max_age=300") {
		t.Errorf("a page that wants a fresh proof = %d %q, want a sign-in with max_age", got.status, got.location)
	}
	b.get("/me").person(t) // the others are as they were
	w.gateway.acr = ""
	if got := b.get("/me"); !got.away() {
		t.Errorf("a token without a level = %d, want a new sign-in", got.status)
	}
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	who := b.signIn("/me").person(t)
	kept := maps.Clone(b.cookies)
	if got := b.post(who.SignOut, "csrf", "x"); got.status != http.StatusForbidden {
		t.Errorf("a forged sign-out = %d, want 403", got.status)
	}
	got := b.post(who.SignOut, "csrf", who.CSRF)
	if got.status != http.StatusOK || got.refresh != "0;url="+issuer+"/logout/done?page=1" || strings.Contains(got.body, "eyJ") {
		t.Errorf("the sign-out = %d, refresh %q, want the way on without a token", got.status, got.refresh)
	}
	if got := (&browser{w, kept}).get("/me"); !got.away() {
		t.Errorf("the cookie of before = %d, want a new sign-in", got.status)
	}
	if got := b.get(who.SignOut); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET of the sign-out = %d, want none", got.status)
	}
}

// TestRefreshRace has sixteen requests find the token about to end.
func TestRefreshRace(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("/me")
	w.pass(9*time.Minute + 45*time.Second)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { (&browser{w, maps.Clone(b.cookies)}).get("/me").person(t) })
	}
	wg.Wait()
	before := w.gateway.refresh
	b.get("/me").person(t)
	if before == 0 || w.gateway.refresh != before {
		t.Errorf("refreshed %d times, then %d more, want the new token kept", before, w.gateway.refresh-before)
	}
}
