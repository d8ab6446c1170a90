package accounts

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// Bounds of stored texts, in bytes.
const (
	maxText   = 200
	maxNumber = 32
	maxLong   = 500 // addresses, documents
	// maxEvidence is of a link: an operator's words, or how both sides were proved.
	maxEvidence = 2000
)

// NewAccount is what an account is made from.
type NewAccount struct {
	Person       eid.Person
	Level        eid.Level
	Status       eid.Status // PendingActivation or Active
	OwnFloor     eid.Level  // at most Level; LevelNone when never set
	Phone        eid.Contact
	Email        eid.Contact
	Declared     eid.Declared
	PasswordHash string     // encoded; empty: no password
	TOTPSecret   eid.Secret // base32; zero: no second factor
	// ManagedBy is the national source that the account is made through: see
	// Registrar. Such a source need not say the gender.
	ManagedBy string
}

// normal brings texts to NFC without outer space, so that one name is one
// string however it was typed.
func (n NewAccount) normal() NewAccount {
	for _, s := range []*string{
		&n.Person.Name, &n.Person.Address, &n.Person.BirthDate, &n.Person.Gender, &n.Person.Nationality,
		&n.Phone.Value, &n.Email.Value,
		&n.Declared.Nickname, &n.Declared.PreferredUsername, &n.Declared.Profile, &n.Declared.Picture, &n.Declared.Website,
	} {
		*s = norm.NFC.String(strings.TrimSpace(*s))
	}
	return n
}

// check names every rule that n breaks, without repeating what n holds.
func (n NewAccount) check(now time.Time) error {
	var f faults
	f.add(!n.Level.Valid(), "level is neither 1 nor 2")
	f.add(n.Status != eid.PendingActivation && n.Status != eid.Active, "status is neither pending_activation nor active")
	f.add(n.OwnFloor < eid.LevelNone || n.OwnFloor > n.Level, "own floor is not between 0 and the level")
	f.add(n.PasswordHash == "" && !n.TOTPSecret.IsZero(), "a TOTP secret needs a password beside it")
	f.text("name", n.Person.Name, 1, maxText)
	f.text("address", n.Person.Address, 0, maxLong)
	f.text("phone", n.Phone.Value, 0, maxText)
	f.text("email", n.Email.Value, 0, maxText)
	f.add(n.Person.Gender != "male" && n.Person.Gender != "female" && (n.Person.Gender != "" || n.ManagedBy == ""),
		"gender is neither male nor female")
	born, err := time.ParseInLocation(time.DateOnly, n.Person.BirthDate, eid.LawTime())
	f.add(err != nil, "birth date is not a full date")
	f.add(err == nil && born.After(now), "birth date lies ahead")
	f.identifier(n.Person)
	f.declared(n.Declared, n.Person.Identifier)
	return f.err()
}

// record is the account to store.
func (n NewAccount) record(id eid.AccountID, now time.Time) Record {
	r := Record{
		Account: eid.Account{
			ID: id, Person: n.Person, Level: n.Level, Status: n.Status, OwnFloor: n.OwnFloor,
			Phone: n.Phone, Email: n.Email, Declared: n.Declared, ManagedBy: n.ManagedBy, UpdatedAt: now,
		},
		PasswordHash: n.PasswordHash, TOTPSecret: n.TOTPSecret, CreatedAt: now,
	}
	if n.PasswordHash != "" {
		r.Factors = append(r.Factors, eid.Password)
	}
	if !n.TOTPSecret.IsZero() {
		r.Factors = append(r.Factors, eid.OneTimeCode)
	}
	return r
}

func checkLink(l eid.Link, subject, evidence string, now time.Time) error {
	var f faults
	f.add(l.Account == "", "account is missing")
	f.add(!l.Cap.Valid(), "cap is neither 1 nor 2")
	f.add(!l.Expires.IsZero() && !l.Expires.After(now), "link has expired")
	f.text("source", l.Source, 1, maxText)
	f.add(subject == "" || len(subject) > maxLong, "subject is missing or too long")
	f.text("evidence", evidence, 1, maxEvidence)
	return f.err()
}

// faults gathers what is wrong. No text of a person enters it.
type faults []error

func (f *faults) add(wrong bool, fault string) {
	if wrong {
		*f = append(*f, fmt.Errorf("%w: %s", ErrInvalid, fault))
	}
}

func (f *faults) text(name, s string, least, most int) {
	f.add(len(s) < least, name+" is missing")
	f.add(len(s) > most, name+" is too long")
	f.add(strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }),
		name+" holds control characters")
}

// identifier checks who the person is: a citizen by personal number, a foreigner
// by passport or number and with a nationality (Decision 34/2021, Arts. 5, 6).
func (f *faults) identifier(p eid.Person) {
	switch p.Type {
	case eid.Citizen:
		f.add(p.Identifier.Kind() != eid.KindPersonalNumber, "a citizen is known by a personal number")
		f.add(p.Nationality != "" && !eid.IsCountry(p.Nationality), "nationality is not an alpha-3 code")
	case eid.Foreigner:
		f.add(!eid.IsCountry(p.Nationality), "a foreigner needs a nationality, an alpha-3 code")
	default:
		f.add(true, "subject type is neither citizen nor foreigner")
	}
	number := p.Identifier.Reveal()
	switch p.Identifier.Kind() {
	case eid.KindPersonalNumber:
		n, err := eid.ParsePersonalNumber(number)
		f.add(err != nil || eid.IdentifierOf(n) != p.Identifier, "personal number is not one")
	case eid.KindPassport:
		f.add(number == "" || len(number) > maxNumber || strings.ContainsFunc(number, notUpperAlnum),
			"passport number is not capital letters and digits")
		f.add(!eid.IsCountry(p.Identifier.Country()), "issuing country is not an alpha-3 code")
	default:
		f.add(true, "identifier is missing")
	}
}

// declared checks what the holder says of themselves. A username goes to portals
// that may not have the number, so it must not look like one: an identity number
// has 12 digits, one of before had 9.
func (f *faults) declared(d eid.Declared, i eid.Identifier) {
	f.text("nickname", d.Nickname, 0, maxText)
	f.text("preferred username", d.PreferredUsername, 0, maxText)
	f.add(looksLikeNumber(d.PreferredUsername) || !i.IsZero() && bare(d.PreferredUsername) == bare(i.Reveal()),
		"preferred username is like an identity number")
	f.link("profile", d.Profile)
	f.link("picture", d.Picture)
	f.link("website", d.Website)
}

// link checks an https URL that may be absent.
func (f *faults) link(name, s string) {
	f.text(name, s, 0, maxText)
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	f.add(err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(s, unicode.IsSpace),
		name+" is not an https URL without a user")
}

func (f faults) err() error { return errors.Join(f...) }

// looksLikeNumber reports 9 to 12 digits of any script, however they are grouped.
func looksLikeNumber(s string) bool {
	digits := []rune(bare(s))
	return len(digits) >= 9 && len(digits) <= 12 && !slices.ContainsFunc(digits, func(r rune) bool { return !unicode.IsDigit(r) })
}

// bare is s in capitals, letters and digits only.
func bare(s string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s))
}

func notUpperAlnum(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
