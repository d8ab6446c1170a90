package registration

import (
	"strings"
	"unicode"

	"golang.org/x/text/language"

	"eidgate/eid"
)

// maxPassport is the length of a document number in the machine-readable zone (ICAO
// Doc 9303-4 §4.2.2.2).
const maxPassport = 9

const vietnam = "VNM"

// parseNumber reads a personal number as people type and paste it, and says what is
// wrong with one that eid.ParsePersonalNumber refuses.
func parseNumber(typed string) (eid.PersonalNumber, Why) {
	if n, err := eid.ParsePersonalNumber(strings.TrimSpace(typed)); err == nil {
		return n, ""
	}
	digits := ungrouped(typed)
	switch {
	case digits == "":
		return eid.PersonalNumber{}, NumberMissing
	case strings.ContainsFunc(digits, func(r rune) bool { return !unicode.IsNumber(r) }):
		return eid.PersonalNumber{}, NumberLetters
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }):
		return eid.PersonalNumber{}, NumberOtherDigits
	case len(digits) != 12:
		return eid.PersonalNumber{}, NumberLength
	}
	return eid.PersonalNumber{}, NumberCentury
}

// parsePassport reads the number of a passport or travel document: letters and digits of
// the machine-readable zone, in capitals.
func parsePassport(typed string) (string, Why) {
	number := strings.ToUpper(ungrouped(typed))
	switch {
	case number == "":
		return "", PassportMissing
	case strings.ContainsFunc(number, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }):
		return "", PassportLetters
	case len(number) > maxPassport:
		return "", PassportLength
	}
	return number, ""
}

// ungrouped drops what people put between the parts of a number.
func ungrouped(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '.' || r == '-' {
			return -1
		}
		return r
	}, typed)
}

// country checks the alpha-3 code of a country that is not Viet Nam.
func country(code string, missing, own Why) Why {
	switch {
	case code == vietnam:
		return own
	case !isCountry(code):
		return missing
	}
	return ""
}

// isCountry reports an alpha-3 code of ISO 3166-1.
func isCountry(code string) bool {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && !region.IsPrivateUse() && region.ISO3() == code
}

// provinces are the place codes that a number may begin with as it was given out:
// those of 2016 (Circular 59/2021 of the ministry, Annex I). Codes of countries exist
// besides, so that another one is a reason to look twice and no fault.
const provinces = " 001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 028 030 031 033 034 035 036 037 038 040 042 044 045 046 048 049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 089 091 092 093 094 095 096 "

// placeKnown reports whether a number begins with the code of a province.
func placeKnown(n eid.PersonalNumber) bool {
	return strings.Contains(provinces, " "+n.Reveal()[:3]+" ")
}
