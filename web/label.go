package web

import "html/template"

// Label is a text that an installation wrote for its holders, such as the name
// of a portal. It is Vietnamese, and English too where the installation says so.
type Label struct {
	Text    string `json:"vi"`
	English string `json:"en,omitempty"` // empty: pages in English show Text, marked as Vietnamese
}

// in gives the text for a page and the language it is in.
func (l Label) in(page string) (text, lang string) {
	if page == "en" && l.English != "" {
		return l.English, "en"
	}
	return l.Text, defaultLanguage
}

// plain is a label without marks: titles cannot hold them.
func (c *catalogue) plain(l Label) string {
	text, _ := l.in(c.tag.String())
	return text
}

// name is a label on a page. One in another language than the page says so, for
// those who have it read to them (WCAG 2.2, 3.1.2).
func (c *catalogue) name(l Label) template.HTML {
	text, lang := l.in(c.tag.String())
	escaped := template.HTMLEscapeString(text)
	if text != "" && lang != c.tag.String() {
		escaped = `<span lang="` + lang + `">` + escaped + `</span>`
	}
	return template.HTML(escaped) //nolint:gosec // escaped above
}

// initial is the letter that stands for a label, decoration only.
func (c *catalogue) initial(l Label) string {
	for _, letter := range c.plain(l) {
		return string(letter)
	}
	return ""
}
