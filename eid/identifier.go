package eid

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrPersonalNumber reports a text that cannot be a personal number.
var ErrPersonalNumber = errors.New("not a personal number")

// PersonalNumber is the 12-digit number of a citizen (Law on Identity, Art. 12;
// Decree 59/2022, Art. 3). It prints, logs and marshals masked; Reveal gives the
// digits. The zero value is no number.
type PersonalNumber struct{ digits opaque }

// ParsePersonalNumber reads 12 ASCII digits, of which the fourth names a century
// from 1900 to 2199. Spaces, dots and dashes between digits are dropped, as
// people type and paste them. Other digits of Unicode are refused. The place
// code is not checked: codes stay valid after provinces merge and new ones
// appear.
func ParsePersonalNumber(s string) (PersonalNumber, error) {
	s = strings.NewReplacer(" ", "", ".", "", "-", "", "\u00a0", "").Replace(s)
	if len(s) != 12 {
		return PersonalNumber{}, ErrPersonalNumber
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return PersonalNumber{}, ErrPersonalNumber
		}
	}
	if s[3] > '5' {
		return PersonalNumber{}, ErrPersonalNumber
	}
	return PersonalNumber{conceal(s)}, nil
}

// Reveal gives the twelve digits.
func (n PersonalNumber) Reveal() string { return n.digits.reveal() }

// Says is what the digits say of gender, as male or female, and of the year of birth.
// Nothing is derived from it: it is held against what is declared, and numbers that were
// given out in error exist.
func (n PersonalNumber) Says() (gender string, year int) {
	digits := n.Reveal()
	gender = "male"
	if (digits[3]-'0')%2 == 1 {
		gender = "female"
	}
	return gender, 1900 + int(digits[3]-'0')/2*100 + int(digits[4]-'0')*10 + int(digits[5]-'0')
}

// IsZero reports whether there is no number.
func (n PersonalNumber) IsZero() bool { return n.digits.reveal() == "" }

// Masked shows the last three digits only, as pages do.
func (n PersonalNumber) Masked() string { return maskTail(n.digits.reveal()) }

func (n PersonalNumber) String() string               { return n.Masked() }
func (n PersonalNumber) GoString() string             { return n.Masked() }
func (n PersonalNumber) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(n.Masked())) }
func (n PersonalNumber) LogValue() slog.Value         { return slog.StringValue(n.Masked()) }
func (n PersonalNumber) MarshalJSON() ([]byte, error) { return json.Marshal(n.Masked()) }
func (n PersonalNumber) MarshalText() ([]byte, error) { return []byte(n.Masked()), nil }

// maskTail hides all but the last three characters of a number.
func maskTail(s string) string {
	if len(s) < 6 {
		return "•••"
	}
	return "••• ••• ••• " + s[len(s)-3:]
}

// IdentifierKind names what an Identifier is.
type IdentifierKind string

// The kinds of identifier a holder signs in with (Decree 69/2024, Art. 12).
const (
	KindPersonalNumber IdentifierKind = "personal_number"
	KindPassport       IdentifierKind = "passport"
)

// Identifier is a number by which a registry knows a person. It is a login
// hint, replaceable when a paper is renewed, and never a subject. It prints
// masked.
type Identifier struct {
	kind    IdentifierKind
	country string // ISO 3166-1 alpha-3 of the issuer
	number  opaque
}

// IdentifierOf makes the identifier of a citizen.
func IdentifierOf(n PersonalNumber) Identifier {
	return Identifier{kind: KindPersonalNumber, country: "VNM", number: n.digits}
}

// NewIdentifier restores an identifier that was checked when it was stored.
func NewIdentifier(kind IdentifierKind, country, number string) Identifier {
	return Identifier{kind: kind, country: country, number: conceal(number)}
}

// Kind says what the identifier is.
func (i Identifier) Kind() IdentifierKind { return i.kind }

// Country is the issuing country, ISO 3166-1 alpha-3.
func (i Identifier) Country() string { return i.country }

// Reveal gives the number.
func (i Identifier) Reveal() string { return i.number.reveal() }

// IsZero reports whether there is no identifier.
func (i Identifier) IsZero() bool { return i.number.reveal() == "" }

// Canonical is the text that look-ups and keyed hashes use: one per identifier,
// whatever the spelling it was typed in.
func (i Identifier) Canonical() string {
	return string(i.kind) + ":" + i.country + ":" + i.number.reveal()
}

func (i Identifier) String() string               { return maskTail(i.number.reveal()) }
func (i Identifier) GoString() string             { return maskTail(i.number.reveal()) }
func (i Identifier) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(maskTail(i.number.reveal()))) }
func (i Identifier) LogValue() slog.Value         { return slog.StringValue(maskTail(i.number.reveal())) }
func (i Identifier) MarshalJSON() ([]byte, error) { return json.Marshal(maskTail(i.number.reveal())) }
