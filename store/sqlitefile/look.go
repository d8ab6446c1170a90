package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
)

// Look opens a file that exists for reading alone, beside whoever writes to it. It
// makes no file: without a write-ahead log nobody has the database open, and then
// it is read as it lies there.
func Look(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("looking at database: %w", err)
	}
	q := url.Values{
		"mode": {"ro"}, "_time_integer_format": {"unix_micro"}, "_inttotime": {"1"}, "_pragma": {"busy_timeout(500)", "query_only(1)"},
	}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		q.Set("immutable", "1")
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("looking at database: %w", err)
	}
	db.SetMaxOpenConns(2)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("looking at database: %w", err), db.Close())
	}
	return db, nil
}

// Problems are what SQLite finds wrong with the file, most at most: none where it
// is sound. The error is of a search that could not be ended, such as for time.
func Problems(ctx context.Context, db *sql.DB, most int) (_ []string, err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("PRAGMA quick_check(%d)", most))
	if err != nil {
		return nil, fmt.Errorf("checking database: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var problems []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("checking database: %w", err)
		}
		if line != "ok" {
			problems = append(problems, line)
		}
	}
	return problems, rows.Err()
}
