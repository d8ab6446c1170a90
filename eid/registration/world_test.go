package registration_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/eid/registration"
	"eidgate/keys"
	"eidgate/store"
	"eidgate/store/sqlstore"
	"eidgate/store/statestore"
)

// world is the service over real stores, with registries and an outbox that are looked at.
type world struct {
	service  *registration.Service
	cases    *registration.Cases
	db       *sqlstore.DB
	state    *counted
	registry *registry
	outbox   *outbox
	deps     registration.Deps

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: today, registry: newRegistry(t), outbox: &outbox{}}
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), true, log)
	must(t, err)
	where := sqlstore.Config{Path: filepath.Join(dir, "e.db"), Notices: both}
	must(t, sqlstore.Migrate(t.Context(), where))
	w.db, err = sqlstore.Open(t.Context(), where, sealer, w.clock)
	must(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(dir, "s.db"), Log: log}, w.clock)
	must(t, err)
	t.Cleanup(func() { _ = state.Close() })
	w.state = &counted{State: state}
	key := make([]byte, 32)
	codes, err := credential.NewCodes(w.state, key)
	must(t, err)
	enroller := accounts.NewEnroller(w.db, w.clock)
	w.cases = registration.NewCases(w.db, enroller, w.outbox, both, w.clock)
	w.deps = registration.Deps{
		State: w.state, Sealer: sealer, Key: key, Rules: book(t), Registries: civil.Registries{Population: w.registry, Immigration: w.registry},
		Codes: codes, Enroller: enroller, Activator: accounts.NewCredentials(w.db, w.clock), Holders: w.db, Poster: w.outbox, Cases: w.cases,
		Channels: both, Limits: registration.DefaultLimits(), Now: w.clock,
	}
	w.service, err = registration.New(w.deps)
	must(t, err)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// somewhere is a visitor of an address of its own.
func somewhere(n int) registration.Visitor {
	return registration.Visitor{From: netip.AddrFrom4([4]byte{10, byte(n / 250), byte(n % 250), 1}), Language: "vi", Ref: "K7QF-2M9D"}
}

// fill keeps a form under a new token.
func (w *world) fill(t *testing.T, f registration.Form) registration.Token {
	t.Helper()
	token := registration.NewToken()
	_, err := w.service.Save(t.Context(), token, func(to *registration.Form) { *to = f })
	must(t, err)
	return token
}

// prove fills in a form, sends it and types the code.
func (w *world) prove(t *testing.T, f registration.Form, v registration.Visitor) registration.Token {
	t.Helper()
	token := w.fill(t, f)
	must(t, w.service.Send(t.Context(), token, v))
	next, err := w.service.Prove(t.Context(), token, w.outbox.last().Code.Reveal())
	must(t, err)
	return next
}

// through goes all the way to the answer.
func (w *world) through(t *testing.T, f registration.Form, v registration.Visitor) (registration.Token, registration.Stage) {
	t.Helper()
	token := w.prove(t, f, v)
	stage, err := w.service.Settle(t.Context(), token, v)
	must(t, err)
	return token, stage
}

func (w *world) holder(t *testing.T, f registration.Form) (eid.Account, error) {
	t.Helper()
	d, ok := f.Declare(rulesAt(t, today), both, today)
	if !ok {
		t.Fatal("the form has faults")
	}
	return w.db.AccountByIdentifier(t.Context(), d.Person.Identifier)
}

// audited counts the audit rows of an action.
func (w *world) audited(t *testing.T, action string) (n int) {
	t.Helper()
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{})
	must(t, err)
	for _, row := range rows {
		if row.Action == action {
			n++
		}
	}
	return n
}

// counted counts what is asked of the passing state.
type counted struct {
	store.State
	runs atomic.Int64
}

func (c *counted) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	c.runs.Add(1)
	return c.State.Apply(ctx, slot, ops...)
}

// registry is population and immigration in one.
type registry struct {
	people *civil.Synthetic
	border civil.SyntheticBorder
	asked  atomic.Int64
	down   atomic.Bool
}

const (
	numberMatch    = "011090000001" // Nguyễn Văn Hòa
	numberYear     = "011190000002" // known by the year
	numberTwice    = "011090000003" // held twice
	numberGender   = "011190000004" // a man by what he says, a woman by the digits
	numberNobody   = "011090000009"
	numberChildren = "011212000005"
)

func newRegistry(t *testing.T) *registry {
	t.Helper()
	person := func(number, name, born string) civil.Person {
		n, err := eid.ParsePersonalNumber(number)
		must(t, err)
		d, err := civil.ParseDate(born)
		must(t, err)
		return civil.Person{Number: n, Name: name, BirthDate: d}
	}
	born, err := civil.ParseDate("1988-02-02")
	must(t, err)
	return &registry{
		people: civil.NewSynthetic([]civil.Person{
			person(numberMatch, "NGUYỄN VĂN HOÀ", "1990-03-02"), person(numberYear, "Trần Thị Bình", "1950"),
			person(numberGender, "Lê Văn An", "1990-03-02"), person(numberChildren, "Phạm Thị Bé", "2012-11-23"),
		}),
		border: civil.SyntheticBorder{{
			Passport: eid.NewIdentifier(eid.KindPassport, "LAO", "P1234567"), Name: "SOMSAK MAU", BirthDate: born, Gender: "male", Nationality: "LAO",
		}},
	}
}

func (r *registry) Find(ctx context.Context, asked civil.Person) (civil.Person, error) {
	r.asked.Add(1)
	switch {
	case r.down.Load():
		return civil.Person{}, civil.ErrDown
	case asked.Number.Reveal() == numberTwice:
		return civil.Person{}, civil.ErrContradiction
	}
	return r.people.Find(ctx, asked)
}

func (r *registry) FindForeigner(ctx context.Context, who eid.Identifier, year int) (civil.Foreigner, error) {
	r.asked.Add(1)
	if r.down.Load() {
		return civil.Foreigner{}, civil.ErrDown
	}
	return r.border.FindForeigner(ctx, who, year)
}

// outbox keeps what is posted.
type outbox struct {
	mu    sync.Mutex
	posts []notify.Post
}

func (o *outbox) Post(_ context.Context, posts ...notify.Post) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts = append(o.posts, posts...)
	return nil
}

func (o *outbox) last() notify.Post {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.posts[len(o.posts)-1]
}

func (o *outbox) of(kind notify.Kind) (list []notify.Post) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.posts), func(p notify.Post) bool { return p.Kind != kind })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// spy keeps what is written to the passing state.
type spy struct {
	store.State
	mu   sync.Mutex
	seen strings.Builder
}

func (s *spy) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	s.mu.Lock()
	s.seen.WriteString(slot)
	for _, op := range ops {
		s.seen.WriteString(op.Key + op.To)
		s.seen.Write(op.Value)
	}
	s.mu.Unlock()
	return s.State.Apply(ctx, slot, ops...)
}
