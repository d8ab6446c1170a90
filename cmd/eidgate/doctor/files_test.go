package doctor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	wants(t, "absent", Directory(dir), "eidgate serve makes it", Warning)
	must(t, os.Mkdir(dir, 0o700))
	wants(t, "well", Directory(dir), "mode 0700", OK)
	for mode, want := range map[os.FileMode]Status{0o755: Warning, 0o770: Fault, 0o777: Fault} {
		must(t, os.Chmod(dir, mode))
		wants(t, mode.String(), Directory(dir), "chmod 700", want)
	}
	must(t, os.Chmod(dir, 0o700))
	file := filepath.Join(dir, "eidgate.db")
	must(t, os.WriteFile(file, nil, 0o600))
	wants(t, "not a directory", Directory(file), "no directory", Fault)
	if os.Getuid() == 0 { // who else may give files away
		must(t, os.Chown(file, 12345, 12345))
		wants(t, "somebody else's file", Directory(dir), "belongs to uid 12345", Fault)
	}
}

// installation is a data directory as the first start makes it.
type installation struct{ dir, database, state, key string }

func install(t *testing.T) installation {
	t.Helper()
	dir := t.TempDir()
	i := installation{dir: dir, database: filepath.Join(dir, "eidgate.db"), state: filepath.Join(dir, "state.db"), key: filepath.Join(dir, "master.key")}
	must(t, sqlstore.Migrate(t.Context(), sqlstore.Config{Path: i.database}))
	must(t, sqlitefile.Create(i.state))
	sealer, err := keys.LoadSealer(i.key, true, slog.New(slog.DiscardHandler))
	must(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: i.database}, sealer, time.Now)
	must(t, err)
	ring, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: db, Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	must(t, ring.Load(t.Context()))
	must(t, db.Close())
	return i
}

func (i installation) look(ctx context.Context, now func() time.Time) (database, master, signing, state []Finding) {
	return Database(ctx, i.database), MasterKey(ctx, keys.MasterKey{File: i.key}, i.database),
		SigningKeys(ctx, i.database, keys.MasterKey{File: i.key}, nil, keys.DefaultConfig(), now), PassingState(ctx, i.state)
}

// TestInstallation: data that is whole, and what is found of it once something broke.
func TestInstallation(t *testing.T) {
	later := func() time.Time { return time.Now().AddDate(1, 0, 0) }
	earlier := func() time.Time { return time.Now().AddDate(-1, 0, 0) }
	type statuses = []Status
	for _, tt := range []struct {
		name                             string
		spoil                            func(i installation)
		now                              func() time.Time
		word                             string
		database, master, signing, state statuses
	}{
		{"well", func(installation) {}, time.Now, "every page sound", statuses{OK}, statuses{OK}, slices.Repeat(statuses{OK}, 5), statuses{OK}},
		{"never started", func(i installation) { must(t, os.RemoveAll(i.dir)) }, time.Now, "no gateway has run here",
			statuses{Warning}, statuses{Warning}, statuses{Warning}, statuses{OK}},
		{"rotation overdue", func(installation) {}, later, "should be verifying since", statuses{OK}, statuses{OK}, slices.Repeat(statuses{Warning}, 5), statuses{OK}},
		{"the clock went back", func(installation) {}, earlier, "ahead of this machine's clock", statuses{OK}, statuses{OK}, slices.Repeat(statuses{Fault}, 10), statuses{OK}},
		{"no master key", func(i installation) { must(t, os.Remove(i.key)) }, time.Now, "nothing in the database opens",
			statuses{OK}, statuses{Fault}, statuses{Fault}, statuses{OK}},
		{"another master key", func(i installation) {
			must(t, os.Remove(i.key))
			_, err := keys.LoadSealer(i.key, true, slog.New(slog.DiscardHandler))
			must(t, err)
		}, time.Now, "another key", statuses{OK}, statuses{Fault}, statuses{Fault}, statuses{OK}},
		{"an exposed master key", func(i installation) { must(t, os.Chmod(i.key, 0o644)) }, time.Now, "chmod 600",
			statuses{OK}, statuses{Fault}, statuses{Fault}, statuses{OK}},
		{"an older key of the master key", func(i installation) {
			master := keys.MasterKey{File: i.key}
			id, err := master.Add(context.Background(), "")
			must(t, errors.Join(err, master.Promote(context.Background(), "", id)))
		}, time.Now, "eidgate keys master reseal", statuses{OK}, statuses{Warning}, slices.Repeat(statuses{OK}, 5), statuses{OK}},
		{"no schema", func(i installation) { must(t, os.WriteFile(i.database, nil, 0o600)) }, time.Now, "eidgate migrate",
			statuses{Fault}, statuses{Fault}, statuses{Fault}, statuses{OK}},
		{"no databases", func(i installation) {
			must(t, os.WriteFile(i.database, []byte(strings.Repeat("no database ", 1000)), 0o600))
			must(t, os.WriteFile(i.state, []byte(strings.Repeat("no database ", 1000)), 0o600))
		}, time.Now, "everybody signs in again", statuses{Fault}, statuses{Fault}, statuses{Fault}, statuses{Fault}},
		{"a log that nobody empties", func(i installation) {
			must(t, os.WriteFile(i.database+"-wal", nil, 0o600))
			must(t, os.Truncate(i.database+"-wal", maxLog+1))
		}, time.Now, "write-ahead log", statuses{Warning}, statuses{OK}, slices.Repeat(statuses{OK}, 5), statuses{OK}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := install(t)
			tt.spoil(i)
			database, master, signing, state := i.look(t.Context(), tt.now)
			wants(t, "database", database, "", tt.database...)
			wants(t, "master key", master, "", tt.master...)
			wants(t, "signing keys", signing, "", tt.signing...)
			wants(t, "passing state", state, "", tt.state...)
			var text strings.Builder
			for _, list := range [][]Finding{database, master, signing, state} {
				for _, f := range list {
					text.WriteString(f.Found + f.Mend + "\n")
				}
			}
			if !strings.Contains(text.String(), tt.word) {
				t.Errorf("nothing says %q:\n%s", tt.word, &text)
			}
		})
	}
}

// TestNewerSchema: a database that a newer version migrated is a warning.
func TestNewerSchema(t *testing.T) {
	i := install(t)
	f, err := sqlitefile.Open(t.Context(), i.database, "FULL")
	must(t, err)
	_, err = f.Writer.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	must(t, err)
	must(t, f.Close())
	wants(t, "newer", Database(t.Context(), i.database), "newer version", Warning)
}
