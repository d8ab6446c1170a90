package registration

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a name.
const (
	maxName      = 100 // characters
	maxNameBytes = 200 // as accounts keep it
	maxMarks     = 3   // that stand on one letter
)

// parseName reads a name: letters of any script and their marks, apostrophes, hyphens
// and points. One word is a name. It comes back composed (NFC), with single spaces; its
// letters stay what they are.
func parseName(typed string) (string, Why) {
	name := norm.NFC.String(strings.Join(strings.Fields(typed), " "))
	if name == "" {
		return "", NameMissing
	}
	if !utf8.ValidString(name) {
		return "", NameInvisible
	}
	if utf8.RuneCountInString(name) > maxName || len(name) > maxNameBytes {
		return "", NameLong
	}
	letters, marks := 0, 0
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			letters, marks = letters+1, 0
		case unicode.Is(unicode.M, r) && marks < maxMarks && letters > 0:
			marks++
		case strings.ContainsRune(" '’ʼ‘-‐.·", r):
		case unicode.IsNumber(r):
			return "", NameDigits
		case !unicode.IsGraphic(r) || r == unicode.ReplacementChar || unicode.IsSpace(r):
			return "", NameInvisible
		default:
			return "", NameSigns
		}
	}
	if letters == 0 {
		return "", NameSigns
	}
	return name, ""
}

// ofOneScript reports whether the letters of a name are of one script: look-alikes of
// another one are seen nowhere but here.
func ofOneScript(name string) bool {
	var first *unicode.RangeTable
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		script := scriptOf(r)
		if first == nil {
			first = script
		}
		if script != first {
			return false
		}
	}
	return true
}

// scriptOf tells the scripts apart whose letters look like Latin ones.
func scriptOf(r rune) *unicode.RangeTable {
	for _, table := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee} {
		if unicode.Is(table, r) {
			return table
		}
	}
	return unicode.L
}
