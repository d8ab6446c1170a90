package eid

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/language"
)

// ErrPassport reports a text that cannot be the number of a passport, or no country.
var ErrPassport = errors.New("not a passport")

// maxPassport is the length of a document number in the machine-readable zone (ICAO Doc
// 9303-4 §4.2.2.2).
const maxPassport = 9

// ParsePassport reads the number of a passport or travel document, letters and digits of
// the machine-readable zone in either case, and the country that issued it (ISO 3166-1
// alpha-3). Spaces, dots and dashes are dropped, as people type them.
func ParsePassport(country, typed string) (Identifier, error) {
	number := strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '.' || r == '-' {
			return -1
		}
		return r
	}, typed))
	if number == "" || len(number) > maxPassport || strings.Trim(number, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || !IsCountry(country) {
		return Identifier{}, ErrPassport
	}
	return NewIdentifier(KindPassport, country, number), nil
}

// IsCountry reports an alpha-3 code of ISO 3166-1.
func IsCountry(code string) bool {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && !region.IsPrivateUse() && region.ISO3() == code
}
