package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore"
)

const (
	maxLog      = 64 * mebibyte // of a write-ahead log that is emptied as it should be
	mostCorrupt = 3
	// soundTime is how long the pages are searched: beside a gateway that works on
	// them, and before the check's own time is over.
	soundTime = 2 * time.Second
)

const restore = "stop the gateway and restore the database from a backup"

// Database looks at the durable data: its tables, its pages, its log.
func Database(ctx context.Context, path string) []Finding {
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: path})
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{warning("eidgate serve makes it, or eidgate migrate", "%s is not there: no gateway has run here", path)}
	}
	if err != nil {
		return []Finding{fault("run doctor as the gateway's user; if it is that, "+restore, "the database does not open: %v", err)}
	}
	defer func() { _ = e.Close() }()
	have, want, err := e.Schema(ctx)
	if err != nil {
		return []Finding{fault(restore, "the database cannot be read: %v", err)}
	}
	var list []Finding
	switch {
	case have < want:
		list = append(list, fault("eidgate migrate, or start this version of eidgate serve", "its schema is %d, and this version needs %d", have, want))
	case have > want:
		list = append(list, warning("update this eidgate to the version that migrated", "its schema is %d, of a newer version; this one knows %d", have, want))
	}
	problems, extent := sound(ctx, e.Problems)
	list = append(list, problems...)
	list = append(list, logSize(path)...)
	if len(list) == 0 {
		list = append(list, ok("schema %d, %s%s", have, fileSize(path), extent))
	}
	return list
}

// sound searches the pages. extent says how far the search came.
func sound(ctx context.Context, problems func(context.Context, int) ([]string, error)) (found []Finding, extent string) {
	ctx, cancel := context.WithTimeout(ctx, soundTime)
	defer cancel()
	lines, err := problems(ctx, mostCorrupt)
	for _, line := range lines {
		found = append(found, fault(restore, "the file is damaged: %s", line))
	}
	switch {
	case err == nil:
		return found, ", every page sound"
	case ctx.Err() != nil:
		return found, fmt.Sprintf(", no damage found in %v of searching", soundTime)
	}
	return append(found, fault(restore, "the file cannot be searched for damage: %v", err)), ""
}

func logSize(path string) []Finding {
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() <= maxLog {
		return nil
	}
	return []Finding{warning("end the program that keeps the database open for reading, such as a backup or a shell; a restart empties the log",
		"the write-ahead log has grown to %s", size(uint64(info.Size())))}
}

func fileSize(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "size unknown"
	}
	return size(uint64(info.Size()))
}

// PassingState looks at sessions and tokens where they lie in SQLite.
func PassingState(ctx context.Context, path string) []Finding {
	const mend = "stop the gateway and remove state.db with its side files: everybody signs in again, and nothing else is lost"
	db, err := sqlitefile.Look(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{ok("%s is not there: the next start makes it, and everybody signs in again", path)}
	}
	if err != nil {
		return []Finding{fault("run doctor as the gateway's user; if it is that, "+mend, "passing state does not open: %v", err)}
	}
	defer func() { _ = db.Close() }()
	list, extent := sound(ctx, func(ctx context.Context, most int) ([]string, error) { return sqlitefile.Problems(ctx, db, most) })
	for i := range list {
		list[i].Mend = mend
	}
	list = append(list, logSize(path)...)
	if len(list) == 0 {
		list = append(list, ok("SQLite, %s%s; it serves one process on one machine", fileSize(path), extent))
	}
	return list
}

// MasterKey looks whether the master key is there and opens what the database holds.
func MasterKey(ctx context.Context, file, database string) []Finding {
	const copied = "put the copy back that was kept apart from the database, with mode 600"
	_, missing := os.Stat(database)
	sealer, err := keys.LoadSealer(file, false, slog.New(slog.DiscardHandler))
	switch _, absent := os.Stat(file); {
	case errors.Is(absent, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist):
		return []Finding{warning("eidgate serve makes it; keep a copy apart from the database", "%s is not there: no gateway has run here", file)}
	case errors.Is(absent, fs.ErrNotExist):
		return []Finding{fault(copied, "%s is not there, and nothing in the database opens without it", file)}
	case errors.Is(err, fs.ErrPermission):
		return []Finding{fault("run doctor as the gateway's user, or chown the file to it", "this user may not read %s", file)}
	case err != nil:
		return []Finding{fault("chmod 600 "+file+"; if the file is damaged, "+copied, "%v", err)}
	case errors.Is(missing, fs.ErrNotExist):
		return []Finding{ok("%s can be read; the database is not there yet", file)}
	}
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: database})
	if err == nil {
		defer func() { _ = e.Close() }()
		err = e.Opened(ctx, sealer)
	}
	switch {
	case errors.Is(err, keys.ErrSealed):
		return []Finding{fault(copied, "%s is another key than the one that sealed the database", file)}
	case err != nil:
		return []Finding{fault("see what the check of the database says", "it cannot be tried on the database: %v", err)}
	}
	return []Finding{ok("%s opens what the database holds; keep a copy apart from it", file)}
}
