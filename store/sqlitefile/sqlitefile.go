// Package sqlitefile owns how the gateway opens a SQLite file: private to its
// user, one writer, several readers, times as integers.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite" // also registers the driver named "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyWait is how long a lock of somebody else is waited for.
const busyWait = 2 * time.Second

// readers is how many connections read beside the writer.
const readers = 4

// File is an open SQLite file. Writer has one connection, on which each
// transaction takes the write lock at its begin, so that two writers wait for
// each other (2 s at most) instead of failing half way. Reader refuses writes.
type File struct {
	Writer *sql.DB
	Reader *sql.DB
}

// Create makes the file with mode 0600, and its folder with 0700, unless they
// are there. SQLite gives its side files the mode of the file.
func Create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making folder of database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("making database file: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return fmt.Errorf("making database file private: %w", err)
	}
	return nil
}

// Open opens a file that exists. synchronous is what a commit waits for: FULL
// for data that must outlive a power cut, NORMAL for data that may lose its last
// moments then.
func Open(ctx context.Context, path, synchronous string) (*File, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	writer, err := sql.Open("sqlite", dsn(path, synchronous, "immediate", "query_only(0)"))
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", dsn(path, synchronous, "deferred", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening database: %w", err), writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	f := &File{Writer: writer, Reader: reader}
	if err := f.await(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// await is Ping, again and again while another process that opens the file at the
// same time turns it to write-ahead logging: SQLite's own waiting excludes that.
func (f *File) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyWait)
	defer cancel()
	for {
		err := f.Ping(ctx)
		var e *sqlite.Error
		if err == nil || !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ping reports whether the file can be reached by writer and readers.
func (f *File) Ping(ctx context.Context) error {
	if err := errors.Join(f.Writer.PingContext(ctx), f.Reader.PingContext(ctx)); err != nil {
		return fmt.Errorf("reaching database: %w", err)
	}
	return nil
}

// Unavailable reports whether an error says that the file cannot be used now: it
// is locked by somebody else, its disk fails or is full, or time ran out.
func Unavailable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // the low byte is the kind
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// Short is the context of a read of a few rows. One that has ended is an error; a
// living one is not watched meanwhile: that would cost as much as the read.
func Short(ctx context.Context) (context.Context, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return context.WithoutCancel(ctx), nil
}

// Close closes all connections.
func (f *File) Close() error { return errors.Join(f.Reader.Close(), f.Writer.Close()) }

// dsn names the file and the settings of each connection. Without integer times
// SQLite would compare texts in the writer's zone.
func dsn(path, synchronous, txlock, mode string) string {
	q := url.Values{
		"_time_integer_format": {"unix_micro"},
		"_inttotime":           {"1"},
		"_txlock":              {txlock},
		"_pragma": {
			"busy_timeout(" + strconv.FormatInt(busyWait.Milliseconds(), 10) + ")", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "foreign_keys(1)", mode,
		},
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}
