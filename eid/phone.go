package eid

import (
	"errors"
	"slices"
	"strings"
)

// Bounds of a telephone number with its country code (ITU-T E.164 §6.2.1).
const (
	minPhoneDigits = 8
	maxPhoneDigits = 15
)

var errNoPhone = errors.New("no mobile number")

// ParsePhone reads the number of a mobile phone as people write it and gives it as ITU-T
// E.164 does: +84901234567. Spaces, dots, hyphens and brackets do not count. A number of
// Viet Nam is 0, 84 or +84 and nine digits of a mobile network; one of elsewhere begins
// with + or 00 and its country code. Short numbers, those that cost their receiver, and
// those of no country are refused. Whether the number is assigned, only a message shows.
// The error repeats nothing of the text.
func ParsePhone(text string) (string, error) {
	if len(text) > 40 {
		return "", errNoPhone
	}
	text, whole := strings.CutPrefix(strings.TrimSpace(text), "+")
	digits := strings.NewReplacer(" ", "", ".", "", "-", "", "(0)", "", "(", "", ")", "").Replace(text)
	if digits == "" || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", errNoPhone
	}
	if !whole {
		digits, whole = strings.CutPrefix(digits, "00")
	}
	home, ours := strings.CutPrefix(digits, "84")
	switch {
	case !whole && strings.HasPrefix(digits, "0"):
		home, ours = digits[1:], true
	case ours:
		home = strings.TrimPrefix(home, "0")
	case !whole:
		return "", errNoPhone
	}
	if ours {
		if len(home) != 9 || !strings.ContainsRune("35789", rune(home[0])) {
			return "", errNoPhone
		}
		return "+84" + home, nil
	}
	if len(digits) < minPhoneDigits || len(digits) > maxPhoneDigits || !rings(digits) {
		return "", errNoPhone
	}
	return "+" + digits, nil
}

// PhoneAbroad reports whether a number that ParsePhone gave is none of Viet Nam.
func PhoneAbroad(number string) bool { return !strings.HasPrefix(number, "+84") }

// rings reports whether digits that begin with a country code may be those of somebody's
// phone (ITU Operational Bulletin: list of assigned country codes). Shared-cost, premium,
// satellite and network codes are where messages are sent to earn from them.
func rings(digits string) bool {
	switch digits[0] {
	case '0':
		return false
	case '1': // North America: three digits of area, of which 900 and the like cost
		return len(digits) == 11 && digits[1] >= '2' && digits[1:4] != "900" && digits[1:4] != "976"
	case '8':
		return slices.Contains([]string{"81", "82", "86"}, digits[:2]) ||
			slices.Contains([]string{"850", "852", "853", "855", "856", "880", "886"}, digits[:3])
	case '9':
		return digits[:3] != "979" && digits[:3] != "991" && digits[:3] != "999"
	}
	return true
}
