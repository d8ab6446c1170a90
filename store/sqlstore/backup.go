package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"eidgate/store/sqlitefile"
)

// Backup writes what the database holds at this moment to a new file of its
// user alone, beside processes that go on reading and writing. It replaces
// nothing: a file that is there is an error that wraps fs.ErrExist. After an error
// nothing has the name to.
func Backup(ctx context.Context, cfg Config, to string) (err error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%w: %s", fs.ErrExist, to), err)
	}
	file, err := sqlitefile.Open(ctx, cfg.Path, "FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	part, err := os.CreateTemp(filepath.Dir(to), ".backup-*") // mode 0600; SQLite fills an empty file
	if err != nil {
		return fmt.Errorf("writing a backup: %w", err)
	}
	defer func() { _ = os.Remove(part.Name()) }() // gone once it has its name
	defer func() { err = errors.Join(err, part.Close()) }()
	if _, err := file.Writer.ExecContext(ctx, "VACUUM INTO ?", part.Name()); err != nil {
		return fmt.Errorf("writing a backup: %w", err)
	}
	if err := part.Sync(); err != nil {
		return fmt.Errorf("writing a backup: %w", err)
	}
	// A link fails where the name was taken meanwhile.
	if err := os.Link(part.Name(), to); err != nil {
		return fmt.Errorf("naming a backup: %w", err)
	}
	return nil
}
