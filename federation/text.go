package federation

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var methodShape = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,31}$`)

// IsMethod reports whether a text has the shape of an amr value (RFC 8176 §2).
func IsMethod(text string) bool { return methodShape.MatchString(text) }

// Printable reports whether a text can be kept and shown to operators: UTF-8 without
// controls and what cannot be seen.
func Printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
