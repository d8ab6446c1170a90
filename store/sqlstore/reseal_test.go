package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// vault is a master key in a file, with the sealer of a process that runs.
type vault struct {
	keys.MasterKey
	*keys.Sealer
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{MasterKey: keys.MasterKey{File: filepath.Join(t.TempDir(), "master.key")}}
	var err error
	if v.Sealer, err = keys.LoadSealer(v.File, true, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return v
}

// turn adds a key and has it seal, and returns the old one.
func (v *vault) turn(t *testing.T) (old uint32) {
	t.Helper()
	old = v.Primary()
	id, err := v.Add(t.Context(), "")
	if err == nil {
		err = v.Promote(t.Context(), "", id)
	}
	v.reload(t, err)
	return old
}

func (v *vault) reload(t *testing.T, err error) {
	t.Helper()
	next, loadErr := v.Load(t.Context())
	if err = errors.Join(err, loadErr); err == nil {
		err = v.Replace(next)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// filled is a database with rows in every table that has something sealed.
func filled(t *testing.T, v *vault, people int) (*sqlstore.DB, string) {
	t.Helper()
	path := migrated(t)
	db := open(t, path, v, time.Now)
	id, _, _ := fill(t, db)
	for i := range people {
		create(t, db, fmt.Sprintf("9991900%05d", i+100))
	}
	_, err := db.OpenReview(t.Context(), accounts.ReviewRecord{
		Review: eid.Review{ID: "r", Account: id, Source: "legacy", OpenedAt: time.Now()}, Canonical: "c", Sides: []byte(`{"sides":1}`),
	}, eid.AuditEntry{At: time.Now(), Actor: "system", Action: "review.opened"})
	if err != nil {
		t.Fatal(err)
	}
	bring(t, db, "old-portal", people)
	exec(t, path, "DELETE FROM signing_keys") // those of fill, which no ring opens
	ring, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: db, Sealer: v, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = ring.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return db, path
}

func under(t *testing.T, db *sqlstore.DB, key uint32) (rows int, tables []string) {
	t.Helper()
	list, err := db.Sealed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Key == key {
			rows, tables = rows+s.Rows, append(tables, s.Table)
		}
	}
	return rows, tables
}

func quiet(sqlstore.Resealed) {}

// TestSealedColumns finds every column named sealed in the schema among those that are
// sealed anew.
func TestSealedColumns(t *testing.T) {
	v := newVault(t)
	db, path := filled(t, v, 0)
	raw := rawDB(t, path)
	var want []string
	for _, table := range names(t, raw, `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		if slices.Contains(names(t, raw, `SELECT name FROM pragma_table_info('`+table+`')`), "sealed") {
			want = append(want, table)
		}
	}
	var got []string
	if err := db.Reseal(t.Context(), v, func(r sqlstore.Resealed) { got = append(got, r.Table) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if got = slices.Compact(got); !slices.Equal(got, want) || len(want) < 8 {
		t.Errorf("sealed anew: %v, want the tables with a column named sealed: %v", got, want)
	}
}

func TestReseal(t *testing.T) {
	v := newVault(t)
	db, _ := filled(t, v, 250)
	number := eid.NewIdentifier(eid.KindPersonalNumber, "VNM", "999190000001")
	before, err := db.AccountByIdentifier(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	sector, err := db.SectorSecret(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	old := v.turn(t)
	sealed, tables := under(t, db, old)
	if len(tables) < 7 || sealed < 500 {
		t.Fatalf("%d rows in %v are sealed, want rows in seven tables or more", sealed, tables)
	}
	done := map[string]int{}
	if err := db.Reseal(t.Context(), v, func(r sqlstore.Resealed) {
		done[r.Table] = r.Done
		if r.Failed > 0 {
			t.Errorf("%s: %d rows do not open", r.Table, r.Failed)
		}
	}); err != nil {
		t.Fatalf("Reseal() = %v", err)
	}
	if done["imported_accounts"] != 250 || done["identifiers"] != 251 || done["credentials"] != 502 || done["signing_keys"] != 4 {
		t.Errorf("done = %v, want every row", done)
	}
	if left, tables := under(t, db, old); left != 0 {
		t.Errorf("%d rows in %v are left under the old key", left, tables)
	}
	// Without the old key everything opens, and says the same.
	v.reload(t, v.Remove(t.Context(), "", old))
	opensOld(t, db, "old-portal", 250)
	after, err := db.AccountByIdentifier(t.Context(), number)
	if err != nil || after.ID != before.ID || after.Person.Identifier != before.Person.Identifier {
		t.Errorf("the account afterwards = %v, %v, want the same", after.ID, err)
	}
	if _, err := db.TOTPSecret(t.Context(), before.ID); err != nil {
		t.Errorf("TOTPSecret() = %v", err)
	}
	if _, sides, err := db.Review(t.Context(), "r"); err != nil || string(sides) != `{"sides":1}` {
		t.Errorf("Review() = %s, %v", sides, err)
	}
	again, err := db.Secret(t.Context(), "blind-index")
	if err != nil || len(again) != 32 {
		t.Errorf("Secret() = %v", err)
	}
	if now, err := db.SectorSecret(t.Context(), "s"); err != nil || string(now) != string(sector) {
		t.Errorf("SectorSecret() = another, %v; it is never changed", err)
	}
	ring, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: db, Sealer: v, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Load(t.Context()); err != nil {
		t.Errorf("loading the signing keys = %v", err)
	}
}

// TestResealGoesOn: broken off, it begins where it was; what was done stays done.
func TestResealGoesOn(t *testing.T) {
	v := newVault(t)
	db, _ := filled(t, v, 250)
	old := v.turn(t)
	all, _ := under(t, db, old)
	ctx, cancel := context.WithCancel(t.Context())
	if err := db.Reseal(ctx, v, func(sqlstore.Resealed) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("Reseal() = %v, want context.Canceled", err)
	}
	left, _ := under(t, db, old)
	if left == 0 || left >= all {
		t.Fatalf("%d of %d rows are left, want some", left, all)
	}
	done := map[string]int{}
	if err := db.Reseal(t.Context(), v, func(r sqlstore.Resealed) { done[r.Table] = r.Done }); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range done {
		sum += n
	}
	if now, _ := under(t, db, old); now != 0 || sum != left {
		t.Errorf("%d rows done, %d left, want %d and 0", sum, now, left)
	}
}

// TestResealBesideWriters: nothing that others write meanwhile is lost.
func TestResealBesideWriters(t *testing.T) {
	v := newVault(t)
	db, path := filled(t, v, 150)
	beside := open(t, path, v, time.Now) // another process
	old := v.turn(t)
	var wait sync.WaitGroup
	var made []eid.AccountID
	wait.Go(func() {
		for i := range 60 {
			made = append(made, create(t, beside, fmt.Sprintf("9991900%05d", i+1000)))
			if err := beside.Rehash(t.Context(), made[0], "$argon2id$synthetic", "$argon2id$synthetic"); err != nil {
				t.Errorf("Rehash() = %v", err)
			}
		}
	})
	if err := db.Reseal(t.Context(), v, quiet); err != nil {
		t.Errorf("Reseal() = %v", err)
	}
	wait.Wait()
	if left, tables := under(t, db, old); left != 0 {
		t.Errorf("%d rows in %v are left under the old key", left, tables)
	}
	for _, id := range made {
		if hash, err := db.PasswordHash(t.Context(), id); err != nil || hash != "$argon2id$synthetic" {
			t.Errorf("PasswordHash() = %q, %v", hash, err)
		}
	}
}

// TestResealPassesOver what does not open, and says so.
func TestResealPassesOver(t *testing.T) {
	v := newVault(t)
	db, path := filled(t, v, 3)
	old := v.turn(t)
	// A number moved to another row does not open there.
	exec(t, path, `UPDATE identifiers SET sealed = (SELECT sealed FROM identifiers ORDER BY id LIMIT 1) WHERE id = (SELECT max(id) FROM identifiers)`)
	var so sqlstore.Resealed
	if err := db.Reseal(t.Context(), v, func(r sqlstore.Resealed) {
		if r.Table == "identifiers" {
			so = r
		}
	}); err != nil {
		t.Fatal(err)
	}
	if left, _ := under(t, db, old); so.Failed != 1 || so.Done != 3 || left != 1 {
		t.Errorf("identifiers = %+v, and %d left, want one failed and left, three done", so, left)
	}
}

// A keyset that lost a key is not taken while a row is sealed by it, though it opens all
// others: people would be locked out one by one.
func TestOpensWithoutAKey(t *testing.T) {
	v := newVault(t)
	db, path := filled(t, v, 0)
	old := v.Primary()
	id, err := v.Add(t.Context(), "")
	v.reload(t, err)
	before, err := v.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v.reload(t, v.Promote(t.Context(), "", id))
	if err := db.Reseal(t.Context(), v, quiet); err != nil {
		t.Fatal(err)
	}
	next := newVault(t)
	v.reload(t, v.MasterKey.Remove(t.Context(), filepath.Join(filepath.Dir(next.File), "less.key"), old))
	less, err := keys.MasterKey{File: filepath.Join(filepath.Dir(next.File), "less.key")}.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Opens(t.Context(), less, []uint32{old}); err != nil {
		t.Errorf("Opens() = %v where every row is under the other key, want nil", err)
	}
	create(t, open(t, path, before, time.Now), "999190000999") // by a process that seals as before
	if err := db.Opens(t.Context(), less, []uint32{old}); err == nil {
		t.Error("Opens() = nil with a row that only the old key opens, want an error")
	}
	if err := db.Opens(t.Context(), v, nil); err != nil {
		t.Errorf("Opens() = %v with both keys, want nil", err)
	}
}

func TestMasterKeyProcesses(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	db := open(t, migrated(t), sealer(t), func() time.Time { return now })
	for _, p := range []string{"a", "b", "b"} {
		if err := db.HoldsMasterKey(ctx, p, 7, []uint32{7, 4294967295}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(2 * time.Minute)
	if err := db.HoldsMasterKey(ctx, "b", 4294967295, []uint32{7, 4294967295}); err != nil {
		t.Fatal(err)
	}
	got, err := db.MasterKeyProcesses(ctx, time.Minute)
	if err != nil || len(got) != 1 || got[0].Process != "b" || got[0].Seals != 4294967295 || !got[0].Has(7) || got[0].Has(8) {
		t.Errorf("MasterKeyProcesses() = %+v, %v, want b alone", got, err)
	}
	if err := db.EndMasterKeyProcess(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.MasterKeyProcesses(ctx, time.Hour); err != nil || len(got) != 1 || got[0].Process != "a" {
		t.Errorf("MasterKeyProcesses() = %+v, %v, want a alone", got, err)
	}
}
