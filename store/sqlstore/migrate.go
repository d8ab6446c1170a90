package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"eidgate/store/sqlitefile"
)

// Migrations only add: the version before must work on what the next one made.
//
//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// Migrate makes the database if it is not there and brings its tables up to
// date. It may run while other processes migrate or serve the same file.
func Migrate(ctx context.Context, cfg Config) (err error) {
	if err := sqlitefile.Create(cfg.Path); err != nil {
		return err
	}
	file, err := sqlitefile.Open(ctx, cfg.Path, "FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	p, err := provider(file.Writer)
	if err != nil {
		return err
	}
	if err := up(ctx, p); err != nil {
		return fmt.Errorf("migrating database: %w", err)
	}
	return nil
}

// up runs the migrations that are missing. Each is a transaction, so when two
// processes run the same one, the second fails on what the first made: it looks
// again. A failure without progress by anybody is its own.
func up(ctx context.Context, p *goose.Provider) error {
	for {
		before, _, err := p.GetVersions(ctx)
		if err != nil {
			return fmt.Errorf("reading schema version: %w", err)
		}
		_, failure := p.Up(ctx)
		if failure == nil {
			return nil
		}
		after, _, err := p.GetVersions(ctx)
		if err != nil || after == before {
			return errors.Join(failure, err)
		}
	}
}

// checkSchema returns ErrNotMigrated when a migration of this program has not
// run.
func checkSchema(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading schema version: %w", err)
	}
	if have < want {
		return fmt.Errorf("%w (schema %d, want %d)", ErrNotMigrated, have, want)
	}
	return nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return p, nil
}
