package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/provider"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// Synthetic numbers of people without an account.
const (
	numberNew   = "001195000911"
	numberOther = "001195000912"
)

// platform is a source of kind vneid that says of everybody what the test has it
// say, and leads browsers straight back.
type platform struct {
	provider.Sources
	mu   sync.Mutex
	says federation.Assertion
}

var _ federation.Source = (*platform)(nil)

func (f *platform) Open(ctx context.Context, src eid.Source) (federation.Source, error) {
	if src.Kind == federation.KindVNeID {
		return f, nil
	}
	return f.Sources.Open(ctx, src)
}

func (f *platform) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	return federation.Step{Redirect: req.Callback + "?" + url.Values{"state": {req.State}}.Encode()}, nil
}

func (f *platform) Finish(_ context.Context, req federation.Request, _ federation.Reply) (federation.Step, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.says
	a.At = req.Now
	return federation.Step{Assertion: &a}, nil
}

// say changes what the platform says from now on.
func (f *platform) say(change func(a *federation.Assertion)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.says)
}

// deaf is an audit that cannot be written while it is so.
type deaf struct {
	provider.Grants
	mu sync.Mutex
	is bool
}

func (d *deaf) set(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.is = is
}

func (d *deaf) Record(ctx context.Context, entries ...eid.AuditEntry) error {
	d.mu.Lock()
	is := d.is
	d.mu.Unlock()
	if is {
		return errors.New("the disk is full")
	}
	return d.Grants.Record(ctx, entries...)
}

// provisioned is a world with a national source that brings people, and speaks of
// one whom nobody here knows.
type provisioned struct {
	*world
	at    *platform
	audit *deaf
}

func newProvisioned(t *testing.T) *provisioned {
	t.Helper()
	w := &provisioned{at: &platform{says: federation.Assertion{
		Subject: "tech-1", Level: eid.Level1, Methods: []string{"fed"},
		Person: federation.Person{Number: numberNew, Name: "LÊ THỊ MỚI", BirthDate: "09/05/1995"},
	}}, audit: &deaf{}}
	w.world = newWorldWith(t, func(_ *provider.Config, d *provider.Deps) {
		w.at.Sources, w.audit.Grants = d.Sources, d.Grants
		d.Sources, d.Grants = w.at, w.audit
	})
	w.source(func(*eid.Source) {})
	return w
}

// source registers the platform anew, changed, for every party.
func (w *provisioned) source(change func(src *eid.Source)) {
	w.t.Helper()
	from := w.clock().AddDate(-1, 0, 0)
	src := eid.Source{
		ID: "vneid", Kind: federation.KindVNeID, Name: "VNeID (giả định)", Provider: "test", National: true, Provision: true,
		Window: eid.Window{From: from}, MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
	}
	change(&src)
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	sources = slices.DeleteFunc(sources, func(s eid.Source) bool { return s.ID == src.ID })
	for i := range w.parties {
		w.parties[i].Sources = []string{"vneid"}
	}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, append(sources, src), "file", "system"))
}

// comes signs in through the platform as far as it goes.
func (w *provisioned) comes(a *agent, client string) page {
	w.t.Helper()
	return a.share(a.get(w.authorizeURL(client)))
}

// tokens signs in with a browser of its own, and succeeds.
func (w *provisioned) tokens() tokens {
	w.t.Helper()
	p := w.comes(w.browser(), "portal")
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d, back %v\n%s", p.status, p.back, p.body)
	}
	return w.redeem(p.back.Query().Get("code"))
}

// account finds who has a number.
func (w *provisioned) account(number string) (eid.Account, error) {
	w.t.Helper()
	n, err := eid.ParsePersonalNumber(number)
	must(w.t, err)
	return w.db.AccountByIdentifier(w.t.Context(), eid.IdentifierOf(n))
}

// rows counts the audit rows of an action.
func (w *provisioned) rows(action string) int {
	w.t.Helper()
	rows, err := w.db.Audit(w.t.Context(), sqlstore.AuditFilter{Action: action})
	must(w.t, err)
	return len(rows)
}

const (
	acrLevel1      = "urn:vn:eid:level:1"
	titleNotLinked = "Chưa thể liên kết"
	titleMismatch  = "Thông tin chưa khớp"
)

func TestProvisionedAccountFollowsItsSource(t *testing.T) {
	w := newProvisioned(t)
	first := w.tokens()
	if first.claims["acr"] != acrLevel1 {
		t.Errorf("acr = %v, want %s", first.claims["acr"], acrLevel1)
	}
	if status, _, info := w.userinfo("Bearer " + first.AccessToken); status != http.StatusOK ||
		info["name"] != "LÊ THỊ MỚI" || info["birthdate"] != "1995-05-09" || info["eid_personal_number"] != numberNew || info["gender"] != nil {
		t.Errorf("userinfo = %d %v, want what the platform says and no gender", status, info)
	}
	made, err := w.account(numberNew)
	if err != nil || made.ManagedBy != "vneid" || made.Level != eid.Level1 || len(made.Factors) > 0 {
		t.Errorf("account = %+v, %v; want one of Level 1 that vneid manages", made, err)
	}
	if again := w.tokens(); again.claims["sub"] != first.claims["sub"] || w.rows(eid.ActionLinkCreated) != 1 {
		t.Errorf("sub = %v with %d links, want %v and 1", again.claims["sub"], w.rows(eid.ActionLinkCreated), first.claims["sub"])
	}

	w.at.say(func(a *federation.Assertion) { a.Level = eid.Level2 })
	high := w.comes(w.browser(), "high")
	if high.back == nil || high.back.Query().Get("code") == "" {
		t.Fatalf("a portal of Level 2 gets %d %v, want a code", high.status, high.back)
	}
	asked := w.comes(w.browser(), "portal")
	raised := w.redeem(asked.back.Query().Get("code"))
	if raised.claims["sub"] != first.claims["sub"] {
		t.Errorf("sub at level 2 = %v, want %v", raised.claims["sub"], first.claims["sub"])
	}
	two := w.redeem(w.codeAt("LoA2"))
	if two.claims["acr"] != "LoA2" {
		t.Errorf("acr = %v, want LoA2", two.claims["acr"])
	}

	// Lowered there, it is lowered here, and tokens of Level 2 are none any more.
	w.at.say(func(a *federation.Assertion) { a.Level = eid.Level1 })
	if low := w.tokens(); low.claims["acr"] != acrLevel1 || low.claims["sub"] != first.claims["sub"] {
		t.Errorf("acr = %v of %v, want %s of the same", low.claims["acr"], low.claims["sub"], acrLevel1)
	}
	if status, _, _ := w.userinfo("Bearer " + two.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo with a token of Level 2 = %d, want 401", status)
	}
	if got := w.rows(eid.ActionLevelChanged); got != 2 {
		t.Errorf("%d changes of level on record, want 2", got)
	}
	if text := w.log.String(); strings.Contains(text, numberNew) || strings.Contains(text, "tech-1") || strings.Contains(text, "MỚI") {
		t.Error("the log tells who came")
	}
}

// codeAt is a code of the portal that was asked for with a value of acr.
func (w *provisioned) codeAt(acr string) string {
	w.t.Helper()
	a := w.browser()
	p := a.share(a.get(w.authorizeURL("portal", "acr_values", acr)))
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code at %s: %d %v\n%s", acr, p.status, p.back, p.body)
	}
	return p.back.Query().Get("code")
}

// TestProvisionLinksTheAccountOfTheNumber: who has an account keeps it, and its
// level stays what an operator said.
func TestProvisionLinksTheAccountOfTheNumber(t *testing.T) {
	w := newProvisioned(t)
	w.at.say(func(a *federation.Assertion) {
		a.Level = eid.Level2
		a.Person = federation.Person{Number: numberLevel1, Name: "TRẦN VĂN MẪU", BirthDate: "15/01/1990"}
	})
	got := w.tokens()
	links, err := w.db.LinksOf(t.Context(), w.people[numberLevel1])
	if err != nil || len(links) != 1 || links[0].Source != "vneid" {
		t.Errorf("links = %+v, %v; want one", links, err)
	}
	a, err := w.account(numberLevel1)
	if err != nil || a.Level != eid.Level1 || a.ManagedBy != "" || a.Person.Name != "Trần Văn Mẫu" || got.claims["acr"] != acrLevel1 {
		t.Errorf("account = %+v, %v with acr %v; want it unchanged at Level 1", a, err, got.claims["acr"])
	}
	if created, changed := w.rows(eid.ActionAccountCreated), w.rows(eid.ActionLevelChanged); created != 2 || changed != 0 {
		t.Errorf("%d accounts and %d changes of level, want the 2 of before and none", created, changed)
	}
}

// TestProvisionRefusals: nobody gets in, and nothing is made or linked.
func TestProvisionRefusals(t *testing.T) {
	person := func(number, name, born string) func(*provisioned) {
		return func(w *provisioned) {
			w.at.say(func(a *federation.Assertion) {
				a.Person = federation.Person{Number: number, Name: name, BirthDate: born}
			})
		}
	}
	registered := func(change func(src *eid.Source)) func(*provisioned) {
		return func(w *provisioned) { w.source(change) }
	}
	for _, tt := range []struct {
		name   string
		before func(w *provisioned)
		title  string // empty: any page
		rows   int    // refusals on record
	}{
		{"another name", person(numberLevel1, "Trần Văn Khác", "15/01/1990"), titleMismatch, 1},
		{"accents alone", person(numberLevel1, "TRAN VAN MAU", "15/01/1990"), titleMismatch, 1},
		{"another birth date", person(numberLevel1, "Trần Văn Mẫu", "16/01/1990"), titleMismatch, 1},
		{"no number", person("", "Lê Thị Mới", "09/05/1995"), titleNotLinked, 0},
		{"a number that is none", person("12345", "Lê Thị Mới", "09/05/1995"), titleNotLinked, 0},
		{"no name", person(numberNew, "", "09/05/1995"), titleNotLinked, 0},
		{"no birth date", person(numberNew, "Lê Thị Mới", ""), titleNotLinked, 0},
		{"a year alone", person(numberNew, "Lê Thị Mới", "1995"), titleNotLinked, 0},
		{"not born yet", person(numberNew, "Lê Thị Mới", "09/05/2195"), titleNotLinked, 0},
		{"a name too long", person(numberNew, strings.Repeat("Lê ", 80), "09/05/1995"), titleNotLinked, 0},
		{"not switched on", registered(func(s *eid.Source) { s.Provision = false }), titleNotLinked, 0},
		{"a source that is compared", registered(func(s *eid.Source) { s.Reconcile = true }), titleNotLinked, 0},
		{"a legacy provider", registered(func(s *eid.Source) { s.National = false }), "", 0},
		{"closed window", func(w *provisioned) {
			a := w.browser()
			from := w.clock().AddDate(-1, 0, 0)
			w.source(func(s *eid.Source) { s.Window = eid.Window{From: from, Until: w.clock()} })
			w.comes(a, "portal")
		}, "", 0},
		{"a level that it may not assert", registered(func(s *eid.Source) { s.MayAssert = []eid.Level{eid.Level2} }), "", 0},
		{"a locked account", func(w *provisioned) {
			person(numberLevel1, "Trần Văn Mẫu", "15/01/1990")(w)
			_, err := w.locks.Set(t.Context(), w.people[numberLevel1], eid.LockSelf, storetest.Self())
			must(w.t, err)
		}, "Tài khoản đang bị khóa", 1},
		{"a subject of another account's holder", func(w *provisioned) {
			w.linkedAs("tech-0", numberLevel1)
			person(numberLevel1, "Trần Văn Mẫu", "15/01/1990")(w)
		}, titleNotLinked, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProvisioned(t)
			tt.before(w)
			p := w.comes(w.browser(), "portal")
			if p.back != nil || !strings.Contains(p.body, tt.title) {
				t.Errorf("page %d, back %v, want %q\n%s", p.status, p.back, tt.title, p.body)
			}
			if _, err := w.db.LinkBySubject(t.Context(), "vneid", "tech-1"); !errors.Is(err, eid.ErrNotFound) {
				t.Errorf("LinkBySubject() = %v, want %v", err, eid.ErrNotFound)
			}
			if _, err := w.account(numberNew); !errors.Is(err, eid.ErrNotFound) {
				t.Errorf("AccountByIdentifier() = %v, want %v", err, eid.ErrNotFound)
			}
			if got := w.rows(eid.ActionSignInRefused); got != tt.rows {
				t.Errorf("%d refusals on record, want %d", got, tt.rows)
			}
		})
	}
}

// linkedAs links a subject of the platform at an operator's word.
func (w *provisioned) linkedAs(subject, number string) {
	w.t.Helper()
	_, err := w.accounts.Link(w.t.Context(), eid.Link{Account: w.people[number], Source: "vneid", Cap: eid.Level2}, subject, "synthetic evidence", "operator:test")
	must(w.t, err)
}

// TestProvisionedLater: what the source says at later sign-ins.
func TestProvisionedLater(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(p *federation.Person)
		in      bool
		differs int
	}{
		{"the same", func(*federation.Person) {}, true, 0},
		{"written otherwise", func(p *federation.Person) { p.Name, p.BirthDate = "Lê Thị Mới", "1995-05-09" }, true, 0},
		{"a new name", func(p *federation.Person) { p.Name = "Lê Thị Đổi" }, true, 1},
		{"another birth date", func(p *federation.Person) { p.BirthDate = "1995-05-10" }, true, 1},
		{"a year alone", func(p *federation.Person) { p.BirthDate = "1995" }, true, 1},
		{"another number", func(p *federation.Person) { p.Number = numberOther }, false, 0},
		{"the number of somebody here", func(p *federation.Person) { p.Number = numberLevel2 }, false, 0},
		{"no number", func(p *federation.Person) { p.Number = "" }, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProvisioned(t)
			first := w.tokens()
			w.at.say(func(a *federation.Assertion) { a.Level = eid.Level2; tt.change(&a.Person) })
			p := w.comes(w.browser(), "portal")
			if in := p.back != nil && p.back.Query().Has("code"); in != tt.in || !in && !strings.Contains(p.body, titleMismatch) {
				t.Errorf("signed in: %v (%d %v), want %v", in, p.status, p.back, tt.in)
			}
			want := eid.Level1
			if tt.in {
				want = eid.Level2
			}
			a, err := w.account(numberNew)
			if err != nil || a.Level != want || a.Person.Name != "LÊ THỊ MỚI" || a.Person.BirthDate != "1995-05-09" {
				t.Errorf("account = level %v, %q, %s, %v; want level %v and the data of before", a.Level, a.Person.Name, a.Person.BirthDate, err, want)
			}
			if got := w.rows(eid.ActionDataDiffers); got != tt.differs {
				t.Errorf("%d rows say that the data differs, want %d", got, tt.differs)
			}
			if status, _, _ := w.userinfo("Bearer " + first.AccessToken); status != http.StatusOK {
				t.Errorf("userinfo of before = %d, want 200", status)
			}
		})
	}
}

// TestProvisionedByASourceThatChanged: an account follows the national source that
// made it, also one that makes no more; never one that is national no more.
func TestProvisionedByASourceThatChanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(src *eid.Source)
		want   eid.Level
	}{
		{"makes no more", func(s *eid.Source) { s.Provision = false }, eid.Level2},
		{"is national no more", func(s *eid.Source) { s.National = false }, eid.Level1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProvisioned(t)
			w.tokens()
			w.source(tt.change)
			w.at.say(func(a *federation.Assertion) { a.Level = eid.Level2 })
			w.comes(w.browser(), "portal")
			if a, err := w.account(numberNew); err != nil || a.Level != tt.want {
				t.Errorf("level = %v, %v; want %v", a.Level, err, tt.want)
			}
		})
	}
}

// TestLinkedBesideProvision: an account that an operator linked needs no number of
// the source; one that is said must be its own where the source provisions.
func TestLinkedBesideProvision(t *testing.T) {
	for _, tt := range []struct {
		name, number string
		provision    bool
		in           bool
	}{
		{"its number", numberLevel1, true, true},
		{"no number", "", true, true},
		{"another number", numberNew, true, false},
		{"another number, nothing provisioned", numberNew, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProvisioned(t)
			w.source(func(s *eid.Source) { s.Provision = tt.provision })
			w.linkedAs("tech-1", numberLevel1)
			w.at.say(func(a *federation.Assertion) {
				a.Level, a.Person = eid.Level2, federation.Person{Number: tt.number, Name: "Trần Văn Mẫu", BirthDate: "15/01/1990"}
			})
			p := w.comes(w.browser(), "portal")
			if in := p.back != nil && p.back.Query().Has("code"); in != tt.in || !in && !strings.Contains(p.body, titleMismatch) {
				t.Errorf("signed in: %v (%d %v), want %v", in, p.status, p.back, tt.in)
			}
			if a, err := w.account(numberLevel1); err != nil || a.Level != eid.Level1 {
				t.Errorf("level = %v, %v; want 1 as before", a.Level, err)
			}
		})
	}
}

// TestProvisionedUnderACeiling: the ceiling is of grants through the source; what
// the person is stays what the source says.
func TestProvisionedUnderACeiling(t *testing.T) {
	w := newProvisioned(t)
	w.at.say(func(a *federation.Assertion) { a.Level = eid.Level2 })
	from := w.clock().AddDate(-1, 0, 0)
	w.source(func(s *eid.Source) { s.GrantsAtMost = []eid.Ceiling{{From: from, Level: eid.Level1}} })
	if got := w.tokens(); got.claims["acr"] != acrLevel1 {
		t.Errorf("acr = %v, want %s", got.claims["acr"], acrLevel1)
	}
	if a, err := w.account(numberNew); err != nil || a.Level != eid.Level2 {
		t.Errorf("level = %v, %v; want 2", a.Level, err)
	}
}

// TestProvisionWithinSomebodysSession: a stranger who comes back in somebody's
// session is told so, and is not made known by it.
func TestProvisionWithinSomebodysSession(t *testing.T) {
	w := newProvisioned(t)
	w.linkedAs("tech-0", numberLevel2)
	w.at.say(func(a *federation.Assertion) {
		a.Subject, a.Person = "tech-0", federation.Person{Number: numberLevel2, Name: "Nguyễn Thị Thử", BirthDate: "08/03/1988"}
	})
	a := w.browser()
	if p := w.comes(a, "portal"); p.back == nil {
		t.Fatalf("no code: %d\n%s", p.status, p.body)
	}
	w.at.say(func(a *federation.Assertion) {
		a.Subject, a.Level, a.Person = "tech-1", eid.Level2, federation.Person{Number: numberNew, Name: "Lê Thị Mới", BirthDate: "09/05/1995"}
	})
	p := a.submit(a.get(w.authorizeURL("high")), "action", "step_up")
	if p.back != nil || !strings.Contains(p.body, "Tài khoản này là của người khác") {
		t.Errorf("page %d %v, want that it is somebody else\n%s", p.status, p.back, p.body)
	}
	if _, err := w.account(numberNew); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("AccountByIdentifier() = %v, want %v", err, eid.ErrNotFound)
	}
}

// TestProvisionTheSessionsHolder: who has a session and confirms it through the
// platform for the first time is linked; anybody else is not.
func TestProvisionTheSessionsHolder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		person federation.Person
		linked bool
	}{
		{"the holder", federation.Person{Number: numberLevel1, Name: "Trần Văn Mẫu", BirthDate: "15/01/1990"}, true},
		{"somebody with an account", federation.Person{Number: numberLevel2, Name: "Nguyễn Thị Thử", BirthDate: "08/03/1988"}, false},
		{"somebody without", federation.Person{Number: numberNew, Name: "Lê Thị Mới", BirthDate: "09/05/1995"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProvisioned(t)
			w.registerParty("portal", "national", "vneid")
			a := w.browser()
			if p := a.share(a.submit(a.submit(a.get(w.authorizeURL("portal")), "source", "national"), "personal_number", numberLevel1, "password", password)); p.back == nil {
				t.Fatalf("no code: %d\n%s", p.status, p.body)
			}
			w.at.say(func(a *federation.Assertion) { a.Person = tt.person })
			p := a.share(a.submit(a.get(w.authorizeURL("portal", "max_age", "0")), "source", "vneid"))
			if in := p.back != nil && p.back.Query().Has("code"); in != tt.linked {
				t.Errorf("signed in: %v (%d %v), want %v\n%s", in, p.status, p.back, tt.linked, p.body)
			}
			link, err := w.db.LinkBySubject(t.Context(), "vneid", "tech-1")
			if linked := err == nil && link.Account == w.people[numberLevel1]; linked != tt.linked {
				t.Errorf("linked: %v (%v), want %v", linked, err, tt.linked)
			}
			if got := w.rows(eid.ActionAccountCreated); got != 2 {
				t.Errorf("%d accounts, want the 2 of before", got)
			}
		})
	}
}

// registerParty changes the sources that a party accepts.
func (w *provisioned) registerParty(id string, sources ...string) {
	w.t.Helper()
	for i := range w.parties {
		if w.parties[i].ID == id {
			w.parties[i].Sources = sources
		}
	}
	have, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, have, "file", "system"))
}

// TestProvisionUnaudited: without the audit nobody signs in, and the next try finds
// what was made.
func TestProvisionUnaudited(t *testing.T) {
	w := newProvisioned(t)
	w.audit.set(true)
	if p := w.comes(w.browser(), "portal"); p.back != nil || p.status < 500 {
		t.Errorf("without the audit: %d %v, want an error page", p.status, p.back)
	}
	w.audit.set(false)
	w.tokens()
	if created, linked := w.rows(eid.ActionAccountCreated), w.rows(eid.ActionLinkCreated); created != 3 || linked != 1 {
		t.Errorf("%d accounts and %d links on record, want 3 with the 2 of before, and 1", created, linked)
	}
}

// TestProvisionRace: sixteen browsers of one person, at once and for the first
// time.
func TestProvisionRace(t *testing.T) {
	w := newProvisioned(t)
	var all sync.WaitGroup
	codes := make([]string, 16)
	for i := range codes {
		all.Go(func() {
			if p := w.comes(w.browser(), "portal"); p.back != nil {
				codes[i] = p.back.Query().Get("code")
			}
		})
	}
	all.Wait()
	subjects := map[any]bool{}
	for _, code := range codes {
		subjects[w.redeem(code).claims["sub"]] = true
	}
	if created, linked := w.rows(eid.ActionAccountCreated), w.rows(eid.ActionLinkCreated); len(subjects) != 1 || created != 3 || linked != 1 {
		t.Errorf("%d subjects, %d accounts and %d links, want 1, 3 with the 2 of before, and 1", len(subjects), created, linked)
	}
}
