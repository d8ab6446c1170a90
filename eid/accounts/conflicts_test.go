package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// conflictShelf keeps one conflict, as a store does.
type conflictShelf struct {
	standing accounts.ConflictStanding
	ruled    []accounts.ConflictRuling
}

func (s *conflictShelf) Conflicts(context.Context, accounts.ConflictFilter) ([]eid.Conflict, error) {
	return []eid.Conflict{s.standing.Conflict}, nil
}

func (s *conflictShelf) Conflict(context.Context, string) (accounts.ConflictStanding, error) {
	return s.standing, nil
}

func (s *conflictShelf) RuleConflict(_ context.Context, id string, decide func(accounts.ConflictStanding) (accounts.ConflictRuling, error)) error {
	if id != s.standing.ID {
		return eid.ErrNotFound
	}
	r, err := decide(s.standing)
	if err != nil {
		return err
	}
	s.standing.Conflict, s.ruled = r.Conflict, append(s.ruled, r)
	return nil
}

// conflictAct is what one officer does.
type conflictAct struct {
	verb, who string
	want      error
	decision  eid.Ruling // afterwards
}

func (a conflictAct) do(t *testing.T, q *accounts.Conflicts) {
	t.Helper()
	act := map[string]func(context.Context, string, string, string) (eid.Conflict, error){"accept": q.Accept, "withdraw": q.Withdraw, "reject": q.Reject}[a.verb]
	got, err := act(t.Context(), "C", "papers seen", "operator:"+a.who)
	if !errors.Is(err, a.want) || err == nil && got.Decision != a.decision {
		t.Errorf("%s by %s = %q, %v; want %q, %v", a.verb, a.who, got.Decision, err, a.decision, a.want)
	}
}

// TestConflictsFourEyes: accepting takes two officers in every order of acts, rejecting
// takes one, and a decision stands.
func TestConflictsFourEyes(t *testing.T) {
	waits, accepted, rejected := eid.Undecided, eid.Accepted, eid.Rejected
	tests := []struct {
		name string
		acts []conflictAct
	}{
		{"two officers", []conflictAct{{"accept", "an", nil, waits}, {"accept", "binh", nil, accepted}}},
		{"one officer twice", []conflictAct{{"accept", "an", nil, waits}, {"accept", "an", accounts.ErrSameOfficer, waits}, {"accept", "binh", nil, accepted}}},
		{"the second rejects", []conflictAct{{"accept", "an", nil, waits}, {"reject", "binh", nil, rejected}, {"accept", "binh", accounts.ErrDecided, rejected}}},
		{"the first thinks again", []conflictAct{{"accept", "an", nil, waits}, {"reject", "an", nil, rejected}, {"accept", "binh", accounts.ErrDecided, rejected}}},
		{"one rejects", []conflictAct{{"reject", "an", nil, rejected}, {"reject", "an", accounts.ErrDecided, rejected}}},
		{"withdrawn", []conflictAct{
			{"accept", "an", nil, waits}, {"withdraw", "binh", accounts.ErrNotProposed, waits}, {"withdraw", "an", nil, waits},
			{"withdraw", "an", accounts.ErrNotProposed, waits}, {"accept", "binh", nil, waits}, {"accept", "an", nil, accepted},
		}},
		{"a withdrawal is no second word", []conflictAct{{"accept", "an", nil, waits}, {"withdraw", "an", nil, waits}, {"accept", "an", nil, waits}, {"accept", "an", accounts.ErrSameOfficer, waits}}},
		{"after the decision", []conflictAct{
			{"accept", "an", nil, waits}, {"accept", "binh", nil, accepted}, {"reject", "chi", accounts.ErrDecided, accepted},
			{"withdraw", "an", accounts.ErrDecided, accepted}, {"accept", "chi", accounts.ErrDecided, accepted},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shelf := &conflictShelf{standing: conflictBetween(eid.ConflictDetails)}
			q := accounts.NewConflicts(shelf, time.Now)
			for _, a := range tt.acts {
				a.do(t, q)
			}
			for _, r := range shelf.ruled {
				if len(r.Entries) != 1 || r.Entries[0].Account != "A" || !strings.HasPrefix(r.Entries[0].Actor, "operator:") {
					t.Errorf("audit = %+v, want one entry of the account, by the operator", r.Entries)
				}
			}
		})
	}
}

func conflictBetween(kind eid.ConflictKind) accounts.ConflictStanding {
	return accounts.ConflictStanding{
		Conflict: eid.Conflict{ID: "C", Kind: kind, Source: "old", Account: "A", Ref: "ref-1"},
		Account:  eid.Account{ID: "A", Status: eid.Active, Level: eid.Level2},
	}
}

// TestConflictsStanding: what an officer decides is about what there is now, not about
// what there was when it was opened.
func TestConflictsStanding(t *testing.T) {
	linkTo := func(id eid.AccountID) eid.Link { return eid.Link{ID: "L", Account: id, Source: "old", Cap: eid.Level1} }
	locked := eid.Account{ID: "A", Status: eid.Active, Locks: []eid.Lock{{Reason: eid.LockSelf}}}
	contested := accounts.Imported{ID: "I", State: eid.ImportedContested}
	tests := []struct {
		name           string
		kind           eid.ConflictKind
		change         func(*accounts.ConflictStanding)
		accept, reject error
		ends           string            // the link that accepting ends
		state          eid.ImportedState // that accepting gives
		afterReject    eid.ImportedState
	}{
		{name: "nothing changed", kind: eid.ConflictOtherNumber},
		{name: "the account is locked", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Account = locked }, accept: accounts.ErrBarred},
		{name: "the account is closed", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Account.Status = eid.Closed }, accept: accounts.ErrBarred},
		{name: "somebody else is linked meanwhile", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Link = linkTo("B") }, accept: accounts.ErrChanged},
		{name: "the holder of the number is linked meanwhile", kind: eid.ConflictOtherNumber, change: func(s *accounts.ConflictStanding) { s.Other, s.Link = "B", linkTo("B") }, accept: accounts.ErrChanged},
		{name: "it stands for itself", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Link, s.StandIn = linkTo("U"), true }},
		{name: "the very link is there", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Link = linkTo("A") }, reject: accounts.ErrLinkedMeanwhile},
		{name: "another's link ends", kind: eid.ConflictLinked, change: func(s *accounts.ConflictStanding) { s.Other, s.Link = "B", linkTo("B") }, ends: "L"},
		{name: "another's link ended before", kind: eid.ConflictLinked, change: func(s *accounts.ConflictStanding) { s.Other = "B" }},
		{name: "a third person is linked", kind: eid.ConflictLinked, change: func(s *accounts.ConflictStanding) { s.Other, s.Link = "B", linkTo("C") }, accept: accounts.ErrChanged},
		{name: "the former one is linked again", kind: eid.ConflictFormer, change: func(s *accounts.ConflictStanding) { s.Other, s.Link = "B", linkTo("B") }, accept: accounts.ErrChanged},
		{name: "second account", kind: eid.ConflictSecond},
		{name: "a contested row stays for its own conflict", kind: eid.ConflictDetails, change: func(s *accounts.ConflictStanding) { s.Imported = contested }},
		{name: "rows", kind: eid.ConflictRows, change: func(s *accounts.ConflictStanding) {
			s.Conflict.Account, s.Account, s.Imported = "", eid.Account{}, contested
		}, state: eid.ImportedWaiting, afterReject: eid.ImportedRejected},
		{name: "one of two conflicts of rows", kind: eid.ConflictRows, change: func(s *accounts.ConflictStanding) {
			s.Conflict.Account, s.Account, s.Imported, s.MoreRows = "", eid.Account{}, contested, 1
		}, afterReject: eid.ImportedRejected},
		{name: "rows that an import mended", kind: eid.ConflictRows, change: func(s *accounts.ConflictStanding) {
			s.Conflict.Account, s.Account, s.Imported = "", eid.Account{}, accounts.Imported{ID: "I", State: eid.ImportedWaiting}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			standing := conflictBetween(tt.kind)
			if tt.change != nil {
				tt.change(&standing)
			}
			proposed := standing
			proposed.ProposedBy = "operator:an"
			shelf := &conflictShelf{standing: proposed}
			conflictAct{"accept", "binh", tt.accept, eid.Accepted}.do(t, accounts.NewConflicts(shelf, time.Now))
			checkRuling(t, shelf, tt.accept, tt.ends, tt.state)

			shelf = &conflictShelf{standing: standing}
			conflictAct{"reject", "binh", tt.reject, eid.Rejected}.do(t, accounts.NewConflicts(shelf, time.Now))
			checkRuling(t, shelf, tt.reject, "", tt.afterReject)
		})
	}
}

func checkRuling(t *testing.T, shelf *conflictShelf, refused error, ends string, state eid.ImportedState) {
	t.Helper()
	if refused != nil {
		if len(shelf.ruled) != 0 {
			t.Errorf("%d rulings were written, want none", len(shelf.ruled))
		}
		return
	}
	r := shelf.ruled[0]
	if r.EndLink != ends || r.State != state {
		t.Errorf("ruling ends %q and sets %q, want %q and %q", r.EndLink, r.State, ends, state)
	}
	actions := []string{eid.ActionConflictDecided}
	if ends != "" {
		actions = append(actions, accounts.ActionLinkEnded)
	}
	var got []string
	for _, e := range r.Entries {
		got = append(got, e.Action)
		if !json.Valid(e.Detail) || e.Ref != "ref-1" {
			t.Errorf("entry %s: detail %s, ref %q; want JSON and the sign-in's reference", e.Action, e.Detail, e.Ref)
		}
	}
	if !slices.Equal(got, actions) {
		t.Errorf("audit = %v, want %v", got, actions)
	}
	if ends != "" && r.Entries[1].Account != "B" {
		t.Errorf("the link's end is on record for %q, want B, who loses it", r.Entries[1].Account)
	}
}

func TestConflictsWithoutReason(t *testing.T) {
	for _, tt := range []struct{ why, actor string }{{"", "operator:an"}, {"x\x00", "operator:an"}, {strings.Repeat("x", 501), "operator:an"}, {"papers seen", ""}} {
		shelf := &conflictShelf{standing: conflictBetween(eid.ConflictDetails)}
		q := accounts.NewConflicts(shelf, time.Now)
		if _, err := q.Accept(t.Context(), "C", tt.why, tt.actor); !errors.Is(err, accounts.ErrInvalid) || len(shelf.ruled) != 0 {
			t.Errorf("Accept(%.5q by %q) = %v, %d written; want %v and none", tt.why, tt.actor, err, len(shelf.ruled), accounts.ErrInvalid)
		}
	}
}
