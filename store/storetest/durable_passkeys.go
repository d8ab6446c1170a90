package storetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

func record(account eid.AccountID, name string) eid.PasskeyRecord {
	return eid.PasskeyRecord{
		Account: account, Name: name, Level: eid.Level1, CredentialID: []byte("credential " + name), PublicKey: []byte("key " + name), SignCount: 1, BackupEligible: true,
		Transports: []string{"internal"},
	}
}

func (s durableSuite) passkeys(t *testing.T) {
	d := s.desk(t)
	c := accounts.NewCredentials(d.DB, d.clock.Now)
	n := Citizen(t, numberA)
	n.TOTPSecret = eid.Secret{}
	id, err := d.accounts.Create(t.Context(), n, "system")
	wantErr(t, "Create()", err, nil)
	var seen int64
	d.actions(t, &seen)

	for name, change := range map[string]func(*eid.PasskeyRecord){
		"no name":       func(p *eid.PasskeyRecord) { p.Name = "" },
		"a long name":   func(p *eid.PasskeyRecord) { p.Name = string(make([]rune, 41)) },
		"a broken name": func(p *eid.PasskeyRecord) { p.Name = "a\nb" },
		"no level":      func(p *eid.PasskeyRecord) { p.Level = eid.LevelNone },
		"a level above": func(p *eid.PasskeyRecord) { p.Level = eid.Level2 + 1 },
		"no key":        func(p *eid.PasskeyRecord) { p.PublicKey = nil },
		"no credential": func(p *eid.PasskeyRecord) { p.CredentialID = nil },
	} {
		p := record(id, "một")
		change(&p)
		_, err := c.AddPasskey(t.Context(), p, holder)
		wantErr(t, "AddPasskey() with "+name, err, accounts.ErrInvalid)
	}
	first := record(id, "một")
	first.ID, err = c.AddPasskey(t.Context(), first, holder)
	wantErr(t, "AddPasskey()", err, nil)
	_, err = c.AddPasskey(t.Context(), record(id, "một"), holder)
	wantErr(t, "AddPasskey() of one that is there", err, eid.ErrExists)
	_, err = c.AddPasskey(t.Context(), record("nobody", "hai"), holder)
	wantErr(t, "AddPasskey() for nobody", err, eid.ErrNotFound)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionFactorAdded})
	first.CreatedAt = d.clock.Now()
	list, err := d.Passkeys(t.Context(), id)
	wantErr(t, "Passkeys()", err, nil)
	equal(t, "passkeys", list, []eid.PasskeyRecord{first})
	a, err := d.Account(t.Context(), id)
	wantErr(t, "Account()", err, nil)
	equal(t, "has a passkey", a.Has(eid.Passkey), true)

	// Used, it keeps what next says; refused, it stays as it was.
	use := func(next func(eid.PasskeyRecord) (eid.PasskeyRecord, error)) error {
		return d.UsePasskey(t.Context(), first.ID, d.clock.Now(), next)
	}
	refused := errors.New("refused")
	wantErr(t, "UsePasskey() that is refused", use(func(p eid.PasskeyRecord) (eid.PasskeyRecord, error) { p.SignCount = 9; return p, refused }), refused)
	wantErr(t, "UsePasskey()", use(func(p eid.PasskeyRecord) (eid.PasskeyRecord, error) { p.SignCount++; p.BackedUp = true; return p, nil }), nil)
	first.SignCount, first.BackedUp, first.UsedAt = 2, true, d.clock.Now()
	got, err := d.PasskeyByCredential(t.Context(), first.CredentialID)
	wantErr(t, "PasskeyByCredential()", err, nil)
	equal(t, "passkey", got, first)
	_, err = d.PasskeyByCredential(t.Context(), []byte("another"))
	wantErr(t, "PasskeyByCredential() of nobody's", err, eid.ErrNotFound)

	// Removed by its holder alone, it is nobody's; what it opened is over.
	other, err := d.accounts.Create(t.Context(), Citizen(t, numberB), "system")
	wantErr(t, "Create()", err, nil)
	wantErr(t, "RemovePasskey() of another's", c.RemovePasskey(t.Context(), other, first.ID, holder), eid.ErrNotFound)
	wantErr(t, "RemovePasskey() of none", c.RemovePasskey(t.Context(), id, "", holder), accounts.ErrInvalid)
	d.actions(t, &seen)
	wantErr(t, "RemovePasskey()", c.RemovePasskey(t.Context(), id, first.ID, holder), nil)
	wantErr(t, "RemovePasskey() again", c.RemovePasskey(t.Context(), id, first.ID, holder), eid.ErrNotFound)
	wantErr(t, "UsePasskey() of a removed one", use(func(p eid.PasskeyRecord) (eid.PasskeyRecord, error) { return p, nil }), eid.ErrNotFound)
	equal(t, "audit of the removal", d.actions(t, &seen), []string{eid.ActionFactorRemoved})
	events, err := d.PendingEvents(t.Context(), 10)
	wantErr(t, "PendingEvents()", err, nil)
	equal(t, "events", len(events) == 1 && events[0].Kind == eid.EventCredentialsReset, true)
}

// Sixteen at once: an account never has more passkeys than it may, and of two that take
// away the last means one fails.
func (s durableSuite) passkeyRaces(t *testing.T) {
	d := s.desk(t)
	c := accounts.NewCredentials(d.DB, d.clock.Now)
	n := Citizen(t, numberA)
	n.TOTPSecret, n.PasswordHash = eid.Secret{}, ""
	id, err := d.accounts.Create(t.Context(), n, "system")
	wantErr(t, "Create()", err, nil)
	var wg sync.WaitGroup
	var added atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			switch _, err := c.AddPasskey(t.Context(), record(id, strconv.Itoa(i)), holder); {
			case err == nil:
				added.Add(1)
			case !errors.Is(err, accounts.ErrTooManyPasskeys):
				t.Errorf("AddPasskey() = %v", err)
			}
		})
	}
	wg.Wait()
	list, err := d.Passkeys(t.Context(), id)
	wantErr(t, "Passkeys()", err, nil)
	equal(t, "passkeys", []int{len(list), int(added.Load())}, []int{accounts.MaxPasskeys, accounts.MaxPasskeys})
	for _, p := range list {
		wg.Go(func() {
			if err := c.RemovePasskey(t.Context(), id, p.ID, holder); err != nil && !errors.Is(err, accounts.ErrLastMeans) {
				t.Errorf("RemovePasskey() = %v", err)
			}
		})
	}
	wg.Wait()
	list, err = d.Passkeys(t.Context(), id)
	wantErr(t, "Passkeys()", err, nil)
	equal(t, "passkeys left", len(list), 1)
}
