package ldap

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"eidgate/eid"
	"eidgate/federation"
)

const maxSubject = 255 // bytes

// assertion makes of an entry what the gateway may believe.
func (s Settings) assertion(entry ldap.Entry, now time.Time) (*federation.Assertion, error) {
	subject, err := s.subject(entry)
	if err != nil {
		return nil, err
	}
	level, err := s.level(entry)
	if err != nil {
		return nil, err
	}
	return &federation.Assertion{
		Subject: subject, Level: level, Methods: []string{string(eid.Password)}, At: now, Anew: true,
		Person: federation.Person{
			Number: perhaps(entry, s.NumberAttribute), Name: perhaps(entry, s.NameAttribute), BirthDate: perhaps(entry, s.BirthDateAttribute),
		},
	}, nil
}

// subject is the attribute that names the person for ever. objectGUID is binary.
func (s Settings) subject(entry ldap.Entry) (string, error) {
	raw, ok := single(entry, s.Subject)
	if ok && strings.EqualFold(s.Subject, objectGUID) {
		if id, ok := guid(raw); ok {
			return id, nil
		}
		return "", distrust("subject is no GUID")
	}
	subject := string(raw)
	if !ok || subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) ||
		strings.IndexFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return "", distrust("subject missing, malformed or given twice")
	}
	return subject, nil
}

// guid writes an objectGUID as Active Directory's tools do: the first three groups
// are little-endian ([MS-DTYP] §2.3.4.2).
func guid(raw []byte) (text string, ok bool) {
	if len(raw) != 16 {
		return "", false
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x",
		[]byte{raw[3], raw[2], raw[1], raw[0]}, []byte{raw[5], raw[4]}, []byte{raw[7], raw[6]}, raw[8:10], raw[10:]), true
}

// level is the fixed one, that of the attribute's value, or the highest of the groups
// that the entry is in.
func (s Settings) level(entry ldap.Entry) (eid.Level, error) {
	switch {
	case s.LevelAttribute != "":
		raw, ok := single(entry, s.LevelAttribute)
		level, known := s.Levels[string(raw)]
		if !ok || !known {
			return eid.LevelNone, distrust("level missing, unknown or given twice")
		}
		return level, nil
	case len(s.Groups) > 0:
		return s.groupLevel(entry)
	}
	return s.Level, nil
}

func (s Settings) groupLevel(entry ldap.Entry) (eid.Level, error) {
	highest := eid.LevelNone
	for _, value := range entry.GetEqualFoldAttributeValues(s.groupAttribute()) {
		member, ok := parseDN(value)
		if !ok {
			continue
		}
		for text, level := range s.Groups {
			if group, ok := parseDN(text); ok && group.EqualFold(member) {
				highest = max(highest, level)
			}
		}
	}
	if !highest.Valid() {
		return eid.LevelNone, distrust("in no group that has a level")
	}
	return highest, nil
}

// single gives the value of an attribute that has one only, whatever the case of its
// name.
func single(entry ldap.Entry, name string) (value []byte, ok bool) {
	for _, a := range entry.Attributes {
		if !strings.EqualFold(a.Name, name) {
			continue
		}
		if ok || len(a.ByteValues) != 1 {
			return nil, false
		}
		value, ok = a.ByteValues[0], true
	}
	return value, ok
}

// perhaps is the same for what decides nothing: "" where there is not one value.
func perhaps(entry ldap.Entry, name string) string {
	raw, ok := single(entry, name)
	if name == "" || !ok || !utf8.Valid(raw) {
		return ""
	}
	return string(raw)
}
