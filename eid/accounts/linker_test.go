package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
)

// bridge is a LinkerStore in memory: it gives a standing and keeps what is written.
type bridge struct {
	standing accounts.LinkStanding
	rulings  map[eid.ConflictKind]eid.Ruling
	wrote    accounts.Settlement
	opened   []accounts.ConflictRecord
	full     bool
}

var _ accounts.LinkerStore = (*bridge)(nil)

func (b *bridge) Settle(_ context.Context, _ accounts.LinkQuestion, decide func(accounts.LinkStanding) (accounts.Settlement, error)) error {
	b.standing.Ruling = func(canonical string) eid.Conflict {
		kind := eid.ConflictKind(canonical[:strings.IndexByte(canonical, 0)])
		if r, ok := b.rulings[kind]; ok {
			return eid.Conflict{ID: "c", Kind: kind, Decision: r, Ref: "first"}
		}
		return eid.Conflict{}
	}
	w, err := decide(b.standing)
	if err == nil {
		b.wrote = w
	}
	return err
}

func (b *bridge) OpenConflicts(_ context.Context, _ eid.AccountID, list []accounts.ConflictRecord, _ accounts.ConflictLimits) ([]eid.Conflict, error) {
	if b.full {
		return nil, accounts.ErrTooMany
	}
	b.opened = list
	var stored []eid.Conflict
	for _, r := range list {
		stored = append(stored, r.Conflict)
	}
	return stored, nil
}

func (b *bridge) HeldLinks(context.Context, eid.AccountID) ([]accounts.HeldLink, error) {
	return nil, errors.New("not asked for here")
}

func (b *bridge) EndLink(context.Context, string, time.Time, func(eid.Link) (eid.AuditEntry, error)) error {
	return errors.New("not asked for here")
}

// linkCase is a claim and where its sides stand.
type linkCase struct {
	claim accounts.Claim
	store *bridge
	now   time.Time
}

// linkable is a claim that may be linked: a person of level 2 proved both sides.
func linkable(t *testing.T) *linkCase {
	t.Helper()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	n, err := eid.ParsePersonalNumber("001188000901")
	if err != nil {
		t.Fatal(err)
	}
	return &linkCase{
		now: now,
		store: &bridge{rulings: map[eid.ConflictKind]eid.Ruling{}, standing: accounts.LinkStanding{Account: eid.Account{
			ID: "a", Level: eid.Level2, Status: eid.Active,
			Person: eid.Person{Type: eid.Citizen, Identifier: eid.IdentifierOf(n), Name: "Nguyễn Thị Thử", BirthDate: "1988-03-08"},
		}}},
		claim: accounts.Claim{
			Source: eid.Source{ID: "legacy", Linking: &eid.Linking{Cap: eid.Level2}}, Account: "a", Client: "portal", Ref: "now",
			Legacy:   accounts.Proved{Source: "legacy", Subject: "x", Level: eid.Level1, Methods: []string{"pwd"}, At: now, Given: now},
			National: accounts.Proved{Source: "national", Level: eid.Level2, Methods: []string{"pwd", "otp"}, At: now, Given: now},
		},
	}
}

func (c *linkCase) link(t *testing.T) accounts.Settled {
	t.Helper()
	got, err := accounts.NewLinker(c.store, func() time.Time { return c.now }).Link(t.Context(), c.claim)
	if err != nil {
		t.Fatalf("Link(): %v", err)
	}
	return got
}

// TestLinkClaims goes through what a claim may meet.
func TestLinkClaims(t *testing.T) {
	alive := func(id string, account eid.AccountID) eid.Link {
		return eid.Link{ID: id, Account: account, Source: "legacy", Cap: eid.Level1}
	}
	for _, tt := range []struct {
		name   string
		change func(c *linkCase)
		want   accounts.LinkOutcome
		kind   eid.ConflictKind
		cap    eid.Level
		opened int
	}{
		{"both proved", func(*linkCase) {}, accounts.Linked, "", eid.Level2, 0},
		{"the registration gives 1", func(c *linkCase) { c.claim.Source.Linking.Cap = eid.Level1 }, accounts.Linked, "", eid.Level1, 0},
		{"proved at 1", func(c *linkCase) { c.claim.National.Level = eid.Level1 }, accounts.Linked, "", eid.Level1, 0},
		{"the account fell to 1", func(c *linkCase) { c.store.standing.Account.Level = eid.Level1 }, accounts.Linked, "", eid.Level1, 0},
		{"through a national link of cap 1", func(c *linkCase) {
			c.claim.NationalLink, c.store.standing.National = "n", eid.Link{ID: "n", Account: "a", Source: "vneid", Cap: eid.Level1}
		}, accounts.Linked, "", eid.Level1, 0},
		{"the national proof carries nothing", func(c *linkCase) { c.claim.National.Level = eid.LevelNone }, accounts.Unproved, "", 0, 0},
		{"the legacy proof carries nothing", func(c *linkCase) { c.claim.Legacy.Level = eid.LevelNone }, accounts.Unproved, "", 0, 0},
		{"the registration gives nothing", func(c *linkCase) { c.claim.Source.Linking.Cap = eid.LevelNone }, accounts.Unproved, "", 0, 0},
		{"no subject", func(c *linkCase) { c.claim.Legacy.Subject = "" }, accounts.Unproved, "", 0, 0},
		{"the national link ended", func(c *linkCase) { c.claim.NationalLink = "n" }, accounts.Unproved, "", 0, 0},
		{"the national link is another's", func(c *linkCase) {
			c.claim.NationalLink, c.store.standing.National = "n", eid.Link{ID: "n", Account: "b", Source: "vneid", Cap: eid.Level2}
		}, accounts.Unproved, "", 0, 0},
		{"the national link expired", func(c *linkCase) {
			c.claim.NationalLink, c.store.standing.National = "n", eid.Link{ID: "n", Account: "a", Source: "vneid", Cap: eid.Level2, Expires: c.now}
		}, accounts.Unproved, "", 0, 0},
		{"five minutes", func(c *linkCase) { c.claim.Legacy.Given = c.now.Add(-5 * time.Minute) }, accounts.Linked, "", eid.Level2, 0},
		{"a second more", func(c *linkCase) { c.claim.Legacy.Given = c.now.Add(-5*time.Minute - time.Second) }, accounts.TooLate, "", 0, 0},
		{"the national proof too old", func(c *linkCase) { c.claim.National.Given = c.now.Add(-5*time.Minute - time.Second) }, accounts.TooLate, "", 0, 0},
		{"no time", func(c *linkCase) { c.claim.Legacy.Given = time.Time{} }, accounts.TooLate, "", 0, 0},
		{"of the future", func(c *linkCase) { c.claim.National.Given = c.now.Add(2 * time.Minute) }, accounts.TooLate, "", 0, 0},
		{"locked", func(c *linkCase) { c.store.standing.Account.Locks = []eid.Lock{{ID: "l", Reason: eid.LockSelf}} }, accounts.Unusable, "", 0, 0},
		{"not activated", func(c *linkCase) { c.store.standing.Account.Status = eid.PendingActivation }, accounts.Unusable, "", 0, 0},
		{"a portal's account as the national side", func(c *linkCase) { c.store.standing.Account.Person.Type = eid.PortalAccount }, accounts.Unusable, "", 0, 0},
		{"another account", func(c *linkCase) { c.store.standing.Account.ID = "b" }, accounts.Unusable, "", 0, 0},
		{"locked, and linked before", func(c *linkCase) {
			c.store.standing.Link, c.store.standing.Account.Locks = alive("k", "a"), []eid.Lock{{ID: "l", Reason: eid.LockSelf}}
		}, accounts.Unusable, "", 0, 0},
		{"linked already", func(c *linkCase) { c.store.standing.Link = alive("k", "a") }, accounts.Linked, "", eid.Level1, 0},
		{"the portal's account stands for it", func(c *linkCase) {
			c.store.standing.Link, c.store.standing.Shadow, c.store.standing.Imported = alive("k", "u"), "u", eid.ImportedWaiting
		}, accounts.Linked, "", eid.Level2, 0},
		{"linked to somebody", func(c *linkCase) { c.store.standing.Link = alive("k", "b") }, accounts.Conflicted, eid.ConflictLinked, 0, 1},
		{"linked to somebody, who was let go", func(c *linkCase) {
			c.store.standing.Former, c.store.rulings[eid.ConflictLinked] = "b", eid.Accepted
		}, accounts.Linked, "", eid.Level2, 0},
		{"linked to somebody still, though accepted", func(c *linkCase) {
			c.store.standing.Link, c.store.rulings[eid.ConflictLinked] = alive("k", "b"), eid.Accepted
		}, accounts.Conflicted, eid.ConflictLinked, 0, 0},
		{"was somebody's", func(c *linkCase) { c.store.standing.Former = "b" }, accounts.Conflicted, eid.ConflictFormer, 0, 1},
		{"was this person's", func(c *linkCase) { c.store.standing.Former = "a" }, accounts.Linked, "", eid.Level2, 0},
		{"a second", func(c *linkCase) { c.store.standing.Others = []eid.Link{alive("k", "a")} }, accounts.Conflicted, eid.ConflictSecond, 0, 1},
		{"a second, accepted", func(c *linkCase) {
			c.store.standing.Others, c.store.rulings[eid.ConflictSecond] = []eid.Link{alive("k", "a")}, eid.Accepted
		}, accounts.Linked, "", eid.Level2, 0},
		{"three at once", func(c *linkCase) {
			c.store.standing.Others, c.store.standing.Former, c.claim.Legacy.Said.OtherNumber = []eid.Link{alive("k", "a")}, "b", true
		}, accounts.Conflicted, eid.ConflictFormer, 0, 3},
		{"one waits, one is accepted", func(c *linkCase) {
			c.store.standing.Others, c.store.standing.Former = []eid.Link{alive("k", "a")}, "b"
			c.store.rulings[eid.ConflictLinked], c.store.rulings[eid.ConflictSecond] = eid.Accepted, eid.Undecided
		}, accounts.Conflicted, eid.ConflictSecond, 0, 0},
		{"rejected", func(c *linkCase) {
			c.store.standing.Former, c.store.rulings[eid.ConflictLinked] = "b", eid.Rejected
		}, accounts.Rejected, eid.ConflictFormer, 0, 0},
		{"rejected beside an accepted one", func(c *linkCase) {
			c.store.standing.Former, c.claim.Legacy.Said.OtherNumber = "b", true
			c.store.rulings[eid.ConflictLinked], c.store.rulings[eid.ConflictOtherNumber] = eid.Accepted, eid.Rejected
		}, accounts.Rejected, eid.ConflictOtherNumber, 0, 0},
		{"rows that contradict each other", func(c *linkCase) { c.store.standing.Imported = eid.ImportedContested }, accounts.Conflicted, eid.ConflictRows, 0, 0},
		{"nobody's row", func(c *linkCase) { c.store.standing.Imported = eid.ImportedRejected }, accounts.Rejected, eid.ConflictRows, 0, 0},
		{"verified, and the link ended", func(c *linkCase) { c.store.standing.Imported = eid.ImportedVerified }, accounts.Linked, "", eid.Level2, 0},
		{"too many conflicts", func(c *linkCase) { c.store.standing.Former, c.store.full = "b", true }, accounts.Throttled, "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := linkable(t)
			tt.change(c)
			got := c.link(t)
			if got.Outcome != tt.want || got.Kind != tt.kind || got.Link.Cap != tt.cap || len(c.store.opened) != tt.opened {
				t.Errorf("Link() = %+v and %d conflicts, want outcome %d, %q, cap %d and %d", got, len(c.store.opened), tt.want, tt.kind, tt.cap, tt.opened)
			}
			if made := c.store.wrote.Link.ID != ""; made && got.Outcome != accounts.Linked || got.Outcome == accounts.Linked && got.Link.ID == "" {
				t.Errorf("outcome %d, link made: %v", got.Outcome, made)
			}
			if got.Outcome == accounts.Linked && got.Link.Account != "a" {
				t.Errorf("linked to %s", got.Link.Account)
			}
		})
	}
}

// TestLinkReplacesTheShadow: the account that stood for the old one closes in the same
// step, and nothing else does.
func TestLinkReplacesTheShadow(t *testing.T) {
	c := linkable(t)
	c.store.standing.Shadow, c.store.standing.Imported = "u", eid.ImportedWaiting
	c.store.standing.Link = eid.Link{ID: "old", Account: "u", Source: "legacy", Cap: eid.Level1}
	if got := c.link(t); !got.Shadowed || c.store.wrote.Shadow != "u" || c.store.wrote.Replaces != "old" {
		t.Errorf("Link() = %+v, wrote %+v; want u closed and its link ended", got, c.store.wrote)
	}
	c.store.standing.Link = eid.Link{} // it expired: the day has come
	if got := c.link(t); !got.Shadowed || c.store.wrote.Shadow != "u" || c.store.wrote.Replaces != "" {
		t.Errorf("Link() = %+v, wrote %+v; want u closed", got, c.store.wrote)
	}
	var actions []string
	for _, e := range c.store.wrote.Entries {
		actions = append(actions, e.Action)
		if e.Account != "a" || e.Client != "portal" || e.Ref != "now" {
			t.Errorf("entry = %+v, want account, client and reference", e)
		}
	}
	if got := strings.Join(actions, " "); got != eid.ActionLinkCreated+" "+eid.ActionAccountVerified {
		t.Errorf("audit = %s", got)
	}
}

// TestLinkLasting: a link ends when its source's registration says.
func TestLinkLasting(t *testing.T) {
	c := linkable(t)
	c.claim.Source.Linking.Lasts = 24 * time.Hour
	if got := c.link(t); !got.Link.Expires.Equal(c.now.Add(24 * time.Hour)) {
		t.Errorf("expires = %v, want a day from now", got.Link.Expires)
	}
}

// TestLinkRefusedSources: a source whose holders do not link it is a mistake of the
// caller, whatever else is right.
func TestLinkRefusedSources(t *testing.T) {
	for name, change := range map[string]func(s *eid.Source){
		"no linking":   func(s *eid.Source) { s.Linking = nil },
		"national one": func(s *eid.Source) { s.National = true },
	} {
		c := linkable(t)
		change(&c.claim.Source)
		_, err := accounts.NewLinker(c.store, func() time.Time { return c.now }).Link(t.Context(), c.claim)
		if !errors.Is(err, accounts.ErrInvalid) || c.store.wrote.Link.ID != "" {
			t.Errorf("%s: Link() = %v, want %v and nothing written", name, err, accounts.ErrInvalid)
		}
	}
}

// TestLinkGainsaid: what is said only contradicts, and a foreigner has no personal
// number to say.
func TestLinkGainsaid(t *testing.T) {
	number := func(text string) eid.PersonalNumber {
		n, err := eid.ParsePersonalNumber(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	foreigner := func(c *linkCase) {
		c.store.standing.Account.Person.Type = eid.Foreigner
		c.store.standing.Account.Person.Identifier = eid.NewIdentifier(eid.KindPassport, "FRA", "X1234567")
	}
	born := civil.Date{Year: 1988, Month: time.March, Day: 8}
	for _, tt := range []struct {
		name   string
		before func(c *linkCase)
		said   accounts.Said
		want   eid.ConflictKind
	}{
		{"nothing", nil, accounts.Said{}, ""},
		{"all of it", nil, accounts.Said{Person: civil.Person{Number: number("001188000901"), Name: "NGUYỄN THỊ THỬ", BirthDate: born}}, ""},
		{"number alone", nil, accounts.Said{Person: civil.Person{Number: number("001188000901")}}, ""},
		{"another number, all else right", nil, accounts.Said{Person: civil.Person{Number: number("001188000902"), Name: "Nguyễn Thị Thử", BirthDate: born}}, eid.ConflictOtherNumber},
		{"another name", nil, accounts.Said{Person: civil.Person{Name: "Nguyễn Thị Khác"}}, eid.ConflictDetails},
		{"accents", nil, accounts.Said{Person: civil.Person{Name: "Nguyen Thi Thu"}}, eid.ConflictDetails},
		{"a year alone", nil, accounts.Said{Person: civil.Person{BirthDate: civil.Date{Year: 1988}}}, eid.ConflictDetails},
		{"another day", nil, accounts.Said{Person: civil.Person{BirthDate: civil.Date{Year: 1988, Month: time.March, Day: 9}}}, eid.ConflictDetails},
		{"a date that is none", nil, accounts.Said{OddDate: true}, eid.ConflictDetails},
		{"a number that is none", nil, accounts.Said{OtherNumber: true}, eid.ConflictOtherNumber},
		{"a foreigner, nothing", foreigner, accounts.Said{}, ""},
		{"a foreigner's name", foreigner, accounts.Said{Person: civil.Person{Name: "nguyễn thị thử", BirthDate: born}}, ""},
		{"a foreigner, and a number", foreigner, accounts.Said{Person: civil.Person{Number: number("001188000901")}}, eid.ConflictOtherNumber},
		{"an account without a full date, and a name", func(c *linkCase) { c.store.standing.Account.Person.BirthDate = "" }, accounts.Said{Person: civil.Person{Name: "Nguyễn Thị Thử"}}, ""},
		{"an account without a date, and one", func(c *linkCase) { c.store.standing.Account.Person.BirthDate = "" }, accounts.Said{Person: civil.Person{BirthDate: born}}, eid.ConflictDetails},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := linkable(t)
			if tt.before != nil {
				tt.before(c)
			}
			c.claim.Legacy.Said = tt.said
			got := c.link(t)
			if got.Kind != tt.want || (got.Outcome == accounts.Linked) != (tt.want == "") {
				t.Errorf("Link() = %+v, want %q", got, tt.want)
			}
			for _, r := range c.store.opened {
				if strings.Contains(string(r.Sides), "001188000901") || strings.Contains(string(r.Sides), "001188000902") || strings.Contains(string(r.Entry.Detail), "Nguy") {
					t.Errorf("sides %s or detail %s hold what they must not", r.Sides, r.Entry.Detail)
				}
			}
		})
	}
}
