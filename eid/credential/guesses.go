package credential

import (
	_ "embed"
	"math"
	"strings"
)

// The most used passwords: those of zxcvbn (Dropbox, MIT licence), letters and digits
// only, the most used first.
//
//go:embed words/common.txt
var commonWords string

// Words that Vietnamese passwords are made of, without marks. A list of ours.
//
//go:embed words/vietnamese.txt
var vietnameseWords string

// wordRanks gives the base-2 logarithm of how many words are tried before one.
type wordRanks map[string]float64

func readWords() wordRanks {
	ranks := wordRanks{}
	for _, list := range []string{vietnameseWords, commonWords} {
		for i, word := range strings.Fields(list) {
			if bits := math.Log2(float64(i + 2)); ranks[word] == 0 || bits < ranks[word] {
				ranks[word] = bits
			}
		}
	}
	return ranks
}

// What the parts of a password are worth, as the base-2 logarithm of guesses.
const (
	bitsOwn    = 2  // something that is known of the person
	bitsRun    = 5  // neighbours: 12345, abcd, asdf
	bitsRepeat = 5  // one character again and again
	bitsDate   = 14 // a day of a hundred years, in either order
	bitsYear   = 7
	bitsDigit  = 3.33
	bitsLetter = 4.7
	bitsOther  = 6
	bitsJoint  = 1 // that a part ends there
	bitsMarked = 2 // where capitals, marks and signs for letters are, all together

	longestWord = 24  // bytes
	longestRead = 128 // bytes: what is behind makes nothing worse
)

// guesses is the base-2 logarithm of how many guesses a password takes of somebody who
// knows common words and own ones: the least over all ways of taking it apart.
func (ranks wordRanks) guesses(password string, own []string) float64 {
	known := map[string]bool{}
	for _, word := range own {
		if word = bareWord(plain(word)); len(word) >= 2 {
			known[word] = true
		}
	}
	best := math.Inf(1)
	for _, text := range []string{plain(password), bareWord(plain(password)), unleet(plain(password))} {
		if len(text) > longestRead {
			text = text[:longestRead]
		}
		bits := ranks.apart(text, known)
		if text != password {
			bits += bitsMarked
		}
		best = min(best, bits)
	}
	return best
}

// apart finds the cheapest way of taking a text apart, from its end to its beginning.
func (ranks wordRanks) apart(text string, own map[string]bool) float64 {
	cost := make([]float64, len(text)+1)
	for i := len(text) - 1; i >= 0; i-- {
		cost[i] = character(text[i]) + cost[i+1]
		for end := i + 2; end <= min(len(text), i+longestWord); end++ {
			if bits, ok := ranks.part(text[i:end], own); ok {
				cost[i] = min(cost[i], bits+bitsJoint+cost[end])
			}
		}
	}
	return cost[0]
}

// part is what something is worth that is tried as one.
func (ranks wordRanks) part(s string, own map[string]bool) (bits float64, ok bool) {
	switch {
	case own[s]:
		return bitsOwn, true
	case ranks[s] > 0:
		return ranks[s], true
	case len(s) < 3:
		return 0, false
	case strings.Count(s, s[:1]) == len(s):
		return bitsRepeat + math.Log2(float64(len(s))), true
	case run(s):
		return bitsRun + math.Log2(float64(len(s))), true
	case len(s)%2 == 0 && s[:len(s)/2] == s[len(s)/2:]:
		bits, ok = ranks.part(s[:len(s)/2], own)
		return bits + 1, ok
	case len(s) == 4 && digits(s) && (s[:2] == "19" || s[:2] == "20"):
		return bitsYear, true
	case (len(s) == 6 || len(s) == 8) && date(s):
		return bitsDate, true
	}
	return 0, false
}

func character(c byte) float64 {
	switch {
	case c >= '0' && c <= '9':
		return bitsDigit
	case c >= 'a' && c <= 'z':
		return bitsLetter
	}
	return bitsOther
}

// rows are keys and characters that stand side by side.
func rows() []string {
	return []string{"01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedcrfvtgbyhnujmikolp", "147258369", "1q2w3e4r5t6y7u8i9o0p"}
}

// run reports neighbours, forward or backward.
func run(s string) bool {
	back := []byte(s)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	for _, row := range rows() {
		if strings.Contains(row, s) || strings.Contains(row, string(back)) {
			return true
		}
	}
	return false
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// date reports ddMMyy, ddMMyyyy and yyyyMMdd.
func date(s string) bool {
	if !digits(s) {
		return false
	}
	between := func(s, from, to string) bool { return s >= from && s <= to }
	year := func(s string) bool { return len(s) == 2 || between(s, "1900", "2099") }
	first := between(s[:2], "01", "31") && between(s[2:4], "01", "12") && year(s[4:])
	last := len(s) == 8 && year(s[:4]) && between(s[4:6], "01", "12") && between(s[6:], "01", "31")
	return first || last
}

// bareWord drops everything but letters and digits.
func bareWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f {
			return r
		}
		return -1
	}, s)
}

// unleet puts letters for the signs that stand for them.
func unleet(s string) string {
	return strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t").Replace(s)
}
