package civil

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// compareNames matches on a key that folds case, composition, spaces, where a
// tone is placed (Hòa, Hoà; Thúy, Thuý) and Đ with its look-alike Ð. Names that
// differ in accents alone are for an officer.
func compareNames(a, b string) Verdict {
	switch {
	case fold(a) == "" || fold(b) == "":
		return Mismatch
	case fold(a) == fold(b):
		return Match
	case bare(a) == bare(b):
		return Review
	}
	return Mismatch
}

// The five tone marks of Vietnamese. A syllable has one at most, so that the
// vowel that it stands on says nothing.
const (
	grave    = '\u0300' // huyền
	acute    = '\u0301' // sắc
	tilde    = '\u0303' // ngã
	hook     = '\u0309' // hỏi
	dotBelow = '\u0323' // nặng
)

// fold is the key of a name: the tones of each word stand behind it.
func fold(name string) string {
	words := strings.Fields(letters(name))
	for i, word := range words {
		var base, tones strings.Builder
		for _, r := range word {
			switch r {
			case grave, acute, tilde, hook, dotBelow:
				tones.WriteRune(r)
			default:
				base.WriteRune(r)
			}
		}
		words[i] = base.String() + tones.String()
	}
	return strings.Join(words, " ")
}

// bare is a name without any mark: what the exchange asks for, in lower case.
func bare(name string) string {
	unmarked := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'đ':
			return 'd'
		}
		return r
	}, letters(name))
	return strings.Join(strings.Fields(unmarked), " ")
}

// letters takes a name apart into lower-case letters and their marks (NFD). The
// letters that people and keyboards mix up become one: Ð of Icelandic and Ɖ of
// Ewe look like Đ, and apostrophes have several signs.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case 'ð', 'ɖ':
			return 'đ'
		case '’', 'ʼ', '`', '´', '‘':
			return '\''
		}
		return r
	}, norm.NFD.String(strings.ToLower(name)))
}

// searchName is a name as look-ups through the exchange want it: upper case,
// without accents and spaces.
func searchName(name string) string {
	return strings.ToUpper(strings.ReplaceAll(bare(name), " ", ""))
}
