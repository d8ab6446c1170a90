package fedtest

import (
	"crypto/rand"
	"time"
)

const maxShelf = 1000

// shelf keeps values under random handles for a while, at most maxShelf of them.
// The provider's mutex guards it.
type shelf[T any] struct {
	life  time.Duration
	items map[string]shelved[T]
}

type shelved[T any] struct {
	value T
	until time.Time
}

func newShelf[T any](life time.Duration) shelf[T] {
	return shelf[T]{life: life, items: map[string]shelved[T]{}}
}

func (s *shelf[T]) put(value T, now time.Time) (handle string) {
	if len(s.items) >= maxShelf {
		for h, item := range s.items {
			if !now.Before(item.until) {
				delete(s.items, h)
			}
		}
	}
	for h := range s.items {
		if len(s.items) < maxShelf {
			break
		}
		delete(s.items, h)
	}
	handle = rand.Text()
	s.items[handle] = shelved[T]{value: value, until: now.Add(s.life)}
	return handle
}

func (s *shelf[T]) get(handle string, now time.Time) (value T, ok bool) {
	item, ok := s.items[handle]
	if !ok || !now.Before(item.until) {
		return value, false
	}
	return item.value, true
}

// take reads a value that counts once.
func (s *shelf[T]) take(handle string, now time.Time) (value T, ok bool) {
	value, ok = s.get(handle, now)
	delete(s.items, handle)
	return value, ok
}
