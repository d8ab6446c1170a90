package storetest

import (
	"errors"
	"sync"
	"testing"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

func passport(number string) eid.Identifier {
	return eid.NewIdentifier(eid.KindPassport, "LAO", number)
}

// guest makes an active account of a foreigner.
func (d desk) guest(t *testing.T, paper eid.Identifier) eid.AccountID {
	t.Helper()
	n := Citizen(t, numberA)
	n.Person.Type, n.Person.Nationality, n.Person.Identifier = eid.Foreigner, "LAO", paper
	id, err := d.accounts.Create(t.Context(), n, "operator:A")
	must(t, err)
	return id
}

// papers: one number ends and another begins, on the same account.
func (s durableSuite) papers(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	p := accounts.NewPapers(d.DB, d.clock.Now)
	old, renewed, taken := passport("PA0000001"), passport("PB0000001"), passport("PA0000002")
	id, other := d.guest(t, old), d.guest(t, taken)
	citizen := d.person(t, numberB)
	var seen int64
	d.actions(t, &seen)
	renewal := accounts.PaperRenewal{Old: old, New: renewed, Document: "XNC-31", Actor: "operator:A"}
	number, err := eid.ParsePersonalNumber(numberC)
	must(t, err)

	for name, tt := range map[string]struct {
		account eid.AccountID
		change  func(*accounts.PaperRenewal)
		want    error
	}{
		"a paper of another account": {id, func(r *accounts.PaperRenewal) { r.New = taken }, eid.ErrExists},
		"the same paper":             {id, func(r *accounts.PaperRenewal) { r.New = old }, eid.ErrExists},
		"another country":            {id, func(r *accounts.PaperRenewal) { r.New = eid.NewIdentifier(eid.KindPassport, "KHM", "N0000001") }, accounts.ErrOtherPaper},
		"not the paper of before":    {id, func(r *accounts.PaperRenewal) { r.Old = passport("PA0000009") }, accounts.ErrOtherPaper},
		"a personal number":          {id, func(r *accounts.PaperRenewal) { r.New = eid.IdentifierOf(number) }, accounts.ErrOtherPaper},
		"a citizen":                  {citizen, func(*accounts.PaperRenewal) {}, accounts.ErrOtherPaper},
		"no such number":             {id, func(r *accounts.PaperRenewal) { r.New = passport("pb 1") }, accounts.ErrInvalid},
		"no document":                {id, func(r *accounts.PaperRenewal) { r.Document = "" }, accounts.ErrInvalid},
		"nobody":                     {id, func(r *accounts.PaperRenewal) { r.Actor = "" }, accounts.ErrInvalid},
		"no account":                 {"nobody", func(*accounts.PaperRenewal) {}, eid.ErrNotFound},
	} {
		r := renewal
		tt.change(&r)
		wantErr(t, "Renew() with "+name, p.Renew(ctx, tt.account, r), tt.want)
	}
	equal(t, "audit of refused renewals", d.actions(t, &seen), []string(nil))

	before, err := d.Account(ctx, id)
	must(t, err)
	wantErr(t, "Renew()", p.Renew(ctx, id, renewal), nil)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionPaperRenewed})
	after, err := d.AccountByIdentifier(ctx, renewed)
	must(t, err)
	before.Person.Identifier, before.UpdatedAt = renewed, after.UpdatedAt
	equal(t, "the account", after, before)
	_, err = d.AccountByIdentifier(ctx, old)
	wantErr(t, "AccountByIdentifier() of the old paper", err, eid.ErrNotFound)
	wantErr(t, "Renew() once more", p.Renew(ctx, id, renewal), accounts.ErrOtherPaper)

	// The number of before is nobody's (domain row 8: it is replaced, and was never what an
	// account is). Whether its paper still says who somebody is, the registry knows: some
	// countries give a number again. Who gets an account by it is another one, and the
	// account of before does not come back to it.
	again := d.guest(t, old)
	found, err := d.AccountByIdentifier(ctx, old)
	must(t, err)
	if found.ID != again || again == id {
		t.Errorf("the old number is account %s, want %s, and not %s", found.ID, again, id)
	}
	back := accounts.PaperRenewal{Old: renewed, New: old, Document: "XNC-34", Actor: "operator:A"}
	wantErr(t, "Renew() back to a number that another account has", p.Renew(ctx, id, back), eid.ErrExists)

	_, err = d.locking.Set(ctx, other, eid.LockSelf, accounts.LockAct{By: eid.ByHolder, Proof: "pwd", Actor: "holder"})
	must(t, err)
	wantErr(t, "Renew() of a locked account", p.Renew(ctx, other, accounts.PaperRenewal{Old: taken, New: passport("PB0000002"), Document: "XNC-32", Actor: "operator:A"}), eid.ErrLocked)

	// Two people with one new number: one has it.
	const many = 16
	last := passport("PC0000001")
	errs := make([]error, many)
	ids := make([]eid.AccountID, many)
	olds := make([]eid.Identifier, many)
	for i := range many {
		olds[i] = passport("PR00000" + string(rune('A'+i)))
		ids[i] = d.guest(t, olds[i])
	}
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			errs[i] = p.Renew(ctx, ids[i], accounts.PaperRenewal{Old: olds[i], New: last, Document: "XNC-33", Actor: "operator:A"})
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, eid.ErrExists) {
			t.Errorf("Renew() at once: %v, want %v", err, eid.ErrExists)
		}
		if _, err := d.Account(ctx, ids[i]); err != nil {
			t.Errorf("Account() after a renewal at once: %v", err)
		}
	}
	equal(t, "renewals at once that went through", won, 1)
}
