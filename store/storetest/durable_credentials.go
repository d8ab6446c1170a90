package storetest

import (
	"strconv"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// pending makes an account that waits for its holder, with a first password for a day.
func (d desk) pending(t *testing.T, number string) eid.AccountID {
	t.Helper()
	n, now := Citizen(t, number), d.clock.Now()
	got, err := accounts.NewEnroller(d.DB, d.clock.Now).Enrol(t.Context(), accounts.Enrolment{
		Person: n.Person, Phone: n.Phone, Email: n.Email, Level: eid.Level1,
		Evidence:          []eid.Evidence{{Kind: eid.EvidenceRegistry, Database: eid.Population, At: now}},
		FirstPasswordHash: "$first", FirstPasswordUntil: now.Add(24 * time.Hour), Rules: "decree-69-2024", Actor: "system",
	})
	if err != nil {
		t.Fatalf("Enrol(): %v", err)
	}
	return got.Account
}

var holder = accounts.Act{Actor: "holder", Ref: "K7QF-2M9D"}

func (s durableSuite) activation(t *testing.T) {
	d := s.desk(t)
	c := accounts.NewCredentials(d.DB, d.clock.Now)
	id := d.pending(t, numberA)
	phone := Citizen(t, numberA).Phone.Value
	first := accounts.Activation{Act: holder, PasswordHash: "$mine", Proved: phone, FirstPasswordHash: "$first"}

	var seen int64
	d.actions(t, &seen)
	for name, tt := range map[string]struct {
		change func(*accounts.Activation)
		want   error
	}{
		"another first password": {func(a *accounts.Activation) { a.FirstPasswordHash = "$other" }, accounts.ErrCredentialGone},
		"no password":            {func(a *accounts.Activation) { a.PasswordHash = "" }, accounts.ErrInvalid},
		"somebody else's phone":  {func(a *accounts.Activation) { a.Proved = "0900000009" }, accounts.ErrInvalid},
		"nothing proved":         {func(a *accounts.Activation) { a.Proved = "" }, accounts.ErrInvalid},
		"nobody":                 {func(a *accounts.Activation) { a.Actor = "" }, accounts.ErrInvalid},
	} {
		a := first
		tt.change(&a)
		wantErr(t, "Activate() with "+name, c.Activate(t.Context(), id, a), tt.want)
	}
	wantErr(t, "SetPassword() before activation", c.SetPassword(t.Context(), id, accounts.PasswordChange{
		Act: holder, PasswordHash: "$mine", Expected: "$first", First: true,
	}), eid.ErrNotActivated)
	wantErr(t, "Recover() before activation", c.Recover(t.Context(), id, accounts.Recovery{
		Act: holder, PasswordHash: "$mine", Proved: phone,
	}), eid.ErrNotActivated)
	equal(t, "audit of refused changes", d.actions(t, &seen), []string(nil))

	wantErr(t, "Activate()", c.Activate(t.Context(), id, first), nil)
	a, err := d.Account(t.Context(), id)
	wantErr(t, "Account()", err, nil)
	equal(t, "status", a.Status, eid.Active)
	equal(t, "factors", a.Factors, []eid.Factor{eid.Password})
	equal(t, "phone", a.Phone, eid.Contact{Value: phone, Verified: true})
	equal(t, "e-mail is verified", a.Email.Verified, false)
	hash, err := d.PasswordHash(t.Context(), id)
	wantErr(t, "PasswordHash()", err, nil)
	equal(t, "password", hash, "$mine")
	_, err = d.FirstPassword(t.Context(), id)
	wantErr(t, "FirstPassword() after activation", err, eid.ErrNotFound)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountActivated})
	wantErr(t, "Activate() again", c.Activate(t.Context(), id, first), eid.ErrExists)

	late := d.pending(t, numberB)
	d.clock.Advance(24 * time.Hour)
	wantErr(t, "Activate() too late", c.Activate(t.Context(), late, first), accounts.ErrCredentialGone)
	_, err = d.locking.Set(t.Context(), late, eid.LockDeath, Authority("extract 7"))
	wantErr(t, "Lock()", err, nil)
	first.FirstPasswordHash = ""
	wantErr(t, "Activate() a locked one", c.Activate(t.Context(), late, first), eid.ErrLocked)
}

func (s durableSuite) credentialChanges(t *testing.T) {
	d := s.desk(t)
	c := accounts.NewCredentials(d.DB, d.clock.Now)
	n := Citizen(t, numberA)
	n.TOTPSecret = eid.Secret{}
	id, err := d.accounts.Create(t.Context(), n, "system")
	wantErr(t, "Create()", err, nil)
	var seen int64
	d.actions(t, &seen)

	change := accounts.PasswordChange{Act: holder, PasswordHash: "$new", Expected: "$older"}
	wantErr(t, "SetPassword() on another", c.SetPassword(t.Context(), id, change), accounts.ErrCredentialGone)
	change.Expected = n.PasswordHash
	wantErr(t, "SetPassword()", c.SetPassword(t.Context(), id, change), nil)
	a, err := d.Account(t.Context(), id)
	wantErr(t, "Account()", err, nil)
	equal(t, "what was proved before counts", a.Counts(d.clock.Now()), false)
	events, err := d.PendingEvents(t.Context(), 10)
	wantErr(t, "PendingEvents()", err, nil)
	equal(t, "events", len(events) == 1 && events[0].Kind == eid.EventCredentialsReset && events[0].Account == id, true)

	secret := eid.NewSecret("JBSWY3DPEHPK3PXP")
	wantErr(t, "EnrolTOTP()", c.EnrolTOTP(t.Context(), id, secret, holder), nil)
	wantErr(t, "EnrolTOTP() again", c.EnrolTOTP(t.Context(), id, secret, holder), eid.ErrExists)
	recovery := accounts.Recovery{Act: holder, PasswordHash: "$recovered", Proved: n.Phone.Value}
	wantErr(t, "Recover() begun before the password was changed", c.Recover(t.Context(), id, recovery), accounts.ErrCredentialGone)
	d.clock.Advance(time.Second)
	recovery.ProvedAt = d.clock.Now()
	wantErr(t, "Recover() without the factor", c.Recover(t.Context(), id, recovery), accounts.ErrFactorMissing)
	recovery.Shown = []eid.Factor{eid.OneTimeCode}
	recovery.Proved = n.Email.Value
	wantErr(t, "Recover() by an address that was not verified", c.Recover(t.Context(), id, recovery), accounts.ErrCredentialGone)
	recovery.Proved = n.Phone.Value
	wantErr(t, "Recover()", c.Recover(t.Context(), id, recovery), nil)

	d.clock.Advance(time.Second)
	proved := d.clock.Now()
	d.clock.Advance(time.Second)
	a, err = d.Account(t.Context(), id)
	wantErr(t, "Account()", err, nil)
	equal(t, "what was proved before the factor goes counts", a.Counts(proved), true)
	wantErr(t, "RemoveFactor(otp)", c.RemoveFactor(t.Context(), id, eid.OneTimeCode, holder), nil)
	a, err = d.Account(t.Context(), id)
	wantErr(t, "Account()", err, nil)
	equal(t, "what was proved before it went counts", a.Counts(proved), false)
	wantErr(t, "RemoveFactor(otp) again", c.RemoveFactor(t.Context(), id, eid.OneTimeCode, holder), eid.ErrNotFound)
	wantErr(t, "RemoveFactor(pwd)", c.RemoveFactor(t.Context(), id, eid.Password, holder), accounts.ErrInvalid)

	equal(t, "audit", d.actions(t, &seen), []string{
		eid.ActionPasswordChanged, eid.ActionFactorAdded, eid.ActionAccountRecovered, eid.ActionFactorRemoved,
	})
}

func (s durableSuite) raceActivations(t *testing.T) {
	d := s.desk(t)
	c := accounts.NewCredentials(d.DB, d.clock.Now)
	id := d.pending(t, numberA)
	oneWins(t, eid.ErrExists, func(i int) error {
		return c.Activate(t.Context(), id, accounts.Activation{
			Act: holder, PasswordHash: "$" + strconv.Itoa(i), Proved: "0900000001", FirstPasswordHash: "$first",
		})
	})
	var seen int64
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountCreated, eid.ActionAccountActivated})
}
