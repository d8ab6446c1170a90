package admin

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// maxScan bounds what a scanner types, in bytes.
const maxScan = 1 << 10

// scanned reads the QR code of a citizen's card, as a scanner types it: the number, the
// number of before, the name, the birth date, the gender, the address and the date of
// issue, with | between (see domain: Formats). It says nothing of whether the card is
// right: the registry does. false is no such code.
func scanned(code string) (url.Values, bool) {
	if len(code) > maxScan || !utf8.ValidString(code) {
		return nil, false
	}
	parts := strings.Split(norm.NFC.String(strings.TrimSpace(code)), "|")
	if len(parts) != 7 {
		return nil, false
	}
	number, err := eid.ParsePersonalNumber(parts[0])
	if err != nil || strings.TrimSpace(parts[2]) == "" {
		return nil, false
	}
	form := url.Values{
		string(eid.FieldNumber): {grouped(number.Reveal())}, string(eid.FieldName): {strings.TrimSpace(parts[2])},
		string(eid.FieldBirthDate): {shownDate(dateOf(parts[3]))}, fieldAddress: {strings.TrimSpace(parts[5])},
	}
	switch strings.ToLower(strings.TrimSpace(parts[4])) {
	case "nam":
		form.Set(string(eid.FieldGender), "male")
	case "nữ":
		form.Set(string(eid.FieldGender), "female")
	}
	return form, true
}
