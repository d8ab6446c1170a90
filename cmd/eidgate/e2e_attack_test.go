package main_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLoginBelongsToItsBrowser(t *testing.T) {
	d := sharedDemo(t)
	portal, victim, attacker := d.party(t, "portal-1"), d.browser(t), d.browser(t)
	r := portal.request()
	p := victim.press(victim.get(r.address), "source", sourceNational)
	link := d.Issuer + "/login?login=" + p.hidden().Get("login")
	if got := victim.get(link); !got.offers("password", "") {
		t.Fatalf("the login's own browser sees %d %q", got.status, got.title())
	}
	attacker.get(portal.request().address) // has a login and a cookie of its own
	for name, a := range map[string]*agent{"with another cookie": attacker, "without a cookie": d.browser(t)} {
		t.Run(name, func(t *testing.T) {
			if got := a.get(link); got.status != 400 || got.back != nil || got.offers("csrf", "") {
				t.Errorf("the link shows %d %q, want that it has ended, without a form", got.status, got.title())
			}
			form := p.hidden()
			form.Set("personal_number", d.account("002").PersonalNumber)
			form.Set("password", d.account("002").Password)
			if got := a.post(d.Issuer+"/login", form); got.back != nil || got.status < 400 {
				t.Errorf("the form posted from elsewhere gives %d, %v", got.status, got.back)
			}
		})
	}
	portal.redeem(r, victim.fill(p, d.account("002")))
}

func TestForgedForms(t *testing.T) {
	d := sharedDemo(t)
	portal, a, other := d.party(t, "portal-1"), d.browser(t), d.browser(t)
	r := portal.request()
	p := a.press(a.get(r.address), "source", sourceNational)
	foreign := other.get(portal.request().address).hidden().Get("csrf")
	filled := func() url.Values {
		form := p.hidden()
		form.Set("personal_number", d.account("002").PersonalNumber)
		form.Set("password", d.account("002").Password)
		return form
	}
	for name, forge := range map[string]func(url.Values, *http.Request){
		"no csrf":      func(f url.Values, _ *http.Request) { f.Del("csrf") },
		"empty csrf":   func(f url.Values, _ *http.Request) { f.Set("csrf", "") },
		"foreign csrf": func(f url.Values, _ *http.Request) { f.Set("csrf", foreign) },
		"two csrf":     func(f url.Values, _ *http.Request) { f["csrf"] = []string{foreign, f.Get("csrf")} },
		"cross-site":   func(_ url.Values, r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same site":    func(_ url.Values, r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"foreign origin": func(_ url.Values, r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.test")
		},
		"null origin": func(_ url.Values, r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		t.Run(name, func(t *testing.T) {
			form := filled()
			got := a.post(d.Issuer+"/login", form, func(r *http.Request) {
				forge(form, r)
				body := form.Encode()
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			})
			if got.status != 403 || got.back != nil {
				t.Errorf("status = %d, redirect %v, want 403", got.status, got.back)
			}
		})
	}
	portal.redeem(r, a.submit(p, "personal_number", d.account("002").PersonalNumber, "password", d.account("002").Password))
}

// stopAtCallback signs in at the legacy provider and returns the address of the
// gateway's callback without following it.
func stopAtCallback(t *testing.T, a *agent, r request) string {
	t.Helper()
	user := a.d.user(t, "nguoi-dung-cu")
	p := a.press(a.get(r.address), "source", sourceLegacy)
	follow := a.client.CheckRedirect
	a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { a.client.CheckRedirect = follow }()
	p = a.submit(p, "username", user.Username, "password", user.Password, "action", "login")
	if p.back == nil || !strings.HasPrefix(p.back.String(), a.d.Issuer+"/callback/") {
		t.Fatalf("the legacy provider leads to %v", p.back)
	}
	return p.back.String()
}

func TestCallbackState(t *testing.T) {
	d := sharedDemo(t)
	portal := d.party(t, "portal-1")
	a := d.browser(t)
	r := portal.request()
	callback := stopAtCallback(t, a, r)
	u, err := url.Parse(callback)
	must(t, err)
	d.keepSecret("upstream state", u.Query().Get("state"))
	changed := func(change func(url.Values)) string {
		c, q := *u, u.Query()
		change(q)
		c.RawQuery = q.Encode()
		return c.String()
	}
	refused := func(name string, b *agent, address string) {
		t.Helper()
		if got := b.get(address); got.status != 400 || got.back != nil {
			t.Errorf("%s: %d, %v, want 400", name, got.status, got.back)
		}
	}
	other := d.browser(t)
	other.press(other.get(portal.request().address), "source", sourceLegacy)
	refused("another browser", other, callback)
	refused("no cookie", d.browser(t), callback)
	refused("no state", a, changed(func(q url.Values) { q.Del("state") }))
	refused("foreign state", a, changed(func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) }))
	refused("two states", a, changed(func(q url.Values) { q.Add("state", q.Get("state")) }))
	portal.redeem(r, a.get(callback))
	refused("reused", a, callback)

	b := d.browser(t)
	callback = stopAtCallback(t, b, portal.request())
	refused("another source", b, strings.Replace(callback, "/callback/"+sourceLegacy, "/callback/"+sourceClosed, 1))
}

func TestOneCodeRedeemedOnce(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(a, d.account("002"))
	r := portal.request("prompt", "none")
	code := a.get(r.address).back.Query().Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {portal.RedirectURI}, "code_verifier": {r.verifier}}
	var won atomic.Int32
	at16(func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.Issuer+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(portal.ClientID, portal.ClientSecret)
		res, err := (&http.Client{Transport: d}).Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		switch {
		case res.StatusCode == http.StatusOK:
			won.Add(1)
		case res.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("invalid_grant")):
			t.Errorf("a call that lost gets %d %s", res.StatusCode, body)
		}
	})
	if won.Load() > 1 {
		t.Errorf("%d calls won, want one at most", won.Load())
	}
}

func TestOneTimeCodeCountsOnce(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, who := d.party(t, "portal-2"), d.account("001")
	type attempt struct {
		a *agent
		r request
		p screen
	}
	attempts := make(chan attempt, 16)
	for range 16 {
		a := d.browser(t)
		r := portal.request()
		attempts <- attempt{a, r, a.submit(a.national(r), "personal_number", who.PersonalNumber, "password", who.Password)}
	}
	code := d.code(who.TOTPSecret)
	var won atomic.Int32
	at16(func() {
		at := <-attempts
		form := at.p.hidden()
		form.Set("code", code)
		if got := at.a.post(d.Issuer+"/login", form); got.back != nil && got.back.Query().Has("code") {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d sign-ins by one code, want one", won.Load())
	}
}

func at16(f func()) {
	var group sync.WaitGroup
	for range 16 {
		group.Go(f)
	}
	group.Wait()
}

// TestGuessesAreLimited: spellings of a number and made-up addresses make no new
// counter, and a number that nobody has is treated the same.
func TestGuessesAreLimited(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal := d.party(t, "portal-2")
	spellings := func(n string) []string {
		return []string{
			n, n[:3] + " " + n[3:6] + " " + n[6:9] + " " + n[9:], n[:3] + "." + n[3:6] + "." + n[6:], " " + n + " ",
			n[:3] + "-" + n[3:], n, n + "\u00a0",
		}
	}
	pages := map[string]screen{}
	for name, number := range map[string]string{"known": d.account("004").PersonalNumber, "unknown": "001188000777"} {
		var last screen
		evaluated := 0
		for i, spelling := range spellings(number) {
			a := d.browser(t)
			a.header.Set("X-Forwarded-For", "192.0.2."+itoa(i))
			last = a.submit(a.national(portal.request()), "personal_number", spelling, "password", "sai "+itoa(i))
			if last.status == 422 {
				evaluated++
			}
		}
		if evaluated > 5 || last.status != 429 || !strings.HasPrefix(last.title(), "Thử lại sau ") {
			t.Errorf("%s number: %d guesses evaluated, then %d %q, want 5 and try later", name, evaluated, last.status, last.title())
		}
		pages[name] = last
	}
	if a, b := bare(pages["known"].body), bare(pages["unknown"].body); a != b {
		t.Errorf("the pages differ:\n%s\n%s", a, b)
	}
	// The right password does not help before the window ends.
	a, who := d.browser(t), d.account("004")
	if got := a.submit(a.national(portal.request()), "personal_number", who.PersonalNumber, "password", who.Password); got.status != 429 {
		t.Errorf("the right password gives %d, want 429", got.status)
	}
}

func TestWrongPasswordTellsNothing(t *testing.T) {
	d := startDemo(t)
	portal := d.party(t, "portal-2")
	bodies := map[string]string{}
	for name, number := range map[string]string{
		"known": d.account("002").PersonalNumber, "unknown": "001188000778", "locked": d.account("008").PersonalNumber,
		"not activated": d.account("006").PersonalNumber, "without password": d.account("012").PersonalNumber,
	} {
		a := d.browser(t)
		got := a.submit(a.national(portal.request()), "personal_number", number, "password", "sai")
		grouped := strings.Join([]string{number[:3], number[3:6], number[6:9], number[9:]}, " ")
		if got.status != 422 || !strings.Contains(got.body, grouped) {
			t.Errorf("%s: %d %q", name, got.status, got.title())
		}
		bodies[name] = bare(strings.ReplaceAll(got.body, grouped, "NUMBER"))
	}
	for name, body := range bodies {
		if body != bodies["known"] {
			t.Errorf("the page for %s differs from that for a known number:\n%s\n%s", name, body, bodies["known"])
		}
	}
}

var comment = regexp.MustCompile(`(?s)<!--.*?-->`)
var clockTime = regexp.MustCompile(`[0-9]{1,2}:[0-9]{2}`)

// bare takes from a page what differs for every request: the reference, the
// form's handles, the time and the random comment.
func bare(body string) string {
	body = hiddenField.ReplaceAllString(comment.ReplaceAllString(body, ""), "")
	return clockTime.ReplaceAllString(shownRef.ReplaceAllString(body, "REF"), "TIME")
}

// TestHostileRequestsNeverFail sends nonsense everywhere: no 5xx, and the
// gateway lives on.
func TestHostileRequestsNeverFail(t *testing.T) {
	d := sharedDemo(t)
	paths := []string{
		"/", "/authorize", "/token", "/userinfo", "/keys", "/login", "/callback/legacy", "/callback/x", "/healthz", "/readyz",
		"/source/legacy/logout", "/source/legacy/metadata", "/source/x/logout", "/source/..%2f/metadata",
		"/.well-known/openid-configuration", "/assets/eidgate.css", "/assets/..%2f..%2fetc%2fpasswd", "/nowhere", "//", "/%00", "/%ff%fe",
	}
	bodies := map[string]string{
		"":                                  "",
		"application/x-www-form-urlencoded": "a=%zz&" + strings.Repeat("b=1&", 3000),
		"multipart/form-data; boundary=x":   "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\n\x00\xff\r\n--x--",
		"application/json":                  strings.Repeat("[", 5000),
		"text/plain":                        strings.Repeat("\x00\xff\xfe", 40000), // above the limit
		"application/octet-stream; charset": "\x1f\x8b\x08garbage",
	}
	queries := []string{
		"", "?%zz", "?" + strings.Repeat("a", 17<<10), "?client_id=portal-1&client_id=portal-1", "?state=%00%0d%0aX:1&login=%ff",
		"?client_id=" + strings.Repeat("%F0%9F%98%80", 200) + "&claims=" + strings.Repeat("%5B", 2000),
	}
	send := func(method, path, contentType, body string, header http.Header) {
		req, err := http.NewRequestWithContext(t.Context(), method, d.Issuer+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header.Clone()
		req.Header.Set("Content-Type", contentType)
		res, err := (&http.Client{Transport: d, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		if err != nil {
			return // the connection was closed on a body above the limit
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode >= 500 {
			t.Errorf("%s %.60s (%s) = %d", method, path, contentType, res.StatusCode)
		}
		if res.StatusCode < 400 && (method == "BREW" || method == http.MethodDelete) {
			t.Errorf("%s %s = %d, want a refusal", method, path, res.StatusCode)
		}
	}
	absurd := http.Header{
		"Cookie":        {"eidgate=" + strings.Repeat("x", 4000), "eidgate=AAAA.BBBB; eidgate=; a=\"\\\"" + string(rune(0xff))},
		"Authorization": {"Basic !!!!", "Bearer " + strings.Repeat(".", 3000)}, "Accept-Encoding": {"gzip;q=nan, *;q=-1"},
		"Accept-Language": {strings.Repeat("vi-", 500)}, "Range": {"bytes=-1-2,9-"}, "If-None-Match": {`W/"`, "*"},
		"X-Forwarded-Host": {"evil.test"}, "Origin": {"file://%00"}, "Content-Encoding": {"gzip"},
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			send(method, path, "", "", http.Header{})
			send(method, path, "text/html", "x", absurd)
		}
		for _, query := range queries {
			send("GET", path+query, "", "", http.Header{})
			send("POST", path+query, "application/x-www-form-urlencoded", "login=x&csrf=y", http.Header{})
		}
		for contentType, body := range bodies {
			send("POST", path, contentType, body, http.Header{})
		}
	}
	if got := d.browser(t).get(d.Issuer + "/readyz"); got.status != 200 {
		t.Errorf("readyz = %d afterwards", got.status)
	}
	d.party(t, "portal-1").signIn(d.browser(t), d.account("003"))
}
