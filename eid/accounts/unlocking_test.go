package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/rules"
)

// TestRow30ACounterUndoesTheHoldersOwnLock: with a biometric that matched and the word of
// the person, both younger than the lock; any other lock stays, and the holder's own with it.
func TestRow30ACounterUndoesTheHoldersOwnLock(t *testing.T) {
	book, err := rules.Open("")
	if err != nil {
		t.Fatal(err)
	}
	today, err := book.At(clock())
	if err != nil {
		t.Fatal(err)
	}
	own := eid.Lock{ID: "own", Reason: eid.LockSelf, SetBy: eid.ByHolder, SetAt: clock().Add(-time.Hour)}
	court := eid.Lock{ID: "court", Reason: eid.LockAuthority, SetBy: eid.ByAuthority, Requester: "A", Document: "1", SetAt: own.SetAt}
	at := func(kind eid.EvidenceKind, when time.Time) func(*accounts.Enrolment) {
		return func(n *accounts.Enrolment) {
			for i := range n.Evidence {
				if n.Evidence[i].Kind == kind {
					n.Evidence[i].At = when
				}
			}
		}
	}
	strict := func(change func(*eid.LockRule)) func(*accounts.Enrolment) {
		return func(n *accounts.Enrolment) {
			r := today
			r.Locks = slices.Clone(r.Locks)
			for i := range r.Locks {
				if r.Locks[i].Reason == eid.LockSelf {
					change(&r.Locks[i])
				}
			}
			n.Unlock.Rules = &r
		}
	}
	for _, tt := range []struct {
		name   string
		locks  []eid.Lock
		change func(*accounts.Enrolment)
		want   error
	}{
		{"its own", []eid.Lock{own}, nil, nil},
		{"two of its own", []eid.Lock{own, {ID: "own2", Reason: eid.LockSelf, SetBy: eid.ByHolder, SetAt: own.SetAt}}, nil, nil},
		{"nobody's", nil, nil, nil},
		{"an authority's beside", []eid.Lock{own, court}, nil, eid.ErrLocked},
		{"an authority's", []eid.Lock{court}, nil, eid.ErrLocked},
		{"of its kind, set by somebody else", []eid.Lock{{ID: "l", Reason: eid.LockSelf, SetBy: eid.ByOperator, SetAt: own.SetAt}}, nil, eid.ErrLocked},
		{"set by nobody who is known", []eid.Lock{{ID: "l", Reason: eid.LockSelf, SetAt: own.SetAt}}, nil, eid.ErrLocked},
		{"of another kind, set by the holder", []eid.Lock{{ID: "l", Reason: eid.LockDeath, SetBy: eid.ByHolder, SetAt: own.SetAt}}, nil, eid.ErrLocked},
		{"that nothing was said of", []eid.Lock{own}, func(n *accounts.Enrolment) { n.Unlock = nil }, eid.ErrLocked},
		{"younger than the match", []eid.Lock{own}, at(eid.EvidenceBiometric, own.SetAt), eid.ErrLocked},
		{"younger than the person's word", []eid.Lock{own}, at(eid.EvidenceConfirmation, own.SetAt), eid.ErrLocked},
		{"without a match", []eid.Lock{own}, func(n *accounts.Enrolment) { n.Level, n.Evidence = eid.Level1, n.Evidence[:1] }, eid.ErrLocked},
		{"under rules by which nobody undoes it", []eid.Lock{own}, strict(func(r *eid.LockRule) { r.UndoneBy = nil }), eid.ErrLocked},
		{"under rules that want a document", []eid.Lock{own}, strict(func(r *eid.LockRule) { r.UndoDocument = true }), eid.ErrLocked},
		{"under rules that want a remedy", []eid.Lock{own}, strict(func(r *eid.LockRule) { r.Remedy = true }), eid.ErrLocked},
		{"of the officer who approves", []eid.Lock{own}, func(n *accounts.Enrolment) { n.Unlock.Officer = "a" }, accounts.ErrOwnAccount},
		{"by no officer", []eid.Lock{own}, func(n *accounts.Enrolment) { n.Unlock.Officer = "" }, accounts.ErrInvalid},
		{"without a record", []eid.Lock{own}, func(n *accounts.Enrolment) { n.Unlock.Proof = "" }, accounts.ErrInvalid},
		{"in the app", []eid.Lock{own}, func(n *accounts.Enrolment) {
			n.Replace, n.FirstPasswordHash, n.FirstPasswordUntil = false, "", time.Time{}
		}, eid.ErrExists},
	} {
		n := enrolment(eid.Citizen, eid.Level2)
		n.Unlock = &accounts.Unlocking{Rules: &today, Proof: "counter K7QF-2M9D", Officer: "o"}
		if tt.change != nil {
			tt.change(&n)
		}
		held := eid.Account{ID: "a", Status: eid.Active, Level: eid.Level1, Locks: tt.locks}
		var r accounts.EnrolmentRecord
		decide, err := accounts.NewEnroller(&enrolments{}, clock).Prepare(n)
		if err == nil {
			r, err = decide(held)
		}
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("a lock %s: %v, want %v", tt.name, err, tt.want)
		}
		if err != nil && r.ID != "" {
			t.Errorf("a lock %s: refused, and a record to write", tt.name)
		}
		if err == nil && len(r.Lifts) != len(tt.locks) {
			t.Errorf("a lock %s: %d of %d end", tt.name, len(r.Lifts), len(tt.locks))
		}
		for i, l := range r.Lifts {
			if l.Lock != tt.locks[i].ID || l.By != eid.ByHolder || l.Entry.Action != eid.ActionAccountUnlocked || l.Entry.Actor != n.Actor || l.Entry.Ref != n.Ref ||
				l.Entry.Account != "a" || !strings.Contains(string(l.Entry.Detail), `"proof":"counter K7QF-2M9D"`) {
				t.Errorf("a lock %s ends as %+v, want by the holder, with the record of the counter", tt.name, l)
			}
		}
	}
}
