package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/store/sqlstore"
)

// oldSource is a legacy source whose holders link themselves.
const oldSource = "old"

// claimOf has an account claim what oldSource calls a person; said is what it says of
// them.
func (d desk) claimOf(t *testing.T, account eid.AccountID, subject string, said civil.Person) accounts.Settled {
	t.Helper()
	now := d.clock.Now()
	got, err := accounts.NewLinker(d.DB, d.clock.Now).Link(t.Context(), accounts.Claim{
		Source:   eid.Source{ID: oldSource, Linking: &eid.Linking{Cap: eid.Level1}},
		Legacy:   accounts.Proved{Source: oldSource, Subject: subject, Level: eid.Level1, Methods: []string{"pwd"}, At: now, Given: now, Said: accounts.Said{Person: said}},
		Account:  account,
		National: accounts.Proved{Source: "national", Level: eid.Level2, Methods: []string{"pwd", "otp"}, At: now, Given: now},
		Client:   "portal", Ref: "ref-" + subject,
	})
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	return got
}

// conflict is the one that waits, of several the last.
func (d desk) conflict(t *testing.T, q *accounts.Conflicts) eid.Conflict {
	t.Helper()
	list, err := q.List(t.Context(), accounts.ConflictFilter{})
	if err != nil || len(list) == 0 {
		t.Fatalf("List() = %d, %v, want one that waits", len(list), err)
	}
	return list[len(list)-1]
}

func (d desk) rule(t *testing.T, name string, c eid.Conflict, err error, want eid.Ruling) {
	t.Helper()
	if err != nil || c.Decision != want {
		t.Errorf("%s = %q, %v; want %q", name, c.Decision, err, want)
	}
}

// conflicts: what officers decide is what the holder's next ceremony meets.
func (s durableSuite) conflicts(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	holder := d.person(t, "011190000001")
	other := civil.Person{Name: "Trần Văn Khác"}
	if got := d.claimOf(t, holder, "x", other); got.Outcome != accounts.Conflicted || got.Kind != eid.ConflictDetails {
		t.Fatalf("a claim with another name = %+v, want a conflict of details", got)
	}
	c := d.conflict(t, q)
	standing, err := q.Show(t.Context(), c.ID)
	if err != nil || standing.Account.ID != holder || len(standing.Sides) == 0 || standing.Link.ID != "" || standing.Imported.ID != "" {
		t.Errorf("Show() = %+v, %v; want the account, sides and nothing else", standing, err)
	}
	var after int64
	d.actions(t, &after)
	got, err := q.Accept(t.Context(), c.ID, "card seen", "operator:an")
	d.rule(t, "the first accept", got, err, eid.Undecided)
	if got := d.claimOf(t, holder, "x", other); got.Outcome != accounts.Conflicted {
		t.Errorf("a claim under a proposal = %+v, want the conflict", got)
	}
	if _, err := q.Accept(t.Context(), c.ID, "card seen", "operator:an"); !errors.Is(err, accounts.ErrSameOfficer) {
		t.Errorf("the same officer's second accept = %v, want %v", err, accounts.ErrSameOfficer)
	}
	got, err = q.Accept(t.Context(), c.ID, "card seen, too", "operator:binh")
	d.rule(t, "the second accept", got, err, eid.Accepted)
	want := []string{eid.ActionConflictOffered, eid.ActionConflictDecided}
	if got := d.actions(t, &after); !slices.Equal(got, want) {
		t.Errorf("on record: %v, want %v", got, want)
	}
	kept, err := q.Show(t.Context(), c.ID)
	if err != nil || kept.ProposedBy != "operator:an" || kept.ProposedWhy != "card seen" || kept.DecidedBy != "operator:binh" || kept.Why != "card seen, too" || kept.DecidedAt.IsZero() {
		t.Errorf("kept: %+v, %v; want both officers with their reasons", kept.Conflict, err)
	}
	// Another difference was never looked at, and the accepted one lets the holder through.
	if got := d.claimOf(t, holder, "x", civil.Person{Name: "Lê Thị Lạ"}); got.Outcome != accounts.Conflicted {
		t.Errorf("a claim with a third name = %+v, want a conflict", got)
	}
	if got := d.claimOf(t, holder, "x", other); got.Outcome != accounts.Linked {
		t.Errorf("the claim that was accepted = %+v, want the link", got)
	}
	// The other one is moot now: it cannot be refused any more, but cleared away.
	moot := d.conflict(t, q)
	if _, err := q.Reject(t.Context(), moot.ID, "wrong person", "operator:an"); !errors.Is(err, accounts.ErrLinkedMeanwhile) {
		t.Errorf("Reject() of a link that is there = %v, want %v", err, accounts.ErrLinkedMeanwhile)
	}
	if _, err := q.Reject(t.Context(), "nothing", "x", "operator:an"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Reject() of none = %v, want %v", err, eid.ErrNotFound)
	}
}

// conflictRejected: a refused link stays refused, and its old account another's to link.
func (s durableSuite) conflictRejected(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	stranger, owner := d.person(t, "011190000001"), d.person(t, "011190000002")
	number, err := eid.ParsePersonalNumber("011190000002")
	if err != nil {
		t.Fatal(err)
	}
	said := civil.Person{Number: number}
	if got := d.claimOf(t, stranger, "x", said); got.Kind != eid.ConflictOtherNumber {
		t.Fatalf("a stranger's claim = %+v, want a conflict of numbers", got)
	}
	got, err := q.Reject(t.Context(), d.conflict(t, q).ID, "not the same", "operator:an")
	d.rule(t, "Reject()", got, err, eid.Rejected)
	if got := d.claimOf(t, stranger, "x", said); got.Outcome != accounts.Rejected {
		t.Errorf("the stranger's next claim = %+v, want it refused", got)
	}
	if got := d.claimOf(t, owner, "x", said); got.Outcome != accounts.Linked {
		t.Errorf("the owner's claim = %+v, want the link", got)
	}
}

// conflictLinked: with two officers the old account goes from one person to another,
// who proves both sides for it; the one before loses what came with it, and parties
// hear of it.
func (s durableSuite) conflictLinked(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	taker, owner, third := d.person(t, "011190000001"), d.person(t, "011190000002"), d.person(t, "011190000003")
	if got := d.claimOf(t, taker, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Fatalf("the first claim = %+v, want the link", got)
	}
	if got := d.claimOf(t, owner, "x", civil.Person{}); got.Kind != eid.ConflictLinked {
		t.Fatalf("the owner's claim = %+v, want a conflict with the link", got)
	}
	c := d.conflict(t, q)
	if c.Account != owner || c.Other != taker {
		t.Fatalf("conflict = %+v, want the owner against the taker", c)
	}
	standing, err := q.Show(t.Context(), c.ID)
	if err != nil || !standing.Loses() {
		t.Errorf("Show() = %+v, %v; want it said that the taker loses", standing.Conflict, err)
	}
	got, err := q.Accept(t.Context(), c.ID, "papers seen", "operator:an")
	d.rule(t, "the first accept", got, err, eid.Undecided)
	if link, err := d.LinkBySubject(t.Context(), oldSource, "x"); err != nil || link.Account != taker {
		t.Errorf("under a proposal the old account is %v's, %v; want it as it was", link.Account, err)
	}
	// Locked meanwhile: nothing is taken from the other for nothing.
	lock, err := d.locking.Set(t.Context(), owner, eid.LockSelf, Self())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Accept(t.Context(), c.ID, "papers seen", "operator:binh"); !errors.Is(err, accounts.ErrBarred) {
		t.Errorf("Accept() for a locked account = %v, want %v", err, accounts.ErrBarred)
	}
	if err := d.locking.Lift(t.Context(), owner, lock.ID, Self()); err != nil {
		t.Fatal(err)
	}
	got, err = q.Accept(t.Context(), c.ID, "papers seen", "operator:binh")
	d.rule(t, "the second accept", got, err, eid.Accepted)
	if link, err := d.LinkBySubject(t.Context(), oldSource, "x"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("the link after it = %+v, %v; want none", link, err)
	}
	events, err := d.PendingEvents(t.Context(), 10)
	if err != nil || !slices.ContainsFunc(events, func(e eid.Event) bool { return e.Kind == eid.EventLinkEnded && e.Account == taker }) {
		t.Errorf("events = %+v, %v; want parties told of the taker's link", events, err)
	}
	rows, err := d.Audit(t.Context(), sqlstore.AuditFilter{Action: accounts.ActionLinkEnded})
	if err != nil || len(rows) != 1 || rows[0].Account != taker || rows[0].Actor != "operator:binh" {
		t.Errorf("on record: %+v, %v; want the end of the taker's link, by the second officer", rows, err)
	}
	// A third person is a question of its own; the owner links without another one.
	if got := d.claimOf(t, third, "x", civil.Person{}); got.Kind != eid.ConflictFormer {
		t.Errorf("a third person's claim = %+v, want a conflict with the former link", got)
	}
	if got := d.claimOf(t, owner, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Errorf("the owner's claim = %+v, want the link", got)
	}
	if got := d.claimOf(t, taker, "x", civil.Person{}); got.Kind != eid.ConflictLinked {
		t.Errorf("the taker's next claim = %+v, want a conflict", got)
	}
}

// conflictLinkedAnew: what was accepted about a link that ended says nothing of a link
// that the other person makes afterwards. It waits for officers, as the first did.
func (s durableSuite) conflictLinkedAnew(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	other, holder := d.person(t, "011190000001"), d.person(t, "011190000002")
	linker := accounts.NewLinker(d.DB, d.clock.Now)
	accept := func(c eid.Conflict) {
		t.Helper()
		for _, officer := range []string{"operator:an", "operator:binh"} {
			if _, err := q.Accept(t.Context(), c.ID, "papers seen", officer); err != nil {
				t.Fatalf("Accept() by %s: %v", officer, err)
			}
		}
	}
	first := d.claimOf(t, other, "x", civil.Person{})
	if err := linker.Undo(t.Context(), other, first.Link.ID, "ref"); err != nil {
		t.Fatal(err)
	}
	if got := d.claimOf(t, holder, "x", civil.Person{}); got.Kind != eid.ConflictFormer {
		t.Fatalf("a claim after another's = %+v, want a conflict with the former", got)
	}
	accept(d.conflict(t, q))
	if got := d.claimOf(t, other, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Fatalf("the other's claim = %+v, want the link", got)
	}
	for _, doing := range []string{"a claim", "the claim once more"} {
		got := d.claimOf(t, holder, "x", civil.Person{})
		if got.Outcome != accounts.Conflicted || got.Kind != eid.ConflictLinked || got.Ref == "" {
			t.Fatalf("%s against a link made since = %+v, want a conflict with it", doing, got)
		}
		if n, err := q.List(t.Context(), accounts.ConflictFilter{}); err != nil || len(n) != 1 {
			t.Fatalf("after %s %d conflicts wait, %v; want one", doing, len(n), err)
		}
	}
	accept(d.conflict(t, q))
	if link, err := d.LinkBySubject(t.Context(), oldSource, "x"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("the link after it = %+v, %v; want none", link, err)
	}
	if got := d.claimOf(t, holder, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Errorf("the holder's claim = %+v, want the link", got)
	}
}

// conflictChanged: an old account that went to somebody else between two officers is
// not taken from them.
func (s durableSuite) conflictChanged(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	first, second := d.person(t, "011190000001"), d.person(t, "011190000002")
	d.claimOf(t, first, "x", civil.Person{Name: "Trần Văn Khác"})
	c := d.conflict(t, q)
	got, err := q.Accept(t.Context(), c.ID, "papers seen", "operator:an")
	d.rule(t, "the first accept", got, err, eid.Undecided)
	if got := d.claimOf(t, second, "x", civil.Person{}); got.Outcome != accounts.Linked {
		t.Fatalf("another's claim = %+v, want the link", got)
	}
	if _, err := q.Accept(t.Context(), c.ID, "papers seen", "operator:binh"); !errors.Is(err, accounts.ErrChanged) {
		t.Errorf("the second accept = %v, want %v", err, accounts.ErrChanged)
	}
	if link, err := d.LinkBySubject(t.Context(), oldSource, "x"); err != nil || link.Account != second {
		t.Errorf("the old account is %v's, %v; want it where it was", link.Account, err)
	}
	got, err = q.Reject(t.Context(), c.ID, "linked by another", "operator:binh")
	d.rule(t, "Reject()", got, err, eid.Rejected)
}

// conflictsAtOnce: of many officers at once one proposes and one accepts; of many who
// decide against each other one decision stands.
func (s durableSuite) conflictsAtOnce(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	holder := d.person(t, "011190000001")
	d.claimOf(t, holder, "x", civil.Person{Name: "Trần Văn Khác"})
	c := d.conflict(t, q)
	var mu sync.Mutex
	counts := map[eid.Ruling]int{}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			act := q.Accept
			if i%4 == 3 {
				act = q.Reject
			}
			got, err := act(t.Context(), c.ID, "papers seen", "operator:"+string(rune('a'+i%8)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				counts[got.Decision]++
			case !errors.Is(err, accounts.ErrDecided) && !errors.Is(err, accounts.ErrSameOfficer):
				t.Errorf("officer %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if counts[eid.Accepted]+counts[eid.Rejected] != 1 || counts[eid.Undecided] > 1 || counts[eid.Accepted] == 1 && counts[eid.Undecided] != 1 {
		t.Errorf("outcomes = %v, want one decision, and before an acceptance one proposal", counts)
	}
	kept, err := q.Show(t.Context(), c.ID)
	if err != nil || kept.Decision == eid.Accepted && kept.ProposedBy == kept.DecidedBy {
		t.Errorf("kept: %+v, %v; want two officers behind an acceptance", kept.Conflict, err)
	}
}

// conflictPages: a list in pages has each once, in order, of the sources that are asked
// for.
func (s durableSuite) conflictPages(t *testing.T) {
	d := s.desk(t)
	q := accounts.NewConflicts(d.DB, d.clock.Now)
	holder := d.person(t, "011190000001")
	var opened []string
	for i := range 7 {
		d.claimOf(t, holder, string(rune('a'+i)), civil.Person{Name: "Trần Văn Khác"})
		opened = append(opened, d.conflict(t, q).ID)
		d.clock.Advance(20 * time.Minute)
	}
	list := func(f accounts.ConflictFilter) []string {
		t.Helper()
		found, err := q.List(t.Context(), f)
		if err != nil {
			t.Fatalf("List(): %v", err)
		}
		ids := []string{}
		for i := range found {
			ids = append(ids, found[i].ID)
		}
		return ids
	}
	var paged []string
	for after := ""; ; {
		page := list(accounts.ConflictFilter{Most: 3, After: after})
		if paged = append(paged, page...); len(page) < 3 {
			break
		}
		after = page[2]
	}
	if !slices.Equal(paged, opened) {
		t.Errorf("pages hold %v, want %v", paged, opened)
	}
	if _, err := q.Reject(t.Context(), opened[0], "not the same", "operator:an"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		filter accounts.ConflictFilter
		want   int
	}{
		{"waiting", accounts.ConflictFilter{}, 6},
		{"all", accounts.ConflictFilter{Decided: true}, 7},
		{"of the source", accounts.ConflictFilter{Decided: true, Sources: []string{"elsewhere", oldSource}}, 7},
		{"of another", accounts.ConflictFilter{Decided: true, Sources: []string{"elsewhere"}}, 0},
		{"of none", accounts.ConflictFilter{Sources: []string{}}, 0},
		{"after the last", accounts.ConflictFilter{Decided: true, After: opened[6]}, 0},
		{"after one that is not there", accounts.ConflictFilter{Decided: true, After: "nothing"}, 0},
		{"after what was decided meanwhile", accounts.ConflictFilter{After: opened[0]}, 6},
	} {
		if got := list(tt.filter); len(got) != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, len(got), tt.want)
		}
	}
	waiting, err := d.ConflictsWaiting(t.Context())
	if err != nil || len(waiting) != 1 || waiting[0].Source != oldSource || waiting[0].Waiting != 6 || waiting[0].Oldest.IsZero() {
		t.Errorf("ConflictsWaiting() = %+v, %v; want 6 at one source", waiting, err)
	}
	of, err := d.ConflictsOf(t.Context(), oldSource, "c")
	if err != nil || len(of) != 1 || of[0].ID != opened[2] {
		t.Errorf("ConflictsOf() = %+v, %v; want the third", of, err)
	}
}
