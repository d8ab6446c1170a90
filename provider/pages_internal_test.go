package provider

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/web"
)

// TestEveryWeaknessIsSaid: what is wrong with a password that somebody chose has words of
// its own on the page, in every language, and what nobody knows has none.
func TestEveryWeaknessIsSaid(t *testing.T) {
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, weakness := range []credential.Weakness{credential.TooShort, credential.TooLong, credential.Personal, credential.Guessable, credential.Leaked} {
		problem := problemOf(federation.ProblemOfPassword(weakness))
		for _, language := range []string{"vi", "en"} {
			w := httptest.NewRecorder()
			pages.Render(w, httptest.NewRequest(http.MethodGet, "/login", nil), web.Page{
				Name: "new_password", Language: language, Status: http.StatusUnprocessableEntity, Data: web.NewPasswordData{Least: 8, Problem: problem},
			})
			if w.Code != http.StatusUnprocessableEntity || said[w.Body.String()] {
				t.Errorf("%s in %s: the page answers %d, or says the same as of another", weakness, language, w.Code)
			}
			said[w.Body.String()] = true
		}
	}
	for _, unknown := range []string{"", "no such problem"} {
		if got := problemOf(unknown); got != "" {
			t.Errorf("problemOf(%q) = %q, want none", unknown, got)
		}
	}
}
