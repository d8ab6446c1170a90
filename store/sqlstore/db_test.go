package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

var _ sqlstore.Sealer = (*keys.Sealer)(nil)

func TestDurable(t *testing.T) {
	storetest.Durable(t, func(t *testing.T, now func() time.Time) *sqlstore.DB {
		return open(t, migrated(t), sealer(t), now)
	})
}

func TestOpenWantsMigratedDatabase(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.db")
	for name, path := range map[string]string{"no file": none, "empty file": empty} {
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, sealer(t), time.Now)
		if !errors.Is(err, sqlstore.ErrNotMigrated) || !strings.Contains(err.Error(), "eidgate migrate") {
			t.Errorf("%s: Open() error = %v, want ErrNotMigrated naming the command", name, err)
		}
	}
	if _, err := os.Stat(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open() left a file behind: %v", err)
	}
}

func TestMigrateAgainKeepsData(t *testing.T) {
	path, s := migrated(t), sealer(t)
	db := open(t, path, s, time.Now)
	id := create(t, db, "999190000001")
	if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}); err != nil {
		t.Fatalf("Migrate() again, while serving: %v", err)
	}
	if _, err := open(t, path, s, time.Now).Account(t.Context(), id); err != nil {
		t.Errorf("Account() after Migrate(): %v", err)
	}
}

// TestNewerDatabase stands for a rolling upgrade: the next version has migrated
// already.
func TestNewerDatabase(t *testing.T) {
	path, s := migrated(t), sealer(t)
	exec(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	id := create(t, open(t, path, s, time.Now), "999190000001")
	if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}); err != nil {
		t.Errorf("Migrate() of a newer database: %v", err)
	}
	if _, err := open(t, path, s, time.Now).Account(t.Context(), id); err != nil {
		t.Errorf("Account(): %v", err)
	}
}

func TestOpenRefusesAnotherMasterKey(t *testing.T) {
	path := migrated(t)
	open(t, path, sealer(t), time.Now)
	_, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, sealer(t), time.Now)
	if !errors.Is(err, keys.ErrSealed) {
		t.Errorf("Open() error = %v, want keys.ErrSealed", err)
	}
}

func TestReopenFindsByIndex(t *testing.T) {
	path, s := migrated(t), sealer(t)
	first := open(t, path, s, time.Now)
	id := create(t, first, "999190000001")
	secret, err := first.SectorSecret(t.Context(), "sector")
	if err != nil {
		t.Fatalf("SectorSecret(): %v", err)
	}
	second := open(t, path, s, time.Now)
	a, err := second.AccountByIdentifier(t.Context(), eid.NewIdentifier(eid.KindPersonalNumber, "VNM", "999190000001"))
	if err != nil || a.ID != id {
		t.Errorf("AccountByIdentifier() after opening again = %v, %v, want %v", a.ID, err, id)
	}
	again, err := second.SectorSecret(t.Context(), "sector")
	if err != nil || !bytes.Equal(again, secret) {
		t.Errorf("SectorSecret() after opening again differs, error %v", err)
	}
}

// TestColdStartTogether stands for two processes on a new machine.
func TestColdStartTogether(t *testing.T) {
	path, s := filepath.Join(t.TempDir(), "e.db"), sealer(t)
	var dbs [4]*sqlstore.DB
	var wg sync.WaitGroup
	for i := range dbs {
		wg.Go(func() {
			if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}); err != nil {
				t.Errorf("Migrate(): %v", err)
				return
			}
			db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, s, time.Now)
			if err != nil {
				t.Errorf("Open(): %v", err)
				return
			}
			t.Cleanup(func() { _ = db.Close() })
			dbs[i] = db
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	n := storetest.Citizen(t, "999190000001")
	id := create(t, dbs[0], "999190000001")
	for i, db := range dbs {
		if a, err := db.AccountByIdentifier(t.Context(), n.Person.Identifier); err != nil || a.ID != id {
			t.Errorf("process %d finds %q, %v, want %q", i, a.ID, err, id)
		}
		if _, err := accounts.New(db, time.Now).Create(t.Context(), n, "system"); !errors.Is(err, eid.ErrExists) {
			t.Errorf("process %d: Create() = %v, want eid.ErrExists", i, err)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "e.db")
	if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}); err != nil {
		t.Fatalf("Migrate(): %v", err)
	}
	create(t, open(t, path, sealer(t), time.Now), "999190000001")
	for name, want := range map[string]os.FileMode{".": 0o700, "e.db": 0o600, "e.db-wal": 0o600, "e.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			t.Fatalf("Stat(%s): %v", name, err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %o, want %o", name, got, want)
		}
	}
}

func TestFilesHoldNoSecretInClear(t *testing.T) {
	path := migrated(t)
	db := open(t, path, sealer(t), time.Now)
	id := create(t, db, "999190000001")
	writer := accounts.New(db, time.Now)
	_, err := writer.Link(t.Context(), eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "upstream-subject", "evidence", "system")
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	source := eid.Source{ID: "legacy", Settings: json.RawMessage(`{"client_secret":"upstream-secret"}`)}
	if err := db.ApplyRegistrations(t.Context(), nil, []eid.Source{source}, "file", "system"); err != nil {
		t.Fatalf("ApplyRegistrations(): %v", err)
	}
	secret, err := db.SectorSecret(t.Context(), "sector")
	if err != nil {
		t.Fatalf("SectorSecret(): %v", err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	var all []byte
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	if !bytes.Contains(all, []byte("Nguyễn Thử Nghiệm")) {
		t.Fatal("the files do not hold the account: nothing is proved")
	}
	for name, text := range map[string]string{
		"personal number": "999190000001", "TOTP secret": "JBSWY3DPEHPK3PXP", "password hash": "argon2id",
		"client secret": "upstream-secret", "subject of a source": "upstream-subject", "sector secret": string(secret),
	} {
		if bytes.Contains(all, []byte(text)) {
			t.Errorf("the files hold a %s in clear", name)
		}
	}
}

func TestAuditRowsStay(t *testing.T) {
	path := migrated(t)
	db := open(t, path, sealer(t), time.Now)
	create(t, db, "999190000001")
	raw := rawDB(t, path)
	for _, attack := range []string{
		`UPDATE audit SET actor = 'nobody'`, `DELETE FROM audit`,
		`INSERT OR REPLACE INTO audit (id, at, actor, action, account, client, ref, detail)
			SELECT id, at, 'nobody', action, account, client, ref, detail FROM audit`,
		`INSERT INTO audit (id, at, actor, action, account, client, ref, detail)
			SELECT id, at, 'nobody', action, account, client, ref, detail FROM audit WHERE true
			ON CONFLICT (id) DO UPDATE SET actor = excluded.actor`,
	} {
		if _, err := raw.ExecContext(t.Context(), attack); err == nil {
			t.Errorf("%s: no error", attack)
		}
	}
	rows, err := db.Audit(t.Context(), sqlstore.AuditFilter{})
	if err != nil || len(rows) != 1 || rows[0].Actor != "system" {
		t.Errorf("Audit() = %v, %v, want the row as it was", rows, err)
	}
}

// TestNothingWithoutItsAudit breaks the audit: no change goes through.
func TestNothingWithoutItsAudit(t *testing.T) {
	path, ctx := migrated(t), t.Context()
	db := open(t, path, sealer(t), time.Now)
	id := create(t, db, "999190000001")
	writer := accounts.New(db, time.Now)
	lock, err := storetest.Locks(t, db, time.Now).Set(ctx, id, eid.LockSelf, storetest.Self())
	if err != nil {
		t.Fatalf("Lock(): %v", err)
	}
	link, err := writer.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "subject", "evidence", "system")
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	before, err := db.Account(ctx, id)
	if err != nil {
		t.Fatalf("Account(): %v", err)
	}
	consent := eid.ConsentGiven{Account: id, Client: "p", Claims: []string{"name"}, GivenAt: time.Now(), Until: time.Now().Add(time.Hour)}
	entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionConsentGiven}
	if err := db.GiveConsent(ctx, consent, entry); err != nil {
		t.Fatalf("GiveConsent(): %v", err)
	}
	events, err := db.PendingEvents(ctx, 10)
	if err != nil {
		t.Fatalf("PendingEvents(): %v", err)
	}
	if err := db.AddHold(ctx, audit.Hold{ID: "h1", Kind: audit.HoldAll, Reason: "r", SetBy: "a", SetAt: time.Now()}, entry); err != nil {
		t.Fatalf("AddHold(): %v", err)
	}
	exec(t, path, `CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`)

	other := storetest.Citizen(t, "999190000002")
	_, createErr := writer.Create(ctx, other, "system")
	_, lockErr := storetest.Locks(t, db, time.Now).Set(ctx, id, eid.LockSelf, storetest.Self())
	_, linkErr := writer.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "two", "evidence", "system")
	for name, err := range map[string]error{
		"Create":   createErr,
		"Lock":     lockErr,
		"Unlock":   storetest.Locks(t, db, time.Now).Lift(ctx, id, lock.ID, storetest.Self()),
		"Link":     linkErr,
		"EndLink":  writer.EndLink(ctx, link.ID, "system"),
		"Register": db.ApplyRegistrations(ctx, []eid.RelyingParty{{ID: "p", Sector: "s"}}, nil, "file", "system"),
		"Consent":  db.GiveConsent(ctx, eid.ConsentGiven{Account: id, Client: "q", Until: time.Now()}, entry),
		"Withdraw": db.WithdrawConsent(ctx, id, "p", entry),
		"Logout":   db.AddLogouts(ctx, []eid.LogoutNotice{{Client: "p", SID: "sid"}}, entry),
		"Hold":     db.AddHold(ctx, audit.Hold{ID: "h2", Kind: audit.HoldAll, Reason: "r", SetBy: "a", SetAt: time.Now()}, entry),
		"Lift":     db.LiftHold(ctx, "h1", "a", time.Now(), func(audit.Hold) (eid.AuditEntry, error) { return entry, nil }),
		"Switch":   db.SwitchSource(ctx, "legacy", eid.Switch{Off: true, Reason: "r", At: time.Now()}, eid.AuditEntry{Actor: "operator:A"}),
		"Record":   db.Record(ctx, entry),
		"Grant":    db.RecordGrant(ctx, "s", "sub", eid.Grant{Account: id, Client: "p"}, entry),
	} {
		if err == nil {
			t.Errorf("%s without its audit row: no error", name)
		}
	}
	if _, err := db.AccountByIdentifier(ctx, other.Person.Identifier); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("an account was made: error %v, want eid.ErrNotFound", err)
	}
	after, err := db.Account(ctx, id)
	if err != nil || len(after.Locks) != 1 || !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("the account changed: %v, %v", after, err)
	}
	if links, err := db.LinksOf(ctx, id); err != nil || len(links) != 1 {
		t.Errorf("LinksOf() = %v, %v, want the one link", links, err)
	}
	if list, err := db.ConsentsOf(ctx, id); err != nil || len(list) != 1 || list[0].Client != "p" {
		t.Errorf("ConsentsOf() = %v, %v, want the one consent", list, err)
	}
	if list, err := db.ClaimLogouts(ctx, time.Now(), time.Minute, 10); err != nil || len(list) != 0 {
		t.Errorf("ClaimLogouts() = %v, %v, want none", list, err)
	}
	if list, err := db.SubjectsOf(ctx, id, time.Time{}); err != nil || len(list) != 0 {
		t.Errorf("SubjectsOf() = %v, %v, want none", list, err)
	}
	if list, err := db.PendingEvents(ctx, 10); err != nil || len(list) != len(events) {
		t.Errorf("PendingEvents() = %v, %v, want %v", list, err, events)
	}
	if holds, err := db.Holds(ctx, true); err != nil || len(holds) != 1 || !holds[0].LiftedAt.IsZero() {
		t.Errorf("Holds() = %v, %v, want the one in force", holds, err)
	}
	if parties, err := db.RelyingParties(ctx); err != nil || len(parties) != 0 {
		t.Errorf("RelyingParties() = %v, %v, want none", parties, err)
	}
}

// TestMovedBlobDoesNotOpen stands for one who writes SQL but has no master key.
func TestMovedBlobDoesNotOpen(t *testing.T) {
	path := migrated(t)
	db := open(t, path, sealer(t), time.Now)
	victim, thief := create(t, db, "999190000001"), create(t, db, "999190000002")
	raw := rawDB(t, path)
	for _, table := range []string{"credentials", "identifiers"} {
		_, err := raw.ExecContext(t.Context(), `UPDATE `+table+` SET sealed = (SELECT sealed FROM `+table+` WHERE account = ?)
			WHERE account = ?`, string(thief), string(victim))
		if err != nil {
			t.Fatalf("moving blobs of %s: %v", table, err)
		}
	}
	if _, err := db.PasswordHash(t.Context(), victim); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("PasswordHash() error = %v, want keys.ErrSealed", err)
	}
	if _, err := db.TOTPSecret(t.Context(), victim); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("TOTPSecret() error = %v, want keys.ErrSealed", err)
	}
	if _, err := db.Account(t.Context(), victim); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("Account() error = %v, want keys.ErrSealed", err)
	}
}

func TestErrorsHideNumbers(t *testing.T) {
	path := migrated(t)
	db := open(t, path, sealer(t), time.Now)
	n := storetest.Citizen(t, "999190000001")
	create(t, db, "999190000001")
	_, again := accounts.New(db, time.Now).Create(t.Context(), n, "system")
	if err := db.Close(); err != nil {
		t.Fatalf("Close(): %v", err)
	}
	_, closed := db.AccountByIdentifier(t.Context(), n.Person.Identifier)
	for _, err := range []error{again, closed} {
		if err == nil || strings.Contains(err.Error(), "999190000001") || strings.Contains(err.Error(), n.Person.Name) {
			t.Errorf("error = %v, want one that tells nobody's data", err)
		}
	}
	if db.Ping(t.Context()) == nil {
		t.Error("Ping() of a closed database gave no error")
	}
}

// migrated gives a database in a folder of its own: a copy of one that was migrated
// for all tests.
func migrated(t testing.TB) string {
	t.Helper()
	content, err := template()
	if err != nil {
		t.Fatalf("migrating the template: %v", err)
	}
	path := filepath.Join(t.TempDir(), "e.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// template is the file of a migrated database. Nobody has it open, so that no part of
// it lies in a log beside it.
var template = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "eidgate-sqlstore-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "e.db")
	if err := sqlstore.Migrate(context.Background(), sqlstore.Config{Path: path}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func open(t testing.TB, path string, s sqlstore.Sealer, now func() time.Time) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, s, now)
	if err != nil {
		t.Fatalf("Open(): %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// sealer has a master key of its own.
func sealer(t testing.TB) *keys.Sealer {
	t.Helper()
	s, err := keys.LoadSealer(filepath.Join(t.TempDir(), "master.json"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("LoadSealer(): %v", err)
	}
	return s
}

func create(t testing.TB, db *sqlstore.DB, number string) eid.AccountID {
	t.Helper()
	id, err := accounts.New(db, time.Now).Create(t.Context(), storetest.Citizen(t, number), "system")
	if err != nil {
		t.Fatalf("Create(): %v", err)
	}
	return id
}

// rawDB is the file as any other program sees it.
func rawDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatalf("opening the file: %v", err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

func exec(t testing.TB, path, statement string) {
	t.Helper()
	if _, err := rawDB(t, path).ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func BenchmarkDB(b *testing.B) {
	db := open(b, migrated(b), sealer(b), time.Now)
	id := create(b, db, "999190000001")
	number := eid.NewIdentifier(eid.KindPersonalNumber, "VNM", "999190000001")
	b.Run("Account", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Account(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("AccountByIdentifier", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.AccountByIdentifier(b.Context(), number); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("RecordGrant", func(b *testing.B) {
		g := eid.Grant{ID: "g", Account: id, Client: "portal"}
		entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionGrantIssued}
		for b.Loop() {
			if err := db.RecordGrant(b.Context(), "sector", "sub", g, entry); err != nil {
				b.Fatal(err)
			}
		}
	})
}
