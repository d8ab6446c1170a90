package provider_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation/fedtest"
	"eidgate/store/storetest"
)

// wantPage fails unless the answer is a page with these texts.
func wantPage(t testing.TB, p page, status int, texts ...string) {
	t.Helper()
	if p.status != status {
		t.Errorf("status %d, want %d", p.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("page does not say %q:\n%s", text, p.body)
		}
	}
}

// wantError fails unless the portal got this error.
func wantError(t *testing.T, p page, code string) {
	t.Helper()
	if p.back == nil || p.back.Query().Get("error") != code {
		t.Errorf("status %d, went to %v, want error %s", p.status, p.back, code)
	}
}

func (a *agent) cookie() string {
	u, err := url.Parse(a.w.server.URL)
	must(a.w.t, err)
	for _, c := range a.client.Jar.Cookies(u) {
		return c.Value
	}
	return ""
}

func TestStepUpInALivingSession(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	first := w.redeem(a.signIn(w.authorizeURL("portal"), numberLevel2).back.Query().Get("code"))
	if first.claims["acr"] != "urn:vn:eid:level:1" {
		t.Fatalf("acr = %v, want level 1", first.claims["acr"])
	}
	before := a.cookie()
	p := a.get(w.authorizeURL("high"))
	wantPage(t, p, http.StatusOK, "Dịch vụ này cần định danh mức 2", "Quý vị vẫn đăng nhập ở nơi khác.")
	if strings.Contains(p.body, numberLevel2) {
		t.Error("the page shows the whole number")
	}
	p = a.submit(p, "action", "step_up")
	wantPage(t, p, http.StatusOK, `name="code"`)
	if strings.Contains(p.body, `name="password"`) {
		t.Error("the password is asked again")
	}
	w.pass(time.Minute)
	p = a.share(a.submit(p, "code", w.code()))
	if p.back == nil || p.back.Host != "high.example.test" {
		t.Fatalf("status %d, went to %v", p.status, p.back)
	}
	high := w.redeem(p.back.Query().Get("code"), "client_id", "high", "redirect_uri", "https://high.example.test/cb")
	if high.claims["acr"] != acrLevel2 {
		t.Errorf("acr = %v, want level 2", high.claims["acr"])
	}
	if high.claims["auth_time"].(float64) <= first.claims["auth_time"].(float64) {
		t.Error("auth_time is not that of the code")
	}
	if a.cookie() == before {
		t.Error("the cookie did not change at the step-up")
	}
	// The first portal is signed in as before, with the same subject.
	again := a.get(w.authorizeURL("portal", "prompt", "none"))
	if got := w.redeem(again.back.Query().Get("code")); got.claims["sub"] != first.claims["sub"] {
		t.Errorf("the first portal sees %v, saw %v", got.claims["sub"], first.claims["sub"])
	}
	// The level ages; what was asked at 1 is answered at 1 still.
	w.pass(31 * time.Minute / 2)
	a.get(w.authorizeURL("portal", "prompt", "none"))
	w.pass(31 * time.Minute / 2)
	wantError(t, a.get(w.authorizeURL("high", "prompt", "none")), "interaction_required")
	if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("level 1 after the proof aged: %v", p.back)
	}
}

func TestRefusedBelowTheFloor(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.signIn(w.authorizeURL("high"), numberLevel1)
	wantPage(t, p, http.StatusForbidden, "Chưa đủ mức định danh", "Quay lại")
	wantError(t, a.submit(p, "action", "cancel"), "unmet_authentication_requirements")
	wantError(t, a.get(w.authorizeURL("high", "prompt", "none")), "unmet_authentication_requirements")
	// Below the floor at one service is no reason to sign in again at another.
	if p := a.get(w.authorizeURL("portal", "prompt", "none", "scope", "openid")); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("portal of level 1: %v", p.back)
	}
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:vn:eid:level:2"}}}`)),
		"unmet_authentication_requirements")
}

func TestCancelOnEveryPage(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	wantError(t, a.submit(a.get(w.authorizeURL("high")), "action", "cancel"), "access_denied")
	p := a.submit(a.get(w.authorizeURL("high")), "personal_number", numberLevel2, "password", password)
	wantPage(t, p, http.StatusOK, `name="code"`)
	p = a.submit(p, "action", "cancel")
	wantError(t, p, "access_denied")
	if q := p.back.Query(); q.Get("state") != "st" || q.Get("iss") != w.server.URL {
		t.Errorf("answer %v, want state and iss", q)
	}
	// Only the first factor was given, so there is no session.
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
}

func TestPromptLoginAndMaxAge(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	authTime := func(address string) float64 {
		t.Helper()
		p := a.signIn(address, numberLevel1)
		if p.back == nil {
			t.Fatalf("status %d: %s", p.status, p.body)
		}
		return w.redeem(p.back.Query().Get("code")).claims["auth_time"].(float64)
	}
	first := authTime(w.authorizeURL("portal"))
	w.pass(10 * time.Second)
	if got := authTime(w.authorizeURL("portal")); got != first {
		t.Errorf("auth_time moved without a sign-in: %v, was %v", got, first)
	}
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none", "max_age", "5")), "login_required")
	second := authTime(w.authorizeURL("portal", "prompt", "login"))
	if second <= first {
		t.Errorf("prompt=login: auth_time %v, want later than %v", second, first)
	}
	w.pass(10 * time.Second)
	asked := w.clock().Unix()
	if got := authTime(w.authorizeURL("portal", "max_age", "0")); int64(got) < asked {
		t.Errorf("max_age=0: auth_time %v, want at least %d", got, asked)
	}
	if got := authTime(w.authorizeURL("portal", "max_age", "10000")); int64(got) < asked {
		t.Errorf("max_age=10000: auth_time %v", got)
	}
}

// A level reached before does not outlive a weaker fresh sign-in.
func TestFreshSignInReplacesTheLevel(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	a.signIn(w.authorizeURL("high"), numberLevel2)
	p := a.get(w.authorizeURL("portal", "prompt", "login"))
	p = a.share(a.submit(p, "personal_number", numberLevel2, "password", password))
	if p.back == nil {
		t.Fatalf("status %d", p.status)
	}
	wantError(t, a.get(w.authorizeURL("high", "prompt", "none")), "interaction_required")
}

// Another person may come at prompt=login, and never at a step-up.
func TestAnotherPerson(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	first := w.redeem(a.signIn(w.authorizeURL("portal"), numberLevel1).back.Query().Get("code"))
	p := a.signIn(w.authorizeURL("portal", "max_age", "0"), numberLevel2)
	wantPage(t, p, http.StatusOK, "Tài khoản này là của người khác", "Chưa có gì thay đổi")
	if strings.Contains(p.body, "Nguyễn Thị Thử") {
		t.Error("the page says who came")
	}
	still := a.get(w.authorizeURL("portal", "prompt", "none"))
	if got := w.redeem(still.back.Query().Get("code")); got.claims["sub"] != first.claims["sub"] {
		t.Error("the session changed hands")
	}
	second := a.signIn(w.authorizeURL("portal", "prompt", "login"), numberLevel2)
	if got := w.redeem(second.back.Query().Get("code")); got.claims["sub"] == first.claims["sub"] || got.claims["sub"] == nil {
		t.Errorf("prompt=login: sub %v, was %v", got.claims["sub"], first.claims["sub"])
	}
}

// A login belongs to the browser that began it.
func TestLoginIsBoundToTheBrowser(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	p := attacker.get(w.authorizeURL("portal"))
	form := url.Values{"personal_number": {numberLevel1}, "password": {password}}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	link := w.server.URL + "/login?login=" + form.Get("login")
	wantPage(t, victim.get(link), http.StatusBadRequest)
	wantPage(t, victim.post(w.server.URL+"/login", form), http.StatusBadRequest)
	// With a cookie of its own the victim's browser finds nothing either.
	victim.get(w.authorizeURL("portal"))
	wantPage(t, victim.get(link), http.StatusBadRequest)
	if p := victim.post(w.server.URL+"/login", form); p.back != nil && p.back.Query().Has("code") {
		t.Error("another browser finished the login")
	}
	wantPage(t, attacker.get(link), http.StatusOK, `name="password"`)
}

func TestFormsAreGuarded(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	fields := []string{"personal_number", numberLevel1, "password", password}
	wantPage(t, a.submit(p, append(fields, "csrf", "")...), http.StatusForbidden)
	other := w.browser().get(w.authorizeURL("portal"))
	foreign := hiddenField.FindAllStringSubmatch(other.body, -1)
	for _, m := range foreign {
		if m[1] == "csrf" {
			wantPage(t, a.submit(p, append(fields, "csrf", m[2])...), http.StatusForbidden)
		}
	}
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"} {
		form := url.Values{}
		for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
			form.Set(m[1], m[2])
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/login", strings.NewReader(form.Encode()))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(name, value)
		wantPage(t, a.do(r), http.StatusForbidden)
	}
	h := p.header
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if h.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, h.Get(name), want)
		}
	}
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "form-action 'self' https://portal.example.test") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	if c := h.Get("Set-Cookie"); c != "" && !strings.Contains(c, "HttpOnly") {
		t.Errorf("cookie %q", c)
	}
}

// An offer may be declined; the same form twice gives one code.
func TestOfferAndDoubleSubmit(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal", "acr_values", "LoA2 LoA1", "scope", "openid"))
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	wantPage(t, p, http.StatusOK, `value="stay"`)
	var mu sync.Mutex
	var codes []string
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := a.submit(p, "action", "stay"); got.back != nil && got.back.Query().Has("code") {
				mu.Lock()
				codes = append(codes, got.back.Query().Get("code"))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(codes) != 1 {
		t.Fatalf("%d codes for one login, want 1", len(codes))
	}
	if got := w.redeem(codes[0]); got.claims["acr"] != "LoA1" {
		t.Errorf("acr = %v, want LoA1", got.claims["acr"])
	}
}

// Begun before a lock and finished after is refused, and the session of a locked
// account is over.
func TestLockDuringLogin(t *testing.T) {
	w := newWorld(t)
	a, late := w.browser(), w.browser()
	a.signIn(w.authorizeURL("portal"), numberLevel1)
	form := late.get(w.authorizeURL("portal"))
	lock, err := w.locks.Set(t.Context(), w.people[numberLevel1], eid.LockAuthority, storetest.Authority("QĐ-000"))
	must(t, err)
	p := late.submit(form, "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusForbidden, "Tài khoản đang bị khóa")
	for _, secret := range []string{"cơ quan giả định", "QĐ-000", lock.ID} {
		if strings.Contains(p.body, secret) {
			t.Errorf("the page tells %q", secret)
		}
	}
	wantError(t, late.submit(p, "action", "cancel"), "access_denied")
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
	wantPage(t, a.get(w.authorizeURL("portal")), http.StatusOK, `name="personal_number"`)
	must(t, w.locks.Lift(t.Context(), w.people[numberLevel1], lock.ID, storetest.Authority("QĐ-001")))
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
}

func TestSessionEndsByAge(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	a.signIn(w.authorizeURL("portal"), numberLevel1)
	alive := func() bool {
		p := a.get(w.authorizeURL("portal", "prompt", "none"))
		return p.back != nil && p.back.Query().Has("code")
	}
	for range 23 {
		w.pass(29 * time.Minute)
		if !alive() {
			t.Fatal("a session in use ended before its absolute end")
		}
	}
	w.pass(29 * time.Minute)
	w.pass(29 * time.Minute)
	if alive() {
		t.Error("the session lives after 12 h")
	}
	b := w.browser()
	b.signIn(w.authorizeURL("portal"), numberLevel1)
	w.pass(31 * time.Minute)
	wantError(t, b.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
}

// No log line holds what a sign-in moves.
func TestNothingSecretInTheLog(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal", "acr_values", acrLevel2, "state", "state-of-the-portal", "login_hint", numberLevel2))
	a.submit(p, "personal_number", numberLevel2, "password", "wrong "+password)
	code := w.code()
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	p = a.share(a.submit(p, "code", code))
	got := w.redeem(p.back.Query().Get("code"))
	w.userinfo("Bearer " + got.AccessToken)
	w.redeem(p.back.Query().Get("code"))
	log := w.log.String()
	if strings.Count(log, "msg=request") < 8 {
		t.Fatalf("too few lines:\n%s", log)
	}
	for _, secret := range []string{
		numberLevel2, password, code, totpSecret, p.back.Query().Get("code"), got.AccessToken, got.IDToken, clientSecret,
		"state-of-the-portal", "nguoi-thu@example.test", "900000001", a.cookie(), "Thử",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// A hint or a claim that names one person is never answered with another's
// token (OpenID Connect Core §3.1.2.2).
func TestOnlyThePersonNamed(t *testing.T) {
	w := newWorld(t)
	a, b := w.browser(), w.browser()
	mine := w.redeem(a.signIn(w.authorizeURL("portal"), numberLevel1).back.Query().Get("code"))
	theirs := w.redeem(b.signIn(w.authorizeURL("portal"), numberLevel2).back.Query().Get("code"))
	sub := func(got tokens) string { return `{"id_token":{"sub":{"value":"` + got.claims["sub"].(string) + `"}}}` }
	for name, own := range map[string][]string{"hint": {"id_token_hint", mine.IDToken}, "claim": {"claims", sub(mine)}} {
		if p := a.get(w.authorizeURL("portal", append(own, "prompt", "none")...)); p.back == nil || p.back.Query().Get("code") == "" {
			t.Errorf("%s of the session's holder: %v", name, p.back)
		}
	}
	for name, foreign := range map[string][]string{"hint": {"id_token_hint", theirs.IDToken}, "claim": {"claims", sub(theirs)}} {
		wantError(t, a.get(w.authorizeURL("portal", append(foreign, "prompt", "none")...)), "login_required")
		p := a.get(w.authorizeURL("portal", foreign...))
		wantPage(t, p, http.StatusOK, "Tài khoản này là của người khác")
		if strings.Contains(p.body, `value="retry"`) {
			t.Errorf("%s: a retry is offered that cannot help", name)
		}
	}
	wantError(t, a.get(w.authorizeURL("portal", "id_token_hint", "garbage")), "invalid_request")
	p := a.get(w.authorizeURL("high", "id_token_hint", mine.IDToken))
	wantError(t, p, "invalid_request") // an ID token of another party
	// Starting anew lets the person named come.
	p = a.submit(a.get(w.authorizeURL("portal", "id_token_hint", theirs.IDToken)), "action", "restart")
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	if got := w.redeem(p.back.Query().Get("code")); got.claims["sub"] != theirs.claims["sub"] {
		t.Errorf("sub = %v, want %v", got.claims["sub"], theirs.claims["sub"])
	}
}

// A code alone does not make an old password new.
func TestStepUpWantsARecentPassword(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	a.signIn(w.authorizeURL("portal"), numberLevel2)
	for range 4 {
		w.pass(20 * time.Minute)
		a.get(w.authorizeURL("portal", "prompt", "none"))
	}
	p := a.submit(a.get(w.authorizeURL("high")), "action", "step_up")
	wantPage(t, p, http.StatusOK, `name="password"`)
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	p = a.share(a.submit(p, "code", w.code()))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("status %d, went to %v", p.status, p.back)
	}
	// Nor does a second code lengthen what the first proved.
	w.pass(20 * time.Minute)
	a.get(w.authorizeURL("portal", "prompt", "none"))
	w.pass(20 * time.Minute)
	p = a.submit(a.get(w.authorizeURL("high")), "action", "step_up")
	wantPage(t, p, http.StatusOK, `name="password"`)
}

// What a party registers counts at once, for logins and codes under way too.
func TestRaisedMinimumCounts(t *testing.T) {
	w := newWorld(t)
	code := w.codeFor(numberLevel1)
	got := w.redeem(w.codeFor(numberLevel1))
	a := w.browser()
	form := a.get(w.authorizeURL("portal"))
	w.registerWith(func(rp *eid.RelyingParty) { rp.Levels.Minimum = eid.Level2 })
	if got := w.redeem(code); got.Error != "invalid_grant" {
		t.Errorf("code of before: %d %s, want invalid_grant", got.status, got.Error)
	}
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("token of before: %d, want 401", status)
	}
	p := a.submit(form, "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusForbidden, "Chưa đủ mức định danh")
	w.registerWith(func(rp *eid.RelyingParty) { rp.RedirectURIs = []string{"https://portal.example.test/other"} })
	wantPage(t, a.submit(form, "action", "cancel"), http.StatusBadRequest)
}

// Time spent on the pages counts against max_age in the end.
func TestMaxAgeOnThePages(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal", "max_age", "60", "acr_values", "LoA2 LoA1"))
	p = a.submit(p, "personal_number", numberLevel2, "password", password)
	wantPage(t, p, http.StatusOK, `value="stay"`)
	w.pass(9 * time.Minute)
	p = a.submit(p, "action", "stay")
	wantPage(t, p, http.StatusOK, `name="password"`)
}

// A source that gives no more than before is not asked in circles.
func TestStepUpThatDoesNotSuffice(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"upstream"} })
	_, err := w.accounts.Link(t.Context(), eid.Link{Account: w.people[numberLevel2], Source: "upstream", Cap: eid.Level2},
		"synthetic", "synthetic evidence", "operator:test")
	must(t, err)
	a := w.browser()
	hops := 0
	a.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		hops++
		if hops > 20 {
			t.Fatal("redirected in circles")
		}
		if strings.HasSuffix(r.URL.Host, ".example.test") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	atUpstream := func(p page) page {
		t.Helper()
		m := regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(p.body, -1)
		form := url.Values{}
		for _, field := range m {
			if field[2] != "cancel" {
				form.Set(field[1], field[2])
			}
		}
		form.Set("username", "nguoi-thu")
		form.Set("password", password)
		return a.post(w.upstream.Issuer()+fedtest.PathLogin, form)
	}
	p := a.share(atUpstream(a.get(w.authorizeURL("portal"))))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("level 1: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	hops = 0
	p = a.submit(a.get(w.authorizeURL("portal", "acr_values", acrLevel2)), "action", "step_up")
	if strings.Contains(p.body, `name="username"`) {
		p = atUpstream(p)
	}
	wantPage(t, p, http.StatusForbidden, "Chưa đủ mức định danh")
	wantError(t, a.submit(p, "action", "cancel"), "unmet_authentication_requirements")
}
