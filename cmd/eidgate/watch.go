package main

import (
	"context"
	"io/fs"
	"os"
	"time"
)

const (
	// lookEvery is how often files are looked at. What changed is read at the next
	// look, if it has come to rest: an editor may be in the middle of writing.
	lookEvery = time.Second
	// looksToRetry is how many looks later a subject that asks for it is read again.
	looksToRetry = 10
)

// watch reads files again when they change, and on SIGHUP, whose only owner it
// is. Looking at them follows links, so that a link that changes its target, as
// Kubernetes' ..data does, is a change.
type watch struct {
	hangup   <-chan os.Signal
	every    time.Duration
	subjects []*subject
}

// subject is one thing that is read from files.
type subject struct {
	files func() []string
	// reload reads them. asked says that somebody wants it now. It reports whether
	// that is settled: else it is tried again.
	reload func(ctx context.Context, asked bool) bool

	read  stamps // of the files when they were last read
	seen  stamps // at the last look
	retry int    // looks until the next try; 0: none is due
}

// newSubject begins with the files that are there now. It is made before they
// are read for the first time, so that no change is missed.
func newSubject(files func() []string, reload func(context.Context, bool) bool) *subject {
	now := stampsOf(files())
	return &subject{files: files, reload: reload, read: now, seen: now}
}

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return nil
		case <-w.hangup:
			asked = true
		case <-tick.C:
		}
		for _, s := range w.subjects {
			s.look(ctx, asked)
		}
	}
}

// look reads the subject if that is asked for, if its files changed and have come
// to rest, or if a try is due.
func (s *subject) look(ctx context.Context, asked bool) {
	now := stampsOf(s.files())
	settled := now.same(s.seen)
	s.seen = now
	s.retry = max(s.retry-1, 0)
	if !asked && (!settled || now.same(s.read) && s.retry != 1) {
		return
	}
	s.read, s.retry = now, 0 // taken before the reading: a change during it shows at the next look
	if !s.reload(ctx, asked) {
		s.retry = looksToRetry + 1
	}
}

// stamps tell one state of some files from another; nil for a file that is not
// there.
type stamps map[string]fs.FileInfo

func stampsOf(files []string) stamps {
	s := make(stamps, len(files))
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			info = nil
		}
		s[name] = info
	}
	return s
}

func (s stamps) same(other stamps) bool {
	if len(s) != len(other) {
		return false
	}
	for name, a := range s {
		b, known := other[name]
		if !known || (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!os.SameFile(a, b) || !a.ModTime().Equal(b.ModTime()) || a.Size() != b.Size() || a.Mode() != b.Mode()) {
			return false
		}
	}
	return true
}
