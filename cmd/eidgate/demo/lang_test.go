package demo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"eidgate/eid"
)

// speak posts the switch of the language.
func (b *browser) speak(portal, lang string) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, portal+"/language", strings.NewReader("language="+lang))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if got := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || got != "/" {
		b.t.Errorf("switch to %s = %d to %q, want 303 to /", lang, res.StatusCode, got)
	}
	return b.get(portal + "/")
}

func TestPortalSpeaksBothLanguages(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, func(c *Config) { c.TitleEN = "Trial services" })
	b := newBrowser(t)
	if p := b.get(portal + "/"); !strings.Contains(p.body, `<html lang="vi">`) || p.header.Get("Content-Language") != "vi" {
		t.Errorf("first page speaks %q, want Vietnamese", p.header.Get("Content-Language"))
	}
	p := b.speak(portal, "en")
	for _, want := range []string{`<html lang="en">`, "Trial services", "Trial portal", `value="vi" lang="vi">Tiếng Việt<`} {
		if !strings.Contains(p.body, want) {
			t.Errorf("page after the switch lacks %s:\n%s", want, p.body)
		}
	}
	b.speak(portal, "xx")
	if p := b.get(portal + "/nowhere"); !strings.Contains(p.body, "Page not found") {
		t.Error("the portal forgot the language")
	}
	b.signIn(portal, "")
	if p := b.get(portal + "/"); !strings.Contains(p.body, "You are signed in") || strings.Contains(p.body, "Quý vị") {
		t.Errorf("signed in, the portal does not speak English alone:\n%s", p.body)
	}
}

func TestPortalPassesItsLanguageOn(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	for _, lang := range []string{"en", "vi"} {
		b := newBrowser(t)
		b.speak(portal, lang)
		to, err := url.Parse(b.get(portal + "/login").header.Get("Location"))
		if err != nil || to.Query().Get("ui_locales") != lang {
			t.Errorf("login leads to %v, want ui_locales=%s", to, lang)
		}
	}
}

// TestEveryAdviceIsInBothLanguages: a code that is explained is explained twice.
func TestEveryAdviceIsInBothLanguages(t *testing.T) {
	for _, code := range []string{
		"access_denied", "login_required", "interaction_required", "unmet_authentication_requirements", "server_error", "invalid_grant",
		"acr_too_low", "auth_time_too_old", "iss_mismatch", "invalid_request", "something_else",
	} {
		vi := adviseOn(vietnamese, Failure{Code: code}, ask{levels: []eid.Level{eid.Level2}}, eid.Level1)
		en := adviseOn(english, Failure{Code: code}, ask{levels: []eid.Level{eid.Level2}}, eid.Level1)
		for _, pair := range [][2]string{{vi.Title, en.Title}, {vi.Meaning, en.Meaning}, {vi.Todo, en.Todo}, {vi.Label, en.Label}} {
			if pair[0] == pair[1] && pair[0] != "" || (pair[0] == "") != (pair[1] == "") {
				t.Errorf("%s: %q in Vietnamese is %q in English", code, pair[0], pair[1])
			}
		}
	}
}
