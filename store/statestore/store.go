// Package statestore keeps passing state in a SQLite file of its own, so that a
// restart signs nobody out. It serves one machine.
package statestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"eidgate/store"
	"eidgate/store/sqlitefile"
)

// Config says where the file is and how often it is swept.
type Config struct {
	Path string // of the SQLite file, made if it is not there
	// SweepEvery is the pause between sweeps. Default one minute.
	SweepEvery time.Duration
	// Log takes the warning about a sweep that failed. Default slog.Default.
	Log *slog.Logger
}

// Store fills store.State. It is safe for concurrent use, and several processes
// may share the file.
type Store struct {
	cfg    Config
	file   *sqlitefile.File
	writer statements
	reader statements
	now    func() time.Time
}

var _ store.State = (*Store)(nil)

// schema keeps an entry until expires, in nanoseconds since 1970. A counter's
// value is its decimal text.
const schema = `
CREATE TABLE IF NOT EXISTS entries (
	slot    TEXT    NOT NULL,
	key     TEXT    NOT NULL,
	value   BLOB    NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (slot, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires)`

// Open opens the file. now decides what has expired.
func Open(ctx context.Context, cfg Config, now func() time.Time) (*Store, error) {
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if err := sqlitefile.Create(cfg.Path); err != nil {
		return nil, fmt.Errorf("opening passing state: %w", err)
	}
	// Passing state may lose the moments before a power cut: NORMAL.
	file, err := sqlitefile.Open(ctx, cfg.Path, "NORMAL")
	if err != nil {
		return nil, fmt.Errorf("opening passing state: %w", err)
	}
	s := &Store{cfg: cfg, file: file, now: now}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening passing state: %w", err), file.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) (err error) {
	if _, err := s.file.Writer.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("making table: %w", err)
	}
	if s.writer, err = prepare(ctx, s.file.Writer); err != nil {
		return err
	}
	s.reader, err = prepare(ctx, s.file.Reader)
	return err
}

// Ping reports whether the file can be reached.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error {
	return errors.Join(s.reader.close(), s.writer.close(), s.file.Close())
}

// Apply fills store.State. Operations that exceed the limits are refused before
// any is done; any other error leaves nothing done and wraps
// store.ErrUnavailable. Reads take no write lock.
func (s *Store) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	if err := store.Check(slot, ops); err != nil {
		return nil, fmt.Errorf("applying to passing state: %w", err)
	}
	var results []store.Result
	var err error
	switch {
	case !store.ReadsOnly(ops):
		results, err = s.inTransaction(ctx, s.file.Writer, s.writer, nil, slot, ops)
	case len(ops) == 1: // one statement is atomic as it is
		if ctx, err = sqlitefile.Short(ctx); err == nil {
			results, err = run(ctx, s.reader, slot, s.now(), ops)
		}
	case len(ops) == 2 && ops[0].Slot == "" && ops[1].Slot == "":
		if ctx, err = sqlitefile.Short(ctx); err == nil {
			results, err = getTwo(ctx, s.reader, slot, s.now(), ops[0].Key, ops[1].Key)
		}
	case len(ops) > 1:
		results, err = s.inTransaction(ctx, s.file.Reader, s.reader, &sql.TxOptions{ReadOnly: true}, slot, ops)
	}
	if err != nil {
		return nil, fmt.Errorf("applying to passing state: %w: %w", store.ErrUnavailable, err)
	}
	return results, nil
}

func (s *Store) inTransaction(ctx context.Context, db *sql.DB, prepared statements, mode *sql.TxOptions,
	slot string, ops []store.Op,
) ([]store.Result, error) {
	tx, err := db.BeginTx(ctx, mode)
	if err != nil {
		return nil, fmt.Errorf("beginning: %w", err)
	}
	// The time counts from when the lock is held, not from when it was asked for.
	// Whoever holds it waits for nobody: watching ctx would cost more than the statements.
	unwatched := context.WithoutCancel(ctx)
	results, err := run(unwatched, prepared.within(unwatched, tx), slot, s.now(), ops)
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("committing: %w", err)
	}
	return results, nil
}

// sweepBatch is how many entries one transaction of a sweep removes, so that
// sign-ins never wait long for it.
const sweepBatch = 500

// Run removes expired entries from time to time until ctx ends, then returns
// nil. A sweep that fails is logged and tried again.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "sweeping passing state failed", "err", err)
			}
		}
	}
}

// sweep removes what has expired, batch by batch.
func (s *Store) sweep(ctx context.Context) error {
	for {
		done, err := s.writer.sweep.ExecContext(ctx, s.now().UnixNano(), sweepBatch)
		if err != nil {
			return fmt.Errorf("removing expired entries: %w", err)
		}
		n, err := done.RowsAffected()
		if err != nil {
			return fmt.Errorf("counting removed entries: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}
