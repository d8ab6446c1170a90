package counter_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/store/sqlstore"
)

// An officer does what their tasks let them, in their own office, and nothing about
// themselves or somebody who named them.
func TestOfficersKeepToTheirTasks(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	nobody := counter.By{Officer: eid.Officer{Account: "somebody"}}
	ended := w.first
	ended.Officer.Tasks = nil
	for name, by := range map[string]counter.By{"nobody": nobody, "an officer without tasks": ended, "an approver": w.second} {
		_, err := w.Open(ctx, by, eid.Level2, citizen(numberA), counter.Papers{})
		wantErr(t, "Open() by "+name, err, counter.ErrTask)
	}
	if _, err := w.Queue(ctx, nobody, "", ""); err == nil {
		t.Error("Queue() for nobody: no error")
	}
	_, err := w.Open(ctx, w.first, eid.Level2, citizen(numberO), counter.Papers{})
	wantErr(t, "Open() of one's own", err, counter.ErrOwn)
	asked := w.asked
	own := counter.Papers{Dependents: []counter.Dependent{{Identifier: citizen(numberO).Person.Identifier, Name: "O", BirthDate: "1990-02-28", Relation: counter.Ward, Paper: "1"}}}
	_, err = w.Open(ctx, w.first, eid.Level2, citizen(numberA), own)
	wantErr(t, "Open() by one's own ward", err, counter.ErrOwn)
	if asked != w.asked || asked != 0 {
		t.Errorf("registries were asked %d times", w.asked)
	}

	a := w.confirmed(t, citizen(numberA))
	_, err = w.Approve(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Approve() of one's own intake", err, counter.ErrSameOfficer)
	_, err = w.Return(ctx, w.first, a.ID, a.Revision, "why")
	wantErr(t, "Return() of one's own intake", err, counter.ErrSameOfficer)
	for name, act := range map[string]func() error{
		"Approve()": func() error { _, err := w.Approve(ctx, w.other, a.ID, a.Revision); return err },
		"Show()":    func() error { _, err := w.Show(ctx, w.other, a.ID); return err },
		"Withdraw()": func() error {
			_, err := w.Withdraw(ctx, w.other, a.ID, a.Revision)
			return err
		},
	} {
		wantErr(t, name+" of another office", act(), eid.ErrNotFound)
	}
	_, err = w.Withdraw(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Withdraw() by an approver", err, counter.ErrTask)
	// Who approves is the person: their account is not there yet when it was opened.
	approver := w.second
	approver.Officer.Account = w.person(t, numberA)
	_, err = w.Approve(ctx, approver, a.ID, a.Revision)
	wantErr(t, "Approve() of one's own account", err, counter.ErrOwn)

	list, err := w.Queue(ctx, w.second, "", "")
	wantErr(t, "Queue()", err, nil)
	if len(list) != 1 || list[0].Ref != a.Ref || strings.Contains(fmt.Sprintf("%+v", list), "Nguyễn") {
		t.Errorf("Queue() = %+v, want the one, without its person", list)
	}
	if list, err := w.Queue(ctx, w.other, "", a.Ref); err != nil || len(list) != 0 {
		t.Errorf("Queue() of another office = %v, %v, want none", list, err)
	}
}

// Nobody makes an application one of their own afterwards: it is refused before registries
// are asked, and the application stays as it was.
func TestNoApplicationBecomesOnesOwn(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a := w.open(t, citizen(numberA))
	asked := w.asked
	_, err := w.Amend(ctx, w.first, a.ID, a.Revision, citizen(numberO))
	wantErr(t, "Amend() to one's own", err, counter.ErrOwn)
	own := counter.Dependent{Identifier: citizen(numberO).Person.Identifier, Name: "O", BirthDate: "1990-02-28", Relation: counter.Ward, Paper: "1"}
	_, err = w.AddDependent(ctx, w.first, a.ID, a.Revision, own)
	wantErr(t, "AddDependent() of oneself", err, counter.ErrOwn)
	shown, err := w.Show(ctx, w.first, a.ID)
	wantErr(t, "Show()", err, nil)
	if w.asked != asked || shown.Revision != a.Revision || shown.Intake != a.Intake || len(shown.Papers.Dependents) != 0 {
		t.Errorf("asked %d times more, revision %d, want nothing done", w.asked-asked, shown.Revision)
	}
}

// Where nothing was compared the account's evidence says so for good.
func TestAMatchOfTheDevelopmentIsMarked(t *testing.T) {
	w := newWorld(t)
	w.match.development = true
	a := w.confirmed(t, citizen(numberA))
	a, err := w.Approve(t.Context(), w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	evidence, err := w.db.LevelEvidence(t.Context(), a.Account)
	wantErr(t, "LevelEvidence()", err, nil)
	if !slices.ContainsFunc(evidence, func(e accounts.EvidenceRecord) bool {
		return e.Kind == eid.EvidenceBiometric && e.Reference == "development:match-1"
	}) {
		t.Errorf("evidence = %v, want a biometric that is marked", evidence)
	}
}

// Somebody who helped with an intake does not approve it either.
func TestWhoHelpedDoesNotApprove(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	helper := counter.By{Officer: eid.Officer{Account: "officer-4", Office: office, Tasks: []eid.Task{eid.TaskIntake, eid.TaskApprove}}}
	a := w.open(t, citizen(numberA))
	a, err := w.Match(ctx, helper, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
	wantErr(t, "Match()", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	_, err = w.Approve(ctx, helper, a.ID, a.Revision)
	wantErr(t, "Approve() by who matched", err, counter.ErrSameOfficer)
	_, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
}

// Of many approvals at once one counts: one account, one first password, one row.
func TestApprovalsAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed(t, citizen(numberA))
	var seen int64
	w.actions(t, &seen)
	errs := atOnce(16, func(i int) error {
		by := w.second
		by.Officer.Account = eid.AccountID(fmt.Sprintf("approver-%d", i))
		_, err := w.Approve(t.Context(), by, a.ID, a.Revision)
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantErr(t, "a loser's Approve()", err, counter.ErrStale)
	}
	posts, _ := w.posted(t)
	if won != 1 || len(posts) != 1 {
		t.Errorf("%d approvals won and %d messages wait, want 1 and 1", won, len(posts))
	}
	same(t, "audit", w.actions(t, &seen), []string{eid.ActionAccountCreated, eid.ActionApplicationDecided})
}

func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

// A number has one open application, however many officers take one in at once and
// however the number is spelled.
func TestOneOpenApplicationPerNumber(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	won := 0
	for _, err := range atOnce(16, func(i int) error {
		by := w.first
		by.Officer.Account, by.Officer.Office = eid.AccountID(fmt.Sprintf("officer-%d", i+10)), fmt.Sprintf("office %d", i)
		_, err := w.Open(ctx, by, eid.Level2, citizen(numberA), counter.Papers{})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		wantErr(t, "a loser's Open()", err, eid.ErrExists)
	}
	if won != 1 {
		t.Errorf("%d opened, want 1", won)
	}
	b := w.open(t, citizen(numberB))
	_, err := w.Amend(ctx, w.first, b.ID, b.Revision, citizen(numberA))
	wantErr(t, "Amend() to a number with an open one", err, eid.ErrExists)
	b, err = w.Withdraw(ctx, w.first, b.ID, b.Revision)
	wantErr(t, "Withdraw()", err, nil)
	_, err = w.ReadBack(ctx, w.first, b.ID, b.Revision)
	wantErr(t, "ReadBack() of what was withdrawn", err, counter.ErrStatus)
}

// While a registry is away nothing is half-made, and nothing is on record.
func TestRegistriesThatAreAway(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	confirmed := w.confirmed(t, citizen(numberA))
	var seen int64
	w.actions(t, &seen)
	w.down = civil.ErrDown
	_, err := w.Open(ctx, w.first, eid.Level2, citizen(numberB), counter.Papers{})
	wantErr(t, "Open()", err, civil.ErrDown)
	_, err = w.Approve(ctx, w.second, confirmed.ID, confirmed.Revision)
	wantErr(t, "Approve()", err, civil.ErrDown)
	if rows := w.actions(t, &seen); len(rows) != 0 {
		t.Errorf("on record: %v, want nothing", rows)
	}
	w.down = nil
	_, err = w.Approve(ctx, w.second, confirmed.ID, confirmed.Revision)
	wantErr(t, "Approve() once it is back", err, nil)
}

// What changed between the confirmation and the approval counts: a card that was lost, a
// lock, an entry that the registry took back.
func TestWhatChangedBeforeTheApproval(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, w *world)
		want   counter.ObstacleKind
	}{
		"the card": {func(_ *testing.T, w *world) { w.cards[numberA] = civil.Card{Status: civil.CardLost} }, counter.ObstacleCard},
		"the registry": {func(_ *testing.T, w *world) {
			w.people = slices.DeleteFunc(w.people, func(p civil.Person) bool { return p.Number.Reveal() == numberA })
		}, counter.ObstacleDiffers},
		"the name there": {func(_ *testing.T, w *world) { w.people[0].Name = "Trần Thử Nghiệm" }, counter.ObstacleDiffers},
		"a lock": {func(t *testing.T, w *world) {
			act := accounts.LockAct{By: eid.ByAuthority, Requester: "hộ tịch", Document: "KT-1", Actor: "operator:A"}
			_, err := accounts.NewLocks(w.db, w.book, w.clock.Now).Set(t.Context(), w.person(t, numberA), eid.LockDeath, act)
			wantErr(t, "Set()", err, nil)
		}, counter.ObstacleAccount},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.confirmed(t, citizen(numberA))
			tt.change(t, w)
			_, err := w.Approve(t.Context(), w.second, a.ID, a.Revision)
			obstacles, ok := asObstacles(err)
			if !ok || !slices.ContainsFunc(obstacles, func(o counter.Obstacle) bool { return o.Kind == tt.want }) {
				t.Errorf("Approve() = %v, want %s in its way", err, tt.want)
			}
			posts, code := w.posted(t)
			if code != "" {
				t.Errorf("messages: %v, want no first password", posts)
			}
		})
	}
}

// At a counter, and only there, the fields are named that are not as the registry holds
// them; and somebody so young is sent to the account of a guardian before anybody is asked.
func TestFieldsAreNamedAtTheCounter(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for _, tt := range []struct {
		name   string
		change func(in *counter.Intake)
		want   []string
	}{
		{"accents", func(in *counter.Intake) { in.Person.Name = "Nguyen Thu Nghiem" }, []string{"differs name", "biometric"}},
		{"a day", func(in *counter.Intake) { in.Person.BirthDate = "1990-02-27" }, []string{"differs birth_date", "biometric"}},
		{"a year", func(in *counter.Intake) { in.Person.BirthDate, in.AsOnCard = "1991-02-28", true }, []string{"differs number", "differs name", "differs birth_date", "biometric"}},
	} {
		in := citizen(numberA)
		tt.change(&in)
		a := w.open(t, in)
		same(t, tt.name, w.obstacles(t, a), tt.want)
		_, err := w.Reject(ctx, w.first, a.ID, a.Revision, "khai sai")
		wantErr(t, "Reject()", err, nil)
	}
	asked := w.asked
	young := citizen(numberB)
	young.Person.BirthDate = "2012-03-02" // 14 tomorrow
	_, err := w.Open(ctx, w.first, eid.Level2, young, counter.Papers{})
	wantErr(t, "Open() for somebody who is 13", err, accounts.ErrInvalid)
	if !strings.Contains(fmt.Sprint(err), "birth_date guardian") || w.asked != asked {
		t.Errorf("Open() = %v after %d questions, want the guardian named and nobody asked", err, w.asked-asked)
	}
}

// Somebody registered in the app with another's data. The true holder comes: the account
// and what portals call its holder stay, and nothing of the impostor opens it. Both are told.
func TestRow22RaisedOverAnImpostor(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	impostor := w.person(t, numberA)
	signedIn := w.clock.Now()
	w.clock.Advance(time.Hour)
	a := w.confirmed(t, citizen(numberA))
	a, err := w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	account := w.account(t, citizen(numberA))
	if a.Account != impostor || account.ID != impostor || account.Level != eid.Level2 || account.Status != eid.PendingActivation {
		t.Errorf("account %s at %v, %s, want the one of before at level 2, waiting", account.ID, account.Level, account.Status)
	}
	if account.Counts(signedIn) || account.Has(eid.Password) || account.Has(eid.OneTimeCode) || account.Phone.Value != "+84912345678" || account.Phone.Verified || account.Email.Value != "" {
		t.Errorf("factors %v, contacts %t: something of the impostor is left", account.Factors, account.Phone.Verified)
	}
	posts, _ := w.posted(t)
	slices.Sort(posts)
	same(t, "messages", posts, []string{"first_password +84912345678", "level_raised +84900000001", "level_raised +84912345678"})

	// Meanwhile in the app: the account that waits is not the impostor's to take again.
	_, err = accounts.NewEnroller(w.db, w.clock.Now).Enrol(ctx, accounts.Enrolment{
		Person: citizen(numberA).Person, Phone: eid.Contact{Value: "+84900000001"}, Level: eid.Level1, Rules: "decree-69-2024", Actor: "system",
		Evidence: []eid.Evidence{{Kind: eid.EvidenceRegistry, Database: eid.Population, At: w.clock.Now()}},
	})
	wantErr(t, "Enrol() in the app", err, eid.ErrExists)
}

// Nothing of a person is in audit rows, and HTML or CRLF in a name is inert there.
func TestAuditTellsNothingOfThePerson(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed(t, citizen(numberA))
	_, err := w.Approve(t.Context(), w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	rows, err := w.db.Audit(t.Context(), auditAll)
	wantErr(t, "Audit()", err, nil)
	for _, row := range rows {
		text := fmt.Sprintf("%+v %s", row, row.Detail)
		for _, secret := range []string{numberA, "912345678", "Nghiệm", "NGHIỆM", "1990-02-28", "capture-1"} {
			if strings.Contains(text, secret) {
				t.Errorf("the row of %s holds %q", row.Action, secret)
			}
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %v", &a, a, a, []counter.Application{a}); strings.Contains(text, "Nghi") {
		t.Errorf("an application prints as %s", text)
	}
}

var auditAll = sqlstore.AuditFilter{}

// A registry that knows the year of birth alone leaves a doubt for the second officer; it
// does not cover that the same person's nationality or gender is another.
func TestYearOnlyCoversNoOtherField(t *testing.T) {
	w := newWorld(t)
	w.border[0].BirthDate = civil.Date{Year: 1985}
	for field, change := range map[eid.Field]func(*eid.Person){
		eid.FieldNationality: func(p *eid.Person) { p.Nationality = "USA" },
		eid.FieldGender:      func(p *eid.Person) { p.Gender = "female" },
	} {
		in := foreigner()
		change(&in.Person)
		a := w.open(t, in)
		list, err := w.Obstacles(&a)
		must(t, err)
		if want := (counter.Obstacle{Kind: counter.ObstacleDiffers, Field: field}); !slices.Contains(list, want) {
			t.Errorf("Obstacles() = %v, want %v among them", list, want)
		}
		_, err = w.Withdraw(t.Context(), w.first, a.ID, a.Revision)
		must(t, err)
	}
}

// An application that one office left lying past its term keeps nobody from being taken
// in at another: it is withdrawn then, on record, and nobody goes on with it.
func TestAnOverdueApplicationBlocksNoNumber(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	left := w.confirmed(t, citizen(numberA))
	w.clock.Advance(left.DueAt.Sub(w.clock.Now()))
	_, err := w.Open(ctx, w.other, eid.Level2, citizen(numberA), counter.Papers{})
	wantErr(t, "Open() at the end of the term", err, eid.ErrExists)
	w.clock.Advance(time.Second)
	var after int64
	w.actions(t, &after)
	_, err = w.Open(ctx, w.other, eid.Level2, citizen(numberA), counter.Papers{})
	wantErr(t, "Open() after the term", err, nil)
	want := []string{eid.ActionApplicationDecided, eid.ActionApplicationOpened}
	if got := w.actions(t, &after); !slices.Equal(got, want) {
		t.Errorf("on record: %v, want %v", got, want)
	}
	_, err = w.Approve(ctx, w.second, left.ID, left.Revision)
	wantErr(t, "Approve() of the one that was withdrawn, as it was shown", err, counter.ErrStale)
	_, err = w.Approve(ctx, w.second, left.ID, left.Revision+1)
	wantErr(t, "Approve() of the one that was withdrawn", err, counter.ErrStatus)
}

// A passport that no sign-in reads would make an account that nobody comes into.
func TestAPassportIsOneThatCanSignIn(t *testing.T) {
	w := newWorld(t)
	for _, p := range [][2]string{{"KOR", "M123456789"}, {"XQZ", "M12345678"}, {"KOR", "m12345678"}} {
		in := foreigner()
		in.Person.Identifier = eid.NewIdentifier(eid.KindPassport, p[0], p[1])
		_, err := w.Open(t.Context(), w.first, eid.Level2, in, counter.Papers{})
		wantErr(t, fmt.Sprintf("Open() with passport %v", p), err, accounts.ErrInvalid)
	}
}
