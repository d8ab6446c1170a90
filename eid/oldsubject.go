package eid

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// Why a text cannot be the subject that a portal knew somebody by.
var (
	// ErrSubjectForm: it is empty, longer than 255 characters, or not printable ASCII
	// (OpenID Connect Core §2).
	ErrSubjectForm = errors.New("want 1 to 255 printable ASCII characters")
	// ErrSubjectNumber: it reads as the number of a person. Tokens carry subjects to
	// places where no number may go.
	ErrSubjectNumber = errors.New("it is shaped like a personal or passport number")
)

// ErrSubject reports a subject that is not what tokens of an account may carry: another
// one was issued, or it is somebody else's.
var ErrSubject = errors.New("not the account's subject")

// Subjects are what the parties of a sector know an account by.
type Subjects struct {
	Issued string   // what tokens carry; empty before the first
	Old    []string // what its holder was known by before; of more than one, two are told
}

// Kept is what tokens carry other than what follows from the sector's secret; empty:
// nothing else. What was issued stays. An old subject is kept where there is just one:
// between two nobody chooses for the portal.
func (s Subjects) Kept(wish OldSubjects) string {
	switch {
	case s.Issued != "":
		return s.Issued
	case wish == KeepSubjects && len(s.Old) == 1:
		return s.Old[0]
	}
	return ""
}

// OldSubject is what a portal knew a person by before.
type OldSubject struct {
	Person  string // what the source calls the person
	Subject string
}

// OldSubjectFate is what becomes of an old subject that is brought.
type OldSubjectFate string

// The fates.
const (
	OldSubjectAdded   OldSubjectFate = "added"
	OldSubjectThere   OldSubjectFate = "there"   // it was brought before
	OldSubjectRefused OldSubjectFate = "refused" // CheckOldSubject says why
	OldSubjectOthers  OldSubjectFate = "others"  // it was brought for another person
	OldSubjectIssued  OldSubjectFate = "issued"  // tokens for another person carry it
)

// RenamedSubject is an old subject and what tokens carry in its place.
type RenamedSubject struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// maxSubject is the longest subject, in ASCII characters (OpenID Connect Core §2).
const maxSubject = 255

// CheckOldSubject reports whether a portal may go on knowing somebody by this text: nil,
// or an error that wraps ErrSubjectForm or ErrSubjectNumber. It never repeats the text.
// Whatever the spelling, these are refused: personal numbers, those that lost their
// leading zeros, the nine digits of the papers before, and passport numbers.
func CheckOldSubject(text string) error {
	if text == "" || len(text) > maxSubject {
		return ErrSubjectForm
	}
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' { // a space within is a number's spelling, not an id's
			return ErrSubjectForm
		}
	}
	for _, reading := range readings(text) {
		if shapedLikeNumber(reading) {
			return ErrSubjectNumber
		}
	}
	return nil
}

// readings are the text and what it says to whoever decodes it.
func readings(text string) []string {
	list := []string{text}
	if plain, err := url.PathUnescape(text); err == nil && plain != text {
		list = append(list, plain)
	}
	if plain, err := hex.DecodeString(text); err == nil {
		list = append(list, string(plain))
	}
	bare := strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if plain, err := encoding.DecodeString(bare); err == nil {
			list = append(list, string(plain))
		}
	}
	return list
}

// What numbers look like once separators are gone.
var (
	// A citizen's, or one of the papers before, with what people write in front of it.
	numberShape = regexp.MustCompile(`^(?i:cccd|cmnd|cmt|cc|sdd|so|id|idno|no|pid|nid|uid|sub|user|vn|vnm|hc|passport)?([0-9]{9}|[0-9]{12})$`)
	// A citizen's whose zeros a spreadsheet dropped: place codes begin with 0.
	bareShape = regexp.MustCompile(`^[0-9]{10,11}$`)
	// Passports: one letter and seven digits here, one or two and six to eight elsewhere.
	passportShape = regexp.MustCompile(`^(?i:hc|passport)?[A-Za-z]{1,2}[0-9]{6,8}$`)
	digitRun      = regexp.MustCompile(`[0-9]+`)
	separators    = regexp.MustCompile(`[^0-9A-Za-z]+`)
	// Random ids as software makes them: RFC 9562, or plain hexadecimal digits.
	randomShape = regexp.MustCompile(`^(?i:[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}|[0-9a-f]{32,})$`)
)

// lookAlikes are letters that read as digits.
var lookAlikes = strings.NewReplacer("O", "0", "o", "0", "I", "1", "l", "1", "|", "1")

func shapedLikeNumber(text string) bool {
	core := separators.ReplaceAllString(text, "")
	seen := separators.ReplaceAllString(lookAlikes.Replace(text), "")
	for _, t := range []string{core, seen} {
		if numberShape.MatchString(t) || passportShape.MatchString(t) {
			return true
		}
		if bareShape.MatchString(t) && likePersonalNumber(strings.Repeat("0", 12-len(t))+t) {
			return true
		}
	}
	// One that stands inside a longer text; that random hexadecimal digits hold one by
	// chance tells nothing.
	if randomShape.MatchString(text) && strings.ContainsAny(text, "abcdefABCDEF") {
		return false
	}
	for _, run := range digitRun.FindAllString(text, -1) {
		if len(run) == 12 && likePersonalNumber(run) {
			return true
		}
	}
	return false
}

// likePersonalNumber reports whether twelve digits are a citizen's number by place and
// century. Both are checked closer than ParsePersonalNumber does: here it is a stranger
// among other digits.
func likePersonalNumber(digits string) bool {
	_, err := ParsePersonalNumber(digits)
	return err == nil && digits[0] == '0' && digits[:3] != "000"
}
