package saml

import (
	"encoding/base64"
	"fmt"

	"github.com/beevik/etree"

	"eidgate/federation"
)

var _ federation.Publisher = (*Source)(nil)

// Publish makes the gateway's metadata as a service provider (SAML Metadata
// §2.4.4), with all keys, so that the provider knows the next one before it signs.
func (s *Source) Publish(_, callback, address string) (contentType string, body []byte, err error) {
	root := etree.NewElement("md:EntityDescriptor")
	root.CreateAttr("xmlns:md", nsMetadata)
	root.CreateAttr("xmlns:ds", nsSignature)
	root.CreateAttr("entityID", s.entity)
	role := root.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("AuthnRequestsSigned", "true")
	role.CreateAttr("WantAssertionsSigned", "true")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	for _, use := range []string{"signing", "encryption"} {
		for _, pair := range s.settings.Keys {
			describeKey(role.CreateElement("md:KeyDescriptor"), use, pair)
		}
	}
	for _, binding := range []string{bindingRedirect, bindingPost} {
		at := role.CreateElement("md:SingleLogoutService")
		at.CreateAttr("Binding", binding)
		at.CreateAttr("Location", address)
	}
	if s.settings.NameIDFormat != "" {
		role.CreateElement("md:NameIDFormat").SetText(s.settings.NameIDFormat)
	}
	at := role.CreateElement("md:AssertionConsumerService")
	at.CreateAttr("Binding", bindingPost)
	at.CreateAttr("Location", callback)
	at.CreateAttr("index", "0")
	at.CreateAttr("isDefault", "true")

	doc := etree.NewDocumentWithRoot(root)
	doc.Indent(2)
	if body, err = doc.WriteToBytes(); err != nil {
		return "", nil, fmt.Errorf("writing metadata: %w", err)
	}
	return "application/samlmetadata+xml", body, nil
}

func describeKey(el *etree.Element, use string, pair KeyPair) {
	el.CreateAttr("use", use)
	el.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").
		SetText(base64.StdEncoding.EncodeToString(pair.cert.Raw))
	if use != "encryption" {
		return
	}
	for _, method := range []string{
		"http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm",
		"http://www.w3.org/2001/04/xmlenc#aes256-cbc", "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
		"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
	} {
		el.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", method)
	}
}
