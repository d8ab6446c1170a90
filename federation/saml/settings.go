package saml

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"eidgate/eid"
	"eidgate/federation"
)

// How requests go to the provider.
const (
	BindingRedirect = "redirect"
	BindingPost     = "post"
)

// What the provider signs, and so what is read.
const (
	SignedAssertion = "assertion"
	SignedResponse  = "response"
)

// How a requested AuthnContext is compared (SAML Core §3.3.2.2.1).
const (
	ComparisonExact   = "exact"
	ComparisonMinimum = "minimum"
)

// Formats of a NameID that mean something here (SAML Core §8.3).
const (
	formatPersistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	formatTransient  = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	// formatUnspecified is what a name without a format has (SAML Core §2.2.2).
	formatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

const maxKeyPairs = 4

// Settings are what an operator registers about an identity provider.
type Settings struct {
	// Issuer is the provider's entityID, compared byte by byte.
	Issuer string
	// EntityID is what the provider calls this gateway; empty for the address of
	// its metadata.
	EntityID string
	// MetadataURL is where the provider's metadata are; Metadata are they
	// themselves. One of the two is set. A certificate in them that has expired is
	// not believed any more.
	MetadataURL string
	Metadata    string
	// MetadataCert is whose key has to have signed the metadata; nil for TLS alone.
	MetadataCert *x509.Certificate
	// Keys: the first signs, all decrypt. Beside Managed they are what the kept keys
	// take over from.
	Keys []KeyPair
	// Managed says how the gateway keeps keys itself; nil for Keys alone.
	Managed *federation.ManagedKeys
	// Binding is BindingRedirect or BindingPost; Signed is SignedAssertion or
	// SignedResponse.
	Binding string
	Signed  string
	// ACR maps AuthnContextClassRef to levels, Levels the value of LevelAttribute.
	// Of both, where both are given, the lower level counts. A value that is not
	// here is not believed.
	ACR            map[string]eid.Level
	LevelAttribute string
	Levels         map[string]eid.Level
	// RequestACR is the AuthnContextClassRef to ask for when a level is wanted,
	// by Comparison.
	RequestACR map[eid.Level]string
	Comparison string
	// Methods are the amr values of an AuthnContextClassRef.
	Methods map[string][]string
	// NameIDFormat is the format asked for and, where NameIDs are subjects, wanted.
	// Choose another than persistent only where the provider never gives a name to
	// somebody else: links are found by it.
	NameIDFormat string
	// SubjectAttribute names the attribute that is the subject; empty for the
	// NameID.
	SubjectAttribute string
	// Person names the attributes that say who the person is.
	Person PersonAttributes
}

// PersonAttributes are names of attributes; an empty one is not read.
type PersonAttributes struct {
	Number    string `json:"number"`
	Name      string `json:"name"`
	BirthDate string `json:"birth_date"`
}

// settingsJSON is how Settings are stored.
type settingsJSON struct {
	Issuer           string                  `json:"issuer"`
	EntityID         string                  `json:"entity_id"`
	MetadataURL      string                  `json:"metadata_url"`
	Metadata         string                  `json:"metadata"`
	MetadataCert     string                  `json:"metadata_cert"`
	Keys             []string                `json:"keys"`
	Managed          *federation.ManagedKeys `json:"managed_keys"`
	Binding          string                  `json:"binding"`
	Signed           string                  `json:"signed"`
	ACR              map[string]eid.Level    `json:"acr"`
	LevelAttribute   string                  `json:"level_attribute"`
	Levels           map[string]eid.Level    `json:"levels"`
	RequestACR       map[eid.Level]string    `json:"request_acr"`
	Comparison       string                  `json:"comparison"`
	Methods          map[string][]string     `json:"amr"`
	NameIDFormat     string                  `json:"name_id_format"`
	SubjectAttribute string                  `json:"subject_attribute"`
	Person           PersonAttributes        `json:"person"`
}

// ParseSettings reads eid.Source.Settings and reports every fault at once:
//
//	{"issuer": "https://…", "metadata_url": "https://…", "keys": ["-----BEGIN…"], "acr": {"urn:…:1": 1},
//	 "request_acr": {"1": "urn:…:1"}, "person": {"number": "…", "name": "…", "birth_date": "…"}}
//
// What is not said is redirect, assertion, exact, and a persistent NameID, or
// none in particular where an attribute is the subject.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var in settingsJSON
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		// The decoder's text may quote a value; private keys are among them.
		return Settings{}, errors.New("settings of a SAML source: malformed JSON or an unknown member")
	}
	s := Settings{
		Issuer: in.Issuer, EntityID: in.EntityID, MetadataURL: in.MetadataURL, Metadata: in.Metadata,
		Binding: or(in.Binding, BindingRedirect), Signed: or(in.Signed, SignedAssertion),
		ACR: in.ACR, LevelAttribute: in.LevelAttribute, Levels: in.Levels,
		RequestACR: in.RequestACR, Comparison: or(in.Comparison, ComparisonExact), Methods: in.Methods,
		NameIDFormat: in.NameIDFormat, SubjectAttribute: in.SubjectAttribute, Person: in.Person, Managed: in.Managed,
	}
	if s.NameIDFormat == "" && s.SubjectAttribute == "" {
		s.NameIDFormat = formatPersistent
	}
	var errs []error
	if in.MetadataCert != "" {
		block, _ := pem.Decode([]byte(in.MetadataCert))
		if block == nil {
			block = &pem.Block{}
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !strong(cert) {
			errs = append(errs, errors.New("metadata_cert: not a certificate of an RSA key, in PEM"))
		}
		s.MetadataCert = cert
	}
	for i, text := range in.Keys {
		pair, err := ParseKeyPair([]byte(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("keys[%d]: %w", i, err))
			continue
		}
		s.Keys = append(s.Keys, pair)
	}
	if err := errors.Join(append(errs, s.check()...)...); err != nil {
		return Settings{}, fmt.Errorf("settings of a SAML source: %w", err)
	}
	return s, nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (s Settings) check() (errs []error) {
	fault := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	if !entityShape(s.Issuer) {
		fault("issuer: not an entityID")
	}
	if s.EntityID != "" && !entityShape(s.EntityID) {
		fault("entity_id: not an entityID")
	}
	switch {
	case (s.MetadataURL == "") == (s.Metadata == ""):
		fault("metadata: want one of metadata_url and metadata")
	case s.MetadataURL != "":
		if err := federation.CheckURL(s.MetadataURL); err != nil {
			fault("metadata_url: %w", err)
		}
	}
	if len(s.Keys) > maxKeyPairs || len(s.Keys) == 0 && s.Managed == nil {
		fault("keys: %d, want 1 to %d", len(s.Keys), maxKeyPairs)
	}
	if err := s.Managed.Check(ownAlgorithm); err != nil {
		fault("%w", err)
	}
	if m := s.Managed; m != nil && (m.Algorithm == "" || !m.Decryption || m.Years == 0) {
		fault("managed_keys: want keys to sign and to open, with certificates")
	}
	if s.Binding != BindingRedirect && s.Binding != BindingPost {
		fault("binding: want %s or %s", BindingRedirect, BindingPost)
	}
	if s.Signed != SignedAssertion && s.Signed != SignedResponse {
		fault("signed: want %s or %s", SignedAssertion, SignedResponse)
	}
	if s.Comparison != ComparisonExact && s.Comparison != ComparisonMinimum {
		fault("comparison: want %s or %s", ComparisonExact, ComparisonMinimum)
	}
	if s.NameIDFormat == formatTransient && s.SubjectAttribute == "" {
		fault("name_id_format: a transient name is another one each time; want a subject_attribute beside it")
	}
	return append(errs, s.checkLevels()...)
}

func (s Settings) checkLevels() (errs []error) {
	fault := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	if len(s.ACR) == 0 && s.LevelAttribute == "" {
		fault("acr: no value is mapped to a level, and there is no level_attribute")
	}
	if (s.LevelAttribute == "") != (len(s.Levels) == 0) {
		fault("levels: want level_attribute and levels, or neither")
	}
	for name, mapped := range map[string]map[string]eid.Level{"acr": s.ACR, "levels": s.Levels} {
		for value, level := range mapped {
			if value == "" || !level.Valid() {
				fault("%s %q: level %d, want 1 or 2", name, value, level)
			}
		}
	}
	for level, value := range s.RequestACR {
		if value == "" || !level.Valid() {
			fault("request_acr %d: want a value for level 1 or 2", level)
		}
	}
	for value, methods := range s.Methods {
		if value == "" || len(methods) > maxMethods || slices.ContainsFunc(methods, func(m string) bool { return !federation.IsMethod(m) }) {
			fault("amr %q: want %d values at most such as pwd or otp", value, maxMethods)
		}
	}
	return errs
}

const maxMethods = 8

// entityShape reports whether a text may be an entityID (SAML Metadata §2.2.1).
func entityShape(id string) bool {
	u, err := url.Parse(id)
	return err == nil && u.Scheme != "" && len(id) <= 1024 && strings.TrimSpace(id) == id
}
