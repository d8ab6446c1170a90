package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"eidgate/keys"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore/sqlcgen"
)

// ErrReadOnly refuses a write to an Examination.
var ErrReadOnly = errors.New("opened for reading only")

// Examination reads a database for a diagnosis. It makes, migrates and writes
// nothing, and takes a database of any version.
type Examination struct {
	db      *sql.DB
	queries *sqlcgen.Queries
}

var _ keys.Store = (*Examination)(nil)

// Examine opens a database that exists; see sqlitefile.Look.
func Examine(ctx context.Context, cfg Config) (*Examination, error) {
	db, err := sqlitefile.Look(ctx, cfg.Path)
	if err != nil {
		return nil, err
	}
	return &Examination{db: db, queries: sqlcgen.New(db)}, nil
}

// Schema gives the last migration that has run, 0 where none has, and the last that
// this program knows.
func (e *Examination) Schema(ctx context.Context) (have, want int64, err error) {
	p, err := provider(e.db)
	if err != nil {
		return 0, 0, err
	}
	for _, source := range p.ListSources() {
		want = max(want, source.Version)
	}
	var tables int
	if err := e.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'").Scan(&tables); err != nil {
		return 0, want, fmt.Errorf("reading schema version: %w", err)
	}
	if tables == 0 {
		return 0, want, nil
	}
	if err := e.db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&have); err != nil {
		return 0, want, fmt.Errorf("reading schema version: %w", err)
	}
	return have, want, nil
}

// Problems are what is wrong with the file; see sqlitefile.Problems.
func (e *Examination) Problems(ctx context.Context, most int) ([]string, error) {
	return sqlitefile.Problems(ctx, e.db, most)
}

// Opened returns nil where sealer opens what the database holds.
func (e *Examination) Opened(ctx context.Context, sealer Sealer) error {
	return opened(ctx, e.queries, sealer)
}

func opened(ctx context.Context, q *sqlcgen.Queries, sealer Sealer) error {
	const name = "blind-index"
	sealed, err := q.Secret(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // nothing was sealed yet
	}
	if err != nil {
		return fmt.Errorf("finding secret: %w", err)
	}
	if _, err := sealer.Open(sealed, secretContext(name)); err != nil {
		return fmt.Errorf("opening secret: %w", err)
	}
	return nil
}

// Keys fills keys.Store.
func (e *Examination) Keys(ctx context.Context) ([]keys.Record, error) {
	return records(ctx, e.queries)
}

// UpdateKeys fills keys.Store with ErrReadOnly.
func (e *Examination) UpdateKeys(context.Context, func([]keys.Record) (keys.Update, error)) error {
	return ErrReadOnly
}

// Close closes the database.
func (e *Examination) Close() error { return e.db.Close() }
