package portability_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/portability"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// world is a database and a file to import into it.
type world struct {
	db   *sqlstore.DB
	dir  string
	path string // of the database

	sealer *keys.Sealer
}

const source, sector = "portal-accounts", "portal"

var errHash = errors.New("not a hash")

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{dir: dir, path: filepath.Join(dir, "eidgate.db")}
	var err error
	w.sealer, err = keys.LoadSealer(filepath.Join(dir, "master.key"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: w.path}); err != nil {
		t.Fatal(err)
	}
	if w.db, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: w.path}, w.sealer, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) options() portability.Options {
	return portability.Options{
		Place: accounts.Place{Source: source, Sector: sector}, Actor: "operator:test", Full: true, Now: time.Now,
		CheckHash: func(hash string) error {
			if !strings.HasPrefix(hash, "$2") {
				return errHash
			}
			return nil
		},
	}
}

// file is a file of that text.
func (w *world) file(t testing.TB, text string) portability.File {
	t.Helper()
	path := filepath.Join(w.dir, "accounts.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return portability.File{
		Open:   func() (io.ReadCloser, error) { return os.Open(path) },
		Faults: filepath.Join(w.dir, "accounts.faults.csv"),
	}
}

func (w *world) importer() *accounts.Importer { return accounts.NewImporter(w.db, time.Now) }

// account makes an account with a number.
func (w *world) account(t testing.TB, number, name, born string) eid.AccountID {
	t.Helper()
	n, err := eid.ParsePersonalNumber(number)
	if err != nil {
		t.Fatal(err)
	}
	id, err := accounts.New(w.db, time.Now).Create(t.Context(), accounts.NewAccount{
		Person: eid.Person{Type: eid.Citizen, Identifier: eid.IdentifierOf(n), Name: name, BirthDate: born, Gender: "male"},
		Level:  eid.Level2, Status: eid.Active,
	}, "operator:test")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// synthetic writes rows of people who do not exist.
func synthetic(w io.Writer, from, n int) {
	for i := from; i < from+n; i++ {
		fmt.Fprintf(w, "user%07d,%s,%s,%s,09%08d,user%d@example.test,$2y$10$%053d,%08x-%d\n", i, numberOf(i),
			nameOf(i), bornOf(i), i, i, i, uint32(i)*2654435761, i)
	}
}

func nameOf(i int) string {
	family, given := []string{"Nguyễn Văn", "Trần Thị", "Lê Hữu", "Phạm Ngọc"}, []string{"An", "Bình", "Cường", "Hương", "Thủy"}
	return family[i%len(family)] + " " + given[i/7%len(given)]
}

const header = "login,number,name,birth_date,phone,email,password_hash,subject\n"

// numberOf and bornOf are those of the i-th invented person.
func numberOf(i int) string {
	return fmt.Sprintf("%03d%d%02d%06d", 1+i/900_000, i%2, 50+i%50, i%900_000)
}

func bornOf(i int) string { return fmt.Sprintf("%d-%02d-%02d", 1950+i%50, 1+i%12, 1+i%28) }
