package federation

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var methodShape = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,31}$`)

// IsMethod reports whether a text has the shape of an amr value (RFC 8176 §2).
func IsMethod(text string) bool { return methodShape.MatchString(text) }

// Printable reports whether a text can be kept and shown to operators: UTF-8 without
// controls and what cannot be seen.
func Printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

const maxLoginName = 256 // bytes

// FitLogin reports whether a text can be a login name: printable characters and plain
// spaces. NUL, controls and invisible characters are in no name, and some directories
// end a text or pass over it there.
func FitLogin(name string) bool { return name != "" && len(name) <= maxLoginName && Printable(name) }

// FoldedLogin is what all spellings of a login name have in common that a source may
// take for the same one: it folds more than RFC 4518 §2 and Active Directory do, which
// passes over marks. Names that only look alike share a counter by it, and nothing
// else.
func FoldedLogin(name string) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(name))
	return strings.ToLower(strings.ToUpper(kept))
}
