package portability

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store"
)

// File is a file to import.
type File struct {
	Open     func() (io.ReadCloser, error) // from its beginning, as often as asked
	Encoding string                        // one of Encodings; empty: UTF-8, or what its mark says
	Faults   string                        // path of the file of faults
}

// Options say how a file is imported.
type Options struct {
	Place accounts.Place
	Actor string
	// DryRun writes nothing but the file of faults.
	DryRun bool
	// Full takes all of the time of the one who writes; else others come first.
	Full bool
	// Alone: no process serves yet, so that none has to hear of old subjects first.
	Alone bool
	// CheckHash reports whether a hash of a password is of a kind that can be verified.
	CheckHash func(hash string) error
	Now       func() time.Time
	// Report is told how far the import is, after each batch; nil tells nobody.
	Report func(Progress)
}

// Progress is how far an import is.
type Progress struct {
	Rows   int // that were read, of an import that goes on before as well
	Of     int
	Begun  int // where this run began
	Counts accounts.ImportCounts
}

// Result is how an import ended.
type Result struct {
	Import  accounts.Import
	Resumed int      // rows that an earlier run had done
	Ignored []string // names of columns that nothing was read from
	Faults  string   // path of the file of faults; empty: there are none
}

// Run imports a file, or goes on with one that was broken off: the digest of the whole
// file says which. The same file again changes nothing.
func Run(ctx context.Context, importer *accounts.Importer, file File, o Options) (Result, error) {
	s, err := surveyed(file.Open, file.Encoding)
	if err != nil {
		return Result{}, err
	}
	if s.rows == 0 {
		return Result{}, fmt.Errorf("%w: it has no rows", ErrFile)
	}
	r := &run{importer: importer, file: file, Options: o, survey: s}
	if err := r.begin(ctx); err != nil {
		return Result{}, err
	}
	err = r.all(ctx)
	if err != nil {
		return Result{Import: r.at}, errors.Join(err, r.faults.close(), r.input.Close())
	}
	if err := r.whole(ctx); err != nil {
		return Result{}, errors.Join(err, r.faults.close(), r.input.Close())
	}
	if err := r.input.Close(); err != nil {
		return Result{}, err
	}
	if err := r.take(ctx); err != nil {
		return Result{Import: r.at}, errors.Join(err, r.faults.close())
	}
	place, err := r.faults.finish()
	if err == nil && !o.DryRun {
		err = importer.Finish(ctx, &r.at, o.Actor)
	}
	return Result{Import: r.at, Resumed: r.resumed, Ignored: s.ignored, Faults: place}, err
}

// run is one run of Run.
type run struct {
	Options
	importer *accounts.Importer
	file     File
	survey   *survey

	input   io.Closer
	text    io.Reader // the file, and what it is made of goes to digest
	digest  hash.Hash
	reader  *reader
	check   checker
	keep    func(row *accounts.OldAccount, there accounts.OldAccount)
	faults  *faultsFile
	at      accounts.Import // how far it is
	resumed int
	began   time.Time    // when the first rows were written
	size    atomic.Int64 // rows of the next batch
}

// Sizes of batches, in rows, and how long the work of one may keep others from writing:
// the size follows from it. What a disk needs to commit does not depend on the size. A
// batch that need not yield is as large as memory allows: rows fall all over the indexes
// of keyed hashes, and each page of those is written once for all rows that meet in it.
const (
	firstBatch = 200
	leastBatch = 100
	mostBatch  = 1000
	mostWork   = 25 * time.Millisecond
	fullBatch  = 8000
)

// begin opens the file where the import goes on.
func (r *run) begin(ctx context.Context) error {
	before, err := r.importer.Find(ctx, r.Place.Source, r.survey.digest)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return err
	}
	r.size.Store(firstBatch)
	if r.Full {
		r.size.Store(fullBatch)
	}
	resume := before.ID != "" && before.FinishedAt.IsZero() && !r.DryRun
	if resume {
		if err := r.open(before.Offset, before.Rows); err != nil {
			return err
		}
		whole, err := r.faults.resume(before.Counts.FaultsSize)
		if err != nil {
			return errors.Join(err, r.input.Close())
		}
		if !whole { // its rows would be lost: all is read again, and what is there stays
			if err := r.input.Close(); err != nil {
				return err
			}
			resume = false
		}
	}
	if !resume {
		if err := r.open(0, 0); err != nil {
			return err
		}
	}
	if r.DryRun {
		r.at = accounts.Import{Source: r.Place.Source, Digest: r.survey.digest}
		return nil
	}
	if r.at, err = r.importer.Begin(ctx, before, r.Place.Source, r.survey.digest, resume, r.Actor); err != nil {
		return errors.Join(err, r.faults.close(), r.input.Close())
	}
	r.resumed = r.at.Rows
	return nil
}

func (r *run) open(offset int64, rows int) error {
	f, err := r.file.Open()
	if err != nil {
		return err
	}
	r.input = f
	r.digest = sha256.New()
	r.text = io.TeeReader(f, r.digest)
	if r.reader, err = newReader(r.text, r.file.Encoding, offset, rows); err != nil {
		return errors.Join(err, f.Close())
	}
	r.check = checker{columns: r.reader.columns, now: r.Now(), checkHash: r.CheckHash}
	r.keep = keeper(r.reader.columns)
	r.faults = newFaultsFile(r.file.Faults, r.reader)
	return nil
}

// all reads, checks and stages ahead of what is being written.
func (r *run) all(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	checked, staged := make(chan *batch), make(chan *batch) // three batches are under way
	go func() {
		defer close(checked)
		r.read(ctx, checked)
	}()
	go func() {
		defer close(staged)
		for b := range checked {
			if b.err == nil {
				b.err = r.stage(ctx, b)
			}
			select {
			case staged <- b:
			case <-ctx.Done():
			}
		}
	}()
	err := r.writeAll(ctx, staged)
	stop()
	for range staged { // until both have ended: they read the file
	}
	return err
}

// whole reports whether what was imported is the file that was looked through: somebody
// may have written another in its place meanwhile. Then all is read again next time.
func (r *run) whole(ctx context.Context) error {
	if _, err := io.Copy(io.Discard, r.text); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if bytes.Equal(r.digest.Sum(nil), r.survey.digest[:]) {
		return nil
	}
	err := fmt.Errorf("%w: it was written to while it was read: import it again when nobody writes to it any more; rows that were taken in stay", ErrFile)
	if !r.DryRun {
		_, again := r.importer.Begin(ctx, r.at, r.Place.Source, r.survey.digest, false, r.Actor)
		err = errors.Join(err, again)
	}
	return err
}

// take gives old subjects to people who were linked before the file came.
func (r *run) take(ctx context.Context) error {
	if r.DryRun || r.began.IsZero() || r.reader.holds(colSubject) < 0 {
		return nil
	}
	began := r.began
	if r.Alone {
		began = time.Time{}
	}
	_, err := takeSubjects(ctx, r.importer, r.Place.Sector, began, r.Now)
	return err
}

func (r *run) read(ctx context.Context, out chan<- *batch) {
	for ctx.Err() == nil {
		b := r.batch()
		failed := b.err != nil // before it is somebody else's
		if b.last == 0 && !failed {
			return
		}
		select {
		case out <- b:
		case <-ctx.Done():
		}
		if failed {
			return
		}
	}
}

// batch reads and checks the next rows; none at the end of the file.
func (r *run) batch() *batch {
	b := &batch{}
	more := false
	for most := int(r.size.Load()); more || len(b.rows) < most && len(b.faults) < most; {
		rec, err := r.reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.err = err
			break
		}
		b.last, b.end, more = rec.row, rec.end, rec.more
		if rec.fault != "" {
			b.faults = append(b.faults, faultRow{rec.row, rec.fields, rec.fault})
			continue
		}
		same := r.survey.same(r.reader.columns, rec)
		switch {
		case same != nil && same.contradicted:
			b.faults = append(b.faults, faultRow{rec.row, rec.fields, same.fault(rec.row)})
			continue
		case same != nil && len(same.rows) > 1 && same.rows[0] != rec.row:
			b.duplicates++
			continue
		}
		old, faults := r.check.row(rec.fields)
		if len(faults) > 0 {
			b.faults = append(b.faults, faultRow{rec.row, rec.fields, faults.String()})
			continue
		}
		b.rows, b.raw = append(b.rows, old), append(b.raw, faultRow{row: rec.row, fields: rec.fields})
	}
	return b
}

func (r *run) stage(ctx context.Context, b *batch) (err error) {
	b.staged, err = r.importer.Stage(ctx, r.Place, b.rows, r.keep)
	return err
}

func (r *run) writeAll(ctx context.Context, staged <-chan *batch) error {
	for b := range staged {
		if b.err != nil {
			return b.err
		}
		if err := r.write(ctx, b); err != nil {
			return err
		}
		if r.Report != nil {
			r.Report(Progress{Rows: r.at.Rows, Of: r.survey.rows, Begun: r.resumed, Counts: r.at.Counts})
		}
	}
	return ctx.Err()
}

// How often a batch is tried again that meets others, and how long after.
const (
	maxTries = 100
	retry    = 100 * time.Millisecond
)

// write writes a batch: the faults first, for how far the import came counts them in.
func (r *run) write(ctx context.Context, b *batch) error {
	for try := 1; ; try++ {
		size := r.faults.size
		after := r.at
		after.Rows, after.Offset = b.last-1, b.end
		if err := r.faults.add(b.count(&after.Counts)); err != nil {
			return err
		}
		after.Counts.FaultsSize = r.faults.size
		if r.DryRun {
			r.at = after
			return nil
		}
		pressure, err := r.importer.Write(ctx, r.Place, r.at, &after, b.staged)
		if err == nil {
			r.at = after
			if r.began.IsZero() {
				r.began = r.Now()
			}
			return r.yield(ctx, pressure, len(b.staged))
		}
		if try == maxTries || !errors.Is(err, accounts.ErrStale) && !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if err := r.faults.cut(size); err != nil {
			return err
		}
		if err := wait(ctx, retry); err != nil {
			return err
		}
		if err := r.stage(ctx, b); err != nil {
			return err
		}
	}
}

// yield leaves time to others: as long as the batch took, and longer while they write.
func (r *run) yield(ctx context.Context, p accounts.Pressure, rows int) error {
	if r.Full {
		return ctx.Err()
	}
	switch size := r.size.Load(); {
	case p.Worked > mostWork:
		r.size.Store(max(leastBatch, size/2))
	case p.Worked < mostWork/2 && int64(rows) >= size:
		r.size.Store(min(mostBatch, size+size/4))
	}
	pause := p.Held / 2
	if p.Others {
		pause = 2 * p.Held
	}
	return wait(ctx, pause)
}

func wait(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
