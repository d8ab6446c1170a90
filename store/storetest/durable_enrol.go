package storetest

import (
	"errors"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

const numberC = "999190000003"

// enrolment is of Citizen(number), with all that level 2 rests on.
func (d desk) enrolment(t *testing.T, number string) accounts.Enrolment {
	t.Helper()
	at := d.clock.Now()
	person := Citizen(t, number).Person
	return accounts.Enrolment{
		Person: person, Phone: eid.Contact{Value: "0900000002"}, Level: eid.Level2,
		Evidence: []eid.Evidence{
			{Kind: eid.EvidenceRegistry, Database: eid.Population, Reference: "reg-1", At: at},
			{Kind: eid.EvidenceCard, Database: eid.CitizenCard, Reference: "card-1", Officer: "officer-1", At: at},
			{Kind: eid.EvidenceBiometric, Method: eid.Portrait, Database: eid.Population, Reference: "match-1", Officer: "officer-1", At: at},
			{Kind: eid.EvidenceConfirmation, Officer: "officer-1", At: at},
		},
		Documents: []eid.Document{{
			Kind: eid.DrivingLicence, Number: eid.NewSecret("790000000001"), Issuer: "Sở Giao thông vận tải", ExpiresOn: "2036-01-01", VerifiedAt: at, VerifiedBy: "officer-1",
		}},
		FirstPasswordHash: "$argon2id$first", FirstPasswordUntil: at.Add(24 * time.Hour), Replace: true,
		Rules: "decree-69-2024", Actor: "officer:officer-2", Ref: "ref-1",
	}
}

// appEnrolment is of the same person, as the app would bring it.
func (d desk) appEnrolment(t *testing.T, number string) accounts.Enrolment {
	t.Helper()
	n := d.enrolment(t, number)
	n.Level, n.Evidence, n.Documents, n.Replace, n.Phone = eid.Level1, n.Evidence[:1], nil, false, eid.Contact{Value: "0900000666", Verified: true}
	n.FirstPasswordHash, n.FirstPasswordUntil = "", time.Time{}
	return n
}

func (d desk) enroller() *accounts.Enroller { return accounts.NewEnroller(d.DB, d.clock.Now) }

func (s durableSuite) enrolments(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var seen int64
	n := d.enrolment(t, numberA)
	got, err := d.enroller().Enrol(ctx, n)
	wantErr(t, "Enrol()", err, nil)
	equal(t, "Enrol() raised", got.Raised, false)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountCreated})
	account, err := d.Account(ctx, got.Account)
	wantErr(t, "Account()", err, nil)
	equal(t, "Account()", account, eid.Account{
		ID: got.Account, Person: n.Person, Level: eid.Level2, Status: eid.PendingActivation,
		Phone: eid.Contact{Value: "0900000002"}, UpdatedAt: d.clock.Now(), Factors: account.Factors,
	})
	if account.Has(eid.Password) || !errors.Is(account.Usable(), eid.ErrNotActivated) {
		t.Errorf("an account that waits: factors %v, Usable() = %v", account.Factors, account.Usable())
	}
	evidence, err := d.LevelEvidence(ctx, got.Account)
	wantErr(t, "LevelEvidence()", err, nil)
	equal(t, "rows of evidence", len(evidence), 4)
	for _, e := range evidence {
		equal(t, "rules of evidence", e.Rules, "decree-69-2024")
	}
	documents, err := d.Documents(ctx, got.Account)
	wantErr(t, "Documents()", err, nil)
	if len(documents) != 1 || documents[0].Number.Reveal() != "790000000001" || documents[0].Kind != eid.DrivingLicence {
		t.Errorf("Documents() = %v, want the licence", documents)
	}
	// What is refused leaves nothing.
	n = d.enrolment(t, numberB)
	n.Evidence = n.Evidence[:2]
	_, err = d.enroller().Enrol(ctx, n)
	wantErr(t, "Enrol() without a biometric", err, accounts.ErrInvalid)
	_, err = d.AccountByIdentifier(ctx, n.Person.Identifier)
	wantErr(t, "AccountByIdentifier()", err, eid.ErrNotFound)
	equal(t, "rows of a refusal", len(d.actions(t, &seen)), 0)
}

// Somebody registered in the app with the data of another, used the account, and its
// true holder comes to the counter: nothing of theirs is left. The account stays, and with it what portals call its holder.
func (s durableSuite) enrolledOverImpostor(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	impostor := Citizen(t, numberA)
	impostor.Level, impostor.OwnFloor = eid.Level1, eid.Level1
	id, err := d.accounts.Create(ctx, impostor, "system")
	wantErr(t, "Create()", err, nil)
	link, err := d.accounts.Link(ctx, eid.Link{Account: id, Source: "legacy", Cap: eid.Level1}, "impostor", "both sides", "holder")
	wantErr(t, "Link()", err, nil)
	must(t, d.GiveConsent(ctx, eid.ConsentGiven{Account: id, Client: "portal", Claims: []string{"name"}, GivenAt: d.clock.Now(), Until: d.clock.Now().Add(time.Hour)},
		consentEntry(d.clock.Now(), eid.ActionConsentGiven)))
	d.clock.Advance(time.Hour)
	var seen int64
	d.actions(t, &seen)

	got, err := d.enroller().Enrol(ctx, d.enrolment(t, numberA))
	wantErr(t, "Enrol()", err, nil)
	if got.Account != id || !got.Raised || got.Before.Phone.Value != impostor.Phone.Value {
		t.Errorf("Enrol() = %s, raised %t, before %v, want the same account, raised", got.Account, got.Raised, got.Before.Phone)
	}
	equal(t, "audit", d.actions(t, &seen), []string{accounts.ActionLinkEnded, eid.ActionConsentEnded, eid.ActionAccountRenewed, eid.ActionLevelChanged})
	account, err := d.Account(ctx, id)
	wantErr(t, "Account()", err, nil)
	equal(t, "Account()", account, eid.Account{
		ID: id, Person: impostor.Person, Level: eid.Level2, Status: eid.PendingActivation,
		Phone: eid.Contact{Value: "0900000002"}, SessionsFrom: d.clock.Now(), UpdatedAt: d.clock.Now(), Factors: account.Factors,
	})
	if account.Has(eid.Password) || account.Has(eid.OneTimeCode) {
		t.Errorf("factors %v: something of before counts", account.Factors)
	}
	for what, find := range map[string]func() error{
		"PasswordHash()":  func() error { _, err := d.PasswordHash(ctx, id); return err },
		"TOTPSecret()":    func() error { _, err := d.TOTPSecret(ctx, id); return err },
		"Link()":          func() error { _, err := d.Link(ctx, link.ID); return err },
		"LinkBySubject()": func() error { _, err := d.LinkBySubject(ctx, "legacy", "impostor"); return err },
		"Consent()":       func() error { _, err := d.Consent(ctx, id, "portal"); return err },
	} {
		wantErr(t, what, find(), eid.ErrNotFound)
	}
	events, err := d.PendingEvents(ctx, 10)
	wantErr(t, "PendingEvents()", err, nil)
	var kinds []eid.EventKind
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	equal(t, "events", kinds, []eid.EventKind{eid.EventLinkEnded, eid.EventCredentialsReset})

	// Back in the app: an account that was in use once is nobody's to take.
	_, err = d.enroller().Enrol(ctx, d.appEnrolment(t, numberA))
	wantErr(t, "Enrol() in the app", err, eid.ErrExists)
}

// Who locked the own account undoes that at a counter, with what is written there. Where
// the enrolment is refused the lock stays.
func (s durableSuite) enrolledOverOwnLock(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id := d.person(t, numberA)
	before := d.clock.Now()
	_, err := d.locking.Set(ctx, id, eid.LockSelf, Self())
	wantErr(t, "Set()", err, nil)
	d.clock.Advance(time.Minute)
	today, err := book(t).At(d.clock.Now())
	wantErr(t, "At()", err, nil)
	n := d.enrolment(t, numberA)
	n.Unlock = &accounts.Unlocking{Rules: &today, Proof: "counter K7QF-2M9D", Officer: "officer-2"}
	court, err := d.locking.Set(ctx, id, eid.LockAuthority, Authority("1/QĐ"))
	wantErr(t, "Set()", err, nil)
	var seen int64
	d.actions(t, &seen)
	_, err = d.enroller().Enrol(ctx, n)
	wantErr(t, "Enrol() beside an authority's lock", err, eid.ErrLocked)
	equal(t, "rows of a refusal", len(d.actions(t, &seen)), 0)
	wantErr(t, "Lift()", d.locking.Lift(ctx, id, court.ID, Authority("1/QĐ")), nil)
	d.actions(t, &seen)

	_, err = d.enroller().Enrol(ctx, n)
	wantErr(t, "Enrol()", err, nil)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountUnlocked, eid.ActionAccountRenewed})
	account, err := d.Account(ctx, id)
	wantErr(t, "Account()", err, nil)
	if len(account.Locks) > 0 || account.Counts(before) || account.Status != eid.PendingActivation {
		t.Errorf("locks %v, from %v, %s: want it unlocked, and nothing of before to count", account.Locks, account.SessionsFrom, account.Status)
	}
	records, err := d.locking.Of(ctx, id)
	wantErr(t, "Of()", err, nil)
	for _, r := range records {
		if r.Reason == eid.LockSelf && (r.LiftedBy != eid.ByHolder || !r.LiftedAt.Equal(d.clock.Now())) {
			t.Errorf("on record: %+v, want that its holder ended it now", r)
		}
	}
}

// In the app a pending account of level 1 that nobody ever used is taken over.
func (s durableSuite) enrolledAnew(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	first, err := d.enroller().Enrol(ctx, d.appEnrolment(t, numberA))
	wantErr(t, "Enrol()", err, nil)
	n := d.appEnrolment(t, numberA)
	n.Phone, n.Email = eid.Contact{}, eid.Contact{Value: "moi@example.vn"}
	second, err := d.enroller().Enrol(ctx, n)
	wantErr(t, "Enrol() again", err, nil)
	equal(t, "the account", second.Account, first.Account)
	account, err := d.Account(ctx, first.Account)
	wantErr(t, "Account()", err, nil)
	equal(t, "contacts", []eid.Contact{account.Phone, account.Email}, []eid.Contact{{}, {Value: "moi@example.vn"}})
	events, err := d.PendingEvents(ctx, 10)
	wantErr(t, "PendingEvents()", err, nil)
	equal(t, "events", len(events), 0)

	for name, enrol := range map[string]func() error{
		"in use":             func() error { _, err := d.accounts.Create(ctx, Citizen(t, numberB), "system"); return err },
		"pending at level 2": func() error { _, err := d.enroller().Enrol(ctx, d.enrolment(t, numberC)); return err },
	} {
		must(t, enrol())
		n := d.appEnrolment(t, map[string]string{"in use": numberB, "pending at level 2": numberC}[name])
		_, err := d.enroller().Enrol(ctx, n)
		wantErr(t, "Enrol() over one "+name, err, eid.ErrExists)
	}
}

// What the counter does not touch either.
func (s durableSuite) enrolmentsRefused(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	locked := d.person(t, numberA)
	_, err := d.locking.Set(ctx, locked, eid.LockAuthority, Authority("1/QĐ"))
	wantErr(t, "Lock()", err, nil)
	managed := newcomer(t, "tech-1")
	managed.Person.Number, err = eid.ParsePersonalNumber(numberB)
	must(t, err)
	d.admit(t, managed)
	d.person(t, numberC)
	for name, tt := range map[string]struct {
		number string
		level  eid.Level
		want   error
	}{
		"locked":  {numberA, eid.Level2, eid.ErrLocked},
		"managed": {numberB, eid.Level2, accounts.ErrManaged},
		"higher":  {numberC, eid.Level1, accounts.ErrLower},
	} {
		var seen int64
		d.actions(t, &seen)
		n := d.enrolment(t, tt.number)
		n.Level = tt.level
		_, err := d.enroller().Enrol(ctx, n)
		wantErr(t, "Enrol() over one "+name, err, tt.want)
		equal(t, "rows of a refusal", len(d.actions(t, &seen)), 0)
	}
}

// raceEnrolments: of many registrations of one number at once one account comes.
func (s durableSuite) raceEnrolments(t *testing.T) {
	d := s.desk(t)
	n := d.appEnrolment(t, numberA)
	ids := make([]eid.AccountID, racers)
	race(racers, func(i int) {
		got, err := d.enroller().Enrol(t.Context(), n)
		if err != nil {
			t.Errorf("Enrol(): %v", err)
		}
		ids[i] = got.Account
	})
	for _, id := range ids {
		equal(t, "account", id, ids[0])
	}
	var seen int64
	created := 0
	for _, action := range d.actions(t, &seen) {
		if action == eid.ActionAccountCreated {
			created++
		}
	}
	equal(t, "accounts made", created, 1)
}
