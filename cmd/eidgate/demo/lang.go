package demo

import (
	"net/http"
	"time"

	"golang.org/x/text/language"
)

// lang is a language of the portal's pages, as a BCP 47 tag.
type lang string

const (
	vietnamese lang = "vi"
	english    lang = "en"
)

// words are a text in both languages.
type words struct{ VI, EN string }

func (l lang) say(vi, en string) string { return words{vi, en}.in(l) }

func (w words) in(l lang) string {
	if l == english && w.EN != "" {
		return w.EN
	}
	return w.VI
}

// languageCookie remembers what a visitor chose, languageTTL long.
const (
	languageCookie = "_language"
	languageTTL    = 365 * 24 * time.Hour
)

// lang is that of the pages for a visitor: chosen here, else the browser's.
func (p *Portal) lang(r *http.Request) lang {
	switch chosen := lang(p.cookie(r, languageCookie)); chosen {
	case vietnamese, english:
		return chosen
	}
	matcher := language.NewMatcher([]language.Tag{language.Vietnamese, language.English})
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return vietnamese
	}
	if _, i, confidence := matcher.Match(tags...); confidence != language.No && i == 1 {
		return english
	}
	return vietnamese
}

// switchLanguage remembers the visitor's choice. The pages of a portal are few:
// the first one is where it leads.
func (p *Portal) switchLanguage(w http.ResponseWriter, r *http.Request) {
	switch chosen := lang(r.PostFormValue("language")); chosen {
	case vietnamese, english:
		p.remember(w, languageCookie, string(chosen), languageTTL)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
