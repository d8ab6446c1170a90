package saml

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// errForeign: a signature that could be right, of none of the keys. A provider
// that changed its keys makes the same one.
var errForeign = errors.New("signature is not the provider's")

// methodOf gives the hash of a signature method that is accepted: RSA with SHA-2
// (RFC 6931 §2.3). SHA-1 and keyed hashes are not.
func methodOf(method string) (crypto.Hash, x509.SignatureAlgorithm, bool) {
	switch method {
	case dsig.RSASHA256SignatureMethod:
		return crypto.SHA256, x509.SHA256WithRSA, true
	case dsig.RSASHA384SignatureMethod:
		return crypto.SHA384, x509.SHA384WithRSA, true
	case dsig.RSASHA512SignatureMethod:
		return crypto.SHA512, x509.SHA512WithRSA, true
	}
	return 0, 0, false
}

// acceptedDigest reports whether a digest is SHA-2.
func acceptedDigest(method string) bool {
	switch method {
	case "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384",
		"http://www.w3.org/2001/04/xmlenc#sha512":
		return true
	}
	return false
}

// exclusive reports whether a canonicalization is the one that SAML Core §5.4.3
// names. Comments are dropped by it or read over; text is never cut at them.
func exclusive(method string) bool {
	return method == string(dsig.CanonicalXML10ExclusiveAlgorithmId) ||
		method == string(dsig.CanonicalXML10ExclusiveWithCommentsAlgorithmId)
}

// verified gives what the signature right below el covers, if one of the
// certificates' keys made it: what is believed is read from the result alone.
// Where el is part of a larger document, nothing around it counts. The key that
// the message brings along is not looked at. The error is errForeign where only
// the key does not fit.
func verified(el *etree.Element, trusted []*x509.Certificate, now time.Time) (*etree.Element, error) {
	if err := checkSignature(el); err != nil {
		return nil, err
	}
	alone, err := detached(el)
	if err != nil {
		return nil, err
	}
	signature := only(alone, nsSignature, dsig.SignatureTag)
	for _, info := range children(signature, nsSignature, dsig.KeyInfoTag) {
		signature.RemoveChild(info) // else the library would look for that key among the trusted ones
	}
	for _, cert := range trusted {
		validation := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		validation.Clock = dsig.NewFakeClockAt(now) // which stands still at the gateway's time
		covered, err := validation.Validate(alone)
		if err != nil {
			continue
		}
		if covered == nil || !is(covered, el.NamespaceURI(), el.Tag) || idOf(covered) != idOf(el) {
			return nil, errors.New("signature covers something else")
		}
		return covered, nil
	}
	return nil, errForeign
}

// idOf is the ID of an element; a prefixed one was refused by parse.
func idOf(el *etree.Element) string { return el.SelectAttrValue("ID", "") }

// checkSignature checks the form of the signature right below el (SAML Core
// §5.4): one, over this element by its ID and nothing else, with the transforms
// and algorithms that are accepted. No other signature below el may refer to it.
func checkSignature(el *etree.Element) error {
	signature := only(el, nsSignature, dsig.SignatureTag)
	if signature == nil {
		return errors.New("not signed, or signed twice")
	}
	info := only(signature, nsSignature, dsig.SignedInfoTag)
	reference := only(info, nsSignature, dsig.ReferenceTag)
	id := idOf(el)
	switch {
	case info == nil || reference == nil || only(signature, nsSignature, dsig.SignatureValueTag) == nil,
		len(children(signature, nsSignature, "Object")) > 0:
		return errors.New("signature malformed")
	case id == "" || reference.SelectAttrValue(dsig.URIAttr, "") != "#"+id:
		return errors.New("signature refers to something else")
	case references(el, id) != 1:
		return errors.New("more than one signature refers to the element")
	case !exclusive(algorithm(info, dsig.CanonicalizationMethodTag)):
		return errors.New("canonicalization not accepted")
	case !acceptedDigest(algorithm(reference, dsig.DigestMethodTag)):
		return errors.New("digest not accepted")
	}
	if _, _, ok := methodOf(algorithm(info, dsig.SignatureMethodTag)); !ok {
		return errors.New("signature method not accepted")
	}
	return checkTransforms(only(reference, nsSignature, dsig.TransformsTag))
}

// checkTransforms wants the enveloped signature's transform once, and exclusive
// canonicalization (SAML Core §5.4.4).
func checkTransforms(transforms *etree.Element) error {
	enveloped, canonical := 0, 0
	if transforms != nil {
		for _, transform := range transforms.ChildElements() {
			switch method := transform.SelectAttrValue(dsig.AlgorithmAttr, ""); {
			case !is(transform, nsSignature, dsig.TransformTag):
				return errors.New("transforms malformed")
			case method == string(dsig.EnvelopedSignatureAltorithmId):
				enveloped++
			case exclusive(method):
				canonical++
			default:
				return errors.New("transform not accepted")
			}
		}
	}
	if enveloped != 1 || canonical != 1 {
		return errors.New("transforms are not the two that are wanted")
	}
	return nil
}

// algorithm is that of the one element of this name below el, empty without.
func algorithm(el *etree.Element, tag string) string {
	if method := only(el, nsSignature, tag); method != nil {
		return method.SelectAttrValue(dsig.AlgorithmAttr, "")
	}
	return ""
}

// references counts the signatures at or below el that the library could take for
// one over this ID: it reads an empty URI as one, and any first letter for #.
func references(el *etree.Element, id string) int {
	n := 0
	if is(el, nsSignature, dsig.ReferenceTag) {
		if to := el.SelectAttrValue(dsig.URIAttr, ""); to == "" || to[1:] == id {
			n++
		}
	}
	for child := range el.ChildElementsSeq() {
		n += references(child, id)
	}
	return n
}

// verifiedQuery checks the signature of a query by its bytes as sent (SAML
// Bindings §3.4.4.1) and returns its parameters. name is SAMLRequest or
// SAMLResponse.
func verifiedQuery(rawQuery, name string, trusted []*x509.Certificate, now time.Time) (url.Values, error) {
	raw, values := map[string]string{}, url.Values{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case name, paramRelayState, paramSigAlg, paramSignature:
		default:
			continue // of the endpoint's own address, and nobody's business
		}
		plain, err := url.QueryUnescape(value)
		if _, twice := raw[key]; twice || err != nil {
			return nil, errors.New("query malformed, or a parameter given twice")
		}
		raw[key] = pair
		values.Set(key, plain)
	}
	_, scheme, ok := methodOf(values.Get(paramSigAlg))
	if !ok || raw[name] == "" {
		return nil, errors.New("query not signed, or by a method that is not accepted")
	}
	signature, err := unbase64(values.Get(paramSignature))
	if err != nil || len(signature) == 0 {
		return nil, errors.New("signature of the query malformed")
	}
	signed := raw[name]
	if relay, given := raw[paramRelayState]; given {
		signed += "&" + relay
	}
	signed += "&" + raw[paramSigAlg]
	for _, cert := range trusted {
		if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
			continue
		}
		if cert.CheckSignature(scheme, []byte(signed), signature) == nil {
			return values, nil
		}
	}
	return nil, errForeign
}

// strong reports whether a certificate holds a key that signatures are believed
// by: RSA, as the methods are.
func strong(cert *x509.Certificate) bool {
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	return ok && public.N.BitLen() >= minRSABits && public.N.BitLen() <= maxRSABits
}
