package civil

import (
	"encoding/json"
	"fmt"
	"strings"

	"eidgate/eid"
)

// node is a member of a JSON document, without the prefixes that a SOAP envelope
// leaves in the names.
type node struct{ value any }

// parseAnswer reads the envelope: a body with one person, with none, or with a
// fault. Whatever else it is, the registry is not well.
func parseAnswer(raw []byte) (Person, error) {
	var document any
	if err := json.Unmarshal(raw, &document); err != nil {
		return Person{}, fmt.Errorf("%w: the answer is no JSON", ErrDown)
	}
	body, ok := node{document}.path("Envelope", "Body")
	if !ok {
		return Person{}, fmt.Errorf("%w: the answer is no envelope", ErrDown)
	}
	if _, faulty := body.child("Fault"); faulty {
		return Person{}, fmt.Errorf("%w: it answers with a fault", ErrDown)
	}
	collection, ok := body.child("CongdanCollection")
	if !ok {
		return Person{}, fmt.Errorf("%w: the answer holds no collection", ErrDown)
	}
	found, ok := collection.child("CongDan")
	if !ok || found.value == nil {
		return Person{}, eid.ErrNotFound
	}
	if list, many := found.value.([]any); many {
		switch len(list) {
		case 0:
			return Person{}, eid.ErrNotFound
		case 1:
			found = node{list[0]}
		default:
			return Person{}, ErrContradiction
		}
	}
	return found.person()
}

// person reads one person. A number or a name that is none makes the whole answer
// useless; a missing date leaves nothing to match.
func (n node) person() (p Person, err error) {
	number, _ := n.child("SoDinhDanh")
	if p.Number, err = eid.ParsePersonalNumber(number.text()); err != nil {
		return Person{}, fmt.Errorf("%w: it answers without a number", ErrDown)
	}
	name, _ := n.child("HoVaTen")
	if p.Name = name.text(); p.Name == "" {
		var words []string
		for _, part := range []string{"Ho", "ChuDem", "Ten"} {
			if word, ok := name.child(part); ok && word.text() != "" {
				words = append(words, word.text())
			}
		}
		p.Name = strings.Join(words, " ")
	}
	birth, _ := n.child("NgayThangNamSinh")
	text := birth.text()
	if full, ok := birth.child("NgayThangNam"); ok {
		text = full.text()
	}
	if year, ok := birth.child("Nam"); ok && text == "" {
		text = year.text()
	}
	if p.BirthDate, err = parseRegistryDate(text); err != nil || fold(p.Name) == "" {
		return Person{}, fmt.Errorf("%w: it answers without name or date", ErrDown)
	}
	return p, nil
}

// parseRegistryDate also knows yyyyMMdd and ddMMyyyy is not among them: eight
// digits are read the registry's way only.
func parseRegistryDate(text string) (Date, error) {
	if len(text) == 8 && !strings.ContainsAny(text, "/-") {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	return ParseDate(text)
}

// child finds a member by its name without prefix.
func (n node) child(name string) (node, bool) {
	members, ok := n.value.(map[string]any)
	if !ok {
		return node{}, false
	}
	for key, value := range members {
		if _, local, prefixed := strings.Cut(key, ":"); prefixed {
			key = local
		}
		if key == name {
			return node{value}, true
		}
	}
	return node{}, false
}

func (n node) path(names ...string) (node, bool) {
	for _, name := range names {
		next, ok := n.child(name)
		if !ok {
			return node{}, false
		}
		n = next
	}
	return n, true
}

// text is the text of a member, empty for anything else: a number that was
// written without quotes may have lost its zeros.
func (n node) text() string {
	s, _ := n.value.(string)
	return strings.TrimSpace(s)
}
