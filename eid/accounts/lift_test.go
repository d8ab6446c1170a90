package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/rules"
)

// lifts is one try to lift a lock and what comes of it.
type lifts struct {
	name string
	act  accounts.LockAct
	want error
}

// tryLifts sets a lock anew for each try and tries to lift it.
func tryLifts(t *testing.T, reason eid.LockReason, set accounts.LockAct, tries []lifts) {
	t.Helper()
	for _, tt := range tries {
		t.Run(tt.name, func(t *testing.T) {
			d := newLockDesk(t, clock)
			l, err := d.locks.Set(t.Context(), "a", reason, set)
			d.want(t, "Set()", err, nil, 1)
			err = d.locks.Lift(t.Context(), "a", l.ID, tt.act)
			if tt.want != nil {
				d.want(t, "Lift()", err, tt.want, 1)
				if len(d.entries) != 1 {
					t.Errorf("audit = %+v, want nothing of what was refused", d.entries)
				}
				return
			}
			d.want(t, "Lift()", err, nil, 0)
			if e := d.entries[1]; e.Action != eid.ActionAccountUnlocked || e.Actor != tt.act.Actor {
				t.Errorf("audit = %+v, want the end of the lock by %s", e, tt.act.Actor)
			}
			if got := d.records[0]; got.LiftedBy != tt.act.By || got.LiftDocument != tt.act.Document {
				t.Errorf("on record: by %s with %q, want %s with %q", got.LiftedBy, got.LiftDocument, tt.act.By, tt.act.Document)
			}
		})
	}
}

// TestRow30SelfLockIsUndoneByTheHolder: after proof, and by nobody else.
func TestRow30SelfLockIsUndoneByTheHolder(t *testing.T) {
	tryLifts(t, eid.LockSelf, bySelf(), []lifts{
		{"holder", bySelf(), nil},
		{"holder at a counter", changed(bySelf(), func(a *accounts.LockAct) { a.Proof, a.Actor, a.Officer = "counter BB-12", "officer:o", "o" }), nil},
		{"without proof", changed(bySelf(), func(a *accounts.LockAct) { a.Proof = "" }), accounts.ErrInvalid},
		{"operator", byOperator(), accounts.ErrNotAllowed},
		{"authority", byAuthority("A"), accounts.ErrNotAllowed},
		{"correction", corrected(), accounts.ErrNotAllowed},
		{"registry", byRegistry(), accounts.ErrNotAllowed},
		{"nobody", accounts.LockAct{}, accounts.ErrNotAllowed},
	})
}

// TestRow31AuthoritysLockIsUndoneByTheRequester: requester and document are on record.
func TestRow31AuthoritysLockIsUndoneByTheRequester(t *testing.T) {
	tryLifts(t, eid.LockAuthority, byAuthority("Tòa án nhân dân quận Thử Nghiệm"), []lifts{
		{"the same", byAuthority("Tòa án nhân dân quận Thử Nghiệm"), nil},
		{"the same, written otherwise", byAuthority("  tòa án  nhân dân quận THỬ NGHIỆM "), nil},
		{"without document", changed(byAuthority("Tòa án nhân dân quận Thử Nghiệm"), func(a *accounts.LockAct) { a.Document = "" }), accounts.ErrInvalid},
		{"another authority", byAuthority("Viện kiểm sát"), accounts.ErrOtherRequester},
		{"holder", bySelf(), accounts.ErrNotAllowed},
		{"operator", byOperator(), accounts.ErrNotAllowed},
		{"registry", byRegistry(), accounts.ErrNotAllowed},
		{"service user", accounts.LockAct{By: eid.ByServiceUser, Requester: "Tòa án nhân dân quận Thử Nghiệm", Client: "p", Document: "d", Actor: "client:p"}, accounts.ErrOtherRequester},
		{"correction", corrected(), accounts.ErrNotAllowed},
		{"officer on the own account", changed(byAuthority("Tòa án nhân dân quận Thử Nghiệm"), func(a *accounts.LockAct) { a.Officer = "a" }), accounts.ErrOwnAccount},
	})
}

// TestRow32TermsAreUndoneAfterRemedy: what was remedied, and who asked, is on record.
func TestRow32TermsAreUndoneAfterRemedy(t *testing.T) {
	tryLifts(t, eid.LockTerms, byOperator(), []lifts{
		{"operator", byOperator(), nil},
		{"without remedy", changed(byOperator(), func(a *accounts.LockAct) { a.Remedy = "" }), accounts.ErrInvalid},
		{"holder", bySelf(), accounts.ErrNotAllowed},
		{"authority", byAuthority("A"), accounts.ErrNotAllowed},
		{"correction", corrected(), accounts.ErrNotAllowed},
	})
}

// TestRow33NumberAndDeathAreTerminal: save an authority that corrects an error.
func TestRow33NumberAndDeathAreTerminal(t *testing.T) {
	for _, reason := range []eid.LockReason{eid.LockNumber, eid.LockDeath} {
		tryLifts(t, reason, byRegistry(), []lifts{
			{"correction", corrected(), nil},
			{"correction without document", changed(corrected(), func(a *accounts.LockAct) { a.Document = "" }), accounts.ErrInvalid},
			{"correction without requester", changed(corrected(), func(a *accounts.LockAct) { a.Requester = "" }), accounts.ErrInvalid},
			{"correction by an operator", changed(corrected(), func(a *accounts.LockAct) { a.By = eid.ByOperator }), accounts.ErrTerminal},
			{"correction by the holder", changed(bySelf(), func(a *accounts.LockAct) { a.Correction = true }), accounts.ErrTerminal},
			{"correction by a registry", changed(byRegistry(), func(a *accounts.LockAct) { a.Correction = true }), accounts.ErrTerminal},
			{"authority that corrects nothing", byAuthority("A"), accounts.ErrTerminal},
			{"who set it", byRegistry(), accounts.ErrTerminal},
			{"holder", bySelf(), accounts.ErrTerminal},
			{"operator", byOperator(), accounts.ErrTerminal},
			{"nobody", accounts.LockAct{}, accounts.ErrTerminal},
		})
	}
}

// TestNoRulesNoLocks: before the first rule set nothing is locked and nothing unlocked.
func TestNoRulesNoLocks(t *testing.T) {
	early := func() time.Time { return time.Date(2021, 11, 8, 16, 59, 59, 0, time.UTC) }
	d := newLockDesk(t, early)
	d.account.Locks = []eid.Lock{{ID: "l", Reason: eid.LockSelf, SetBy: eid.ByHolder}}
	_, err := d.locks.Set(t.Context(), "a", eid.LockAuthority, byAuthority("A"))
	d.want(t, "Set()", err, rules.ErrNone, 1)
	d.want(t, "Lift()", d.locks.Lift(t.Context(), "a", "l", bySelf()), rules.ErrNone, 1)
}

func TestLocksHaveABound(t *testing.T) {
	d := newLockDesk(t, clock)
	for i := range 50 {
		_, err := d.locks.Set(t.Context(), "a", eid.LockAuthority, byAuthority(fmt.Sprint("A", i)))
		d.want(t, "Set()", err, nil, i+1)
	}
	_, err := d.locks.Set(t.Context(), "a", eid.LockAuthority, byAuthority("A51"))
	d.want(t, "Set() of one more", err, accounts.ErrNoRoom, 50)
	d.account = eid.Account{ID: "a", Status: eid.Closed}
	_, err = d.locks.Set(t.Context(), "a", eid.LockSelf, bySelf())
	d.want(t, "Set() of a closed account", err, accounts.ErrNotAllowed, 0)
}

// TestNoUnlockOutsideTheRules: whatever any party does in any order under any rule set,
// a lock ends only for whom the law of that day lets end it. The oracle is the text of
// domain.md's rows 30 to 33, written here once more.
func TestNoUnlockOutsideTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		day := rapid.SampledFrom([]string{"2021-11-09", "2022-10-19", "2022-10-20", "2024-06-30", "2024-07-01", "2026-11-22"}).Draw(rt, "day")
		now, err := time.ParseInLocation(time.DateOnly, day, eid.LawTime())
		if err != nil {
			rt.Fatal(err)
		}
		d := newLockDesk(t, func() time.Time { now = now.Add(time.Minute); return now })
		acts := rapid.Custom(drawAct)
		ctx := t.Context()
		for range rapid.IntRange(20, 120).Draw(rt, "steps") {
			before := slices.Clone(d.account.Locks)
			act := acts.Draw(rt, "act")
			request := ""
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				reason := rapid.SampledFrom(append(eid.LockReasons(), "whim")).Draw(rt, "reason")
				_, _ = d.locks.Set(ctx, "a", reason, act)
			case 1, 2:
				lock := "none"
				if len(before) > 0 {
					lock = rapid.SampledFrom(before).Draw(rt, "lock").ID
				}
				_ = d.locks.Lift(ctx, "a", lock, act)
			case 3:
				undo := ""
				if ids := d.requestIDs(); len(ids) > 0 && rapid.Bool().Draw(rt, "undo") {
					undo = rapid.SampledFrom(ids).Draw(rt, "request")
				}
				_, _ = d.requests.Ask(ctx, accounts.LockWish{Client: act.Client, Requester: act.Requester, Account: "a", Document: act.Document, Reason: "r", Undo: undo, Actor: act.Actor})
			case 4:
				ids := d.requestIDs()
				if len(ids) == 0 {
					continue
				}
				request = rapid.SampledFrom(ids).Draw(rt, "request")
				decide := rapid.SampledFrom([]func() (eid.LockRequest, error){
					func() (eid.LockRequest, error) {
						return d.requests.Accept(ctx, request, accounts.LockDecision{Why: "w", Actor: act.Actor, Officer: act.Officer})
					},
					func() (eid.LockRequest, error) {
						return d.requests.Reject(ctx, request, accounts.LockDecision{Why: "w", Actor: act.Actor, Officer: act.Officer})
					},
				}).Draw(rt, "decide")
				if r, err := decide(); err == nil && r.Status == eid.RequestRejected && len(before) != len(d.account.Locks) {
					rt.Fatal("a rejected request changed the locks")
				}
			}
			for _, l := range before {
				if _, stands := d.inForce(l.ID); stands {
					continue
				}
				if why := unlawful(l, act, request, d.vault); why != "" {
					rt.Fatalf("%+v ended by %+v: %s", l, act, why)
				}
			}
			for _, l := range d.account.Locks {
				if l.SetBy == eid.ByServiceUser && request == "" && !slices.ContainsFunc(before, func(b eid.Lock) bool { return b.ID == l.ID }) {
					rt.Fatalf("%+v is in force without a decision", l)
				}
			}
		}
	})
}

// unlawful says why a lock may not have ended as it did.
func unlawful(l eid.Lock, act accounts.LockAct, request string, v *vault) string {
	switch l.Reason {
	case eid.LockSelf:
		if act.By != eid.ByHolder || act.Proof == "" {
			return "only the holder undoes it, after proof"
		}
	case eid.LockAuthority:
		if l.SetBy == eid.ByServiceUser {
			r := v.requests[request]
			if r.Status != eid.RequestAccepted || r.Undo != l.ID || r.Client != l.Client || l.Client == "" && r.Requester != l.Requester || act.Officer == "a" || act.Actor == "holder" {
				return "only an officer does so, when the service user asked for it"
			}
			return ""
		}
		if act.By != eid.ByAuthority || act.Requester != l.Requester || act.Document == "" || act.Actor == "holder" {
			return "only who asked for it undoes it, with a document"
		}
	case eid.LockTerms:
		if act.By != eid.ByOperator || act.Remedy == "" || act.Actor == "holder" {
			return "it is undone after remedy"
		}
	default:
		if act.By != eid.ByAuthority || !act.Correction || act.Document == "" || act.Requester == "" || act.Actor == "holder" {
			return "only an authority corrects an error"
		}
	}
	return ""
}

func drawAct(rt *rapid.T) accounts.LockAct {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(rt, label) }
	act := accounts.LockAct{
		By:        rapid.SampledFrom(append(eid.LockParties(), "")).Draw(rt, "by"),
		Requester: pick("requester", "A", "B", ""), Client: pick("client", "", "p", "q"), Document: pick("document", "d", ""),
		Proof: pick("proof", "pwd", ""), Remedy: pick("remedy", "done", ""), Correction: rapid.Bool().Draw(rt, "correction"),
		Officer: eid.AccountID(pick("officer", "", "o", "a")), Actor: pick("actor", "holder", "operator:A", "officer:o", "system", ""),
	}
	if rapid.IntRange(0, 3).Draw(rt, "random") == 0 {
		return act
	}
	// So that enough goes through, and enough of the rest lacks one thing alone.
	direct := accounts.LockAct{By: eid.ByServiceUser, Requester: "A", Client: "p", Document: "d", Actor: "system"}
	act = rapid.SampledFrom([]accounts.LockAct{bySelf(), byAuthority("A"), byAuthority("B"), byOperator(), byRegistry(), corrected(), direct}).Draw(rt, "plausible act")
	switch pick("lacks", "", "", "proof", "document", "remedy", "actor") {
	case "proof":
		act.Proof = ""
	case "document":
		act.Document = ""
	case "remedy":
		act.Remedy = ""
	case "actor":
		act.Actor = "holder"
	}
	return act
}

func (d lockDesk) requestIDs() []string {
	var ids []string
	for id := range d.vault.requests {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return d.vault.requests[a].CreatedAt.Compare(d.vault.requests[b].CreatedAt)
	})
	return ids
}

// TestLiftErrorsAreOfTheirKind: pages say different things for them.
func TestLiftErrorsAreOfTheirKind(t *testing.T) {
	kinds := []error{accounts.ErrNotAllowed, accounts.ErrTerminal, accounts.ErrOtherRequester, accounts.ErrOwnAccount, accounts.ErrNoRoom, accounts.ErrInvalid}
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			if errors.Is(a, b) || errors.Is(b, a) {
				t.Errorf("%v passes for %v", a, b)
			}
		}
	}
}
