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
	"sync"
)

// LeakedFile is a file of passwords that got out, as Have I Been Pwned gives them: lines
// of SHA-1 in hexadecimal, sorted, each with what follows it. It is searched where it
// lies: nothing of it is held in memory, however long it is.
//
// It stays open: another file counts from when it has this one's name, and one that
// cannot be read or is no list never takes its place.
type LeakedFile struct {
	path string

	mu   sync.RWMutex // held while file is read
	file *os.File
}

var _ Leaks = (*LeakedFile)(nil)

// maxLeakedLine is the longest line, in bytes.
const maxLeakedLine = 128

// NewLeakedFile opens a file, and sees that it is one.
func NewLeakedFile(path string) (*LeakedFile, error) {
	file, err := openLeaked(path)
	if err != nil {
		return nil, err
	}
	return &LeakedFile{path: path, file: file}, nil
}

// Leaked fills Leaks. It fails where nobody knows: the file cannot be read, or was
// overwritten with something else.
func (f *LeakedFile) Leaked(_ context.Context, sum [sha1.Size]byte) (bool, error) {
	f.renew()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := checkLeaked(f.file); err != nil {
		return false, err
	}
	want := strings.ToUpper(hex.EncodeToString(sum[:]))
	got, err := searchLeaked(f.file, want)
	return got == want, err
}

// Close ends it.
func (f *LeakedFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// renew takes the file that has the name now, if it is another and a list.
func (f *LeakedFile) renew() {
	f.mu.RLock()
	have, err := f.file.Stat()
	f.mu.RUnlock()
	named, wrong := os.Stat(f.path)
	if err != nil || wrong != nil || os.SameFile(have, named) {
		return
	}
	file, err := openLeaked(f.path)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close() // it was read only
	f.file = file
}

func openLeaked(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening leaked passwords: %w", err)
	}
	if err := checkLeaked(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// checkLeaked sees that a file begins as a list does.
func checkLeaked(file *os.File) error {
	first, _, err := lineFrom(file, 0)
	if err != nil {
		return err
	}
	if sum, err := hex.DecodeString(first); err != nil || len(sum) != sha1.Size {
		return errors.New("leaked passwords: the file does not begin with a SHA-1 in hexadecimal")
	}
	return nil
}

// searchLeaked gives the sum of the first line that is not before one; empty behind the
// last.
func searchLeaked(file *os.File, want string) (string, error) {
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
	got, _, err := lineFrom(file, low)
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
