package web

import (
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// TestCountryNames holds countries.txt against what golang.org/x/text knows: every
// country, and no name of another version.
func TestCountryNames(t *testing.T) {
	for _, tag := range []language.Tag{language.English, language.Vietnamese} {
		names, have := display.Regions(tag), 0
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				text := string([]rune{a, b})
				region, err := language.ParseRegion(text)
				if err != nil || !region.IsCountry() || region.IsPrivateUse() || region.String() != text || region.Canonicalize() != region {
					continue
				}
				code, want := region.ISO3(), names.Name(region)
				if code == "ZZZ" || want == "" {
					continue
				}
				have++
				if got := countryName(tag, code); got != want {
					t.Errorf("countryName(%s, %s) = %q, want %q", tag, code, got, want)
				}
			}
		}
		if list := countries(tag); len(list) != have-1 {
			t.Errorf("countries(%s) = %d of them, want %d: all but Viet Nam", tag, len(list), have-1)
		}
	}
}
