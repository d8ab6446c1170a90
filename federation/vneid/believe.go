package vneid

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"eidgate/federation"
)

const (
	maxSubject = 255 // characters
	maxPerson  = 255 // characters of a number, a name or a date
	maxMethods = 8
)

// believe makes an assertion of what userinfo says. The level claim alone decides
// the level; without it, or with a value that is not registered, nothing is
// believed. Nothing else in the answer raises or replaces it.
func (s *Source) believe(said members) (federation.Assertion, error) {
	names := s.settings.Claims
	kind, ok := said.text(names.AccountType)
	if !ok || kind == "" || !slices.Contains(s.settings.Citizens, kind) {
		return federation.Assertion{}, distrust("account is not a citizen's")
	}
	value, ok := said.text(names.Level)
	level, known := s.settings.Levels[value]
	if !ok || !known {
		return federation.Assertion{}, distrust("level missing or unknown")
	}
	subject, ok := said.text(names.Subject)
	if !ok || subject == "" || !printable(subject) {
		return federation.Assertion{}, distrust("subject missing or malformed")
	}
	person, err := s.person(said)
	if err != nil {
		return federation.Assertion{}, err
	}
	if subject == person.Number {
		return federation.Assertion{}, distrust("subject is the personal number")
	}
	return federation.Assertion{
		Subject: subject, Level: level, Methods: methods(said.raw(names.Methods)), Person: person, Logout: s.keepLogout(said),
	}, nil
}

// person reads what is compared elsewhere. A personal number is text: as a number
// it has lost the zeros that most begin with.
func (s *Source) person(said members) (federation.Person, error) {
	var p federation.Person
	for _, claim := range []struct {
		name string
		to   *string
	}{
		{s.settings.Claims.Number, &p.Number}, {s.settings.Claims.Name, &p.Name}, {s.settings.Claims.BirthDate, &p.BirthDate},
	} {
		text, ok := said.text(claim.name)
		bare := claim.to == &p.Number && text != "" && said.raw(claim.name)[0] != '"'
		if !ok || bare || strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > maxPerson {
			return federation.Person{}, distrust("number, name or birth date malformed")
		}
		*claim.to = text
	}
	return p, nil
}

// methods are the platform's amr values when it says them in the shape of RFC
// 8176, else only that the sign-in was federated.
func methods(raw []byte) []string {
	var amr []string
	if len(raw) == 0 || json.Unmarshal(raw, &amr) != nil || len(amr) == 0 || len(amr) > maxMethods ||
		slices.ContainsFunc(amr, func(method string) bool { return !federation.IsMethod(method) }) {
		return []string{"fed"}
	}
	return amr
}

// printable reports whether a subject can be kept and shown to operators.
func printable(subject string) bool {
	return utf8.ValidString(subject) && utf8.RuneCountInString(subject) <= maxSubject &&
		!strings.ContainsFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) })
}
