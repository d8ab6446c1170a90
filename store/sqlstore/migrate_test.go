package sqlstore_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// TestUpgradeKeepsRows takes a database of the first schema, with rows in every
// table that the store writes, to the schema of today.
func TestUpgradeKeepsRows(t *testing.T) {
	ctx, s := t.Context(), sealer(t)
	today := migrated(t)
	id, lock, link := fill(t, open(t, today, s, time.Now))
	path := atVersion1(t, today)
	raw := rawDB(t, path)
	tables := names(t, raw, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite%' AND name NOT LIKE 'goose%'`)
	before, columns := map[string][]string{}, map[string][]string{}
	for _, table := range tables {
		columns[table] = names(t, raw, `SELECT name FROM pragma_table_info('`+table+`')`)
		if before[table] = rows(t, raw, table, columns[table]...); len(before[table]) == 0 {
			t.Errorf("no row in %s: nothing is proved", table)
		}
	}
	schema := names(t, raw, `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'goose%'`)

	for range 2 {
		if err := sqlstore.Migrate(ctx, sqlstore.Config{Path: path}); err != nil {
			t.Fatalf("Migrate(): %v", err)
		}
	}
	for _, table := range tables {
		if diff := cmp.Diff(before[table], rows(t, raw, table, columns[table]...)); diff != "" {
			t.Errorf("%s changed (-before +after):\n%s", table, diff)
		}
	}
	// Whatever the version before reads and writes is as it was. A table may have
	// gained columns behind its own.
	have := names(t, raw, `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master`)
	for _, object := range schema {
		if strings.HasPrefix(object, "trigger audit_keeps_rows ") {
			continue // it lets retention pass since 0009
		}
		kept := func(now string) bool {
			return now == object || strings.HasPrefix(object, "table ") && gained(now, object)
		}
		if !slices.ContainsFunc(have, kept) {
			t.Errorf("changed or gone: %s", object)
		}
	}
	insertAsVersion1(t, raw)

	db := open(t, path, s, time.Now)
	a, err := db.AccountByIdentifier(ctx, eid.NewIdentifier(eid.KindPersonalNumber, "VNM", "999190000001"))
	if err != nil || a.ID != id || len(a.Locks) != 1 || a.Locks[0].ID != lock {
		t.Errorf("AccountByIdentifier() = %+v, %v, want the locked account", a, err)
	}
	if a.Declared != (eid.Declared{}) {
		t.Errorf("declared = %+v, want nothing: the first schema had none", a.Declared)
	}
	if _, err := db.Link(ctx, link); err != nil {
		t.Errorf("Link(): %v", err)
	}
	// Sessions of before the upgrade are told too. A party that was never
	// registered in SQL has no sector to find its subject by.
	told, err := db.SubjectsOf(ctx, id, time.Time{})
	want := []eid.LogoutNotice{{Client: "portal", Subject: "sub-1"}}
	if diff := cmp.Diff(want, told); err != nil || diff != "" {
		t.Errorf("SubjectsOf(): %v (-want +got):\n%s", err, diff)
	}
	through, err := db.SubjectsThrough(ctx, eid.SwitchEvent{Source: "legacy", Client: "portal"}, time.Time{}, 10)
	if diff := cmp.Diff([]string{"sub-1"}, through); err != nil || diff != "" {
		t.Errorf("SubjectsThrough(): %v (-want +got):\n%s", err, diff)
	}
	if told, err = db.SubjectsOf(ctx, id, time.Now().Add(2*time.Hour)); err != nil || len(told) != 0 {
		t.Errorf("SubjectsOf() since later = %v, %v, want none", told, err)
	}
}

// gained reports whether a table is another with columns added, which SQLite writes behind
// the last column and before the constraints of the table.
func gained(now, before string) bool {
	for i := range before {
		if strings.HasPrefix(now, before[:i]+", ") && strings.HasSuffix(now, before[i:]) && len(now) > len(before) {
			return true
		}
	}
	return false
}

// fill writes rows into every table of the first schema.
func fill(t *testing.T, db *sqlstore.DB) (id eid.AccountID, lock, link string) {
	t.Helper()
	ctx := t.Context()
	id = create(t, db, "999190000001")
	writer := accounts.New(db, time.Now)
	made, err := writer.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "subject", "evidence", "system")
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	parties := []eid.RelyingParty{{ID: "portal", Sector: "s"}, {ID: "unused", Sector: "s"}}
	if err := db.ApplyRegistrations(ctx, parties, []eid.Source{{ID: "legacy"}}, "file", "system"); err != nil {
		t.Fatalf("ApplyRegistrations(): %v", err)
	}
	if _, err := db.SectorSecret(ctx, "s"); err != nil {
		t.Fatalf("SectorSecret(): %v", err)
	}
	for _, client := range []string{"portal", "portal", "unregistered"} {
		entry := eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionGrantIssued}
		if err := db.RecordGrant(ctx, "s", "sub-1", eid.Grant{ID: "g", Account: id, Client: client, Source: "legacy"}, entry); err != nil {
			t.Fatalf("RecordGrant(): %v", err)
		}
	}
	err = db.UpdateKeys(ctx, func([]keys.Record) (keys.Update, error) {
		return keys.Update{Put: []keys.Record{
			{ID: "a", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Signing}, {ID: "b", Purpose: keys.Tokens, Algorithm: keys.ES256, State: keys.Published},
			{ID: "c", Purpose: keys.Tokens, Algorithm: keys.RS256, State: keys.Signing},
		}}, nil
	})
	if err != nil {
		t.Fatalf("UpdateKeys(): %v", err)
	}
	if err := db.Count(ctx, "signin.failed"); err != nil {
		t.Fatalf("Count(): %v", err)
	}
	l, err := storetest.Locks(t, db, time.Now).Set(ctx, id, eid.LockSelf, storetest.Self())
	if err != nil {
		t.Fatalf("Lock(): %v", err)
	}
	return id, l.ID, made.ID
}

// insertAsVersion1 makes an account as the first version does.
func insertAsVersion1(t *testing.T, raw *sql.DB) {
	t.Helper()
	_, err := raw.ExecContext(t.Context(), `
INSERT INTO accounts (id, subject_type, name, birth_date, gender, nationality, address, level, status, own_floor,
    phone, phone_verified, email, email_verified, created_at, updated_at)
VALUES ('old', 'citizen', 'A', '1990-01-01', 'male', 'VNM', '', 1, 'active', 0, '', FALSE, '', FALSE, 1, 1)
ON CONFLICT DO NOTHING`)
	if err != nil {
		t.Errorf("inserting as the first version: %v", err)
	}
	told := names(t, raw, `SELECT nickname || preferred_username || profile || picture || website FROM accounts WHERE id = 'old'`)
	if !slices.Equal(told, []string{""}) {
		t.Errorf("declared = %q, want one row with nothing", told)
	}
}

// atVersion1 makes a database by the first migration alone and copies into it
// what a database of today has in the same tables.
func atVersion1(t *testing.T, today string) string {
	t.Helper()
	const name = "0001_initial.sql"
	text, err := os.ReadFile(filepath.Join("migrations", "sqlite", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.db")
	raw := rawDB(t, path)
	raw.SetMaxOpenConns(1) // ATTACH is of one connection
	var first fs.FS = fstest.MapFS{name: {Data: text}}
	p, err := goose.NewProvider(goose.DialectSQLite3, raw, first, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatalf("NewProvider(): %v", err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatalf("Up(): %v", err)
	}
	if _, err := raw.ExecContext(t.Context(), `ATTACH ? AS today`, today); err != nil {
		t.Fatalf("ATTACH: %v", err)
	}
	for _, table := range names(t, raw, `SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite%' AND name NOT LIKE 'goose%'`) {
		columns := strings.Join(names(t, raw, `SELECT name FROM pragma_table_info('`+table+`', 'main')`), ", ")
		if _, err := raw.ExecContext(t.Context(), `INSERT INTO main.`+table+` SELECT `+columns+` FROM today.`+table); err != nil {
			t.Fatalf("copying %s: %v", table, err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlstore.Open(t.Context(), sqlstore.Config{Path: path}, sealer(t), time.Now); err == nil {
		t.Fatal("Open() of the first schema gave no error: nothing is proved")
	}
	return path
}

func names(t *testing.T, raw *sql.DB, query string) []string {
	t.Helper()
	result, err := raw.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = result.Close() }()
	var list []string
	for result.Next() {
		var name string
		if err := result.Scan(&name); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		list = append(list, name)
	}
	if err := result.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

// rows reads columns of a table as text, in the order of its rows.
func rows(t *testing.T, raw *sql.DB, table string, columns ...string) []string {
	t.Helper()
	result, err := raw.QueryContext(t.Context(), `SELECT `+strings.Join(columns, ", ")+` FROM `+table+` ORDER BY rowid`)
	if err != nil {
		t.Fatalf("reading %s: %v", table, err)
	}
	defer func() { _ = result.Close() }()
	var list []string
	for result.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := result.Scan(into...); err != nil {
			t.Fatalf("reading %s: %v", table, err)
		}
		list = append(list, fmt.Sprintf("%q", values))
	}
	if err := result.Err(); err != nil {
		t.Fatalf("reading %s: %v", table, err)
	}
	return list
}
