package counter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/eid/notify"
	"eidgate/eid/rules"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// Synthetic numbers: no such place code is in use.
const (
	numberA = "999190000001"
	numberB = "999190000002"
	numberO = "999190000009" // the first officer's
)

const office = "Công an phường Mẫu"

// world is a counter on a database of its own, with invented registries.
type world struct {
	*counter.Counter
	deps     counter.Deps
	db       *sqlstore.DB
	clock    *storetest.Clock
	accounts *accounts.Accounts
	book     *rules.Book
	cards    civil.SyntheticCards
	border   civil.SyntheticBorder
	match    matcher

	mu                   sync.Mutex
	down                 error          // what the registries answer with, while it is set
	people               []civil.Person // of the population registry
	asked                int            // how often registries were asked
	first, second, other counter.By     // officers: of intake, of approval, of another office
}

// matcher says yes, or what it was told to.
type matcher struct {
	no          bool
	development bool
	err         error
	n           int
	now         func() time.Time
}

func (m *matcher) Match(_ context.Context, _ civil.Capture) (civil.Matched, error) {
	m.n++
	return civil.Matched{OK: !m.no, Development: m.development, Reference: fmt.Sprintf("match-%d", m.n), At: m.now()}, m.err
}

func (w *world) Compare(ctx context.Context, said eid.Person) (civil.Finding, error) {
	w.mu.Lock()
	w.asked++
	people, border, down := w.people, w.border, w.down
	w.mu.Unlock()
	if down != nil {
		return civil.Finding{}, down
	}
	return civil.Registries{Population: civil.NewSynthetic(people), Immigration: border}.Compare(ctx, said)
}

// plain makes hashes that are none: what is hashed is no matter here.
type plain struct{}

func (plain) Hash(_ context.Context, password eid.Secret) (string, error) {
	return "$argon2id$" + fmt.Sprint(len(password.Reveal())), nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eidgate.db")
	sealer, err := keys.LoadSealer(filepath.Join(t.TempDir(), "master.key"), true, slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}))
	w := &world{clock: storetest.NewClock(), cards: civil.SyntheticCards{}}
	channels := notify.Channels{Email: true, SMS: true}
	w.db, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: path, Notices: channels}, sealer, w.clock.Now)
	must(t, err)
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.accounts = accounts.New(w.db, w.clock.Now)
	w.book, err = rules.Open("")
	must(t, err)
	w.match.now = w.clock.Now
	w.deps = counter.Deps{
		Store: w.db, Rules: w.book, Registries: w, Cards: w.cards, Matcher: &w.match, Accounts: w.db, Record: w.db,
		Enroller: accounts.NewEnroller(w.db, w.clock.Now), Passwords: plain{}, Channels: channels, Now: w.clock.Now,
	}
	w.Counter, err = counter.New(w.deps)
	must(t, err)
	for _, number := range []string{numberA, numberB, numberO} {
		w.cards[number] = civil.Card{Status: civil.CardValid, ExpiresOn: civil.Date{Year: 2031, Month: time.January, Day: 2}}
		n, err := eid.ParsePersonalNumber(number)
		must(t, err)
		w.people = append(w.people, civil.Person{Number: n, Name: "Nguyễn Thử Nghiệm", BirthDate: civil.Date{Year: 1990, Month: time.February, Day: 28}})
	}
	w.border = civil.SyntheticBorder{{
		Passport: eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678"), Name: "KIM MIN SU", BirthDate: civil.Date{Year: 1985, Month: time.June, Day: 7},
		Gender: "male", Nationality: "KOR",
	}}
	officer := w.person(t, numberO)
	w.first = counter.By{Ref: "ref-1", Officer: eid.Officer{Account: officer, Office: office, Tasks: []eid.Task{eid.TaskIntake, eid.TaskApprove}}}
	w.second = counter.By{Ref: "ref-2", Officer: eid.Officer{Account: "officer-2", Office: office, Tasks: []eid.Task{eid.TaskApprove}}}
	w.other = counter.By{Ref: "ref-3", Officer: eid.Officer{Account: "officer-3", Office: "another", Tasks: []eid.Task{eid.TaskIntake, eid.TaskApprove}}}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person makes an account in use at level 1.
func (w *world) person(t testing.TB, number string) eid.AccountID {
	t.Helper()
	n := storetest.Citizen(t, number)
	n.Level, n.OwnFloor = eid.Level1, eid.LevelNone
	id, err := w.accounts.Create(t.Context(), n, "system")
	must(t, err)
	return id
}

// citizen is an intake as it should be.
func citizen(number string) counter.Intake {
	return counter.Intake{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", number), Name: "NGUYỄN THỬ NGHIỆM", BirthDate: "1990-02-28",
			Gender: "female", Nationality: "VNM", Address: "Điện Biên Phủ",
		},
		Phone: "0912 345 678",
	}
}

func foreigner() counter.Intake {
	return counter.Intake{
		Person: eid.Person{
			Type: eid.Foreigner, Identifier: eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678"), Name: "Kim Min Su", BirthDate: "1985-06-07",
			Gender: "male", Nationality: "KOR",
		},
		Email: "kim@example.kr",
	}
}

// open takes in an application for level 2.
func (w *world) open(t testing.TB, in counter.Intake) counter.Application {
	t.Helper()
	a, err := w.Open(t.Context(), w.first, eid.Level2, in, counter.Papers{})
	must(t, err)
	return a
}

// confirmed brings an application to where it waits for approval.
func (w *world) confirmed(t testing.TB, in counter.Intake) counter.Application {
	t.Helper()
	a := w.open(t, in)
	database := eid.Population
	if in.Person.Type == eid.Foreigner {
		database = eid.Immigration
	}
	a, err := w.Match(t.Context(), w.first, a.ID, a.Revision, eid.Portrait, database, "capture-1")
	must(t, err)
	a, err = w.ReadBack(t.Context(), w.first, a.ID, a.Revision)
	must(t, err)
	a, err = w.Confirm(t.Context(), w.first, a.ID, a.Revision)
	must(t, err)
	return a
}

// account finds the account of an intake.
func (w *world) account(t testing.TB, in counter.Intake) eid.Account {
	t.Helper()
	a, err := w.db.AccountByIdentifier(t.Context(), in.Person.Identifier)
	must(t, err)
	return a
}

// actions lists the actions on record after a row, which it moves on.
func (w *world) actions(t testing.TB, after *int64) []string {
	t.Helper()
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{After: *after})
	must(t, err)
	var list []string
	for _, row := range rows {
		list, *after = append(list, row.Action), row.ID
	}
	return list
}

// posted lists the messages that wait and to whom they go, each as kind and address, and
// the first password among them.
func (w *world) posted(t testing.TB) (list []string, code string) {
	t.Helper()
	for _, lane := range []notify.Lane{{Channel: notify.SMS, Urgent: true}, {Channel: notify.SMS}, {Channel: notify.Email, Urgent: true}, {Channel: notify.Email}} {
		notices, err := w.db.ClaimNotices(t.Context(), lane, time.Minute, 10)
		must(t, err)
		for _, n := range notices {
			list = append(list, string(n.Kind)+" "+n.To.Reveal())
			if !n.Code.IsZero() {
				code = n.Code.Reveal()
			}
		}
	}
	return list, code
}

func asObstacles(err error) ([]counter.Obstacle, bool) {
	var o *counter.ObstacleError
	if !errors.As(err, &o) {
		return nil, false
	}
	return o.Obstacles, true
}
