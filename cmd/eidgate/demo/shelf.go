package demo

import (
	"container/list"
	"crypto/rand"
	"sync"
	"time"
)

// shelf keeps values for a while under random handles. It is bounded: when full,
// the oldest value makes room.
type shelf[V any] struct {
	limit int
	ttl   time.Duration
	now   func() time.Time

	mu    sync.Mutex
	items map[string]*list.Element
	order *list.List // of entry[V], oldest first; all live equally long, so also by expiry
}

type entry[V any] struct {
	handle string
	value  V
	until  time.Time
}

func newShelf[V any](limit int, ttl time.Duration, now func() time.Time) *shelf[V] {
	return &shelf[V]{limit: limit, ttl: ttl, now: now, items: make(map[string]*list.Element), order: list.New()}
}

// put keeps a value and returns its handle: at least 128 random bits.
func (s *shelf[V]) put(v V) string {
	handle := rand.Text()
	s.putUnder(handle, v)
	return handle
}

// get reads a value; the zero value when there is none.
func (s *shelf[V]) get(handle string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	el, ok := s.items[handle]
	if !ok {
		var zero V
		return zero, false
	}
	return el.Value.(entry[V]).value, true
}

// take removes and returns a value that satisfies may: at most one caller gets
// it, and one who may not have it leaves it where it is.
func (s *shelf[V]) take(handle string, may func(V) bool) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	var zero V
	el, ok := s.items[handle]
	if !ok {
		return zero, false
	}
	v := el.Value.(entry[V]).value
	if !may(v) {
		return zero, false
	}
	s.remove(el)
	return v, true
}

// drop removes a value, if it is there.
func (s *shelf[V]) drop(handle string) {
	s.take(handle, func(V) bool { return true })
}

// dropWhere removes every value that matches, and counts them.
func (s *shelf[V]) dropWhere(matches func(V) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for el := s.order.Front(); el != nil; {
		next := el.Next()
		if matches(el.Value.(entry[V]).value) {
			s.remove(el)
			n++
		}
		el = next
	}
	return n
}

// putUnder keeps a value under a handle of somebody else's making, unless there
// is one under it already.
func (s *shelf[V]) putUnder(handle string, v V) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if _, ok := s.items[handle]; ok {
		return false
	}
	if s.order.Len() >= s.limit {
		s.remove(s.order.Front())
	}
	s.items[handle] = s.order.PushBack(entry[V]{handle, v, s.now().Add(s.ttl)})
	return true
}

func (s *shelf[V]) sweep() {
	now := s.now()
	for el := s.order.Front(); el != nil && !now.Before(el.Value.(entry[V]).until); el = s.order.Front() {
		s.remove(el)
	}
}

func (s *shelf[V]) remove(el *list.Element) {
	delete(s.items, s.order.Remove(el).(entry[V]).handle)
}
