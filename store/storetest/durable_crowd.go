package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// brokenOff fails at its second transaction, once.
type brokenOff struct {
	accounts.Crowd

	left int
}

var errBroken = errors.New("broken off")

// synthetics makes invented people in batches, goes on where it was broken off, and makes
// nobody twice.
func (s durableSuite) synthetics(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	p := accounts.NewPopulator(d.DB, d.clock.Now)
	var told []int
	wantErr(t, "Fill(120)", p.Fill(ctx, 120, "$argon2id$shared", "operator:demo", func(n int) { told = append(told, n) }), nil)
	wantErr(t, "Fill(120) again", p.Fill(ctx, 120, "$argon2id$shared", "operator:demo", func(n int) { told = append(told, n) }), nil)
	wantErr(t, "Fill(300)", p.Fill(ctx, 300, "$argon2id$shared", "operator:demo", func(n int) { told = append(told, n) }), nil)
	equal(t, "told", told, []int{120, 300})
	var seen int64
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountCreated, eid.ActionAccountCreated})
	names := map[string]bool{}
	for _, i := range []int{0, 49, 50, 119, 120, 299} {
		number, err := accounts.SyntheticNumber(i)
		wantErr(t, "SyntheticNumber()", err, nil)
		a, err := d.AccountByIdentifier(ctx, eid.IdentifierOf(number))
		wantErr(t, fmt.Sprintf("AccountByIdentifier() of %d", i), err, nil)
		hash, err := d.PasswordHash(ctx, a.ID)
		wantErr(t, "PasswordHash()", err, nil)
		if a.Usable() != nil || a.Level != eid.Level1 || hash != "$argon2id$shared" || a.Person.Address != "Địa chỉ giả định" || a.Person.BirthDate[2:4] != number.Reveal()[4:6] {
			t.Errorf("person %d is %+v, want somebody invented who can sign in", i, a)
		}
		names[a.Person.Name] = true
	}
	if len(names) < 3 {
		t.Errorf("six people have the names %v, want different ones", names)
	}
	if n, err := p.Filled(ctx, 1000); n != 300 || err != nil {
		t.Errorf("Filled(1000) = %d, %v, want 300", n, err)
	}
	for _, n := range []int{-1, accounts.MaxSynthetic + 1} {
		wantErr(t, fmt.Sprintf("Fill(%d)", n), p.Fill(ctx, n, "", "operator:demo", func(int) {}), accounts.ErrInvalid)
	}
	broken := accounts.NewPopulator(&brokenOff{d.DB, 1}, d.clock.Now)
	wantErr(t, "Fill() broken off", broken.Fill(ctx, 5400, "", "operator:demo", func(int) {}), errBroken)
	wantErr(t, "Fill() afterwards", p.Fill(ctx, 5400, "", "operator:demo", func(int) {}), nil)
	if n, err := p.Filled(ctx, 6000); n != 5400 || err != nil {
		t.Errorf("Filled(6000) = %d, %v, want 5400", n, err)
	}
}

func (b *brokenOff) CreateAccounts(ctx context.Context, list []accounts.Record, entry eid.AuditEntry) error {
	if b.left--; b.left < 0 {
		return errBroken
	}
	return b.Crowd.CreateAccounts(ctx, list, entry)
}
