package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever comes to the logout, nothing fails, and nobody is sent to an address
// that is not registered, nor signed out by a form that is not ours.
func FuzzLogout(f *testing.F) {
	w := newWorld(f)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	site, err := url.Parse(w.server.URL)
	if err != nil {
		f.Fatal(err)
	}
	session := a.client.Jar.Cookies(site)[0]
	for _, seed := range []string{
		"", "id_token_hint=e30.e30.e30", "client_id=portal&post_logout_redirect_uri=" + url.QueryEscape(bye),
		"post_logout_redirect_uri=https%3A%2F%2Fevil.test", "client_id=portal&client_id=high", "state=%ff%00", "page=" + randomHandle(),
		"login=e30&csrf=x&action=logout", "login=" + strings.Repeat("A", 2000) + "&csrf=x", "%zz", "id_token_hint=" + got.IDToken[:len(got.IDToken)-4] + "AAAA",
	} {
		for path := range 3 {
			f.Add(byte(path), seed)
		}
	}
	silent := strings.TrimPrefix(w.authorizeURL("portal", "prompt", "none"), w.server.URL)
	f.Fuzz(func(t *testing.T, which byte, text string) {
		if strings.Contains(text, got.IDToken) {
			return // the right hint may sign out
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/logout", nil)
		switch which % 3 {
		case 0:
			r.URL.RawQuery = text
		case 1:
			r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/logout/confirm", strings.NewReader(text))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		case 2:
			r.URL.Path, r.URL.RawQuery = "/logout/done", text
		}
		r.AddCookie(session)
		rec := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(rec, r)
		if rec.Code >= http.StatusInternalServerError {
			t.Fatalf("%d %q: status %d", which, text, rec.Code)
		}
		if to := rec.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, bye) && to != "https://portal.example.test" {
			t.Fatalf("%d %q: went to %s", which, text, to)
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, silent, nil)
		r.AddCookie(session)
		rec = httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(rec, r)
		if to := rec.Header().Get("Location"); !strings.Contains(to, "code=") {
			t.Fatalf("%d %q: signed out without a right hint", which, text)
		}
	})
}
