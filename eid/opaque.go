package eid

import "unique"

// opaque is text that a printer cannot reach, not even by reflection where it
// may not call a method: in an unexported field, or under %p and %w. Equal
// texts are equal; the zero value is the empty text.
type opaque struct{ handle unique.Handle[string] }

func conceal(text string) opaque {
	if text == "" {
		return opaque{}
	}
	return opaque{unique.Make(text)}
}

func (o opaque) reveal() string {
	if o == (opaque{}) {
		return ""
	}
	return o.handle.Value()
}
