package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Label values that stand for others.
const (
	none  = "none"  // there is no value
	other = "other" // beyond what may be a label
)

const (
	maxChildren = 2000 // of one metric
	maxLabel    = 64   // bytes
)

// family finds the children of a metric by their labels, without a lock or an
// allocation once they are known. Beyond the limit all share one child, so that
// no mistake elsewhere can fill the memory.
type family[K comparable, M any] struct {
	known  atomic.Pointer[map[K]M]
	mu     sync.Mutex // one addition at a time
	limit  int
	rest   K // the labels of the shared child
	create func(K) M
}

func newFamily[K comparable, M any](limit int, rest K, create func(K) M) *family[K, M] {
	f := &family[K, M]{limit: limit, rest: rest, create: create}
	f.known.Store(&map[K]M{})
	return f
}

// of gives the child with these labels.
func (f *family[K, M]) of(k K) M {
	known := *f.known.Load()
	if m, ok := known[k]; ok {
		return m
	}
	if len(known) >= f.limit {
		if m, ok := known[f.rest]; ok {
			return m
		}
	}
	return f.add(k)
}

func (f *family[K, M]) add(k K) M {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := *f.known.Load()
	if len(known) >= f.limit {
		k = f.rest
	}
	if m, ok := known[k]; ok {
		return m
	}
	grown := maps.Clone(known)
	m := f.create(k)
	grown[k] = m
	f.known.Store(&grown)
	return m
}

// label makes a text fit to be a label value.
func label(text string) string {
	switch {
	case text == "":
		return none
	case len(text) > maxLabel || !utf8.ValidString(text):
		return other
	}
	return text
}
