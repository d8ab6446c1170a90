package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/store/sqlstore"
)

// newcomer is Citizen(numberA) as a national source names them.
func newcomer(t *testing.T, subject string) accounts.Newcomer {
	t.Helper()
	n, err := eid.ParsePersonalNumber(numberA)
	must(t, err)
	return accounts.Newcomer{
		Source: "vneid", Subject: subject, Level: eid.Level1, Ref: "ref",
		Person: civil.Person{Number: n, Name: "NGUYỄN THỬ NGHIỆM", BirthDate: civil.Date{Year: 1990, Month: time.February, Day: 28}},
	}
}

func (d desk) registrar() *accounts.Registrar { return accounts.NewRegistrar(d.DB, d.clock.Now) }

func (d desk) admit(t *testing.T, n accounts.Newcomer) accounts.Admission {
	t.Helper()
	got, err := d.registrar().Admit(t.Context(), n)
	if err != nil {
		t.Fatalf("Admit(): %v", err)
	}
	return got
}

func (s durableSuite) arrivals(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var seen int64
	came := d.admit(t, newcomer(t, "tech-1"))
	equal(t, "outcome of a first sign-in", came.Outcome, accounts.Admitted)
	equal(t, "audit of a first sign-in", d.actions(t, &seen), []string{eid.ActionAccountCreated, eid.ActionLinkCreated})
	got, err := d.Account(ctx, came.Account)
	wantErr(t, "Account()", err, nil)
	equal(t, "Account()", got, eid.Account{
		ID: came.Account, Level: eid.Level1, Status: eid.Active, Linked: true, ManagedBy: "vneid", UpdatedAt: d.clock.Now(),
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", numberA), Name: "NGUYỄN THỬ NGHIỆM", BirthDate: "1990-02-28",
		},
	})
	link, err := d.LinkBySubject(ctx, "vneid", "tech-1")
	wantErr(t, "LinkBySubject()", err, nil)
	equal(t, "LinkBySubject()", link, eid.Link{ID: came.Link, Account: came.Account, Source: "vneid", Cap: eid.Level2})

	equal(t, "the same again", d.admit(t, newcomer(t, "tech-1")), came)
	equal(t, "another subject", d.admit(t, newcomer(t, "tech-2")), accounts.Admission{Outcome: accounts.Taken, Account: came.Account})
	other := newcomer(t, "tech-2")
	other.Source = "vneid-2"
	second := d.admit(t, other)
	equal(t, "another source's account", second.Account, came.Account)
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionLinkCreated})

	// An ended or expired link makes room, and is not come back to.
	must(t, d.accounts.EndLink(ctx, came.Link, "operator:A"))
	again := d.admit(t, newcomer(t, "tech-2"))
	if again.Outcome != accounts.Admitted || again.Account != came.Account || again.Link == came.Link {
		t.Errorf("Admit() after the link ended = %+v, want a new link to %s", again, came.Account)
	}
}

func (s durableSuite) refusedArrivals(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	var seen int64
	d.actions(t, &seen)
	for name, tt := range map[string]struct {
		change func(n *accounts.Newcomer)
		want   accounts.Admission
	}{
		"another name":       {func(n *accounts.Newcomer) { n.Person.Name = "Trần Thử Nghiệm" }, accounts.Admission{Outcome: accounts.Differs, Account: id}},
		"accents alone":      {func(n *accounts.Newcomer) { n.Person.Name = "Nguyen Thu Nghiem" }, accounts.Admission{Outcome: accounts.Differs, Account: id}},
		"another day":        {func(n *accounts.Newcomer) { n.Person.BirthDate.Day = 27 }, accounts.Admission{Outcome: accounts.Differs, Account: id}},
		"a year alone":       {func(n *accounts.Newcomer) { n.Person.BirthDate = civil.Date{Year: 1990} }, accounts.Admission{}},
		"no name":            {func(n *accounts.Newcomer) { n.Person.Name = " " }, accounts.Admission{}},
		"no number":          {func(n *accounts.Newcomer) { n.Person.Number = eid.PersonalNumber{} }, accounts.Admission{}},
		"born tomorrow":      {func(n *accounts.Newcomer) { n.Person.BirthDate.Year = 2199 }, accounts.Admission{}},
		"no level":           {func(n *accounts.Newcomer) { n.Level = eid.LevelNone }, accounts.Admission{}},
		"no subject":         {func(n *accounts.Newcomer) { n.Subject = "" }, accounts.Admission{}},
		"somebody's session": {func(n *accounts.Newcomer) { n.Only = other }, accounts.Admission{Outcome: accounts.Another}},
	} {
		n := newcomer(t, "tech-1")
		tt.change(&n)
		if got := d.admit(t, n); got != tt.want {
			t.Errorf("%s: Admit() = %+v, want %+v", name, got, tt.want)
		}
	}
	stranger := newcomer(t, "tech-1")
	stranger.Person.Number, _ = eid.ParsePersonalNumber("999190000003")
	stranger.Only = other
	equal(t, "a stranger in somebody's session", d.admit(t, stranger), accounts.Admission{Outcome: accounts.Another})

	lock, err := d.locking.Set(ctx, id, eid.LockSelf, Self())
	must(t, err)
	equal(t, "a locked account", d.admit(t, newcomer(t, "tech-1")), accounts.Admission{Outcome: accounts.Barred, Account: id})
	equal(t, "audit of refusals", d.actions(t, &seen), []string{eid.ActionAccountLocked})
	_, err = d.LinkBySubject(ctx, "vneid", "tech-1")
	wantErr(t, "LinkBySubject() after refusals", err, eid.ErrNotFound)

	must(t, d.locking.Lift(ctx, id, lock.ID, Self()))
	got := d.admit(t, newcomer(t, "tech-1"))
	if got.Outcome != accounts.Admitted || got.Account != id {
		t.Errorf("Admit() of the account's holder = %+v, want %s linked", got, id)
	}
	a, err := d.Account(ctx, id)
	must(t, err)
	if a.ManagedBy != "" || a.Level != eid.Level2 || a.Person.Gender != "female" {
		t.Errorf("account = level %v, managed by %q: linking changed it", a.Level, a.ManagedBy)
	}
}

func (s durableSuite) levels(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, made := d.person(t, numberB), d.admit(t, newcomer(t, "tech-1")).Account
	var seen int64
	d.actions(t, &seen)
	level := func(id eid.AccountID) eid.Level {
		t.Helper()
		a, err := d.Account(ctx, id)
		must(t, err)
		return a.Level
	}
	follow := func(id eid.AccountID, source string, level eid.Level) {
		t.Helper()
		must(t, d.registrar().Follow(ctx, id, source, level, "ref"))
	}
	follow(made, "vneid", eid.Level1) // as it is
	follow(made, "other", eid.Level2)
	follow(made, "", eid.Level2)
	follow(id, "vneid", eid.Level1) // an operator's
	follow(id, "", eid.Level1)
	equal(t, "levels", []eid.Level{level(made), level(id)}, []eid.Level{eid.Level1, eid.Level2})
	equal(t, "audit", d.actions(t, &seen), []string(nil))
	wantErr(t, "Follow() to no level", d.registrar().Follow(ctx, made, "vneid", eid.LevelNone, ""), accounts.ErrInvalid)
	wantErr(t, "Follow() of nobody", d.registrar().Follow(ctx, "nobody", "vneid", eid.Level1, ""), eid.ErrNotFound)

	d.clock.Advance(time.Second)
	follow(made, "vneid", eid.Level2)
	equal(t, "raised level", level(made), eid.Level2)
	rows, err := d.Audit(ctx, sqlstore.AuditFilter{Action: eid.ActionLevelChanged})
	must(t, err)
	if len(rows) != 1 || string(rows[0].Detail) != `{"old":1,"new":2,"source":"vneid"}` || rows[0].Ref != "ref" || rows[0].Account != made {
		t.Errorf("audit = %+v, want old, new and source", rows)
	}
	if a, err := d.Account(ctx, made); err != nil || !a.UpdatedAt.Equal(d.clock.Now()) {
		t.Errorf("UpdatedAt = %v, %v, want %v", a.UpdatedAt, err, d.clock.Now())
	}
	lock, err := d.locking.Set(ctx, made, eid.LockSelf, Self())
	must(t, err)
	follow(made, "vneid", eid.Level1)
	equal(t, "level of a locked account", level(made), eid.Level2)
	must(t, d.locking.Lift(ctx, made, lock.ID, Self()))

	// A floor of the holder's own does not stay above the level.
	floored := Citizen(t, "999190000004")
	floored.ManagedBy, floored.OwnFloor = "vneid", eid.Level2
	high, err := d.accounts.Create(ctx, floored, "system")
	must(t, err)
	follow(high, "vneid", eid.Level1)
	if a, err := d.Account(ctx, high); err != nil || a.Level != eid.Level1 || a.OwnFloor != eid.Level1 {
		t.Errorf("level %v, own floor %v, %v; want 1 and 1", a.Level, a.OwnFloor, err)
	}
}

// raceArrivals: many first sign-ins of one person make one account and one link,
// and of two subjects with one number one is linked.
func (s durableSuite) raceArrivals(t *testing.T) {
	d := s.desk(t)
	var mu sync.Mutex
	came, taken := map[accounts.Admission]int{}, 0
	race(racers, func(i int) {
		got, err := d.registrar().Admit(t.Context(), newcomer(t, []string{"tech-1", "tech-2"}[i%2]))
		if err != nil {
			t.Errorf("Admit(): %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if got.Outcome == accounts.Taken {
			taken++
		} else {
			came[got]++
		}
	})
	if len(came) != 1 || taken != racers/2 {
		t.Errorf("Admit() = %v and %d refused, want one account and link, and %d refused", came, taken, racers/2)
	}
	var seen int64
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionAccountCreated, eid.ActionLinkCreated})
}

// halfArrivals: an arrival that cannot be written whole leaves nothing.
func (s durableSuite) halfArrivals(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	n := newcomer(t, "tech-1")
	failure := errors.New("synthetic failure")
	err := d.Arrive(ctx, eid.IdentifierOf(n.Person.Number), n.Source, n.Subject, func(accounts.Standing) (accounts.Arrival, error) {
		return accounts.Arrival{}, failure
	})
	wantErr(t, "Arrive() that was decided against", err, failure)
	err = d.Arrive(ctx, eid.IdentifierOf(n.Person.Number), n.Source, n.Subject, func(accounts.Standing) (accounts.Arrival, error) {
		return accounts.Arrival{
			Account: accounts.Record{Account: eid.Account{
				ID: "half", Level: eid.Level1, Person: eid.Person{Identifier: eid.IdentifierOf(n.Person.Number)},
			}, CreatedAt: d.clock.Now()},
			Link: accounts.LinkRecord{Link: eid.Link{ID: "k", Account: "nobody", Source: n.Source, Cap: eid.Level2}, Subject: n.Subject, CreatedAt: d.clock.Now()},
		}, nil
	})
	wantErr(t, "Arrive() with a link to nobody", err, eid.ErrNotFound)
	_, err = d.Account(ctx, "half")
	wantErr(t, "Account() of half an arrival", err, eid.ErrNotFound)
	equal(t, "outcome of the next try", d.admit(t, n).Outcome, accounts.Admitted)
}
