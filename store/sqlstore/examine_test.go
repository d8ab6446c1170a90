package sqlstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// files are the names in the folder of a database.
func files(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestExamine: a database is read beside its gateway and without one, and looking
// leaves no file behind.
func TestExamine(t *testing.T) {
	path, s := migrated(t), sealer(t)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, s, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"beside a gateway", "without one"} {
		before := files(t, path)
		e, err := sqlstore.Examine(t.Context(), sqlstore.Config{Path: path})
		if err != nil {
			t.Fatalf("%s: Examine(): %v", name, err)
		}
		have, want, err := e.Schema(t.Context())
		if err != nil || have != want || want == 0 {
			t.Errorf("%s: Schema() = %d, %d, %v, want the newest", name, have, want, err)
		}
		if problems, err := e.Problems(t.Context(), 3); err != nil || len(problems) > 0 {
			t.Errorf("%s: Problems() = %q, %v, want none", name, problems, err)
		}
		if err := e.Opened(t.Context(), s); err != nil {
			t.Errorf("%s: Opened() with its key: %v", name, err)
		}
		if err := e.Opened(t.Context(), sealer(t)); !errors.Is(err, keys.ErrSealed) {
			t.Errorf("%s: Opened() with another key = %v, want ErrSealed", name, err)
		}
		if err := e.UpdateKeys(t.Context(), nil); !errors.Is(err, sqlstore.ErrReadOnly) {
			t.Errorf("%s: UpdateKeys() = %v, want ErrReadOnly", name, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if after := files(t, path); len(after) != len(before) {
			t.Errorf("%s: files = %q, want %q as before", name, after, before)
		}
		if name == "beside a gateway" {
			create(t, db, "999190000002") // it goes on
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestExamineWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if _, err := sqlstore.Examine(t.Context(), sqlstore.Config{Path: filepath.Join(dir, "none.db")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Examine() of no file = %v, want ErrNotExist", err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := sqlstore.Examine(t.Context(), sqlstore.Config{Path: empty})
	if err != nil {
		t.Fatal(err)
	}
	if have, want, err := e.Schema(t.Context()); err != nil || have != 0 || want == 0 {
		t.Errorf("Schema() of an empty file = %d, %d, %v, want 0 of some", have, want, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if got := files(t, empty); len(got) != 1 {
		t.Errorf("files = %q, want the empty one alone", got)
	}
}

// TestExamineDamage: a page that was overwritten is found.
func TestExamineDamage(t *testing.T) {
	path := migrated(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at < info.Size(); at += 8192 {
		if _, err := file.WriteAt([]byte("not a page of a database"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := sqlstore.Examine(t.Context(), sqlstore.Config{Path: path})
	if err != nil {
		return // found already
	}
	defer func() { _ = e.Close() }()
	if problems, err := e.Problems(t.Context(), 3); len(problems) == 0 && err == nil {
		t.Error("Problems() finds none in a damaged file")
	}
}
