package saml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	roundtrip "github.com/mattermost/xml-roundtrip-validator"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// Namespaces of what is read and written.
const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
)

// Bounds of a document that others wrote. Its signature is looked for by walks
// through it, which these keep short.
const (
	maxMessage    = 256 << 10 // bytes of a message, once decoded
	maxDepth      = 32
	maxAttributes = 64 // of one element
	// maxMarkup is how many tags a message may have, and comments: twice the thousand
	// elements that the library walks through. To read one costs much more than to
	// write it, and who posts a logout may be a stranger.
	maxMarkup = 2400
)

// parseMessage reads a message, or the assertion in one.
func parseMessage(raw []byte) (*etree.Element, error) {
	if bytes.Count(raw, []byte("<")) > maxMarkup {
		return nil, errors.New("message of too many elements")
	}
	return parse(raw, maxMessage)
}

// parse reads a document of at most so many bytes and gives its root. It refuses
// what has more than one reading: declarations of types or entities, processing
// instructions, an attribute or an ID given twice, and what Go's parser would not
// write again as it was read.
func parse(raw []byte, most int) (*etree.Element, error) {
	if len(raw) == 0 || len(raw) > most || !utf8.Valid(raw) {
		return nil, errors.New("document empty, too large or not UTF-8")
	}
	if err := roundtrip.Validate(bytes.NewReader(raw)); err != nil {
		return nil, errors.New("document not well-formed") // the text may quote it
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{PreserveDuplicateAttrs: true, MaxDepth: maxDepth}
	if err := doc.ReadFromBytes(raw); err != nil {
		return nil, errors.New("document not well-formed")
	}
	if len(doc.ChildElements()) != 1 {
		return nil, errors.New("document without exactly one root")
	}
	ids := map[string]bool{}
	for _, token := range doc.Child {
		if declaration, ok := token.(*etree.ProcInst); ok && declaration.Target == "xml" {
			continue
		}
		if err := unambiguous(token, ids); err != nil {
			return nil, err
		}
	}
	return doc.Root(), nil
}

// unambiguous checks one token and all below it; ids are those met so far.
func unambiguous(token etree.Token, ids map[string]bool) error {
	switch token := token.(type) {
	case *etree.Directive, *etree.ProcInst:
		return errors.New("document with a declaration or an instruction")
	case *etree.Element:
		if err := unambiguousAttributes(token.Attr, ids); err != nil {
			return err
		}
		for _, child := range token.Child {
			if err := unambiguous(child, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

func unambiguousAttributes(attributes []etree.Attr, ids map[string]bool) error {
	if len(attributes) > maxAttributes {
		return errors.New("element with too many attributes")
	}
	seen := make(map[string]bool, len(attributes))
	for i := range attributes {
		a := &attributes[i]
		if seen[a.FullKey()] {
			return errors.New("attribute given twice")
		}
		seen[a.FullKey()] = true
		if !strings.EqualFold(a.Key, "id") {
			continue
		}
		// A prefixed ID would be taken for the one without a prefix.
		if a.Key == "ID" && a.Space != "" || ids[a.Value] {
			return errors.New("ID given twice or with a prefix")
		}
		ids[a.Value] = true
	}
	return nil
}

// is reports whether an element has this name.
func is(el *etree.Element, namespace, tag string) bool {
	return el != nil && el.Tag == tag && el.NamespaceURI() == namespace
}

// children are the elements of this name right below el.
func children(el *etree.Element, namespace, tag string) []*etree.Element {
	var found []*etree.Element
	for child := range el.ChildElementsSeq() {
		if is(child, namespace, tag) {
			found = append(found, child)
		}
	}
	return found
}

// only is the one element of this name right below el, nil where there is none or
// more than one.
func only(el *etree.Element, namespace, tag string) *etree.Element {
	if el == nil {
		return nil
	}
	if found := children(el, namespace, tag); len(found) == 1 {
		return found[0]
	}
	return nil
}

// count is how many elements of this name el and all below it are.
func count(el *etree.Element, namespace, tag string) int {
	n := 0
	if is(el, namespace, tag) {
		n++
	}
	for child := range el.ChildElementsSeq() {
		n += count(child, namespace, tag)
	}
	return n
}

// detached copies an element with the namespaces that it uses.
func detached(el *etree.Element) (*etree.Element, error) {
	around, err := etreeutils.NSBuildParentContext(el)
	if err == nil {
		el, err = etreeutils.NSDetatch(around, el)
	}
	if err != nil {
		return nil, errors.New("element with undeclared namespaces")
	}
	return el, nil
}

// decode reads an element into a structure.
func decode(el *etree.Element, into any) error {
	alone, err := detached(el)
	if err != nil {
		return err
	}
	raw, err := write(alone)
	if err != nil {
		return err
	}
	if xml.Unmarshal(raw, into) != nil {
		return fmt.Errorf("%s malformed", el.Tag) // the decoder's text may quote it
	}
	return nil
}

// write gives the bytes of an element as a document.
func write(el *etree.Element) ([]byte, error) {
	doc := etree.NewDocumentWithRoot(el.Copy())
	raw, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("writing a document: %w", err)
	}
	return raw, nil
}

// unbase64 decodes what a form's field or an element holds; some break it into
// lines.
func unbase64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("not base64")
	}
	return raw, nil
}
