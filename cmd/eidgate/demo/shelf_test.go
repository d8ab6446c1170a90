package demo

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestShelfIsBounded(t *testing.T) {
	s := newShelf[int](3, time.Minute, time.Now)
	var handles []string
	for i := range 10 {
		handles = append(handles, s.put(i))
	}
	for i, h := range handles {
		if _, ok := s.get(h); ok != (i >= 7) {
			t.Errorf("value %d kept = %t, want the last three only", i, ok)
		}
	}
	s.drop(handles[8])
	if len(s.items) != 2 || s.order.Len() != 2 {
		t.Errorf("shelf holds %d and %d entries, want 2 and 2", len(s.items), s.order.Len())
	}
}

func TestShelfExpires(t *testing.T) {
	now := time.Now()
	s := newShelf[string](10, time.Minute, func() time.Time { return now })
	h := s.put("v")
	now = now.Add(time.Minute - 1)
	if v, ok := s.get(h); !ok || v != "v" {
		t.Errorf("get before the end = %q, %t, want v, true", v, ok)
	}
	now = now.Add(1)
	if _, ok := s.take(h, func(string) bool { return true }); ok {
		t.Error("take at the end succeeded")
	}
	if len(s.items) != 0 {
		t.Errorf("%d expired values are kept", len(s.items))
	}
}

func TestShelfTakesOnce(t *testing.T) {
	s := newShelf[int](10, time.Minute, time.Now)
	h := s.put(1)
	if _, ok := s.take(h, func(int) bool { return false }); ok {
		t.Error("one who may not have the value got it")
	}
	var winners atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, ok := s.take(h, func(int) bool { return true }); ok {
				winners.Add(1)
			}
		})
	}
	wg.Wait()
	if winners.Load() != 1 {
		t.Errorf("take had %d winners, want 1", winners.Load())
	}
}
