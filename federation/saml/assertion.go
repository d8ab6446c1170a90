package saml

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/beevik/etree"
)

const methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// maxName is the longest NameID, session index, ID or subject, in bytes.
const maxName = 255

// assertionXML is what of an Assertion is read (SAML Core §2.3.3). What may stand
// there once only is a list all the same, so that a second one is seen.
type assertionXML struct {
	ID         string          `xml:"ID,attr"`
	Version    string          `xml:"Version,attr"`
	Issued     time.Time       `xml:"IssueInstant,attr"`
	Issuers    []string        `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Subjects   []subjectXML    `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
	Conditions []conditionsXML `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
	Authn      []authnXML      `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnStatement"`
	Attributes []attributeXML  `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement>Attribute"`
}

type subjectXML struct {
	Names         []nameXML         `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Confirmations []confirmationXML `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
}

type nameXML struct {
	Format      string `xml:"Format,attr"`
	Qualifier   string `xml:"NameQualifier,attr"`
	SPQualifier string `xml:"SPNameQualifier,attr"`
	Value       string `xml:",chardata"`
}

type confirmationXML struct {
	Method string `xml:"Method,attr"`
	Data   struct {
		Recipient    string    `xml:"Recipient,attr"`
		InResponseTo string    `xml:"InResponseTo,attr"`
		NotBefore    string    `xml:"NotBefore,attr"`
		NotOnOrAfter time.Time `xml:"NotOnOrAfter,attr"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
}

type conditionsXML struct {
	NotBefore    time.Time `xml:"NotBefore,attr"`
	NotOnOrAfter time.Time `xml:"NotOnOrAfter,attr"`
	Audiences    []struct {
		Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
	Proxy []struct {
		Count     string   `xml:"Count,attr"`
		Audiences []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion ProxyRestriction"`
	Others []struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Condition"`
}

type authnXML struct {
	At           time.Time `xml:"AuthnInstant,attr"`
	SessionIndex string    `xml:"SessionIndex,attr"`
	SessionEnds  time.Time `xml:"SessionNotOnOrAfter,attr"`
	Classes      []string  `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnContext>AuthnContextClassRef"`
}

type attributeXML struct {
	Name   string   `xml:"Name,attr"`
	Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
}

// checkAssertion checks an assertion by SAML Profiles §4.1.4.3, once its signature
// held, and says until when it could be used.
func (s *Source) checkAssertion(a assertionXML, m memory, now time.Time) (until time.Time, err error) {
	switch {
	case a.Version != "2.0" || a.ID == "" || len(a.ID) > maxName:
		return until, errors.New("assertion without version or ID")
	case len(a.Issuers) != 1 || strings.TrimSpace(a.Issuers[0]) != s.settings.Issuer:
		return until, errors.New("issuer of the assertion is another one")
	case a.Issued.IsZero() || a.Issued.After(now.Add(maxClock)):
		return until, errors.New("assertion issued in the future")
	case a.Issued.Before(m.Started.Add(-maxClock)):
		return until, errors.New("assertion issued before the sign-in began")
	case len(a.Subjects) != 1 || len(a.Subjects[0].Names) != 1 || len(a.Conditions) != 1 || len(a.Authn) != 1:
		return until, errors.New("assertion without exactly one name, conditions and authentication")
	}
	if err := s.checkConditions(a.Conditions[0], now); err != nil {
		return until, err
	}
	until, ok := confirmed(a.Subjects[0].Confirmations, m, now)
	if !ok {
		return until, errors.New("assertion not confirmed for this request, this address and this time")
	}
	return earlier(until, a.Conditions[0].NotOnOrAfter).Add(maxClock), s.checkAuthn(a, m, now)
}

// checkConditions wants every condition met; one that is not known is not (SAML
// Core §2.5.1.1).
func (s *Source) checkConditions(c conditionsXML, now time.Time) error {
	switch {
	case !c.NotBefore.IsZero() && c.NotBefore.After(now.Add(maxClock)):
		return errors.New("assertion not valid yet")
	case !c.NotOnOrAfter.IsZero() && !now.Before(c.NotOnOrAfter.Add(maxClock)):
		return errors.New("assertion not valid any more")
	case len(c.Others) > 0:
		return errors.New("assertion under a condition that is not known")
	case len(c.Audiences) == 0:
		return errors.New("assertion without audience")
	}
	for _, restriction := range c.Audiences {
		if !slices.ContainsFunc(restriction.Values, func(v string) bool { return strings.TrimSpace(v) == s.entity }) {
			return errors.New("audience of the assertion is another one")
		}
	}
	for _, proxy := range c.Proxy { // SAML Core §2.5.1.6: to pass identities on is what a gateway does
		if proxy.Count == "0" || len(proxy.Audiences) > 0 {
			return errors.New("the provider forbids to pass the assertion on")
		}
	}
	return nil
}

// confirmed finds a confirmation of the bearer (SAML Profiles §4.1.4.2) and says
// until when it holds.
func confirmed(all []confirmationXML, m memory, now time.Time) (until time.Time, ok bool) {
	for _, c := range all {
		d := c.Data
		if c.Method == methodBearer && d.Recipient == m.Callback && d.InResponseTo == m.ID && d.NotBefore == "" &&
			now.Before(d.NotOnOrAfter.Add(maxClock)) {
			return d.NotOnOrAfter, true
		}
	}
	return until, false
}

func (s *Source) checkAuthn(a assertionXML, m memory, now time.Time) error {
	authn := a.Authn[0]
	switch {
	case authn.At.IsZero() || authn.At.After(now.Add(maxClock)):
		return errors.New("time of authentication missing or in the future")
	case !authn.SessionEnds.IsZero() && !now.Before(authn.SessionEnds.Add(maxClock)):
		return errors.New("the provider's session is over")
	case len(authn.Classes) > 1 || len(authn.SessionIndex) > maxName:
		return errors.New("authentication in more than one way, or of a session without a proper name")
	case m.Fresh && authn.At.Before(m.earliestAuth(a, now)):
		return errors.New("authentication is older than was asked")
	}
	return nil
}

// earliestAuth is when the sign-in began, told by the provider's own clock, which
// stood at IssueInstant not after now: its difference from ours does not matter.
func (m memory) earliestAuth(a assertionXML, now time.Time) time.Time {
	elapsed := max(now.Sub(m.Started), 0)
	return a.Issued.Add(-elapsed - 2*time.Second) // both times may be cut to seconds
}

// text is all the text of an element, comments or not.
func text(el *etree.Element) string {
	var whole strings.Builder
	for _, token := range el.Child {
		if data, ok := token.(*etree.CharData); ok {
			whole.WriteString(data.Data)
		}
	}
	return strings.TrimSpace(whole.String())
}

// proper reports whether a text may name somebody.
func proper(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
