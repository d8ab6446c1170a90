package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// A file of evidence is JSON lines. Each line says its kind: the header "audit" first,
// then each "checkpoint" followed by its rows, "unsealed" before the rows that have none
// yet, and "end" at the end. What is shipped has checkpoints with or without rows, and
// neither header nor end.

// Header begins an export.
type Header struct {
	Version  int         `json:"version"` // 1
	MadeAt   time.Time   `json:"made_at"`
	Dense    bool        `json:"dense"` // every number up to the last was given to a row
	Keys     []PublicKey `json:"keys"`
	Prunings []Row       `json:"prunings,omitempty"` // rows that tell what retention removed
}

// End ends an export.
type End struct {
	Checkpoints int64 `json:"checkpoints"`
	Rows        int64 `json:"rows"`
}

const (
	kindHeader     = "audit"
	kindCheckpoint = "checkpoint"
	kindRow        = "row"
	kindUnsealed   = "unsealed"
	kindEnd        = "end"
)

// line is one line of a file.
type line struct {
	Kind string `json:"kind"`
	*Header
	*Checkpoint
	Row *Row `json:"row,omitempty"`
	End *End `json:"end,omitempty"`
}

// Writer writes a file of evidence.
type Writer struct {
	out io.Writer
	end End
}

// NewWriter writes to out; whoever gives it flushes and closes it.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

func (w *Writer) line(l line) error {
	text, err := encode(l)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	return nil
}

// Header writes the first line of an export.
func (w *Writer) Header(h Header) error {
	h.Version = 1
	return w.line(line{Kind: kindHeader, Header: &h})
}

// Checkpoint writes a checkpoint; its rows come next.
func (w *Writer) Checkpoint(c Checkpoint) error {
	w.end.Checkpoints++
	return w.line(line{Kind: kindCheckpoint, Checkpoint: &c})
}

// Row writes a row.
func (w *Writer) Row(r Row) error {
	w.end.Rows++
	return w.line(line{Kind: kindRow, Row: &r})
}

// Unsealed says that what follows has no checkpoint yet.
func (w *Writer) Unsealed() error { return w.line(line{Kind: kindUnsealed}) }

// End writes the last line of an export.
func (w *Writer) End() error { return w.line(line{Kind: kindEnd, End: &w.end}) }

// Bounds of a file that is read.
const (
	maxLine  = 4 << 20
	maxGroup = 5 * MaxRows // rows after one checkpoint: some may have been inserted
)

// File reads a file of evidence, one checkpoint with its rows at a time.
type File struct {
	in     *bufio.Scanner
	number int // of the line
	next   *line
	header *Header
	loose  bool // unsealed rows follow
	first  int64
	group  Sealed
	count  End
	ended  *End
}

// Open reads the beginning of a file.
func Open(in io.Reader) (*File, error) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	f := &File{in: s}
	if err := f.advance(); err != nil {
		return nil, err
	}
	if f.next == nil {
		return nil, errors.New("the file is empty")
	}
	if f.next.Kind == kindHeader {
		f.header = f.next.Header
		if f.header == nil || f.header.Version != 1 {
			return nil, errors.New("line 1: a header of another version")
		}
		if err := f.advance(); err != nil {
			return nil, err
		}
	}
	if f.next != nil && f.next.Kind == kindCheckpoint {
		f.first = f.next.N
	}
	return f, nil
}

// Header is what the file says first, nil where it has no header.
func (f *File) Header() *Header { return f.header }

// advance reads the next line; next is nil at the end.
func (f *File) advance() error {
	f.next = nil
	for f.in.Scan() {
		f.number++
		if len(f.in.Bytes()) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(f.in.Bytes(), &l); err != nil {
			if f.header == nil && f.number > 1 {
				continue // a try to ship ended in the middle of it; it was shipped again
			}
			return fmt.Errorf("line %d is no evidence: %w", f.number, err)
		}
		bad := l.Kind == kindCheckpoint && l.Checkpoint == nil || l.Kind == kindRow && l.Row == nil || l.Kind == kindEnd && l.End == nil
		if bad {
			return fmt.Errorf("line %d: a %s that says nothing", f.number, l.Kind)
		}
		f.next = &l
		return nil
	}
	if err := f.in.Err(); err != nil {
		return fmt.Errorf("reading after line %d: %w", f.number, err)
	}
	return nil
}

// Next gives the next checkpoint with its rows, nil at the end.
func (f *File) Next() (*Sealed, error) {
	for f.next != nil && f.next.Kind != kindCheckpoint {
		switch f.next.Kind {
		case kindUnsealed:
			f.loose = true
			return nil, nil
		case kindEnd:
			f.ended = f.next.End
			return nil, nil
		case kindHeader: // files put after each other
		default:
			return nil, fmt.Errorf("line %d: a %q before any checkpoint", f.number, f.next.Kind)
		}
		if err := f.advance(); err != nil {
			return nil, err
		}
	}
	if f.next == nil {
		return nil, nil
	}
	f.group = Sealed{Checkpoint: *f.next.Checkpoint}
	f.count.Checkpoints++
	for {
		if err := f.advance(); err != nil {
			return nil, err
		}
		if f.next == nil || f.next.Kind != kindRow {
			return &f.group, nil
		}
		if f.group.Rows = append(f.group.Rows, *f.next.Row); len(f.group.Rows) > maxGroup {
			return nil, fmt.Errorf("line %d: more rows than a checkpoint has", f.number)
		}
		f.count.Rows++
	}
}

// Shipped gives what the file holds, as Plan wants it.
func (f *File) Shipped(yield func(Sealed, error) bool) {
	for {
		s, err := f.Next()
		if s == nil && err == nil {
			return
		}
		if err != nil {
			yield(Sealed{}, err)
			return
		}
		if !yield(*s, nil) {
			return
		}
	}
}

// VerifyFile goes over an export where there is no gateway. p.Keys are those that the
// auditor trusts; those of the file itself show only that it is of one piece.
func VerifyFile(ctx context.Context, f *File, p Plan) (Result, error) {
	if f.header == nil {
		return Result{}, errors.New("the file has no header: it was shipped, not exported; give it as --checkpoints beside a database")
	}
	e := &fileEvidence{f}
	p.Since, p.Shipped = time.Time{}, nil
	i := newInspector(p, e, Known{Dense: f.header.Dense})
	i.from = max(f.first, 1)
	i.prev.n = i.from - 1
	if err := i.begin(ctx); err != nil {
		return i.result, err
	}
	if err := i.chain(ctx); err != nil {
		return i.result, err
	}
	for f.loose {
		if err := f.advance(); err != nil {
			return i.result, err
		}
		if f.next == nil || f.next.Kind != kindRow {
			break
		}
		f.count.Rows++
		i.result.Waiting++
	}
	if f.next != nil && f.next.Kind == kindEnd {
		f.ended = f.next.End
	}
	if f.ended == nil || *f.ended != f.count {
		i.report(Finding{Kind: TailCut, What: "the file does not end as the export of it did: lines are missing"})
	}
	return i.result, nil
}

// fileEvidence gives the inspector one group of the file after the other.
type fileEvidence struct{ *File }

var _ Evidence = (*fileEvidence)(nil)

func (e *fileEvidence) Known(context.Context) (Known, error) {
	return Known{Dense: e.header.Dense}, nil
}

func (e *fileEvidence) Checkpoints(context.Context, int64, int) ([]Checkpoint, error) {
	s, err := e.Next()
	if s == nil || err != nil {
		return nil, err
	}
	return []Checkpoint{s.Checkpoint}, nil
}

func (e *fileEvidence) EachRow(_ context.Context, _, _ int64, visit func(Row) error) error {
	for _, r := range e.group.Rows {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *fileEvidence) Prunings(_ context.Context, after int64) ([]Row, error) {
	if after > 0 || len(e.header.Prunings) == 0 {
		return nil, nil
	}
	return e.header.Prunings, nil
}

func (e *fileEvidence) Since(context.Context, time.Time) (int64, error) { return e.first, nil }
