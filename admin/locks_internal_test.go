package admin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/keys"
	"eidgate/store/statestore"
	"eidgate/store/storetest"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// A foreigner's account is locked as a citizen's is: it is found by the passport.
func TestWhomACaseIsAbout(t *testing.T) {
	for _, tt := range []struct {
		country, number string
		want            eid.Identifier
		fault           string // of what is not read
	}{
		{"", "011 090 000 001", eid.NewIdentifier(eid.KindPersonalNumber, vietnam, "011090000001"), ""},
		{" kor ", "m 1234-5678", eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678"), ""},
		{"", "M12345678", eid.Identifier{}, "number.malformed"},
		{"XQZ", "M12345678", eid.Identifier{}, "passport"},
		{"", "", eid.Identifier{}, "number.missing"},
	} {
		form := url.Values{fieldCountry: {tt.country}, string(eid.FieldNumber): {tt.number}}
		got, err := identifierOf(form)
		if tt.want.IsZero() != (err != nil) || err == nil && got != tt.want {
			t.Errorf("identifierOf(%q, %q) = %v, %v, want %v", tt.country, tt.number, got, err, tt.want)
		}
		if got := wrongIdentifier(form); err != nil && got != "officer.fault."+tt.fault {
			t.Errorf("wrongIdentifier(%q, %q) = %q, want %q", tt.country, tt.number, got, tt.fault)
		}
	}
}

// An officer finds so many people in a day and no more, however many ask at once; another
// officer, and the next day, have their own.
func TestLookUpsAreBounded(t *testing.T) {
	clock := storetest.NewClock()
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")}, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	p := &Pages{d: Deps{State: state}}
	var found atomic.Int64
	var wg sync.WaitGroup
	for range maxLookUps + 20 {
		wg.Go(func() {
			if may, err := p.mayLookUp(context.Background(), "officer-1"); err == nil && may {
				found.Add(1)
			}
		})
	}
	wg.Wait()
	if n := found.Load(); n != maxLookUps {
		t.Errorf("%d look-ups, want %d", n, maxLookUps)
	}
	if may, err := p.mayLookUp(t.Context(), "officer-2"); err != nil || !may {
		t.Errorf("another officer: %v, %v, want true", may, err)
	}
	clock.Advance(lookUpsSpan + time.Second)
	if may, err := p.mayLookUp(t.Context(), "officer-1"); err != nil || !may {
		t.Errorf("the next day: %v, %v, want true", may, err)
	}
}

// population is one person, and the rows of who looked for people.
type population struct {
	one  eid.Account
	rows []eid.AuditEntry
	down error // of the record
}

func (p *population) AccountByIdentifier(_ context.Context, i eid.Identifier) (eid.Account, error) {
	if p.one.Person.Identifier != i {
		return eid.Account{}, eid.ErrNotFound
	}
	return p.one, nil
}

func (*population) MarkOf(eid.Identifier) string { return "mark" }

func (p *population) Record(_ context.Context, entries ...eid.AuditEntry) error {
	if p.down == nil {
		p.rows = append(p.rows, entries...)
	}
	return p.down
}

// lookingUp are the pages of an officer who looks for people.
func lookingUp(t *testing.T, clock *storetest.Clock, people People) *Pages {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(dir, "state.db")}, clock.Now)
	must(t, err)
	t.Cleanup(func() { _ = state.Close() })
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), true, log)
	must(t, err)
	pages, err := web.New()
	must(t, err)
	frame, err := shell.New(shell.Deps{Pages: pages, State: state, Key: bytes.Repeat([]byte{7}, 32)})
	must(t, err)
	return &Pages{d: Deps{Shell: frame, State: state, Sealer: sealer, People: people, Now: clock.Now}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deskOf(account eid.AccountID) desk {
	return desk{signin.Person{Account: account, CSRF: "mark"}, eid.Officer{Account: account, Office: "office", Tasks: []eid.Task{eid.TaskLocks}}}
}

// A look for somebody is on record with who looked and why, whether anybody was found or
// not; what cannot be put on record is not shown.
func TestALookUpIsOnRecord(t *testing.T) {
	number, other := eid.NewIdentifier(eid.KindPersonalNumber, vietnam, "011090000001"), "011090000002"
	people := &population{one: eid.Account{ID: "holder", Person: eid.Person{Identifier: number, Name: "Nguyễn Thử"}}}
	p := lookingUp(t, storetest.NewClock(), people)
	find := func(typed string) (body string, failed int) {
		r := web.WithVisit(httptest.NewRequest(http.MethodPost, Path+"/locks", nil), web.Visit{
			Ref: "K7QF-2M9D", Language: "vi", Note: func(...any) {}, Fail: func(status int, _, _ string) { failed = status },
		})
		w := httptest.NewRecorder()
		p.find(w, r, deskOf("officer-1"), url.Values{
			fieldParty: {string(eid.ByAuthority)}, fieldRequester: {"Tòa án Mẫu"}, fieldPaperNo: {"12/QĐ-TA"}, string(eid.FieldNumber): {typed},
		})
		return w.Body.String(), failed
	}
	if body, failed := find(other); !strings.Contains(body, "Không có tài khoản với số này.") || failed != 0 {
		t.Errorf("find() of nobody failed with %d, want the page to say so", failed)
	}
	if n := len(people.rows); n != 1 {
		t.Fatalf("%d rows after a look, want one", n)
	}
	row := people.rows[0]
	if row.Actor != "officer:officer-1" || row.Action != audit.ActionLookedUp || row.Account != "" || row.Ref != "K7QF-2M9D" ||
		!strings.Contains(string(row.Detail), "12/QĐ-TA") || !strings.Contains(string(row.Detail), "mark") || strings.Contains(string(row.Detail), other) {
		t.Errorf("row = %+v, want who looked, why, and a mark of the number", row)
	}
	people.down = errors.New("database is away")
	if body, failed := find(number.Reveal()); failed != http.StatusInternalServerError || strings.Contains(body, "Nguyễn Thử") {
		t.Errorf("find() off the record failed with %d, want 500 and nobody shown", failed)
	}
}

// A case is its officer's, for an hour. What another page sealed is none.
func TestACaseIsItsOfficers(t *testing.T) {
	clock := storetest.NewClock()
	p := lookingUp(t, clock, nil)
	sealed, err := p.sealCase(lockCase{Account: "holder", Officer: "officer-1", Until: clock.Now().Add(caseTime)})
	must(t, err)
	raw, err := p.d.Sealer.Seal([]byte(`{"officer":"officer-1","until":"2999-01-01T00:00:00Z"}`), "another place")
	must(t, err)
	open := func(text string, who eid.AccountID, want bool) {
		t.Helper()
		if c, ok := p.openCase(text, deskOf(who)); ok != want || ok && c.Account != "holder" {
			t.Errorf("openCase() of %s at %v = %v, want %v", who, clock.Now(), ok, want)
		}
	}
	open(sealed, "officer-1", true)
	open(sealed, "officer-2", false)
	open(encode(raw), "officer-1", false)
	open("", "officer-1", false)
	clock.Advance(caseTime - time.Second)
	open(sealed, "officer-1", true)
	clock.Advance(time.Second)
	open(sealed, "officer-1", false)
}
