package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// pattern is a text with names in it, such as {{.To}}. It is written like a template and
// is less than one: names alone, so that whoever writes one can forget no escaping.
type pattern []piece

// piece is text, or a name.
type piece struct{ text, name string }

// maxPattern is how long one may be, in bytes.
const maxPattern = 16 << 10

// parsePattern reads a text that may name these.
func parsePattern(text string, names ...string) (pattern, error) {
	if len(text) > maxPattern {
		return nil, errors.New("too long")
	}
	parsed, err := template.New("").Parse(text)
	if err != nil {
		return nil, errors.New("a template that cannot be read")
	}
	if parsed.Tree == nil {
		return nil, nil
	}
	var p pattern
	for _, node := range parsed.Root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			p = append(p, piece{text: string(n.Text)})
		case *parse.ActionNode:
			name, known := strings.CutPrefix(n.Pipe.String(), ".")
			if !known || !slices.Contains(names, name) {
				return nil, fmt.Errorf("{{%s}}: names only: %s", n.Pipe, strings.Join(names, ", "))
			}
			p = append(p, piece{name: name})
		default:
			return nil, fmt.Errorf("%s: names only: %s", n, strings.Join(names, ", "))
		}
	}
	return p, nil
}

// write fills the names in, each escaped.
func (p pattern) write(fields map[string]string, escape func(string) string) string {
	var b strings.Builder
	for _, piece := range p {
		if piece.name == "" {
			b.WriteString(piece.text)
			continue
		}
		b.WriteString(escape(fields[piece.name]))
	}
	return b.String()
}
