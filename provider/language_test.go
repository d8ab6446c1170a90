package provider_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// switchOn posts the switch of a page without a form, as a browser does that
// stands at an address.
func (a *agent) switchOn(at string, form url.Values, headers ...string) page {
	a.w.t.Helper()
	r, err := http.NewRequestWithContext(a.w.t.Context(), http.MethodPost, a.w.server.URL+"/language", strings.NewReader(form.Encode()))
	must(a.w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", at)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return a.do(r)
}

// language is what the device remembers.
func (a *agent) language() string {
	u, err := url.Parse(a.w.server.URL)
	must(a.w.t, err)
	for _, c := range a.client.Jar.Cookies(u) {
		if c.Name == "eidgate-language" {
			return c.Value
		}
	}
	return ""
}

// writtenState is what was written of the passing state. The third file of SQLite
// is an index that readers share.
func (w *world) writtenState() string {
	w.t.Helper()
	var all strings.Builder
	for _, name := range []string{"state.db", "state.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(w.dir, name))
		must(w.t, err)
		all.Write(raw)
	}
	return all.String()
}

func (p page) speaks() string { return p.header.Get("Content-Language") }

func wantLanguage(t *testing.T, what string, p page, want string) {
	t.Helper()
	if got := p.speaks(); got != want || !strings.Contains(p.body, `<html lang="`+want+`">`) {
		t.Errorf("%s speaks %q, want %q\n%.400s", what, got, want, p.body)
	}
}

func TestPortalChoosesTheLanguageOfAFlow(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal", "ui_locales", "fr-CA en-GB vi"))
	wantLanguage(t, "first page", p, "en")
	p = a.submit(p, "personal_number", numberLevel1, "password", "not the password")
	wantLanguage(t, "page after a wrong password", p, "en")
	wantPage(t, p, http.StatusUnprocessableEntity, "The personal number or the password is not right.", "Error: Sign in")
	p = a.submit(p, "personal_number", numberLevel1, "password", password)
	wantLanguage(t, "consent", p, "en")
	if a.language() != "" {
		t.Error("the device remembers what the portal asked for")
	}
	// The next flow asks for nothing, and the first tells it nothing.
	wantLanguage(t, "another flow", a.get(w.authorizeURL("high")), "vi")
}

func TestLanguageOfRefusedRequests(t *testing.T) {
	w := newWorld(t)
	for name, address := range map[string]string{
		"unknown client":   w.authorizeURL("nobody", "ui_locales", "en"),
		"foreign redirect": w.authorizeURL("portal", "redirect_uri", "https://evil.example.test/", "ui_locales", "en"),
		"home":             w.server.URL + "/?ui_locales=en",
		"no such page":     w.server.URL + "/nothing?ui_locales=en",
		"logout":           w.server.URL + "/logout?ui_locales=en",
		"two logouts":      w.server.URL + "/logout?ui_locales=en&state=1&state=2",
	} {
		wantLanguage(t, name, w.browser().get(address), "en")
	}
	for name, locales := range map[string]string{"none": "fr", "too long": "en" + strings.Repeat(" x", 200), "no tag": "<script>"} {
		wantLanguage(t, name, w.browser().get(w.authorizeURL("portal", "ui_locales", locales)), "vi")
	}
	twice := w.authorizeURL("nobody") + "&ui_locales=en&ui_locales=en"
	wantLanguage(t, "given twice", w.browser().get(twice), "vi")
}

// The switch of a form keeps what was typed and the problem, and does nothing
// else: no guess, no audit row, no change of the login.
func TestSwitchKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	p = a.submit(p, "personal_number", numberLevel1, "password", "not the password")
	audit, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{})
	must(t, err)
	state := w.writtenState()
	for i := range 12 { // far more than guesses are allowed
		want, text := "en", "The personal number or the password is not right."
		if i%2 == 1 {
			want, text = "vi", "Số định danh hoặc mật khẩu chưa đúng."
		}
		typed := "0123 <b> & " + want
		p = a.submit(p, "personal_number", typed, "password", password, "language", want)
		wantLanguage(t, "password page", p, want)
		wantPage(t, p, http.StatusOK, text, `value="0123 &lt;b&gt; &amp; `+want+`"`)
		if strings.Contains(p.body, password) {
			t.Error("the page repeats the password")
		}
		if a.language() != want {
			t.Errorf("device remembers %q, want %q", a.language(), want)
		}
	}
	after, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{})
	must(t, err)
	if len(after) != len(audit) || w.writtenState() != state {
		t.Errorf("switching wrote %d audit rows, or changed the state", len(after)-len(audit))
	}
	if p = a.share(a.submit(p, "personal_number", numberLevel1, "password", password)); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("sign-in after the switch = %d, want a code", p.status)
	}
}

func TestSwitchOfACodeTriesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("high")), "personal_number", numberLevel2, "password", password)
	code := w.code()
	for range 8 {
		p = a.submit(p, "code", code, "problem", "problem.code", "language", "en")
		wantLanguage(t, "code page", p, "en")
		wantPage(t, p, http.StatusOK, "The code is wrong or has expired")
		if strings.Contains(p.body, code) {
			t.Error("the page repeats the code")
		}
	}
	if p = a.share(a.submit(p, "code", code)); p.back == nil || p.back.Query().Get("code") == "" {
		t.Errorf("the code after the switches = %d, want a sign-in", p.status)
	}
}

func TestSwitchIsHeldToTheRulesOfForms(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	wantPage(t, a.submit(p, "language", "en", "csrf", "x"), http.StatusForbidden)
	wantPage(t, a.submit(p, "language", "fr"), http.StatusBadRequest)
	wantPage(t, a.submit(p, "language", "en\r\nSet-Cookie: x=y"), http.StatusBadRequest)
	form := url.Values{"language": {"en"}}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example.test"}} {
		wantPage(t, a.switchOn(w.server.URL+"/", form, header...), http.StatusForbidden)
	}
	wantPage(t, a.switchOn(w.server.URL+"/", url.Values{"language": {"xx"}}), http.StatusBadRequest)
	wantPage(t, a.get(w.server.URL+"/language?language=en"), http.StatusMethodNotAllowed)
	if got := a.language(); got != "" {
		t.Errorf("device remembers %q after forged and foreign switches, want nothing", got)
	}
}

func TestSwitchLeadsBack(t *testing.T) {
	w := newWorld(t)
	here := w.server.URL
	refused := w.authorizeURL("nobody", "state", "a b+c")
	tests := []struct {
		name, referer, back, want string
	}{
		{"the home page", here + "/", "", "/"},
		{"a refused request, with its parameters", refused, "", strings.TrimPrefix(refused, here)},
		{"a page that answered a post", here + "/login", "/logout/done", "/logout/done"},
		{"no referrer", "", "", "/"},
		{"another site", "https://evil.example.test/x", "", "/"},
		{"a look-alike", here + ".evil.example.test/x", "", "/"},
		{"user information", here + "@evil.example.test/x", "", "/"},
		{"an address", "", "https://evil.example.test/", "/"},
		{"a host", "", "//evil.example.test/", "/"},
		{"a backslash", "", `/\evil.example.test/`, "/"},
		{"a tab", "", "/\t/evil.example.test/", "/"},
		{"a line", "", "/x\r\nSet-Cookie: a=b", "/"},
		{"a script", "", "javascript:alert(1)", "/"},
		{"a relative path", "", "evil", "/"},
	}
	for _, tt := range tests {
		a := w.browser()
		a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		form := url.Values{"language": {"en"}}
		if tt.back != "" {
			form.Set("return", tt.back)
		}
		p := a.switchOn(tt.referer, form)
		if got := p.header.Get("Location"); p.status != http.StatusSeeOther || got != tt.want || a.language() != "en" {
			t.Errorf("%s: %d to %q remembering %q, want 303 to %q", tt.name, p.status, got, a.language(), tt.want)
		}
	}
}

// What a device remembers outweighs the portal and the browser, and is no more
// than one of two words.
func TestDeviceRemembersTheSwitch(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	wantLanguage(t, "home", a.switchOn(w.server.URL+"/", url.Values{"language": {"en"}}), "en")
	p := a.get(w.authorizeURL("portal", "ui_locales", "vi"))
	wantLanguage(t, "a flow that asks for Vietnamese", p, "en")
	if vary := p.header.Get("Vary"); !strings.Contains(vary, "Cookie") || !strings.Contains(vary, "Accept-Language") {
		t.Errorf("Vary = %q, want Cookie and Accept-Language among it", vary)
	}
	u, err := url.Parse(w.server.URL)
	must(t, err)
	a.client.Jar.SetCookies(u, []*http.Cookie{{Name: "eidgate-language", Value: "km"}})
	wantLanguage(t, "a cookie of a language that is not served", a.get(w.server.URL+"/"), "vi")
}

func TestLogoutSpeaks(t *testing.T) {
	w := newWorld(t)
	a, _ := w.signedIn(numberLevel1)
	p := a.get(w.logoutURL("client_id", "portal", "ui_locales", "en"))
	wantLanguage(t, "logout", p, "en")
	p = a.answer(p, "", "language", "vi")
	wantLanguage(t, "logout after the switch", p, "vi")
	if !asks(p) {
		t.Fatalf("switch on the logout page = %d, want the page again", p.status)
	}
	wantLanguage(t, "signed out", a.answer(p, "logout"), "vi")

	b, _ := w.signedIn(numberLevel1)
	p = b.get(w.logoutURL("client_id", "portal", "ui_locales", "en"))
	wantLanguage(t, "signed out, as the portal asked", b.answer(p, "logout"), "en")
}

func TestNamesOfRegistrationsSpeak(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(portal *eid.RelyingParty) {
		portal.NameEN, portal.Sources = "Trial portal", []string{"national", "upstream"}
		portal.Consent = eid.Consent{Purpose: "Mục đích thử", LegalBasis: "Luật thử", LegalBasisEN: "Trial law"}
	})
	a := w.browser()
	p := a.get(w.authorizeURL("portal", "ui_locales", "en"))
	wantPage(t, p, http.StatusOK, "Trial portal", `<span lang="vi">Nguồn ngoài thử</span>`)
	p = a.submit(p, "source", "national")
	p = a.submit(p, "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusOK, "Trial portal", "Trial law", `<span lang="vi">Mục đích thử</span>`)
	if strings.Contains(p.body, "Cổng thử") {
		t.Error("the page shows the Vietnamese name of a portal that has an English one")
	}
}

// A source goes on in the language of the pages before it: the portal's wish, or
// what the reader switched to. Nothing else of a portal's text gets there.
func TestSourceGoesOnInTheLanguage(t *testing.T) {
	tests := []struct {
		name, locales, switched, want string
	}{
		{"nothing said", "", "", "vi"},
		{"the portal asked", "fr en-GB", "", "en"},
		{"of no use", "x&prompt=none", "", "vi"},
		{"switched", "vi", "en", "en"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"national", "upstream"} })
			a := w.browser()
			a.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
				if strings.HasPrefix(r.URL.String(), w.upstream.Issuer()) {
					return http.ErrUseLastResponse
				}
				return nil
			}
			p := a.get(w.authorizeURL("portal", "ui_locales", tt.locales))
			if tt.switched != "" {
				p = a.submit(p, "language", tt.switched)
			}
			p = a.submit(p, "source", "upstream")
			if p.back == nil || !strings.HasPrefix(p.back.String(), w.upstream.Issuer()) {
				t.Fatalf("went to %v (%d), want the source", p.back, p.status)
			}
			if got := p.back.Query()["ui_locales"]; !slices.Equal(got, []string{tt.want}) || p.back.Query().Has("prompt") {
				t.Errorf("ui_locales = %q in %v, want %s alone", got, p.back.Query(), tt.want)
			}
		})
	}
}

func TestDiscoveryListsTheLanguages(t *testing.T) {
	w := newWorld(t)
	p := w.browser().get(w.server.URL + "/.well-known/openid-configuration")
	if want := `"ui_locales_supported":["vi","en"]`; !strings.Contains(p.body, want) {
		t.Errorf("discovery lacks %s", want)
	}
}
