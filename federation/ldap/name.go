package ldap

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxName     = 256  // bytes of a login name
	maxPassword = 1024 // bytes
)

// fit reports whether a text can be a login name: printable characters and plain
// spaces. NUL, controls and invisible characters are in no name, and some
// directories end a text or pass over it there.
func fit(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// folded is what all spellings of a name have in common that a directory may take
// for the same one: it folds more than RFC 4518 §2 and Active Directory do, which
// passes over marks. Names that only look alike share a counter by it, and nothing
// else.
func folded(name string) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(name))
	return strings.ToLower(strings.ToUpper(kept))
}
