package web

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Languages of the pages, as BCP 47 tags: those that messages/ holds. Readers of
// neither get the first.
const defaultLanguage = "vi"

func served() []string { return []string{defaultLanguage, "en"} }

// Limits of what is read of a stranger's wishes; what is longer is no wish.
const (
	maxLocales = 256     // bytes, ui_locales
	maxAccept  = 1 << 10 // bytes, Accept-Language
)

// Wishes are what is known of the language that a reader wants, the weightiest
// first. The zero value is nothing.
type Wishes struct {
	Switched string // the reader's own choice, by the switch of the page
	Locales  string // ui_locales of the portal (OpenID Connect Core §3.1.2.1)
	Accepted string // Accept-Language of the browser (RFC 9110 §12.5.4)
}

// Languages lists the languages of the pages, the one for readers of none of them
// first.
func (p *Pages) Languages() []string { return served() }

// Language decides the language of a page. Nothing else does.
func (p *Pages) Language(w Wishes) string {
	if slices.Contains(served(), w.Switched) {
		return w.Switched
	}
	if len(w.Locales) <= maxLocales {
		for _, locale := range strings.Fields(w.Locales) {
			if tag, err := language.Parse(locale); err == nil {
				if match, ok := p.match(tag); ok {
					return match
				}
			}
		}
	}
	if len(w.Accepted) <= maxAccept {
		// They come by weight; those that a reader refuses (q=0) are left out.
		tags, _, err := language.ParseAcceptLanguage(w.Accepted)
		if err == nil {
			for _, tag := range tags {
				if match, ok := p.match(tag); ok {
					return match
				}
			}
		}
	}
	return defaultLanguage
}

// match finds the language for readers of a tag: en for en-AU, none for fr.
func (p *Pages) match(tag language.Tag) (string, bool) {
	_, i, confidence := p.matcher.Match(tag)
	return served()[i], confidence != language.No
}
