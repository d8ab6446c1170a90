package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
)

// Appender receives checkpoints into a file that only grows, such as one on another
// machine's disk or one that the system lets nobody shorten.
type Appender struct{ path string }

var _ Receiver = (*Appender)(nil)

// NewAppender opens nothing.
func NewAppender(path string) *Appender { return &Appender{path} }

// Receive appends a line for each checkpoint. A line that an earlier try left torn is
// ended first; readers pass over it.
func (a *Appender) Receive(_ context.Context, list []Checkpoint) (err error) {
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var text bytes.Buffer
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("looking at the end: %w", err)
	}
	if n := info.Size(); info.Mode().IsRegular() && n > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, n-1); err != nil {
			return fmt.Errorf("looking at the end: %w", err)
		}
		if last[0] != '\n' {
			text.WriteByte('\n')
		}
	}
	w := NewWriter(&text)
	for _, c := range list {
		if err := w.Checkpoint(c); err != nil {
			return err
		}
	}
	if _, err := f.Write(text.Bytes()); err != nil {
		return fmt.Errorf("appending: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("appending: %w", err)
	}
	return nil
}
