package portability

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// ErrEncoding reports a file whose letters cannot be told. What it says names the mend.
var ErrEncoding = errors.New("the letters of the file cannot be read")

// Encodings are the names that a caller may give; the empty one is UTF-8, or what the
// byte order mark at the beginning says.
func Encodings() []string { return []string{"utf-8", "utf-16le", "utf-16be", "windows-1258"} }

// peeked is how much of a file is looked at to tell its encoding.
const peeked = 512

// decoded reads a file as UTF-8 without a byte order mark. Nothing is guessed: a file in
// another encoding says so by its mark, or its owner does. Text that is not UTF-8 goes
// through as it is, for rows to be refused.
func decoded(r io.Reader, name string) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(peeked)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	marked, mark := markOf(head)
	switch {
	case name == "" && marked == "" && bytes.IndexByte(head, 0) >= 0:
		return nil, fmt.Errorf("%w: it has NUL characters, as UTF-16 without a byte order mark has: say --encoding utf-16le or utf-16be, or save it as UTF-8", ErrEncoding)
	case name == "":
		name = marked
	case marked != "" && marked != name:
		return nil, fmt.Errorf("%w: its byte order mark says %s: leave --encoding out", ErrEncoding, marked)
	}
	if _, err := b.Discard(mark); err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	var from encoding.Encoding
	switch name {
	case "", "utf-8":
		return b, nil
	case "utf-16le":
		from = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-16be":
		from = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "windows-1258":
		from = charmap.Windows1258
	default:
		return nil, fmt.Errorf("%w: --encoding is one of %s", ErrEncoding, strings.Join(Encodings(), ", "))
	}
	return from.NewDecoder().Reader(b), nil
}

// markOf tells the encoding that a byte order mark names, and its length.
func markOf(head []byte) (string, int) {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return "utf-8", 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return "utf-16le", 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return "utf-16be", 2
	}
	return "", 0
}

// unreadable says what text is that is not UTF-8, or has letters that were lost; empty
// where all of it can be read.
func unreadable(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not UTF-8: save the file as UTF-8, or say --encoding windows-1258 if Vietnamese Windows made it"
	case strings.ContainsRune(text, utf8.RuneError):
		return "has letters that were lost when the file was converted: export it again as UTF-8"
	}
	return ""
}
