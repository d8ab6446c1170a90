package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// parser reads YAML more strictly than the library does by itself: one
// document, no key twice, no anchors, and dates stay text. The library turns
// 2023-01-01 into midnight UTC, while a date in a Vietnamese decree means
// midnight in Việt Nam.
type parser struct{ faults *faults }

var _ koanf.Parser = (*parser)(nil)

// Unmarshal returns the document as nested maps. Faults inside it go to the
// collector; the error is for text that is no YAML at all.
func (p *parser) Unmarshal(raw []byte) (map[string]any, error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return map[string]any{}, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second YAML document, want one", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		if len(doc.Content) == 1 && doc.Content[0].ShortTag() == "!!null" {
			return map[string]any{}, nil
		}
		return nil, errors.New("no block of keys at the top")
	}
	return p.mapping("", doc.Content[0]), nil
}

// Marshal writes a configuration tree as YAML.
func (p *parser) Marshal(tree map[string]any) ([]byte, error) { return yaml.Marshal(tree) }

// syntax drops the library's prefix. The scanner's messages name places, not
// values; that of an alias repeats it, and a secret may begin with an asterisk.
func syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(text, "unknown anchor") {
		text = "a YAML alias; put quotes around a value that begins with *"
	}
	return errors.New(text)
}

func (p *parser) mapping(path string, n *yaml.Node) map[string]any {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			p.faults.unreadable(lineOf(path, key), "a key that is no plain word", "write each key out")
			continue
		}
		at := member(path, key.Value)
		if _, twice := m[key.Value]; twice {
			p.faults.unreadable(at, fmt.Sprintf("given twice, again in line %d", key.Line), "keep one")
			continue
		}
		m[key.Value] = p.value(at, value)
	}
	return m
}

// value turns a node into a map, a list, a string, an int64, a float64 or a
// bool; nil stands for no value.
func (p *parser) value(path string, n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		return p.mapping(path, n)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, e := range n.Content {
			list[i] = p.value(item(path, i), e)
		}
		return list
	case yaml.ScalarNode:
		return p.scalar(path, n)
	}
	p.faults.unreadable(path, "a YAML alias", "write the value out")
	return nil
}

func (p *parser) scalar(path string, n *yaml.Node) any {
	var (
		whole    int64
		fraction float64
		truth    bool
		err      error
	)
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!null":
		return nil
	case "!!int":
		if err = n.Decode(&whole); err == nil {
			return whole
		}
	case "!!float":
		if err = n.Decode(&fraction); err == nil {
			return fraction
		}
	case "!!bool":
		if err = n.Decode(&truth); err == nil {
			return truth
		}
	}
	p.faults.unreadable(path, "a YAML tag that does not fit its value", "write plain text, a number, true or false")
	return nil
}

// lineOf is the path of a key that cannot be named.
func lineOf(path string, n *yaml.Node) string {
	return member(path, fmt.Sprintf("line %d", n.Line))
}
