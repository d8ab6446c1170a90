package portability

import (
	"encoding/csv"
	"strings"
)

// Faults of rows with quotes that csv cannot make sense of (RFC 4180 §2).
const (
	faultQuote   = "row: a quote stands where none may: a field with quotes in it begins and ends with one, and has each inner one twice"
	faultSpanned = "row: a quote that is not closed makes one row of this and others, which stand here too: close it or take it out; where this row has none, leave it as it is"
)

// apart takes apart, line by line, what csv could not: a quote that is not closed has
// swallowed rows that nothing else is wrong with, and each is told as it stands there.
func (r *reader) apart(text string) []record {
	var list []record
	fault, lines := faultQuote, strings.Split(strings.Trim(text, "\r\n"), "\n")
	if len(lines) > 1 {
		fault = faultSpanned
	}
	for _, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		r.row++
		list = append(list, record{row: r.row, fields: r.guess(line), end: r.offset(), fault: fault, more: true})
	}
	if len(list) > 0 {
		list[len(list)-1].more = false
	}
	return list
}

// guess takes a line apart, with quotes as letters where they are wrong.
func (r *reader) guess(line string) []string {
	c := csv.NewReader(strings.NewReader(line))
	c.Comma = r.comma
	fields, err := c.Read()
	if err != nil {
		return strings.Split(line, string(r.comma))
	}
	return fields
}
