package saml

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/beevik/etree"

	"eidgate/federation"
)

var (
	_ federation.Publisher = (*Source)(nil)
	_ federation.Changer   = (*Source)(nil)
)

// CacheFor is how long the provider may go on with metadata that it read.
func (s *Source) CacheFor() time.Duration { return s.settings.Managed.CacheFor() }

// Publish makes the gateway's metadata as a service provider (SAML Metadata
// §2.4.4), with all keys that may have signed, so that the provider knows the next
// one before it signs, and those to encrypt to, the one in use first. Where the gateway
// keeps its keys, they say how long they may be cached (§2.3.2).
func (s *Source) Publish(_, callback, address string) (contentType string, body []byte, err error) {
	root := etree.NewElement("md:EntityDescriptor")
	root.CreateAttr("xmlns:md", nsMetadata)
	root.CreateAttr("xmlns:ds", nsSignature)
	root.CreateAttr("entityID", s.entity)
	if m := s.settings.Managed; m != nil {
		root.CreateAttr("cacheDuration", "PT"+strconv.FormatInt(int64(m.PublishFor/time.Second), 10)+"S")
	}
	role := root.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("AuthnRequestsSigned", "true")
	role.CreateAttr("WantAssertionsSigned", "true")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	for _, key := range s.keys.Signing() {
		describeKey(role, "signing", key)
	}
	for _, key := range federation.EncryptionKeys(s.keys) {
		describeKey(role, "encryption", key)
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

func describeKey(role *etree.Element, use string, key federation.OwnKey) {
	if len(key.Certificate) == 0 {
		return
	}
	el := role.CreateElement("md:KeyDescriptor")
	el.CreateAttr("use", use)
	el.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").
		SetText(base64.StdEncoding.EncodeToString(key.Certificate))
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
