package sqlstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// TestBackup copies a database that is being written to: what was there before is
// in the copy, whole, and what the copy holds opens.
func TestBackup(t *testing.T) {
	path, s := migrated(t), sealer(t)
	db := open(t, path, s, time.Now)
	before := create(t, db, "999190000001")
	bring(t, db, "old-portal", 50)
	to := filepath.Join(t.TempDir(), "copy.db")
	done := make(chan error, 1)
	go func() { done <- sqlstore.Backup(t.Context(), sqlstore.Config{Path: path}, to) }()
	for _, number := range []string{"999190000002", "999190000003", "999190000004"} {
		create(t, db, number)
	}
	if err := <-done; err != nil {
		t.Fatalf("Backup() while others write: %v", err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(to)); err != nil || len(entries) != 1 {
		t.Errorf("beside the copy: %v (%v), want nothing", entries, err)
	}
	after := create(t, db, "999190000005")
	copied := open(t, to, s, time.Now)
	if _, err := copied.Account(t.Context(), before); err != nil {
		t.Errorf("Account() of before in the copy: %v", err)
	}
	opensOld(t, copied, "old-portal", 50)
	if _, err := copied.Account(t.Context(), after); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Account() of after in the copy: %v, want ErrNotFound", err)
	}
}

func TestBackupReplacesNothing(t *testing.T) {
	path := migrated(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(to, []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Backup(t.Context(), sqlstore.Config{Path: path}, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Backup() = %v, want ErrExist", err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "older" {
		t.Errorf("the older file holds %q (%v)", got, err)
	}
	none := filepath.Join(t.TempDir(), "none.db")
	to += "2"
	if err := sqlstore.Backup(t.Context(), sqlstore.Config{Path: none}, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Backup() of nothing = %v, want ErrNotExist", err)
	}
	for _, name := range []string{none, to} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was left behind (%v)", filepath.Base(name), err)
		}
	}
}
