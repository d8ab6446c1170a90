package web

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// countryNames has a line for each country: its code (ISO 3166-1 alpha-3), its name in
// English and in Vietnamese, as CLDR has them in golang.org/x/text/language/display. That
// package would bring 2.7 MB of names in every language into the binary.
//
//go:embed countries.txt
var countryNames string

// Country is one for a list to choose from.
type Country struct {
	Code string // ISO 3166-1 alpha-3
	Name string // in the language of the page
}

// countries lists the countries but Viet Nam by their names in a language, unaccented
// order: the order of no alphabet is that of every reader.
func countries(tag language.Tag) []Country {
	var list []Country
	for line := range strings.Lines(countryNames) {
		if c := countryOf(tag, line); c.Code != "VNM" {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Country) int { return cmp.Compare(fold(a.Name), fold(b.Name)) })
	return list
}

// countryName is a country in a language, or the code of one that nobody knows.
func countryName(tag language.Tag, code string) string {
	for line := range strings.Lines(countryNames) {
		if c := countryOf(tag, line); c.Code == code {
			return c.Name
		}
	}
	return code
}

func countryOf(tag language.Tag, line string) Country {
	code, names, _ := strings.Cut(strings.TrimSpace(line), "\t")
	english, vietnamese, _ := strings.Cut(names, "\t")
	if base, _ := tag.Base(); base.String() == "vi" {
		return Country{code, vietnamese}
	}
	return Country{code, english}
}
