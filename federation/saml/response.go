package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"eidgate/federation"
)

// Status codes that mean something here (SAML Core §3.2.2.2).
const (
	statusSuccess       = "urn:oasis:names:tc:SAML:2.0:status:Success"
	statusAuthnFailed   = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
	statusRequestDenied = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
)

// statusXML is a Status, with the code that says more below the first.
type statusXML struct {
	Code struct {
		Value string `xml:"Value,attr"`
		More  struct {
			Value string `xml:"Value,attr"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
}

// readResponse reads the field of a form. It makes sure that there is one place
// for an assertion to be, so that none can be wrapped into another or set beside
// it: nothing is believed yet.
func readResponse(field string) (*etree.Element, error) {
	if len(field) > 2*maxMessage {
		return nil, errors.New("answer too large")
	}
	raw, err := unbase64(field)
	if err != nil {
		return nil, err
	}
	root, err := parseMessage(raw)
	switch {
	case err != nil:
		return nil, err
	case !is(root, nsProtocol, "Response") || count(root, nsProtocol, "Response") != 1:
		return nil, errors.New("answer is not one Response")
	}
	plain, encrypted := count(root, nsAssertion, "Assertion"), count(root, nsAssertion, "EncryptedAssertion")
	here := len(children(root, nsAssertion, "Assertion")) + len(children(root, nsAssertion, "EncryptedAssertion"))
	if plain+encrypted > 1 || here != plain+encrypted {
		return nil, errors.New("more than one assertion, or one in a place that is none")
	}
	return root, nil
}

// believed gives the assertion that the provider's signature covers. What the
// Response says around it is checked as well, although it may not be signed.
func (s *Source) believed(ctx context.Context, response *etree.Element, m memory, now time.Time) (assertionXML, error) {
	signed := len(children(response, nsSignature, dsig.SignatureTag)) > 0
	var assertion assertionXML
	err := s.directory.check(ctx, func(trusted []*x509.Certificate) (err error) {
		whole := response
		if signed { // then it has to hold, needed or not
			if whole, err = verified(response, trusted, now); err != nil {
				return err
			}
		}
		if err := s.checkResponse(whole, signed, m, now); err != nil {
			return err
		}
		el, err := s.assertion(whole, signed, trusted, now)
		if err != nil {
			return err
		}
		return decode(el, &assertion)
	})
	switch {
	case err == nil:
		return assertion, nil
	case isOurs(err):
		return assertionXML{}, err
	}
	return assertionXML{}, distrust(err.Error())
}

// refusedError is what the provider answered instead of an assertion.
type refusedError struct{ err error }

func (e refusedError) Error() string { return e.err.Error() }
func (e refusedError) Unwrap() error { return e.err }

// isOurs reports whether an error already says what it is.
func isOurs(err error) bool {
	var refused refusedError
	return errors.As(err, &refused) || errors.Is(err, federation.ErrDown) || errors.Is(err, federation.ErrUntrusted) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// checkResponse checks the Response itself (SAML Core §3.2.2, Profiles §4.1.4.3).
func (s *Source) checkResponse(el *etree.Element, signed bool, m memory, now time.Time) error {
	destination := el.SelectAttrValue("Destination", "")
	issued, err := time.Parse(time.RFC3339Nano, el.SelectAttrValue("IssueInstant", ""))
	switch {
	case el.SelectAttrValue("Version", "") != "2.0":
		return errors.New("version of the answer is another one")
	case el.SelectAttrValue("InResponseTo", "") != m.ID:
		return errors.New("answer to another request, or to none")
	case destination != m.Callback && (signed || destination != ""): // Bindings §3.5.5.2
		return errors.New("destination of the answer is another one")
	case err != nil || issued.After(now.Add(maxClock)) || issued.Before(m.Started.Add(-maxClock)):
		return errors.New("time of the answer is not now")
	}
	issuers := children(el, nsAssertion, "Issuer")
	if len(issuers) > 1 || len(issuers) == 1 && text(issuers[0]) != s.settings.Issuer {
		return errors.New("issuer of the answer is another one")
	}
	var status statusXML
	described := only(el, nsProtocol, "Status")
	if described == nil || len(children(described, nsProtocol, "StatusCode")) != 1 {
		return errors.New("answer without status")
	}
	if err := decode(described, &status); err != nil {
		return err
	}
	if status.Code.Value == statusSuccess {
		return nil
	}
	if !signed {
		return errors.New("an error that is not signed")
	}
	return refusedError{refusal(status)}
}

// refusal turns the provider's error into one of ours. Its texts are not passed
// on, codes only where the standard lists them.
func refusal(status statusXML) error {
	const prefix = "urn:oasis:names:tc:SAML:2.0:status:"
	switch code := status.Code.More.Value; {
	case code == statusAuthnFailed, code == statusRequestDenied:
		return federation.ErrDenied
	case slices.Contains([]string{
		prefix + "InvalidAttrNameOrValue", prefix + "InvalidNameIDPolicy", prefix + "NoAuthnContext", prefix + "NoAvailableIDP",
		prefix + "NoPassive", prefix + "NoSupportedIDP", prefix + "ProxyCountExceeded", prefix + "RequestUnsupported",
		prefix + "UnknownPrincipal", prefix + "UnsupportedBinding",
	}, code):
		return fmt.Errorf("provider answered %s", code[len(prefix):])
	}
	return errors.New("provider answered with an error")
}

// assertion finds the one assertion of a Response and gives what of it is
// believed: itself, where the Response is what the provider signs, else what its
// own signature covers.
func (s *Source) assertion(response *etree.Element, signed bool, trusted []*x509.Certificate, now time.Time) (*etree.Element, error) {
	el := only(response, nsAssertion, "Assertion")
	if wrapped := only(response, nsAssertion, "EncryptedAssertion"); wrapped != nil {
		if el != nil {
			return nil, errors.New("more than one assertion")
		}
		var err error
		if el, err = decrypt(wrapped, s.keys); err != nil {
			return nil, err
		}
	}
	if !is(el, nsAssertion, "Assertion") || count(el, nsAssertion, "Assertion") != 1 {
		return nil, errors.New("no assertion, or one within another")
	}
	if s.settings.Signed == SignedResponse {
		if !signed {
			return nil, errors.New("answer is not signed")
		}
		return el, nil
	}
	return verified(el, trusted, now)
}
