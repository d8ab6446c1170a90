package account_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/federation"
	"eidgate/federation/account"
	"eidgate/store"
)

// Synthetic people: the numbers name nobody.
const (
	anNumber     = "001203000001" // Level 2, password and codes
	binhNumber   = "001203000002" // password only
	lockedNumber = "001203000003" // locked, password and codes
	newNumber    = "001203000004" // not activated, no password yet
	nobodyNumber = "001203000009"

	password   = "mật khẩu giả định"
	totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

// fakeAccounts is the accounts of a test.
type fakeAccounts struct {
	byNumber map[string]eid.Account
	hash     string
	first    map[eid.AccountID]accounts.FirstPassword
	broken   error
}

func (f *fakeAccounts) AccountByIdentifier(_ context.Context, id eid.Identifier) (eid.Account, error) {
	if f.broken != nil {
		return eid.Account{}, f.broken
	}
	if a, ok := f.byNumber[id.Reveal()]; ok {
		return a, nil
	}
	return eid.Account{}, eid.ErrNotFound
}

func (f *fakeAccounts) Account(_ context.Context, id eid.AccountID) (eid.Account, error) {
	for a := range maps.Values(f.byNumber) {
		if a.ID == id {
			return a, f.broken
		}
	}
	return eid.Account{}, eid.ErrNotFound
}

func (f *fakeAccounts) PasswordHash(ctx context.Context, id eid.AccountID) (string, error) {
	if a, err := f.Account(ctx, id); err != nil || !a.Has(eid.Password) {
		return "", eid.ErrNotFound
	}
	return f.hash, nil
}

func (f *fakeAccounts) FirstPassword(_ context.Context, id eid.AccountID) (accounts.FirstPassword, error) {
	if first, ok := f.first[id]; ok {
		return first, nil
	}
	return accounts.FirstPassword{}, eid.ErrNotFound
}

func (f *fakeAccounts) TOTPSecret(ctx context.Context, id eid.AccountID) (eid.Secret, error) {
	if a, err := f.Account(ctx, id); err != nil || !a.Has(eid.OneTimeCode) {
		return eid.Secret{}, eid.ErrNotFound
	}
	return eid.NewSecret(totpSecret), nil
}

// fakeState is passing state in memory, with the operations that the source
// uses. Entries do not expire but by clear.
type fakeState struct {
	mu     sync.Mutex
	counts map[string]int64
	values map[string][]byte
	slots  map[string]bool
	broken error
}

func (f *fakeState) Apply(_ context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.slots[slot] = true
	var results []store.Result
	for _, op := range ops {
		key := slot + "\x00" + op.Key
		var r store.Result
		switch op.Kind {
		case store.OpCount:
			if r.OK = f.counts[key] < op.Limit; r.OK {
				f.counts[key]++
			}
			r.N, r.Left = f.counts[key], op.TTL-time.Minute
		case store.OpPutIfAbsent:
			if r.OK = f.values[key] == nil; r.OK {
				f.values[key] = bytes.Clone(op.Value)
			}
		case store.OpUncount:
			if _, r.OK = f.counts[key]; r.OK {
				f.counts[key] = max(f.counts[key]-op.Limit, 0)
			}
		case store.OpTake:
			var n int64
			if n, r.OK = f.counts[key]; r.OK {
				r.Value = strconv.AppendInt(nil, n, 10)
			}
			delete(f.counts, key)
		case store.OpDelete:
			_, r.OK = f.counts[key]
			delete(f.counts, key)
		default:
			return nil, errors.New("operation unknown to the fake")
		}
		results = append(results, r)
		if !r.OK && op.Kind != store.OpDelete && op.Kind != store.OpUncount {
			break
		}
	}
	return results, nil
}

// clear ends every window of guesses.
func (f *fakeState) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.counts)
}

// fakeAudit keeps what was recorded.
type fakeAudit struct {
	mu      sync.Mutex
	entries []eid.AuditEntry
	counts  map[string]int
	broken  error
}

func (f *fakeAudit) Count(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	f.counts[name]++
	return nil
}

func (f *fakeAudit) Record(_ context.Context, entries ...eid.AuditEntry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	f.entries = append(f.entries, entries...)
	return nil
}

// writes counts the commits that recording and counting made.
func (f *fakeAudit) writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.entries)
	for _, count := range f.counts {
		n += count
	}
	return n
}

func (f *fakeAudit) recorded() []eid.AuditEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.entries)
}

// hashed gives the one verifier of all tests and the hash of the password: hashing
// is what they spend their time on.
var hashed = func() func() (*credential.Passwords, string, error) {
	var once sync.Once
	var passwords *credential.Passwords
	var hash string
	var err error
	return func() (*credential.Passwords, string, error) {
		once.Do(func() {
			if passwords, err = credential.NewPasswords(0); err == nil {
				hash, err = passwords.Hash(context.Background(), eid.NewSecret(password))
			}
		})
		return passwords, hash, err
	}
}()

// bench is a source with its fakes.
type bench struct {
	*account.Source
	accounts  *fakeAccounts
	state     *fakeState
	audit     *fakeAudit
	passwords *credential.Passwords
	now       time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	passwords, hash, err := hashed()
	if err != nil {
		t.Fatal(err)
	}
	both := []eid.Factor{eid.Password, eid.OneTimeCode}
	b := &bench{
		accounts: &fakeAccounts{hash: hash, byNumber: map[string]eid.Account{
			anNumber:     {ID: "an", Level: eid.Level2, Status: eid.Active, Factors: both},
			binhNumber:   {ID: "binh", Level: eid.Level2, Status: eid.Active, Factors: both[:1]},
			lockedNumber: {ID: "locked", Level: eid.Level2, Status: eid.Active, Factors: both, Locks: []eid.Lock{{Reason: eid.LockSelf}}},
			newNumber:    {ID: "new", Level: eid.Level1, Status: eid.PendingActivation},
		}},
		state:     &fakeState{counts: map[string]int64{}, values: map[string][]byte{}, slots: map[string]bool{}},
		audit:     &fakeAudit{},
		passwords: passwords,
		now:       time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
	b.Source, err = account.New(account.Config{}, b.deps())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) deps() account.Deps {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return account.Deps{Accounts: b.accounts, Passwords: b.passwords, State: b.state, Audit: b.audit, Key: key}
}

func (b *bench) request(level eid.Level) federation.Request {
	return federation.Request{Level: level, Now: b.now}
}

func credentials(number, password string) federation.Reply {
	return federation.Reply{Values: url.Values{federation.FieldPersonalNumber: {number}, federation.FieldPassword: {password}}}
}

func code(text string) federation.Reply {
	return federation.Reply{Values: url.Values{federation.FieldCode: {text}}}
}

func codeAt(t *testing.T, at time.Time) string {
	t.Helper()
	text, err := totp.GenerateCode(totpSecret, at)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// finish answers a form and fails the test on an error.
func (b *bench) finish(t *testing.T, req federation.Request, reply federation.Reply) federation.Step {
	t.Helper()
	step, err := b.Finish(t.Context(), req, reply)
	if err != nil {
		t.Fatalf("Finish() = %v, want nil", err)
	}
	return step
}

// formOf gives the page and the problem of a step that shows a form.
func formOf(t *testing.T, step federation.Step) (page, problem string) {
	t.Helper()
	if step.Form == nil || step.Assertion != nil || step.Redirect != "" {
		t.Fatalf("step = %+v, want a form only", step)
	}
	return step.Form.Page, step.Form.Problem
}
