package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

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
