package audit

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// HoldKind says what a legal hold keeps.
type HoldKind string

// The kinds of holds.
const (
	HoldAll     HoldKind = "all"     // every row
	HoldAccount HoldKind = "account" // those of an account
	HoldClient  HoldKind = "client"  // those of a relying party
)

// Hold keeps rows from retention, such as for a court, until it is lifted.
type Hold struct {
	ID       string    `json:"id"`
	Kind     HoldKind  `json:"kind"`
	Value    string    `json:"value,omitempty"` // id of the account or client
	Reason   string    `json:"reason"`
	SetBy    string    `json:"set_by"`
	SetAt    time.Time `json:"set_at"`
	LiftedBy string    `json:"lifted_by,omitempty"`
	LiftedAt time.Time `json:"lifted_at,omitzero"`
}

// maxReason bounds a reason, in bytes.
const maxReason = 500

// CheckReason refuses a reason that says nothing, does not fit, or holds what looks like
// a number of a person or a phone: a reason goes on record as it is.
func CheckReason(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("say why; the audit keeps it")
	case len(text) > maxReason:
		return errors.New("say it in 500 bytes")
	}
	if !utf8.ValidString(text) {
		return errors.New("it is no UTF-8")
	}
	digits := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r): // of any script: 079 and ０７９ are read alike
			if digits++; digits >= 9 {
				return errors.New("it holds a number of nine digits or more: the audit keeps no numbers of persons or phones; name the document instead")
			}
		case r != ' ' && !unicode.IsGraphic(r): // also what turns the direction of a line round
			return errors.New("it holds control characters")
		case r == '/' || unicode.IsLetter(r): // dates, and numbers of documents
			digits = 0
		}
	}
	return nil
}

// LookUp is the detail of a row that tells that somebody looked a person up.
type LookUp struct {
	Role   string `json:"role"`
	Reason string `json:"reason"`
	// Number is a keyed hash of a number that no account has: whoever tries numbers
	// leaves rows, too, and those of one number can be told from others.
	Number string `json:"number,omitempty"`
	// OldAccount is the id of a portal's old account that was looked up, which is a
	// keyed hash, too.
	OldAccount string `json:"old_account,omitempty"`
}

// Roles are those in which somebody may look a person up, as its holder is told.
func Roles() []string { return []string{"officer", "operator", "auditor"} }
