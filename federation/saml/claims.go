package saml

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// onceAtMost bounds how long an assertion is remembered. It answers a request
// whose login is over long before.
const onceAtMost = 24 * time.Hour

// maxValue is the longest attribute that says something of a person, in bytes.
const maxValue = 512

// claims turns an assertion that the provider signed into what the gateway reads.
func (s *Source) claims(a assertionXML, m memory, now time.Time) (*federation.Assertion, error) {
	until, err := s.checkAssertion(a, m, now)
	if err != nil {
		return nil, distrust(err.Error())
	}
	name, err := s.name(a.Subjects[0].Names[0])
	if err != nil {
		return nil, distrust(err.Error())
	}
	subject := name.Value
	if s.settings.SubjectAttribute != "" {
		if subject, err = a.attribute(s.settings.SubjectAttribute); err != nil || !proper(subject) {
			return nil, distrust("subject missing or malformed")
		}
	}
	level, err := s.level(a)
	if err != nil {
		return nil, distrust(err.Error())
	}
	person, err := s.person(a)
	if err != nil {
		return nil, distrust(err.Error())
	}
	authn := a.Authn[0]
	end, err := json.Marshal(logoutMemory{Name: name, SessionIndex: authn.SessionIndex})
	if err != nil {
		return nil, fmt.Errorf("keeping the memory of the provider: %w", err)
	}
	claims := &federation.Assertion{
		Subject: subject, Level: level, At: authn.At, Anew: !authn.At.Before(m.earliestAuth(a, now)), Person: person,
		Session: s.session(name, authn.SessionIndex), Logout: end,
		Once: a.ID, OnceUntil: earlier(until, now.Add(onceAtMost)),
	}
	if len(authn.Classes) == 1 {
		claims.Methods = slices.Clone(s.settings.Methods[strings.TrimSpace(authn.Classes[0])])
	}
	if claims.At.After(now) {
		claims.At = now // the provider's clock is ahead, within bounds
	}
	return claims, nil
}

// nameID is a name of the provider's for a person (SAML Core §2.2.3).
type nameID struct {
	Format      string `json:"format,omitempty"`
	Qualifier   string `json:"qualifier,omitempty"`
	SPQualifier string `json:"sp_qualifier,omitempty"`
	Value       string `json:"value"`
}

// name checks a NameID. One that is the subject has the format that is wanted,
// and is never transient: such a name means somebody else next time.
func (s *Source) name(in nameXML) (nameID, error) {
	n := nameID{Format: in.Format, Qualifier: in.Qualifier, SPQualifier: in.SPQualifier, Value: strings.TrimSpace(in.Value)}
	switch {
	case !proper(n.Value):
		return nameID{}, errors.New("name of the person missing or malformed")
	case s.settings.SubjectAttribute == "" && (or(n.Format, formatUnspecified) != s.settings.NameIDFormat):
		return nameID{}, errors.New("name of the person is of another format than is wanted")
	case n.Format == formatPersistent && (n.Qualifier != "" && n.Qualifier != s.settings.Issuer || n.SPQualifier != "" && n.SPQualifier != s.entity):
		return nameID{}, errors.New("name of the person is one for somebody else") // SAML Core §8.3.7
	}
	return n, nil
}

// session names the provider's session. An index by itself means nothing: it may
// be a small number that everybody has (SAML Core §2.7.2).
func (s *Source) session(name nameID, index string) string {
	if s.settings.SubjectAttribute != "" {
		index = "" // the name alone: a logout without an index could not be told otherwise
	} else if index == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%d:%s%s", len(name.Value), name.Value, index)))
	return hex.EncodeToString(sum[:])
}

// level is what the AuthnContextClassRef and the attribute say, by the maps, and
// the lower of both. What is missing or unknown is no level.
func (s *Source) level(a assertionXML) (eid.Level, error) {
	level, said := eid.LevelNone, false
	lower := func(one eid.Level) {
		if !said || one < level {
			level, said = one, true
		}
	}
	if len(s.settings.ACR) > 0 {
		class := ""
		if len(a.Authn[0].Classes) == 1 {
			class = strings.TrimSpace(a.Authn[0].Classes[0])
		}
		lower(s.settings.ACR[class])
	}
	if s.settings.LevelAttribute != "" {
		value, err := a.attribute(s.settings.LevelAttribute)
		if err != nil {
			return eid.LevelNone, errors.New("level missing or given twice")
		}
		lower(s.settings.Levels[value])
	}
	if !level.Valid() {
		return eid.LevelNone, errors.New("level missing or unknown")
	}
	return level, nil
}

// person is what the attributes say of the person. One that is missing says
// nothing; one with two values is no answer.
func (s *Source) person(a assertionXML) (federation.Person, error) {
	var p federation.Person
	for _, part := range []struct {
		name  string
		value *string
	}{{s.settings.Person.Number, &p.Number}, {s.settings.Person.Name, &p.Name}, {s.settings.Person.BirthDate, &p.BirthDate}} {
		if part.name == "" {
			continue
		}
		value, err := a.attribute(part.name)
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil || len(value) > maxValue {
			return federation.Person{}, errors.New("an attribute of the person is given twice or too long")
		}
		*part.value = value
	}
	return p, nil
}

var errMissing = errors.New("attribute missing")

// attribute is the one value of an attribute.
func (a assertionXML) attribute(name string) (string, error) {
	var values []string
	for _, attribute := range a.Attributes {
		if attribute.Name == name {
			values = append(values, attribute.Values...)
		}
	}
	switch len(values) {
	case 0:
		return "", errMissing
	case 1:
		return strings.TrimSpace(values[0]), nil
	}
	return "", errors.New("attribute with more than one value")
}
