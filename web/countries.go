package web

import (
	"cmp"
	"slices"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Country is one for a list to choose from.
type Country struct {
	Code string // ISO 3166-1 alpha-3
	Name string // in the language of the page
}

// countries lists the countries but Viet Nam by their names in a language, unaccented
// order: the order of no alphabet is that of every reader.
func countries(tag language.Tag) []Country {
	names := display.Regions(tag)
	var list []Country
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			region, err := language.ParseRegion(string([]rune{a, b}))
			if err != nil || !region.IsCountry() || region.IsPrivateUse() || region.String() != string([]rune{a, b}) || region.Canonicalize() != region {
				continue
			}
			code, name := region.ISO3(), names.Name(region)
			if len(code) == 3 && code != "ZZZ" && code != "VNM" && name != "" {
				list = append(list, Country{code, name})
			}
		}
	}
	slices.SortFunc(list, func(a, b Country) int { return cmp.Compare(fold(a.Name), fold(b.Name)) })
	return list
}

// countryName is a country in a language, or the code of one that nobody knows.
func countryName(tag language.Tag, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	return cmp.Or(display.Regions(tag).Name(region), code)
}
