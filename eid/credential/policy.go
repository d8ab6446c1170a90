package credential

import (
	"context"
	"crypto/sha1" //nolint:gosec // lists of leaked passwords are kept so
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/store"
)

// Weakness is why a password may not be chosen. The zero value: it may.
type Weakness string

// The weaknesses. Each has words of its own on pages.
const (
	TooShort  Weakness = "short"
	TooLong   Weakness = "long"
	Personal  Weakness = "personal"  // made of what others know of the person
	Guessable Weakness = "guessable" // made of few common words, dates and runs of keys
	Leaked    Weakness = "leaked"    // in a list of passwords that got out
)

// MinPassword is the shortest password that may be allowed, in characters. It is what
// NIST SP 800-63B-4 §3.1.1.2 asks for where a password is one factor of two; alone it
// carries Level 1 at most.
const MinPassword = 8

// leastGuesses is the base-2 logarithm of the guesses that a password must take. With the
// limits on guessing online, a tenth of them would take longer than anybody lives.
const leastGuesses = 30

// Leaks knows passwords that got out.
type Leaks interface {
	// Leaked looks for the SHA-1 of a password.
	Leaked(ctx context.Context, sum [sha1.Size]byte) (bool, error)
}

// Policy says which passwords may be chosen (NIST SP 800-63B-4 §3.1.1.2): long enough, and
// none that others would try first. It asks for no kinds of characters.
type Policy struct {
	least int
	leaks Leaks
	words func() wordRanks
}

// NewPolicy makes a policy. least is the shortest length in characters, MinPassword at
// least; zero means that. leaks may be nil: the most used passwords are known here. The
// word lists are read at the first use.
func NewPolicy(least int, leaks Leaks) (*Policy, error) {
	if least == 0 {
		least = MinPassword
	}
	if least < MinPassword || least > 64 {
		return nil, fmt.Errorf("shortest password of %d characters: want %d to 64", least, MinPassword)
	}
	return &Policy{least: least, leaks: leaks, words: sync.OnceValue(readWords)}, nil
}

// Least is the shortest password, in characters.
func (p *Policy) Least() int { return p.least }

// Judge says what is wrong with a password that somebody chose. own are the words that
// others know of them: see OwnWords. Where the list of leaks cannot be searched nothing is
// judged, and no password can be chosen until it can: the error is a store.ErrUnavailable.
func (p *Policy) Judge(ctx context.Context, password eid.Secret, own []string) (Weakness, error) {
	text, ok := prepare(password)
	switch {
	case !ok && password.Reveal() != "":
		return TooLong, nil
	case utf8.RuneCountInString(text) < p.least:
		return TooShort, nil
	}
	words := p.words()
	alone := words.guesses(text, nil)
	switch with := words.guesses(text, own); {
	case alone < leastGuesses:
		return Guessable, nil
	case with < leastGuesses:
		return Personal, nil
	}
	if p.leaks == nil {
		return "", nil
	}
	out, err := p.leaks.Leaked(ctx, sha1.Sum([]byte(text))) //nolint:gosec // the form of the lists
	if err != nil {
		return "", fmt.Errorf("looking for a leaked password: %w: %w", store.ErrUnavailable, err)
	}
	if out {
		return Leaked, nil
	}
	return "", nil
}

// OwnWords are what others know of a person and try first: names, numbers, the birth date
// in the ways it is written, contacts.
func OwnWords(a *eid.Account) []string {
	p := a.Person
	words := append(strings.Fields(p.Name), strings.ReplaceAll(p.Name, " ", ""), p.Identifier.Reveal(), a.Phone.Value, a.Email.Value,
		a.Declared.Nickname, a.Declared.PreferredUsername)
	if number := p.Identifier.Reveal(); len(number) > 6 {
		words = append(words, number[len(number)-6:])
	}
	if name, host, ok := strings.Cut(a.Email.Value, "@"); ok {
		words = append(words, name, host)
	}
	if digits, ok := strings.CutPrefix(a.Phone.Value, "+84"); ok {
		words = append(words, "0"+digits, digits)
	}
	if born, err := time.Parse(time.DateOnly, p.BirthDate); err == nil {
		for _, layout := range []string{"02012006", "2006", "0102", "0201", "20060102", "020106", "060102", "2106", "212006"} {
			words = append(words, born.Format(layout))
		}
	}
	return words
}

// plain is a text as guessers try it: without marks, in lower case, with letters for the
// signs that stand for them.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'đ':
			return 'd'
		}
		return r
	}, norm.NFKD.String(strings.ToLower(s)))
}
