package credential

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // the form of the lists
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// LeakedFile is a file of passwords that got out, as Have I Been Pwned gives them: lines
// of SHA-1 in hexadecimal, sorted, each with what follows it. It is searched where it
// lies: nothing of it is held in memory, however long it is.
type LeakedFile struct{ path string }

var _ Leaks = (*LeakedFile)(nil)

// maxLeakedLine is the longest line, in bytes.
const maxLeakedLine = 128

// NewLeakedFile sees that a file is one. Which lines it has later, it may change.
func NewLeakedFile(path string) (*LeakedFile, error) {
	f := &LeakedFile{path: path}
	first, err := f.search(strings.Repeat("0", 2*sha1.Size))
	if err != nil {
		return nil, err
	}
	if sum, err := hex.DecodeString(first); err != nil || len(sum) != sha1.Size {
		return nil, errors.New("does not begin with a SHA-1 in hexadecimal")
	}
	return f, nil
}

// Leaked fills Leaks.
func (f *LeakedFile) Leaked(_ context.Context, sum [sha1.Size]byte) (bool, error) {
	want := strings.ToUpper(hex.EncodeToString(sum[:]))
	got, err := f.search(want)
	return got == want, err
}

// search gives the sum of the first line that is not before one; empty behind the last.
func (f *LeakedFile) search(want string) (got string, err error) {
	file, err := os.Open(f.path)
	if err != nil {
		return "", fmt.Errorf("opening leaked passwords: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("reading leaked passwords: %w", err)
	}
	low, high := int64(0), info.Size() // of the first bytes of lines
	for low < high {
		middle := low + (high-low)/2
		line, begins, err := lineFrom(file, middle)
		if err != nil {
			return "", err
		}
		if begins < high && line < want {
			low = begins + 1
			continue
		}
		high = middle
	}
	got, _, err = lineFrom(file, low)
	return got, err
}

// lineFrom gives the sum of the first line that begins at a place or behind it.
func lineFrom(file *os.File, at int64) (sum string, begins int64, err error) {
	begins = at
	if at > 0 {
		begins-- // a line begins here if the byte before ends one
	}
	r := bufio.NewReaderSize(io.NewSectionReader(file, begins, 2*maxLeakedLine), 2*maxLeakedLine)
	if at > 0 {
		rest, err := r.ReadString('\n')
		if begins += int64(len(rest)); errors.Is(err, io.EOF) {
			return "", begins, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("reading leaked passwords: %w", err)
		}
	}
	line, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, fmt.Errorf("reading leaked passwords: %w", err)
	}
	sum, _, _ = strings.Cut(strings.TrimSpace(line), ":")
	return strings.ToUpper(sum), begins, nil
}
