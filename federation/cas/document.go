package cas

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds of a document.
const (
	maxDepth    = 8
	maxElements = 2000
)

var (
	// errNoXML: the document cannot be read at all.
	errNoXML = errors.New("not an XML document")
	// errOddXML: it can be read, and in more than one way.
	errOddXML = errors.New("XML that may mean two things")
)

// element is an element of a document, with its own text put together.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string
	children []element
}

// readDocument reads one small document, the whole of it. Declarations (DTD),
// comments and instructions inside the root, a second root and text beside elements
// are errOddXML: parsers differ over them. The root is named even then, to tell what
// kind of document it was meant to be.
func readDocument(raw []byte) (root element, err error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	var open []element // from the root down
	var name xml.Name  // of the root
	declared, closed := false, false
	for elements := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && closed {
			return root, nil
		}
		if err != nil {
			return element{}, errNoXML
		}
		odd := false
		switch t := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(open) == maxDepth {
				return element{}, errNoXML
			}
			if elements == 1 {
				name = t.Name
			}
			odd = declared || closed
			open = append(open, element{name: t.Name, attrs: t.Copy().Attr})
		case xml.EndElement:
			last := open[len(open)-1]
			odd = len(last.children) > 0 && strings.TrimSpace(last.text) != ""
			if open = open[:len(open)-1]; len(open) == 0 {
				root, closed = last, true
				break
			}
			parent := &open[len(open)-1]
			parent.children = append(parent.children, last)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			} else {
				odd = len(bytes.TrimSpace(t)) > 0
			}
		case xml.Directive:
			declared = true // before the root: told once its name is known
			odd = len(open) > 0 || closed
		case xml.Comment, xml.ProcInst:
			odd = len(open) > 0
		}
		if odd {
			return element{name: name}, errOddXML
		}
	}
}

// only gives the one child of a name; ok is false where there is none or another
// beside it.
func (e element) only(name xml.Name) (child element, ok bool) {
	for _, c := range e.children {
		if c.name != name {
			continue
		}
		if ok {
			return element{}, false
		}
		child, ok = c, true
	}
	return child, ok
}

// value is the text of an element without other elements in it.
func (e element) value() (string, bool) {
	return strings.TrimSpace(e.text), len(e.children) == 0
}
