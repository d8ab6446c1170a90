package sqlstore

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"eidgate/keys"
	"eidgate/store"
	"eidgate/store/sqlstore/sqlcgen"
)

// testRow does what a test wants while it is written.
type testRow struct{ act func() }

func (r testRow) write(context.Context, *sqlcgen.Queries) (refused, err error) {
	if r.act != nil {
		r.act()
	}
	return nil, nil
}

func testBatch(t *testing.T) *batch[testRow] {
	t.Helper()
	path := filepath.Join(t.TempDir(), "e.db")
	if err := Migrate(t.Context(), Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	sealer, err := keys.LoadSealer(filepath.Join(t.TempDir(), "master.key"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{Path: path}, sealer, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return newBatch[testRow](db)
}

// A batch full of rows whose callers hung up during a commit must not keep out
// everybody who comes after it.
func TestBatchOutlivesCallersWhoLeave(t *testing.T) {
	b := testBatch(t)
	b.writing <- struct{}{} // a commit that takes its time
	ctx, hangUp := context.WithCancel(t.Context())
	var left sync.WaitGroup
	for range maxBatch {
		left.Go(func() {
			if err := b.do(ctx, testRow{}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("do() of a caller who left = %v, want %v", err, store.ErrUnavailable)
			}
		})
	}
	for len(b.waiting) < maxBatch {
		time.Sleep(time.Millisecond)
	}
	hangUp()
	left.Wait()
	<-b.writing
	next, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := b.do(next, testRow{}); err != nil {
		t.Errorf("do() after them = %v, want nil", err)
	}
}

// A panic in one row is its writer's; the others get an error, and what comes
// after is written.
func TestBatchOutlivesPanic(t *testing.T) {
	b := testBatch(t)
	b.writing <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var mu sync.Mutex
	panics, failures := 0, 0
	var all sync.WaitGroup
	for i := range 3 {
		r := testRow{}
		if i == 0 {
			r.act = func() { panic("a row that cannot be written") }
		}
		all.Go(func() {
			defer func() {
				if recover() != nil {
					mu.Lock()
					panics++
					mu.Unlock()
				}
			}()
			if err := b.do(ctx, r); err != nil {
				mu.Lock()
				failures++
				mu.Unlock()
			}
		})
	}
	for len(b.waiting) < 3 {
		time.Sleep(time.Millisecond)
	}
	<-b.writing
	all.Wait()
	if panics != 1 || failures != 2 {
		t.Errorf("%d callers panicked and %d failed, want 1 and 2", panics, failures)
	}
	if err := b.do(ctx, testRow{}); err != nil {
		t.Errorf("do() after a panic = %v, want nil", err)
	}
}
