package cas

import (
	"encoding/xml"
	"errors"

	"eidgate/federation"
)

// namespace is that of every element of an answer (CAS Protocol 3.0, Appendix A).
const namespace = "http://www.yale.edu/tp/cas"

func inNamespace(local string) xml.Name { return xml.Name{Space: namespace, Local: local} }

// answer is what a server says of a ticket.
type answer struct {
	user       string
	attributes map[string][]string
	broken     map[string]bool // attributes that hold elements
}

// readAnswer reads the answer of /p3/serviceValidate. It returns
// federation.ErrUntrusted for a ticket that the server refuses and for an answer
// that the schema does not know; federation.ErrDown for what is no answer at all, and
// where the server says that it failed.
//
// Some servers put values into the document as they are. A person who may choose one
// of them could close its element and add others, so whatever stands twice, or where
// it should not, is refused.
func readAnswer(body []byte) (answer, error) {
	root, err := readDocument(body)
	if root.name != inNamespace("serviceResponse") {
		return answer{}, down(errors.New("validating a ticket: no answer of CAS"))
	}
	if err != nil || len(root.children) != 1 {
		return answer{}, distrust("answer is not one success or one failure")
	}
	outcome := root.children[0]
	switch outcome.name {
	case inNamespace("authenticationSuccess"):
		return readSuccess(outcome)
	case inNamespace("authenticationFailure"):
		for _, a := range outcome.attrs {
			if a.Name.Local == "code" && a.Value == "INTERNAL_ERROR" {
				return answer{}, down(errors.New("validating a ticket: server answered INTERNAL_ERROR"))
			}
		}
		return answer{}, distrust("ticket refused by the server")
	}
	return answer{}, distrust("answer is neither success nor failure")
}

func readSuccess(success element) (answer, error) {
	for _, child := range success.children {
		switch child.name {
		case inNamespace("user"), inNamespace("attributes"):
		case inNamespace("proxies"):
			return answer{}, distrust("a proxy brought the ticket")
		default:
			return answer{}, distrust("answer holds what was not asked for")
		}
	}
	user, ok := success.only(inNamespace("user"))
	if !ok {
		return answer{}, distrust("answer names no user, or several")
	}
	a := answer{attributes: map[string][]string{}, broken: map[string]bool{}}
	if a.user, ok = user.value(); !ok {
		return answer{}, distrust("user malformed")
	}
	if len(success.children) == 1 {
		return a, nil
	}
	attributes, ok := success.only(inNamespace("attributes"))
	if !ok {
		return answer{}, distrust("attributes given twice")
	}
	for _, child := range attributes.children {
		if child.name.Space != namespace {
			continue
		}
		value, ok := child.value()
		if !ok {
			a.broken[child.name.Local] = true
		}
		a.attributes[child.name.Local] = append(a.attributes[child.name.Local], value)
	}
	return a, nil
}

// one gives the value of an attribute that may have one only, "" without it. One
// given twice, or with elements in it, is not believed.
func (a answer) one(name string) (string, error) {
	values := a.attributes[name]
	if len(values) > 1 || a.broken[name] {
		return "", distrust("an attribute that decides is given twice or malformed")
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// perhaps is the same for what decides nothing: "" in place of an error.
func (a answer) perhaps(name string) string {
	value, err := a.one(name)
	if err != nil {
		return ""
	}
	return value
}

// person is what the answer says of the person.
func (a answer) person(s Settings) federation.Person {
	return federation.Person{
		Number: a.perhaps(s.NumberAttribute), Name: a.perhaps(s.NameAttribute), BirthDate: a.perhaps(s.BirthDateAttribute),
	}
}
