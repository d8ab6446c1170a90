package saml

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"

	"eidgate/federation"
)

// Parameters of the bindings (SAML Bindings §3.4, §3.5).
const (
	paramRequest    = "SAMLRequest"
	paramResponse   = "SAMLResponse"
	paramRelayState = "RelayState"
	paramSigAlg     = "SigAlg"
	paramSignature  = "Signature"
)

// message is one that the gateway sends.
type message struct {
	kind   string // paramRequest or paramResponse
	id     string
	target string
	relay  string
	root   *etree.Element
}

// newID makes the ID of a message: 128 random bits and a letter that an xs:ID may
// begin with (SAML Core §1.3.4).
func newID() string { return "_" + rand.Text() }

// newMessage begins a message to an address of the provider.
func (s *Source) newMessage(kind, tag, id, target, relay string, now time.Time) message {
	root := etree.NewElement("samlp:" + tag)
	root.CreateAttr("xmlns:samlp", nsProtocol)
	root.CreateAttr("xmlns:saml", nsAssertion)
	root.CreateAttr("ID", id)
	root.CreateAttr("Version", "2.0")
	root.CreateAttr("IssueInstant", now.UTC().Format(time.RFC3339))
	root.CreateAttr("Destination", target)
	root.CreateElement("saml:Issuer").SetText(s.entity)
	return message{kind: kind, id: id, target: target, relay: relay, root: root}
}

// redirect signs the message's query and gives the address to go to (SAML
// Bindings §3.4.4.1).
func (m message) redirect(keys federation.OwnKeys) (string, error) {
	raw, err := write(m.root)
	if err != nil {
		return "", err
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
	signer, err := newSigner(keys)
	if err != nil {
		return "", err
	}
	// In this order, whatever the receiver does with them.
	query := m.kind + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if m.relay != "" {
		query += "&" + paramRelayState + "=" + url.QueryEscape(m.relay)
	}
	query += "&" + paramSigAlg + "=" + url.QueryEscape(signer.GetSignatureMethodIdentifier())
	signature, err := signer.SignString(query)
	if err != nil {
		return "", fmt.Errorf("signing a message: %w", err)
	}
	query += "&" + paramSignature + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
	separator := "?"
	if strings.Contains(m.target, "?") {
		separator = "&"
	}
	return m.target + separator + query, nil
}

// post signs the message itself and gives the form to send (SAML Bindings §3.5.4).
func (m message) post(keys federation.OwnKeys) (*federation.Post, error) {
	signer, err := newSigner(keys)
	if err != nil {
		return nil, err
	}
	signature, err := signer.ConstructSignature(m.root, true)
	if err != nil {
		return nil, fmt.Errorf("signing a message: %w", err)
	}
	signed := m.root.Copy()
	signed.InsertChildAt(1, signature) // behind Issuer, as the schema has it
	raw, err := write(signed)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{m.kind: base64.StdEncoding.EncodeToString(raw)}
	if m.relay != "" {
		fields[paramRelayState] = m.relay
	}
	return &federation.Post{Address: m.target, Fields: fields}, nil
}

// inflate unpacks what came by a redirect, of at most so many bytes.
func inflate(packed []byte, most int) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), int64(most)+1))
	if err != nil || len(raw) > most {
		return nil, errors.New("message not packed as it should be, or too large")
	}
	return raw, nil
}
