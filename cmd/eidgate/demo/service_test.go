package demo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

// A resource says what it wants, and the portal follows (RFC 9470).
func TestServiceAtLevel2(t *testing.T) {
	level1, level2 := eid.StandardVocabulary().Level1, eid.StandardVocabulary().Level2
	const insufficient = `Bearer error="insufficient_user_authentication", error_description="a recent sign-in at a higher level is needed", acr_values="`
	for _, tt := range []struct {
		name      string
		acr       string
		age       time.Duration
		inactive  bool
		status    int
		challenge string
		goesTo    string // where the browser is sent
	}{
		{"level 2", level2, 0, false, http.StatusOK, "", ""},
		{"level 1", level1, 0, false, http.StatusUnauthorized, insufficient + level2 + `", max_age="1800"`, "/login?acr=2&max_age=1800"},
		{"long ago", level2, 31 * time.Minute, false, http.StatusUnauthorized, insufficient + level2 + `", max_age="1800"`, "/login?acr=2&max_age=1800"},
		{"unknown level", "LoA9", 0, false, http.StatusUnauthorized, insufficient + level2 + `", max_age="1800"`, "/login?acr=2&max_age=1800"},
		{"ended", level2, 0, true, http.StatusUnauthorized, `Bearer error="invalid_token"`, "/login?acr=2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeProvider(t)
			f.acr = level1
			portal := startPortal(t, f, nil)
			b := newBrowser(t)
			if got := b.signIn(portal, ""); !got.SignedIn {
				t.Fatalf("sign-in: %v", got.Error)
			}
			f.acr, f.authTime, f.inactive = tt.acr, f.now().Add(-tt.age), tt.inactive

			api := b.do(http.MethodGet, portal+servicePath, map[string]string{"Authorization": "Bearer " + testToken})
			if api.status != tt.status || api.header.Get("WWW-Authenticate") != tt.challenge {
				t.Errorf("with a token: %d %q, want %d %q", api.status, api.header.Get("WWW-Authenticate"), tt.status, tt.challenge)
			}
			page := b.get(portal + servicePath)
			switch {
			case tt.goesTo == "" && (page.status != http.StatusOK || !strings.Contains(page.body, serviceDone.Title.VI)):
				t.Errorf("browser: %d, want the service", page.status)
			case tt.goesTo != "" && (page.status != http.StatusSeeOther || page.location != tt.goesTo):
				t.Errorf("browser: %d to %q, want %q", page.status, page.location, tt.goesTo)
			}
			if strings.Contains(page.body, testToken) {
				t.Error("the page shows the access token")
			}
		})
	}
}

func TestServiceWithoutASignIn(t *testing.T) {
	f := newFakeProvider(t)
	portal := startPortal(t, f, nil)
	b := newBrowser(t)
	if got := b.get(portal + servicePath); got.status != http.StatusSeeOther || got.location != "/login?acr=2" {
		t.Errorf("browser: %d to %q, want the sign-in", got.status, got.location)
	}
	if got := b.do(http.MethodGet, portal+servicePath, map[string]string{"Authorization": "Bearer guessed"}); got.status != http.StatusUnauthorized {
		t.Errorf("guessed token: %d, want 401", got.status)
	}
	// The step-up asks what the challenge said.
	to, err := url.Parse(b.redirected(portal + "/login?acr=2&max_age=1800"))
	if err != nil {
		t.Fatal(err)
	}
	if q := to.Query(); q.Get("acr_values") != eid.StandardVocabulary().Level2 || q.Get("max_age") != "1800" {
		t.Errorf("asked %v", q)
	}
}

func TestParseChallenge(t *testing.T) {
	for header, want := range map[string]challenge{
		"":                               {},
		"Basic realm=\"x\"":              {},
		"Bearer":                         {},
		`Bearer error="x"`:               {code: "x"},
		`Bearer acr_values="a"`:          {},
		`Bearer error="x", max_age="-1"`: {},
		`Bearer error="x", max_age="99999999999999999999"`:           {},
		`Bearer error="x", acr_values="a b", max_age="5", other="y"`: {code: "x", acr: "a b", maxAge: 5},
	} {
		got, ok := parseChallenge(header)
		if ok != (want.code != "") || ok && got != want {
			t.Errorf("parseChallenge(%q) = %+v, %v, want %+v", header, got, ok, want)
		}
	}
}
