package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/store"
	"eidgate/store/sqlstore/sqlcgen"
)

// Bounds of one transaction that several callers share.
const (
	maxBatch  = 64
	batchTime = 2 * time.Second
)

// row is something to write that can be refused without an effect.
type row interface {
	write(ctx context.Context, q *sqlcgen.Queries) (refused, err error)
}

// batch writes what several callers bring at one time in one transaction, so
// that they wait for one commit, and a disk that takes its time costs rate no
// more than it must. Whoever comes while another commits joins the next one.
type batch[R row] struct {
	db      *DB
	waiting chan *pending[R]
	writing chan struct{} // held by the caller who writes for all
}

// pending is a row that waits, and its outcome.
type pending[R row] struct {
	row     R
	refused error
	done    chan error
}

func newBatch[R row](db *DB) *batch[R] {
	return &batch[R]{db: db, waiting: make(chan *pending[R], maxBatch), writing: make(chan struct{}, 1)}
}

// errUnwritten is the outcome of rows whose transaction somebody's panic ended.
var errUnwritten = errors.New("the transaction was not ended")

// do writes one row. Its error is the row's own refusal, or says that the
// transaction failed for all. A caller who gives up may find its row written.
func (b *batch[R]) do(ctx context.Context, r R) error {
	p := &pending[R]{row: r, done: make(chan error, 1)}
	waiting := b.waiting
	for {
		select {
		case waiting <- p:
			waiting = nil // once
		case err := <-p.done:
			return err
		case b.writing <- struct{}{}: // before p waits, too: those who did may have left all
			b.writeAll(ctx)
		case <-ctx.Done():
			return fmt.Errorf("waiting for a commit: %w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}

// writeAll writes what waits now, and lets the next caller write. It goes on when
// its caller has left: others wait for it.
func (b *batch[R]) writeAll(ctx context.Context) {
	defer func() { <-b.writing }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTime)
	defer cancel()
	var list []*pending[R]
	for len(list) < maxBatch {
		select {
		case p := <-b.waiting:
			list = append(list, p)
			continue
		default:
		}
		break
	}
	if len(list) == 0 {
		return
	}
	err := errUnwritten
	defer func() {
		for _, p := range list {
			p.done <- errors.Join(p.refused, err)
		}
	}()
	err = b.db.writeAs(ctx, kindAudit, func(q *sqlcgen.Queries) error {
		// Whoever holds the lock waits for nobody: watching ctx would cost more than
		// the statements.
		unwatched := context.WithoutCancel(ctx)
		for _, p := range list {
			var err error
			if p.refused, err = p.row.write(unwatched, q); err != nil {
				return err
			}
		}
		return nil
	})
}
