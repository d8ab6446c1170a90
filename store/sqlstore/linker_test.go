package sqlstore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// crossing is a database with two people, and an old account that a portal brought.
type crossing struct {
	db            *sqlstore.DB
	path          string
	linker        *accounts.Linker
	writer        *accounts.Accounts
	first, second eid.AccountID
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	path := migrated(t)
	db := open(t, path, sealer(t), time.Now)
	return &crossing{
		db: db, path: path, linker: accounts.NewLinker(db, time.Now), writer: accounts.New(db, time.Now),
		first: create(t, db, "999190000001"), second: create(t, db, "999190000002"),
	}
}

func (c *crossing) claim(account eid.AccountID, subject string) accounts.Claim {
	now := time.Now()
	return accounts.Claim{
		Source: eid.Source{ID: "old", Linking: &eid.Linking{Cap: eid.Level2}}, Account: account, Client: "portal", Ref: "ref",
		Legacy:   accounts.Proved{Source: "old", Subject: subject, Level: eid.Level1, At: now, Given: now},
		National: accounts.Proved{Source: "national", Level: eid.Level2, At: now, Given: now},
	}
}

func (c *crossing) link(t *testing.T, claim accounts.Claim) accounts.Settled {
	t.Helper()
	got, err := c.linker.Link(t.Context(), claim)
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	return got
}

// shadowed makes an account that stands for an old one, and the old one's row.
func (c *crossing) shadowed(t *testing.T, subject, state string) eid.AccountID {
	t.Helper()
	u := create(t, c.db, "999190000009")
	exec(t, c.path, fmt.Sprintf("UPDATE accounts SET subject_type = 'portal_account', level = 1, own_floor = 0 WHERE id = '%s'", u))
	link, err := c.writer.Link(t.Context(), eid.Link{Account: u, Source: "old", Cap: eid.Level1}, subject, "synthetic", "system")
	if err != nil {
		t.Fatal(err)
	}
	var index []byte
	if err := rawDB(t, c.path).QueryRowContext(t.Context(), "SELECT subject_index FROM links WHERE id = ?", link.ID).Scan(&index); err != nil {
		t.Fatal(err)
	}
	exec(t, c.path, fmt.Sprintf(`INSERT INTO imported_accounts (id, source, content, sealed, state, matched, created_at, updated_at)
		VALUES ('%s', 'old', x'00', x'00', '%s', 'no_number', 0, 0)`, base64.RawURLEncoding.EncodeToString(index), state))
	return u
}

// imported is the state of the only old account, and whose it is.
func (c *crossing) imported(t *testing.T) (state, account string, verified bool) {
	t.Helper()
	row := rawDB(t, c.path).QueryRowContext(t.Context(), "SELECT state, COALESCE(account, ''), verified_at IS NOT NULL FROM imported_accounts")
	if err := row.Scan(&state, &account, &verified); err != nil {
		t.Fatal(err)
	}
	return state, account, verified
}

// TestLinkVerifies: with the link the old account is verified and the one that stood
// for it closes; undoing has the old account wait again.
func TestLinkVerifies(t *testing.T) {
	c := newCrossing(t)
	u := c.shadowed(t, "x", "waiting")
	got := c.link(t, c.claim(c.first, "x"))
	if got.Outcome != accounts.Linked || !got.Shadowed {
		t.Fatalf("Link() = %+v, want a link in the place of the portal's account", got)
	}
	if a, err := c.db.Account(t.Context(), u); err != nil || !errors.Is(a.Usable(), eid.ErrNotActivated) {
		t.Errorf("the portal's account = %s, %v; want it closed", a.Status, err)
	}
	if state, account, at := c.imported(t); state != "verified" || account != string(c.first) || !at {
		t.Errorf("imported = %s of %q, want verified of %s", state, account, c.first)
	}
	if link, err := c.db.LinkBySubject(t.Context(), "old", "x"); err != nil || link.Account != c.first || link.ID != got.Link.ID {
		t.Errorf("LinkBySubject() = %+v, %v; want %+v", link, err, got.Link)
	}
	events, err := c.db.PendingEvents(t.Context(), 10)
	if err != nil || len(events) != 1 || events[0].Account != u || events[0].Kind != eid.EventLinkEnded {
		t.Errorf("events = %+v, %v; want the end of the portal's account", events, err)
	}

	if err := c.linker.Undo(t.Context(), c.second, got.Link.ID, "ref"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Undo() by somebody else = %v, want %v", err, eid.ErrNotFound)
	}
	if err := c.linker.Undo(t.Context(), "", got.Link.ID, "ref"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Undo() by nobody = %v, want %v", err, eid.ErrNotFound)
	}
	if err := c.linker.Undo(t.Context(), c.first, got.Link.ID, "ref"); err != nil {
		t.Fatalf("Undo(): %v", err)
	}
	if state, account, at := c.imported(t); state != "waiting" || account != "" || at {
		t.Errorf("imported = %s of %q, want waiting", state, account)
	}
	if held, err := c.linker.Held(t.Context(), c.first); err != nil || len(held) != 0 {
		t.Errorf("Held() = %+v, %v; want none", held, err)
	}
	if got := c.link(t, c.claim(c.second, "x")); got.Outcome != accounts.Conflicted || got.Kind != eid.ConflictFormer {
		t.Errorf("Link() by another = %+v, want a conflict with the one before", got)
	}
	if got := c.link(t, c.claim(c.first, "x")); got.Outcome != accounts.Linked || got.Shadowed {
		t.Errorf("Link() by the same = %+v, want a link", got)
	}
}

// TestLinkByAnOperator: a link that an operator makes verifies the old account as the
// holder's does, and that of an account which stands for it does not.
func TestLinkByAnOperator(t *testing.T) {
	c := newCrossing(t)
	c.shadowed(t, "x", "waiting")
	stands, err := c.db.LinkBySubject(t.Context(), "old", "x")
	if err != nil {
		t.Fatal(err)
	}
	end := func(id string) {
		t.Helper()
		if err := c.writer.EndLink(t.Context(), id, "operator:test"); err != nil {
			t.Fatalf("EndLink(): %v", err)
		}
	}
	end(stands.ID)
	link := func(id eid.AccountID) eid.Link {
		t.Helper()
		l, err := c.writer.Link(t.Context(), eid.Link{Account: id, Source: "old", Cap: eid.Level1}, "x", "paper seen", "operator:test")
		if err != nil {
			t.Fatalf("Link(): %v", err)
		}
		return l
	}
	stands = link(stands.Account)
	if state, account, at := c.imported(t); state != "waiting" || account != "" || at {
		t.Errorf("with what stands for it: imported = %s of %q, want waiting", state, account)
	}
	end(stands.ID)
	made := link(c.first)
	if state, account, at := c.imported(t); state != "verified" || account != string(c.first) || !at {
		t.Errorf("linked by an operator: imported = %s of %q, want verified of %s", state, account, c.first)
	}
	end(made.ID)
	if state, account, at := c.imported(t); state != "waiting" || account != "" || at {
		t.Errorf("ended by an operator: imported = %s of %q, want waiting", state, account)
	}
}

// TestLinkPastALock: an old account whose stand-in is locked is not verified until the
// lock is lifted.
func TestLinkPastALock(t *testing.T) {
	c := newCrossing(t)
	u := c.shadowed(t, "x", "waiting")
	lock, err := storetest.Locks(t, c.db, time.Now).Set(t.Context(), u, eid.LockSelf, storetest.Self())
	if err != nil {
		t.Fatal(err)
	}
	if got := c.link(t, c.claim(c.first, "x")); got.Outcome != accounts.Conflicted {
		t.Errorf("Link() of a locked old account = %+v, want an officer to look at it", got)
	}
	if link, err := c.db.LinkBySubject(t.Context(), "old", "x"); err != nil || link.Account != u {
		t.Errorf("LinkBySubject() = %+v, %v; want what it was", link, err)
	}
	if err := storetest.Locks(t, c.db, time.Now).Lift(t.Context(), u, lock.ID, storetest.Self()); err != nil {
		t.Fatal(err)
	}
	if got := c.link(t, c.claim(c.first, "x")); got.Outcome != accounts.Linked || !got.Shadowed {
		t.Errorf("Link() after the lock = %+v, want a link", got)
	}
}

// TestLinkWholeOrNot: a link that cannot be written with all that comes with it leaves
// nothing.
func TestLinkWholeOrNot(t *testing.T) {
	for _, what := range []string{
		"INSERT ON audit", "INSERT ON links", "INSERT ON events", "UPDATE ON imported_accounts", "UPDATE OF status ON accounts", "UPDATE OF ended_at ON links",
	} {
		c := newCrossing(t)
		u := c.shadowed(t, "x", "waiting")
		exec(t, c.path, "CREATE TRIGGER full BEFORE "+what+" BEGIN SELECT RAISE(ABORT, 'disk full'); END")
		if got, err := c.linker.Link(t.Context(), c.claim(c.first, "x")); err == nil || got.Outcome == accounts.Linked {
			t.Errorf("%s fails: Link() = %+v, %v, want an error", what, got, err)
		}
		link, err := c.db.LinkBySubject(t.Context(), "old", "x")
		if a, failed := c.db.Account(t.Context(), u); err != nil || failed != nil || link.Account != u || a.Usable() != nil {
			t.Errorf("%s fails: link %+v, account %s, %v, %v; want all as before", what, link, a.Status, err, failed)
		}
		if state, _, _ := c.imported(t); state != "waiting" {
			t.Errorf("%s fails: imported = %s, want waiting", what, state)
		}
	}
}

// TestLinkOfContestedRows: an old account whose rows contradict each other, or that an
// officer rejected, is linked to nobody.
func TestLinkOfContestedRows(t *testing.T) {
	for state, want := range map[string]accounts.LinkOutcome{"contested": accounts.Conflicted, "rejected": accounts.Rejected} {
		c := newCrossing(t)
		c.shadowed(t, "x", state)
		if got := c.link(t, c.claim(c.first, "x")); got.Outcome != want || got.Kind != eid.ConflictRows {
			t.Errorf("%s: Link() = %+v, want outcome %d", state, got, want)
		}
		if have, _, _ := c.imported(t); have != state {
			t.Errorf("imported = %s, want %s", have, state)
		}
	}
}

// TestLinkRace: of two people who claim one old account at once, however often, one is
// linked, and one conflict is opened.
func TestLinkRace(t *testing.T) {
	c := newCrossing(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	outcomes, links := map[eid.AccountID]map[accounts.LinkOutcome]int{c.first: {}, c.second: {}}, map[string]bool{}
	for i := range 16 {
		account := []eid.AccountID{c.first, c.second}[i%2]
		all.Go(func() {
			got, err := c.linker.Link(t.Context(), c.claim(account, "x"))
			if err != nil {
				t.Errorf("Link(): %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[account][got.Outcome]++
			if got.Outcome == accounts.Linked {
				links[got.Link.ID] = true
			}
		})
	}
	all.Wait()
	won, lost := outcomes[c.first], outcomes[c.second]
	if won[accounts.Linked] == 0 {
		won, lost = lost, won
	}
	if len(links) != 1 || won[accounts.Linked] != 8 || lost[accounts.Conflicted] != 8 {
		t.Errorf("outcomes %v, links %v; want one link found by eight, and eight conflicts", outcomes, links)
	}
	var n int
	if err := rawDB(t, c.path).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM conflicts").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d conflicts, %v; want one", n, err)
	}
}

// TestConflictIsOfThisVeryDifference: an accepted conflict lets through what the officer
// saw, and nothing that differs from it.
func TestConflictIsOfThisVeryDifference(t *testing.T) {
	c := newCrossing(t)
	said := c.claim(c.first, "x")
	said.Legacy.Said.Person.Name = "Trần Thị Khác"
	if got := c.link(t, said); got.Outcome != accounts.Conflicted || got.Kind != eid.ConflictDetails || got.Ref != "ref" {
		t.Fatalf("Link() = %+v, want a conflict", got)
	}
	again := said
	again.Ref = "later"
	if got := c.link(t, again); got.Ref != "ref" {
		t.Errorf("reference of the same conflict = %q, want the first one", got.Ref)
	}
	exec(t, c.path, "UPDATE conflicts SET decision = 'accepted'")
	other := said
	other.Legacy.Said.Person.Name = "Lê Thị Khác"
	if got := c.link(t, other); got.Outcome != accounts.Conflicted {
		t.Errorf("Link() with another name = %+v, want a conflict of its own", got)
	}
	foreign := c.claim(c.second, "x")
	foreign.Legacy.Said = said.Legacy.Said
	if got := c.link(t, foreign); got.Outcome != accounts.Conflicted {
		t.Errorf("Link() by another person = %+v, want a conflict of its own", got)
	}
	if got := c.link(t, said); got.Outcome != accounts.Linked {
		t.Errorf("Link() as accepted = %+v, want a link", got)
	}
}

// TestConflictIsSealed: what an officer compares is not readable in the file.
func TestConflictIsSealed(t *testing.T) {
	c := newCrossing(t)
	said := c.claim(c.first, "login-of-a-person")
	said.Legacy.Said.Person.Name = "Trần Thị Khác"
	c.link(t, said)
	var sealed []byte
	var row string
	err := rawDB(t, c.path).QueryRowContext(t.Context(), "SELECT sealed, kind || source || ref || COALESCE(other, '') FROM conflicts").Scan(&sealed, &row)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"Khác", "login-of-a-person", "Nguy"} {
		if got := string(sealed) + row; len(sealed) == 0 || strings.Contains(got, never) {
			t.Errorf("the row holds %q", never)
		}
	}
}
