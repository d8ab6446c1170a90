package fedtest

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"
	dsig "github.com/russellhaering/goxmldsig"
)

// signature makes the signature that goes into an element.
func (k samlKey) signature(el *etree.Element, faults SAMLFaults) (*etree.Element, error) {
	if faults.Foreign {
		foreign, err := newSAMLKey(k.cert.NotBefore.Add(time.Hour))
		if err != nil {
			return nil, err
		}
		k = foreign
	}
	signing, err := dsig.NewSigningContext(k.private, [][]byte{k.cert.Raw})
	if err != nil {
		return nil, fmt.Errorf("making a signer: %w", err)
	}
	signing.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if faults.Method != "" {
		if err := signing.SetSignatureMethod(faults.Method); err != nil {
			return nil, fmt.Errorf("choosing a signature method: %w", err)
		}
	}
	signature, err := signing.ConstructSignature(el, true)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if info := signature.FindElement("./KeyInfo"); info != nil && faults.NoKeyInfo {
		signature.RemoveChild(info)
	}
	return signature, nil
}

func (p *SAML) key() samlKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0]
}

func (p *SAML) signedAssertion(a *saml.Assertion, faults SAMLFaults) (*etree.Element, error) {
	if faults.Sign == SAMLSignsResponse || faults.Sign == SAMLSignsNothing {
		return a.Element(), nil
	}
	signature, err := p.key().signature(a.Element(), faults)
	if err != nil {
		return nil, err
	}
	a.Signature = signature
	return a.Element(), nil
}

func (p *SAML) signedResponse(r *saml.Response, assertion *etree.Element, faults SAMLFaults) (*etree.Element, error) {
	element := func() *etree.Element {
		el := r.Element()
		if assertion != nil {
			el.AddChild(assertion.Copy())
		}
		return el
	}
	// Without an assertion to sign, an answer that is signed is so as a whole.
	if whole := faults.Sign == SAMLSignsResponse || faults.Sign == SAMLSignsBoth || assertion == nil && faults.Sign == SAMLSignsAssertion; !whole {
		return element(), nil
	}
	signature, err := p.key().signature(element(), faults)
	if err != nil {
		return nil, err
	}
	r.Signature = signature
	return element(), nil
}

// encrypted wraps an assertion for the service's last key: what a gateway that is
// changing keys does not sign with yet.
func encrypted(el *etree.Element, service *saml.SPSSODescriptor, with xmlenc.Encrypter) (*etree.Element, error) {
	var cert *x509.Certificate
	for _, key := range service.KeyDescriptors {
		if key.Use != "encryption" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.KeyInfo.X509Data.X509Certificates[0].Data))
		if err != nil {
			return nil, fmt.Errorf("reading a key of the service: %w", err)
		}
		if cert, err = x509.ParseCertificate(raw); err != nil {
			return nil, fmt.Errorf("reading a key of the service: %w", err)
		}
	}
	if cert == nil {
		return nil, errors.New("the service publishes no key to encrypt for")
	}
	raw, err := etree.NewDocumentWithRoot(el.Copy()).WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	data, err := with.Encrypt(cert, raw, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	data.CreateAttr("Type", "http://www.w3.org/2001/04/xmlenc#Element")
	wrapped := etree.NewElement("saml:EncryptedAssertion")
	wrapped.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	wrapped.AddChild(data)
	return wrapped, nil
}

// signedByService checks the signature of a message that a service sent: of its
// query, or in it.
func (p *SAML) signedByService(r *http.Request, service *saml.EntityDescriptor, kind string, message []byte) error {
	var certs []*x509.Certificate
	for _, key := range service.SPSSODescriptors[0].KeyDescriptors {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.KeyInfo.X509Data.X509Certificates[0].Data))
		if err != nil || key.Use == "encryption" {
			continue
		}
		if cert, err := x509.ParseCertificate(raw); err == nil {
			certs = append(certs, cert)
		}
	}
	if r.Method == http.MethodPost {
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(message); err != nil {
			return errors.New("malformed XML")
		}
		validation := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: certs})
		validation.Clock = dsig.NewFakeClockAt(p.cfg.Now())
		if _, err := validation.Validate(doc.Root()); err != nil {
			return errors.New("signature is not the service's")
		}
		return nil
	}
	q := r.URL.Query()
	signed := kind + "=" + url.QueryEscape(q.Get(kind))
	if q.Has("RelayState") {
		signed += "&RelayState=" + url.QueryEscape(q.Get("RelayState"))
	}
	signed += "&SigAlg=" + url.QueryEscape(q.Get("SigAlg"))
	signature, err := base64.StdEncoding.DecodeString(q.Get("Signature"))
	if err != nil || q.Get("SigAlg") != dsig.RSASHA256SignatureMethod {
		return errors.New("query not signed, or otherwise than by RSA with SHA-256")
	}
	for _, cert := range certs {
		if cert.CheckSignature(x509.SHA256WithRSA, []byte(signed), signature) == nil {
			return nil
		}
	}
	return errors.New("signature of the query is not the service's")
}

// signedQuery is the address that takes a message to a service by redirect.
func (p *SAML) signedQuery(target, kind, relay string, message *etree.Element, faults SAMLFaults) (string, error) {
	raw, err := etree.NewDocumentWithRoot(message).WriteToBytes()
	if err != nil {
		return "", fmt.Errorf("writing a message: %w", err)
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", fmt.Errorf("packing a message: %w", err)
	}
	if _, err := w.Write(raw); err != nil {
		return "", fmt.Errorf("packing a message: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("packing a message: %w", err)
	}
	key := p.key()
	if faults.Foreign {
		if key, err = newSAMLKey(p.cfg.Now()); err != nil {
			return "", err
		}
	}
	signing, err := dsig.NewSigningContext(key.private, [][]byte{key.cert.Raw})
	if err != nil {
		return "", fmt.Errorf("making a signer: %w", err)
	}
	if faults.Method != "" {
		if err := signing.SetSignatureMethod(faults.Method); err != nil {
			return "", fmt.Errorf("choosing a signature method: %w", err)
		}
	}
	query := kind + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	if faults.Sign == SAMLSignsNothing {
		return target + "?" + query, nil
	}
	query += "&SigAlg=" + url.QueryEscape(signing.GetSignatureMethodIdentifier())
	signature, err := signing.SignString(query)
	if err != nil {
		return "", fmt.Errorf("signing a query: %w", err)
	}
	return target + "?" + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)), nil
}
