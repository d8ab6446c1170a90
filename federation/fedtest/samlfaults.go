package fedtest

import (
	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"
)

// SAMLSigning is what of an answer is signed.
type SAMLSigning int

// What may be signed.
const (
	SAMLSignsAssertion SAMLSigning = iota // and a Response that has none
	SAMLSignsResponse                     // alone
	SAMLSignsBoth
	SAMLSignsNothing
)

// SAMLFaults are ways to misbehave, and settings that providers differ in. The
// zero value behaves.
type SAMLFaults struct {
	// Assertion and Response change what is about to be signed.
	Assertion func(*saml.Assertion)
	Response  func(*saml.Response)
	// Document and Bytes change what was signed, as somebody on the way would.
	Document func(*etree.Element)
	Bytes    func([]byte) []byte
	Sign     SAMLSigning
	// Foreign signs by a key that is not published, and brings its certificate.
	Foreign bool
	// NoKeyInfo names no key.
	NoKeyInfo bool
	// Method is the signature's; RSA with SHA-256 when empty.
	Method string
	// Encrypt encrypts the assertion; nil leaves it readable.
	Encrypt xmlenc.Encrypter
	// Metadata changes what is published.
	Metadata func(*saml.EntityDescriptor)
	// Logout changes a LogoutRequest before it is signed.
	Logout func(*saml.LogoutRequest)
}

// Misbehave replaces the faults.
func (p *SAML) Misbehave(faults SAMLFaults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = faults
}

// Break makes the metadata fail.
func (p *SAML) Break(how Breakage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = how
}

// Behave ends all misbehaviour.
func (p *SAML) Behave() {
	p.Misbehave(SAMLFaults{})
	p.Break(Sound)
}

// Wrap gives the change of a signed document that moves what is signed out of the
// way and puts a forgery where it is looked for: the eight of Somorovsky et al.,
// On Breaking SAML (USENIX Security 2012), by their numbers there. 1 and 2 are
// for a signed Response, the others for a signed Assertion. The forgery names
// another person.
func Wrap(variant int, forged string) func(*etree.Element) {
	return func(root *etree.Element) {
		assertion := root.SelectElement("Assertion")
		if assertion == nil {
			return
		}
		signed := assertion.Copy()
		forge(assertion, forged)
		switch variant {
		case 1, 2:
			wrapResponse(root, signed, variant)
		case 3: // beside the forgery, before it
			root.InsertChildAt(assertion.Index(), assertion.Copy())
			replace(root, assertion, signed)
		case 4: // the signed one inside the forgery
			assertion.AddChild(signed)
		case 5: // the forgery carries the signature, the signed one stands at the end
			signature := signed.SelectElement("Signature")
			signed.RemoveChild(signature)
			assertion.InsertChildAt(1, signature)
			root.AddChild(signed)
		case 6: // the signed one inside the signature of the forgery
			signature := signed.SelectElement("Signature")
			signed.RemoveChild(signature)
			signature.AddChild(signed)
			assertion.InsertChildAt(1, signature)
		case 7: // in an extension of the Response
			extensions := etree.NewElement("samlp:Extensions")
			extensions.AddChild(signed)
			root.InsertChildAt(1, extensions)
		case 8: // in an object of the forgery's signature
			signature := signed.SelectElement("Signature")
			signed.RemoveChild(signature)
			object := signature.CreateElement("ds:Object")
			object.AddChild(signed)
			assertion.InsertChildAt(1, signature)
		}
	}
}

// wrapResponse forges the Response around the signed one: 1 beside its
// signature's element, 2 before the signature.
func wrapResponse(root, signedAssertion *etree.Element, variant int) {
	inner := root.Copy()
	replace(inner, inner.SelectElement("Assertion"), signedAssertion)
	signature := inner.SelectElement("Signature")
	if signature == nil {
		return
	}
	inner.RemoveChild(signature)
	outer := root.SelectElement("Signature")
	root.CreateAttr("ID", "id-forged-response")
	if variant == 1 {
		outer.AddChild(inner)
		return
	}
	root.InsertChildAt(outer.Index(), inner)
}

// forge makes an unsigned assertion of another person and another ID.
func forge(assertion *etree.Element, subject string) {
	if signature := assertion.SelectElement("Signature"); signature != nil {
		assertion.RemoveChild(signature)
	}
	assertion.CreateAttr("ID", "id-forged-assertion")
	if name := assertion.FindElement("./Subject/NameID"); name != nil {
		name.SetText(subject)
	}
}

func replace(parent, old, with *etree.Element) {
	at := old.Index()
	parent.RemoveChildAt(at)
	parent.InsertChildAt(at, with)
}
