package saml

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"eidgate/federation"
)

// Bindings that are spoken (SAML Bindings §3.4, §3.5).
const (
	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

// maxCerts is how many certificates a provider may sign with at a time.
const maxCerts = 16

// provider is what of an identity provider's metadata is used (SAML Metadata
// §2.4.3). Endpoints are empty where it has none.
type provider struct {
	signing                []*x509.Certificate
	ssoRedirect, ssoPost   string
	sloRedirect, sloPost   string // where requests go
	sloRedirectR, sloPostR string // where responses go
	validUntil             time.Time
	cacheFor               time.Duration // zero: not said
}

// entityXML is an EntityDescriptor.
type entityXML struct {
	ValidUntil    time.Time `xml:"validUntil,attr"`
	CacheDuration string    `xml:"cacheDuration,attr"`
	Roles         []roleXML `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
}

type roleXML struct {
	Protocols     string    `xml:"protocolSupportEnumeration,attr"`
	ValidUntil    time.Time `xml:"validUntil,attr"`
	CacheDuration string    `xml:"cacheDuration,attr"`
	Keys          []struct {
		Use   string   `xml:"use,attr"`
		Certs []string `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
	SSO []endpointXML `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleSignOnService"`
	SLO []endpointXML `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleLogoutService"`
}

type endpointXML struct {
	Binding  string `xml:"Binding,attr"`
	Location string `xml:"Location,attr"`
	Response string `xml:"ResponseLocation,attr"`
}

// readMetadata reads the description of one identity provider, by itself or among
// others. Where a certificate is given, the root has to be signed by its key.
func readMetadata(raw []byte, issuer string, signedBy *x509.Certificate, now time.Time) (provider, error) {
	root, err := parse(raw, federation.MaxBody)
	if err != nil {
		return provider{}, fmt.Errorf("reading metadata: %w", err)
	}
	if signedBy != nil {
		if root, err = verified(root, []*x509.Certificate{signedBy}, now); err != nil {
			return provider{}, fmt.Errorf("verifying metadata: %w", err)
		}
	}
	described := entities(root, issuer)
	if len(described) != 1 {
		return provider{}, fmt.Errorf("metadata describe the provider %d times, want once", len(described))
	}
	var entity entityXML
	if err := decode(described[0], &entity); err != nil {
		return provider{}, fmt.Errorf("reading metadata: %w", err)
	}
	p, err := entity.provider()
	if err != nil {
		return provider{}, fmt.Errorf("checking metadata: %w", err)
	}
	for group := described[0].Parent(); is(group, nsMetadata, "EntitiesDescriptor"); group = group.Parent() {
		until, err := time.Parse(time.RFC3339Nano, group.SelectAttrValue("validUntil", ""))
		if err == nil {
			p.validUntil = earlier(p.validUntil, until)
		}
		p.cacheFor = shorter(p.cacheFor, duration(group.SelectAttrValue("cacheDuration", "")))
	}
	if !p.valid(now) {
		return provider{}, errors.New("metadata are not valid any more")
	}
	return p, nil
}

// entities finds the descriptions of one entity in a document of one or many.
func entities(el *etree.Element, id string) []*etree.Element {
	switch {
	case is(el, nsMetadata, "EntityDescriptor") && el.SelectAttrValue("entityID", "") == id:
		return []*etree.Element{el}
	case is(el, nsMetadata, "EntitiesDescriptor"):
		var found []*etree.Element
		for child := range el.ChildElementsSeq() {
			found = append(found, entities(child, id)...)
		}
		return found
	}
	return nil
}

func (e entityXML) provider() (provider, error) {
	i := slices.IndexFunc(e.Roles, func(r roleXML) bool { return slices.Contains(strings.Fields(r.Protocols), nsProtocol) })
	if i < 0 {
		return provider{}, errors.New("not those of an identity provider that speaks SAML 2.0")
	}
	role := e.Roles[i]
	p := provider{
		validUntil: earlier(e.ValidUntil, role.ValidUntil),
		cacheFor:   shorter(duration(e.CacheDuration), duration(role.CacheDuration)),
	}
	for _, key := range role.Keys {
		if key.Use != "" && key.Use != "signing" {
			continue
		}
		for _, text := range key.Certs {
			if cert, err := parseCertificate(text); err == nil && strong(cert) {
				p.signing = append(p.signing, cert)
			}
		}
	}
	if len(p.signing) == 0 || len(p.signing) > maxCerts {
		return provider{}, fmt.Errorf("%d RSA keys to sign with of %d bits at least, want 1 to %d", len(p.signing), minRSABits, maxCerts)
	}
	for _, at := range role.SSO {
		if err := take(at, &p.ssoRedirect, &p.ssoPost); err != nil {
			return provider{}, fmt.Errorf("SingleSignOnService: %w", err)
		}
	}
	if p.ssoRedirect == "" && p.ssoPost == "" {
		return provider{}, errors.New("no SingleSignOnService by redirect or POST")
	}
	for _, at := range role.SLO {
		// An optional endpoint that is wrong keeps nobody from signing in.
		if take(at, &p.sloRedirect, &p.sloPost) != nil {
			continue
		}
		if at.Response != "" {
			at.Location = at.Response
		}
		_ = take(at, &p.sloRedirectR, &p.sloPostR)
	}
	return p, nil
}

// take keeps the first address of each binding.
func take(at endpointXML, redirect, post *string) error {
	var kept *string
	switch at.Binding {
	case bindingRedirect:
		kept = redirect
	case bindingPost:
		kept = post
	}
	if kept == nil || *kept != "" {
		return nil
	}
	if err := federation.CheckURL(at.Location); err != nil {
		return err
	}
	*kept = at.Location
	return nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	raw, err := unbase64(text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, errors.New("certificate malformed")
	}
	return cert, nil
}

// valid reports whether the metadata may still be believed.
func (p provider) valid(now time.Time) bool { return p.validUntil.IsZero() || now.Before(p.validUntil) }

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// shorter is the shorter of two durations, of which zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

var durationShape = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$`)

// duration reads an xs:duration, whose months count for 28 days here: what is
// cached for less than it may be is right as well. What is malformed says nothing.
func duration(text string) time.Duration {
	const day = 24 * 60 * 60
	parts := durationShape.FindStringSubmatch(text)
	if parts == nil {
		return 0
	}
	seconds := 0
	for i, unit := range []int{365 * day, 28 * day, day, 60 * 60, 60, 1} {
		if n, err := strconv.Atoi(parts[i+1]); err == nil {
			seconds += n * unit
		}
	}
	return time.Duration(min(seconds, 100*365*day)) * time.Second
}
