package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// fields are those of a record of passing state, one after the other. A record lists
// them once, in a function that both writes and reads: what is written is what is
// read. Grants are read at every use of a token, and this takes a fraction of the time
// of JSON and two thirds of the room.
type fields struct {
	raw     []byte // what is written
	rest    string // what is still to be read
	format  byte   // of the record
	reading bool
	broken  bool
}

// errRecord reports what is no record of its kind.
var errRecord = errors.New("not a record of its kind")

// Fields stand in JSON, in a member that the version before does not know: to that one
// the record is an empty one, a token that is not valid or nobody's session, and not a
// failure. So replicas of both versions share a store, and a version can be taken back.
const (
	fieldsBegin = `{"fields":"`
	fieldsEnd   = `"}`
)

// fieldsText is how they stand there: each text stands for one record only.
var fieldsText = base64.RawStdEncoding.Strict()

// asJSON reports whether a record is one of the version before.
func asJSON(raw []byte) bool {
	return len(raw) > 0 && raw[0] == '{' && !bytes.HasPrefix(raw, []byte(fieldsBegin))
}

// writeFields gives the record that list describes. format is its first byte.
func writeFields(format byte, list func(*fields)) []byte {
	f := fields{raw: append(make([]byte, 0, 768), format), format: format}
	list(&f)
	raw := make([]byte, 0, len(fieldsBegin)+fieldsText.EncodedLen(len(f.raw))+len(fieldsEnd))
	return append(fieldsText.AppendEncode(append(raw, fieldsBegin...), f.raw), fieldsEnd...)
}

// readFields reads what writeFields wrote, to its last byte. A record of a later
// format has more at its end, which is not for us, and one of an earlier format less:
// while replicas are upgraded, both versions read both.
func readFields(format byte, raw []byte, list func(*fields)) error {
	text, begins := bytes.CutPrefix(raw, []byte(fieldsBegin))
	text, ends := bytes.CutSuffix(text, []byte(fieldsEnd))
	if !begins || !ends || bytes.ContainsAny(text, "\r\n") { // which the decoder skips
		return errRecord
	}
	plain, err := fieldsText.AppendDecode(nil, text)
	if err != nil || len(plain) == 0 || plain[0] == 0 {
		return errRecord
	}
	f := fields{rest: string(plain[1:]), format: plain[0], reading: true}
	if list(&f); f.broken || f.rest != "" && plain[0] <= format {
		return errRecord
	}
	return nil
}

// number is a whole number, a level or a length.
func number[N ~int | ~int64](f *fields, n *N) {
	if !f.reading {
		f.raw = binary.AppendVarint(f.raw, int64(*n))
		return
	}
	// The bytes of a varint, and no copy of what follows it.
	var head [binary.MaxVarintLen64]byte
	v, size := binary.Varint(head[:copy(head[:], f.rest)])
	if size <= 0 {
		f.broken, f.rest = true, ""
		return
	}
	*n, f.rest = N(v), f.rest[size:]
}

// text is a text or bytes, with its length before it.
func text[T ~string | ~[]byte](f *fields, t *T) {
	n := len(*t)
	number(f, &n)
	switch {
	case !f.reading:
		f.raw = append(f.raw, *t...)
	case n < 0 || n > len(f.rest):
		f.broken, f.rest = true, ""
	case n > 0:
		*t, f.rest = T(f.rest[:n]), f.rest[n:]
	}
}

// list is a list, with its length before it. Each entry has a byte at least.
func list[E any](f *fields, entries *[]E, each func(*E)) {
	n := len(*entries)
	number(f, &n)
	if f.reading && n != 0 {
		if n < 0 || n > len(f.rest) {
			f.broken, f.rest = true, ""
			return
		}
		*entries = make([]E, n)
	}
	for i := range *entries {
		each(&(*entries)[i])
	}
}

// texts is a list of texts.
func texts(f *fields, t *[]string) { list(f, t, func(s *string) { text(f, s) }) }

// flag is a yes or no.
func flag(f *fields, b *bool) {
	n := 0
	if *b {
		n = 1
	}
	number(f, &n)
	*b = n == 1
	f.broken = f.broken || n < 0 || n > 1
}

// moment is a time, to the nanosecond and without its zone.
func moment(f *fields, t *time.Time) {
	seconds, part := t.Unix(), t.Nanosecond()
	number(f, &seconds)
	number(f, &part)
	if f.reading {
		*t = time.Unix(seconds, int64(part)).UTC()
	}
}
