package portal_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/portal"
	"eidgate/store/statestore"
)

const (
	password = "mật khẩu cũ"
	wrong    = federation.ProblemWrongLogin
)

// imported is one portal's old accounts, in memory. People are synthetic.
type imported struct {
	mu    sync.Mutex
	rows  []accounts.Imported // in the order of their ids
	links map[string]eid.AccountID
	reads []string // kinds of look-ups, in order
}

func (i *imported) ImportedNear(_ context.Context, source, login string) (accounts.Imported, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads = append(i.reads, "near")
	for _, row := range i.rows {
		if row.Source == source && row.Old.Login >= login {
			return row, nil
		}
	}
	return accounts.Imported{}, fmt.Errorf("finding: %w", eid.ErrNotFound)
}

func (i *imported) ReplaceImportedPassword(_ context.Context, source, login, outdated, updated string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads = append(i.reads, "replace")
	for k, row := range i.rows {
		if row.Source == source && row.Old.Login == login && row.Old.Password.Reveal() == outdated {
			i.rows[k].Old.Password = eid.NewSecret(updated)
		}
	}
	return nil
}

func (i *imported) LinkBySubject(_ context.Context, _, subject string) (eid.Link, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads = append(i.reads, "link")
	if id := i.links[subject]; id != "" {
		return eid.Link{ID: "l", Account: id}, nil
	}
	return eid.Link{}, eid.ErrNotFound
}

func (i *imported) hash(login string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := slices.IndexFunc(i.rows, func(r accounts.Imported) bool { return r.Old.Login == login })
	return i.rows[k].Old.Password.Reveal()
}

// ledger keeps what was written to the audit.
type ledger struct {
	mu      sync.Mutex
	entries []eid.AuditEntry
	counts  map[string]int
}

func (l *ledger) Record(_ context.Context, entries ...eid.AuditEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entries...)
	return nil
}

func (l *ledger) Count(_ context.Context, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[name]++
	return nil
}

// state holds the counters of all tests; each hides them under a key of its own.
var state *statestore.Store

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "eidgate-portal-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if state, err = statestore.Open(context.Background(), statestore.Config{Path: filepath.Join(dir, "state.db")}, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = state.Close() }()
	return m.Run()
}

// Hashes of password, made with Python's hashlib and crypt(3).
const (
	md5Hash    = "6ed81c9c3cdb262322ba61b932f333f6"
	bcryptHash = "$2b$04$abcdefghijklmnopqrstuuI8MvLQ0w8PaFYhiC/x0.T752wTTYRge"
)

type world struct {
	t         *testing.T
	source    *portal.Source
	accounts  *imported
	passwords *credential.Passwords
	audit     *ledger
	now       time.Time
}

func start(t *testing.T) *world {
	t.Helper()
	row := func(login, hash string, state eid.ImportedState) accounts.Imported {
		return accounts.Imported{Source: "old", State: state, Old: accounts.OldAccount{
			Login: login, Name: "Nguyễn Thị Mẫu", BirthDate: "2003-02-01", Number: number(t), Password: eid.NewSecret(hash),
		}}
	}
	passwords, err := credential.NewPasswords(2)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, now: time.Now(), passwords: passwords, audit: &ledger{counts: map[string]int{}},
		accounts: &imported{links: map[string]eid.AccountID{"mau.da-xac-minh": "A"}, rows: []accounts.Imported{
			row("mau.bi-bac", md5Hash, eid.ImportedRejected), row("mau.cho", md5Hash, eid.ImportedWaiting),
			row("mau.chua-co-mat-khau", "", eid.ImportedWaiting), row("mau.da-xac-minh", bcryptHash, eid.ImportedVerified),
			row("mau.hong", "$2b$31$"+bcryptHash[7:], eid.ImportedWaiting), row("mau.tranh-chap", bcryptHash, eid.ImportedContested),
			row("zz", bcryptHash, eid.ImportedWaiting),
		}},
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	guesses, err := federation.NewGuesses(federation.GuessLimits{}, state, key)
	if err == nil {
		w.source, err = portal.New("old", portal.Deps{Accounts: w.accounts, Passwords: passwords, Audit: w.audit, Guesses: guesses})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func number(t *testing.T) eid.PersonalNumber {
	t.Helper()
	n, err := eid.ParsePersonalNumber("001303000017")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) tryFrom(address, name, password string) (federation.Step, error) {
	return w.source.Finish(w.t.Context(), federation.Request{Level: eid.Level1, Now: w.now, Address: netip.MustParseAddr(address)},
		federation.Reply{Values: url.Values{federation.FieldLoginName: {name}, federation.FieldPassword: {password}}})
}

func (w *world) try(name, password string) (federation.Step, error) {
	return w.tryFrom("192.0.2.7", name, password)
}

// outcome puts an answer into words.
func outcome(step federation.Step, err error) string {
	var busy *federation.BusyError
	switch {
	case errors.As(err, &busy):
		return busy.Form.Problem
	case errors.Is(err, federation.ErrThrottled):
		return "throttled"
	case err != nil:
		return err.Error()
	case step.Assertion != nil:
		return "in as " + step.Assertion.Subject
	}
	return step.Form.Problem
}
