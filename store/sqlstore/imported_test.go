package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
)

// bring imports old accounts named old-0, old-1, ….
func bring(t *testing.T, db *sqlstore.DB, source string, n int) {
	t.Helper()
	p, at := accounts.NewImporter(db, time.Now), accounts.Place{Source: source, Sector: "s"}
	i, err := p.Begin(t.Context(), accounts.Import{}, source, [32]byte{1}, false, "operator:test")
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]accounts.OldAccount, n)
	for i := range rows {
		rows[i] = accounts.OldAccount{Login: fmt.Sprint("old-", i), Name: "Synthetic Person", Password: eid.NewSecret(fmt.Sprint("hash-", i)), Subject: fmt.Sprint(source, "-sub-", i)}
	}
	staged, err := p.Stage(t.Context(), at, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	after := i
	after.Rows = n
	if _, err := p.Write(t.Context(), at, i, &after, staged); err != nil {
		t.Fatal(err)
	}
}

// opensOld fails where an old account does not say what it said.
func opensOld(t *testing.T, db *sqlstore.DB, source string, n int) {
	t.Helper()
	for i := range n {
		got, err := db.Imported(t.Context(), source, fmt.Sprint("old-", i))
		if err != nil || got.Old.Password.Reveal() != fmt.Sprint("hash-", i) || got.State != eid.ImportedWaiting {
			t.Fatalf("Imported(old-%d) = %v %s, %v, want it as it was", i, got.Old.Subject, got.State, err)
		}
	}
}

// TestImportBrokenOff: a batch whose import ends in its middle is not there at all, and
// says that it was broken off.
func TestImportBrokenOff(t *testing.T) {
	db := open(t, migrated(t), sealer(t), time.Now)
	p, at := accounts.NewImporter(db, time.Now), accounts.Place{Source: "a", Sector: "s"}
	i, err := p.Begin(t.Context(), accounts.Import{}, "a", [32]byte{1}, false, "operator:test")
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]accounts.OldAccount, 20_000)
	for i := range rows {
		rows[i].Login = fmt.Sprint("old-", i)
	}
	staged, err := p.Stage(t.Context(), at, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	after := i
	after.Rows = len(rows)
	if _, err := p.Write(ctx, at, i, &after, staged); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write() = %v, want context.DeadlineExceeded", err)
	}
	if _, err := db.Imported(t.Context(), "a", "old-0"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Imported() = %v, want ErrNotFound", err)
	}
	if _, err := p.Write(t.Context(), at, i, &after, staged); err != nil {
		t.Errorf("Write() once more = %v", err)
	}
}

// TestImportedPages: pages hold each old account of a source once, in the order in
// which they came, whichever other sources there are.
func TestImportedPages(t *testing.T) {
	db := open(t, migrated(t), sealer(t), time.Now)
	for _, source := range []string{"a", "b"} {
		bring(t, db, source, 25)
	}
	for _, source := range []string{"a", "b"} {
		var got []string
		for after := ""; ; {
			page, err := db.ImportedPage(t.Context(), source, eid.ImportedWaiting, after, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, i := range page {
				got = append(got, i.Old.Subject)
			}
			after = page[len(page)-1].ID
		}
		for i := range got {
			if want := fmt.Sprint(source, "-sub-", i); got[i] != want {
				t.Errorf("account %d of %s = %s, want %s", i, source, got[i], want)
			}
		}
		if len(got) != 25 {
			t.Errorf("pages of %s hold %d accounts, want 25", source, len(got))
		}
	}
}

// TestImportedNear: a name that nobody has gives an account of the same source, always
// the same one for a name, and not one for all names.
func TestImportedNear(t *testing.T) {
	db := open(t, migrated(t), sealer(t), time.Now)
	if _, err := db.ImportedNear(t.Context(), "a", "nobody"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("ImportedNear() without accounts = %v, want ErrNotFound", err)
	}
	for _, source := range []string{"before", "a", "behind"} {
		bring(t, db, source, 20)
	}
	opensOld(t, db, "a", 20)
	seen := make(map[string]bool)
	for i := range 100 {
		name := fmt.Sprint("nobody-", i)
		one, err := db.ImportedNear(t.Context(), "a", name)
		if err != nil || one.Source != "a" || one.Old.Login == name {
			t.Fatalf("ImportedNear(%s) = %s at %s, %v, want another of a", name, one.ID, one.Source, err)
		}
		if two, err := db.ImportedNear(t.Context(), "a", name); err != nil || two.ID != one.ID {
			t.Errorf("ImportedNear(%s) again = %s, %v, want %s", name, two.ID, err, one.ID)
		}
		seen[one.Old.Login] = true
	}
	if len(seen) < 15 {
		t.Errorf("100 names that nobody has give %d accounts, want most of 20", len(seen))
	}
	for i := range 20 {
		login := fmt.Sprint("old-", i)
		if got, err := db.ImportedNear(t.Context(), "a", login); err != nil || got.Old.Login != login || got.Source != "a" {
			t.Errorf("ImportedNear(%s) = %s, %v, want its own", login, got.ID, err)
		}
	}
}
