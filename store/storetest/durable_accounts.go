package storetest

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
)

// Synthetic numbers: no such place code is in use.
const (
	numberA = "999190000001"
	numberB = "999190000002"
)

func (s durableSuite) accounts(t *testing.T) {
	d := s.desk(t)
	foreigner := Citizen(t, numberB)
	foreigner.Person.Type, foreigner.Person.Nationality = eid.Foreigner, "LAO"
	foreigner.Person.Identifier = eid.NewIdentifier(eid.KindPassport, "LAO", "P1234567")
	foreigner.Level, foreigner.OwnFloor, foreigner.Status = eid.Level1, eid.LevelNone, eid.PendingActivation
	foreigner.PasswordHash, foreigner.TOTPSecret = "", eid.Secret{}
	for _, n := range []accounts.NewAccount{Citizen(t, numberA), foreigner} {
		id, err := d.accounts.Create(t.Context(), n, "operator:SYNTHETIC")
		if err != nil {
			t.Fatalf("Create(): %v", err)
		}
		want := eid.Account{
			ID: id, Person: n.Person, Level: n.Level, Status: n.Status, OwnFloor: n.OwnFloor,
			Phone: n.Phone, Email: n.Email, Declared: n.Declared, UpdatedAt: d.clock.Now(),
		}
		if n.PasswordHash != "" {
			want.Factors = []eid.Factor{eid.Password, eid.OneTimeCode}
		}
		got, err := d.Account(t.Context(), id)
		wantErr(t, "Account()", err, nil)
		equal(t, "Account()", got, want)
		got, err = d.AccountByIdentifier(t.Context(), n.Person.Identifier)
		wantErr(t, "AccountByIdentifier()", err, nil)
		equal(t, "AccountByIdentifier()", got, want)

		rows, err := d.Audit(t.Context(), sqlstore.AuditFilter{Account: id})
		wantErr(t, "Audit()", err, nil)
		if len(rows) != 1 || rows[0].Action != eid.ActionAccountCreated || rows[0].Actor != "operator:SYNTHETIC" {
			t.Errorf("audit of the account = %+v, want its creation alone", rows)
		}
	}
	_, err := d.Account(t.Context(), "nobody")
	wantErr(t, "Account() of nobody", err, eid.ErrNotFound)
	for _, i := range []eid.Identifier{
		{},
		eid.NewIdentifier(eid.KindPersonalNumber, "VNM", numberB),
		eid.NewIdentifier(eid.KindPassport, "VNM", numberA),
		eid.NewIdentifier(eid.KindPassport, "THA", "P1234567"),
	} {
		_, err := d.AccountByIdentifier(t.Context(), i)
		wantErr(t, "AccountByIdentifier() of another", err, eid.ErrNotFound)
	}
}

func (s durableSuite) oneAccount(t *testing.T) {
	d := s.desk(t)
	first := d.person(t, numberA)
	var seen int64
	d.actions(t, &seen)
	again := Citizen(t, numberA)
	again.Person.Name = "Trần Thử Nghiệm"
	_, err := d.accounts.Create(t.Context(), again, "system")
	wantErr(t, "Create() again", err, eid.ErrExists)
	equal(t, "audit of a refused creation", d.actions(t, &seen), []string(nil))
	got, err := d.AccountByIdentifier(t.Context(), again.Person.Identifier)
	wantErr(t, "AccountByIdentifier()", err, nil)
	if got.ID != first || got.Person.Name == again.Person.Name {
		t.Error("the refused account took the place of the first")
	}
}

func (s durableSuite) credentials(t *testing.T) {
	d := s.desk(t)
	id := d.person(t, numberA)
	hash, err := d.PasswordHash(t.Context(), id)
	wantErr(t, "PasswordHash()", err, nil)
	equal(t, "PasswordHash()", hash, "$argon2id$synthetic")
	secret, err := d.TOTPSecret(t.Context(), id)
	wantErr(t, "TOTPSecret()", err, nil)
	equal(t, "TOTPSecret()", secret.Reveal(), "JBSWY3DPEHPK3PXP")

	wantErr(t, "Rehash()", d.Rehash(t.Context(), id, hash, "new"), nil)
	wantErr(t, "Rehash() of an older hash", d.Rehash(t.Context(), id, hash, "late"), nil)
	hash, err = d.PasswordHash(t.Context(), id)
	wantErr(t, "PasswordHash()", err, nil)
	equal(t, "PasswordHash() after Rehash()", hash, "new")

	bare := Citizen(t, numberB)
	bare.PasswordHash, bare.TOTPSecret = "", eid.Secret{}
	none, err := d.accounts.Create(t.Context(), bare, "system")
	must(t, err)
	_, err = d.PasswordHash(t.Context(), none)
	wantErr(t, "PasswordHash() without one", err, eid.ErrNotFound)
	_, err = d.TOTPSecret(t.Context(), none)
	wantErr(t, "TOTPSecret() without one", err, eid.ErrNotFound)
	wantErr(t, "Rehash() without one", d.Rehash(t.Context(), none, "", "made"), eid.ErrNotFound)
}

func (s durableSuite) locks(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	var seen int64
	d.actions(t, &seen)

	d.clock.Advance(time.Second)
	self, err := d.locking.Set(ctx, id, eid.LockSelf, Self())
	must(t, err)
	d.clock.Advance(time.Second)
	death, err := d.locking.Set(ctx, id, eid.LockDeath, Authority("extract 7"))
	must(t, err)
	a, err := d.Account(ctx, id)
	must(t, err)
	equal(t, "locks in force", a.Locks, []eid.Lock{self, death})
	equal(t, "UpdatedAt of a locked account", a.UpdatedAt, d.clock.Now())
	wantErr(t, "Usable()", a.Usable(), eid.ErrLocked)

	wantErr(t, "Lift() of a terminal lock", d.locking.Lift(ctx, id, death.ID, Authority("decision 8")), accounts.ErrTerminal)
	wantErr(t, "Lift() of no lock", d.locking.Lift(ctx, id, "none", Self()), eid.ErrNotFound)
	wantErr(t, "Lift() through another", d.locking.Lift(ctx, other, self.ID, Self()), eid.ErrNotFound)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountLocked, eid.ActionAccountLocked})

	must(t, d.locking.Lift(ctx, id, self.ID, Self()))
	wantErr(t, "Lift() again", d.locking.Lift(ctx, id, self.ID, Self()), eid.ErrNotFound)
	correction := Authority("decision 8")
	correction.Correction = true
	must(t, d.locking.Lift(ctx, id, death.ID, correction))
	a, err = d.Account(ctx, id)
	must(t, err)
	wantErr(t, "Usable() after both", a.Usable(), nil)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountUnlocked, eid.ActionAccountUnlocked})

	_, err = d.locking.Set(ctx, "nobody", eid.LockSelf, Self())
	wantErr(t, "Set() of nobody", err, eid.ErrNotFound)
	equal(t, "audit of a refused lock", d.actions(t, &seen), []string(nil))
}

func (s durableSuite) links(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	var seen int64
	d.actions(t, &seen)
	end := d.clock.Now().Add(time.Hour)

	made, err := d.accounts.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1, Expires: end},
		"subject-1", "counter record 5", "operator:A")
	must(t, err)
	got, err := d.LinkBySubject(ctx, "legacy", "subject-1")
	wantErr(t, "LinkBySubject()", err, nil)
	equal(t, "LinkBySubject()", got, made)
	got, err = d.Link(ctx, made.ID)
	wantErr(t, "Link()", err, nil)
	equal(t, "Link()", got, made)
	for _, pair := range [][2]string{{"other", "subject-1"}, {"legacy", "Subject-1"}, {"legacysubject", "-1"}, {"", ""}} {
		_, err = d.LinkBySubject(ctx, pair[0], pair[1])
		wantErr(t, "LinkBySubject() of another", err, eid.ErrNotFound)
	}
	taken := eid.Link{Account: other, Source: "legacy", Cap: eid.Level2}
	_, err = d.accounts.Link(ctx, taken, "subject-1", "evidence", "operator:A")
	wantErr(t, "Link() of a linked subject", err, eid.ErrExists)
	_, err = d.accounts.Link(ctx, eid.Link{Account: "nobody", Source: "legacy", Cap: eid.Level1}, "x", "evidence", "system")
	wantErr(t, "Link() to nobody", err, eid.ErrNotFound)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionLinkCreated})

	d.clock.Advance(time.Hour - time.Microsecond)
	if _, err = d.Link(ctx, made.ID); err != nil {
		t.Errorf("Link() just before its end: %v", err)
	}
	d.clock.Advance(time.Microsecond)
	_, err = d.Link(ctx, made.ID)
	wantErr(t, "Link() at its end", err, eid.ErrNotFound)
	wantErr(t, "EndLink() at its end", d.accounts.EndLink(ctx, made.ID, "system"), eid.ErrNotFound)

	again, err := d.accounts.Link(ctx, taken, "subject-1", "evidence", "operator:A")
	wantErr(t, "Link() in the place of an expired one", err, nil)
	list, err := d.LinksOf(ctx, other)
	wantErr(t, "LinksOf()", err, nil)
	equal(t, "LinksOf()", list, []eid.Link{again})
	must(t, d.accounts.EndLink(ctx, again.ID, "operator:A"))
	_, err = d.LinkBySubject(ctx, "legacy", "subject-1")
	wantErr(t, "LinkBySubject() of an ended link", err, eid.ErrNotFound)
	list, err = d.LinksOf(ctx, other)
	wantErr(t, "LinksOf()", err, nil)
	equal(t, "LinksOf() after its end", list, []eid.Link(nil))
	wantErr(t, "EndLink() again", d.accounts.EndLink(ctx, again.ID, "operator:A"), eid.ErrNotFound)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionLinkCreated, accounts.ActionLinkEnded})
}
