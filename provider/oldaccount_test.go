package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/federation/portal"
	"eidgate/provider"
	"eidgate/store/storetest"
)

const (
	oldPassword = "mat khau cu"
	// oldHash is its MD5, by hashlib of Python.
	oldHash = "bb86e93a25d12e899deae32c5bb11f16"

	titleVerify    = "Tài khoản cũ cần xác minh"
	titleStops     = "ngừng dùng từ"
	titleContested = "Tài khoản cũ đang được xem xét"
)

// oldWorld is a world whose first party brought its old accounts.
type oldWorld struct {
	*linkWorld
	registry *changing
	verifyBy time.Time
}

// changing is a registry that a test exchanges.
type changing struct {
	mu sync.Mutex
	is civil.Registry
}

func (c *changing) Find(ctx context.Context, asked civil.Person) (civil.Person, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is.Find(ctx, asked)
}

func (c *changing) set(r civil.Registry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.is = r
}

// newOldWorld imports the old account "mau.cu" of the person with numberLevel1, whom
// the registry knows alike, for a portal that lets those in for 90 days.
func newOldWorld(t *testing.T) *oldWorld {
	t.Helper()
	w := &oldWorld{linkWorld: &linkWorld{}, registry: &changing{}}
	w.world = newWorldWith(t, func(_ *provider.Config, d *provider.Deps) {
		d.Registry = w.registry
	})
	guesses, err := federation.NewGuesses(federation.GuessLimits{}, w.state, make([]byte, 32))
	must(t, err)
	source, err := portal.New("old", portal.Deps{Accounts: w.db, Passwords: w.passwords, Audit: w.db, Guesses: guesses})
	must(t, err)
	w.spoken = map[string]federation.Source{"old": source}
	w.verifyBy = w.clock().AddDate(0, 0, 90)
	for i := range w.parties {
		w.parties[i].Refresh = w.parties[i].ID == "portal"
	}
	w.old(func(*eid.Portal) {})
	holder, err := w.db.Account(t.Context(), w.people[numberLevel1])
	must(t, err)
	person := civil.PersonOf(holder.Person)
	w.registry.set(civil.NewSynthetic([]civil.Person{person}))
	w.imports(accounts.OldAccount{Login: "mau.cu", Number: person.Number, Name: person.Name, BirthDate: person.BirthDate.String(), Password: eid.NewSecret(oldHash)})
	return w
}

// old registers the source anew, changed.
func (w *oldWorld) old(change func(p *eid.Portal)) {
	w.t.Helper()
	from := w.clock().AddDate(-1, 0, 0)
	src := eid.Source{
		ID: "old", Kind: federation.KindPortal, Name: "Tài khoản cũ của Cổng thử", Provider: "test", Linking: &eid.Linking{Cap: eid.Level2},
		Window: eid.Window{From: from}, MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
		Portal: &eid.Portal{Client: "portal", Sector: "portal", VerifyBy: w.verifyBy, Unverified: true},
	}
	change(src.Portal)
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	sources = slices.DeleteFunc(sources, func(s eid.Source) bool { return s.ID == src.ID })
	w.parties[0].Sources = []string{"old", "national"}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, append(sources, src), "file", "system"))
}

// imports brings old accounts as a file would.
func (w *oldWorld) imports(rows ...accounts.OldAccount) {
	w.t.Helper()
	ctx, at := w.t.Context(), accounts.Place{Source: "old", Sector: "portal"}
	importer := accounts.NewImporter(w.db, w.clock)
	i, err := importer.Begin(ctx, accounts.Import{}, "old", [32]byte{byte(len(rows)), rows[0].Login[0]}, false, "operator:test")
	must(w.t, err)
	staged, err := importer.Stage(ctx, at, rows, nil)
	must(w.t, err)
	after := i
	after.Rows = len(rows)
	_, err = importer.Write(ctx, at, i, &after, staged)
	must(w.t, err)
}

// comes signs in at the portal with an old account.
func (w *oldWorld) comes(a *agent, login string, changes ...string) page {
	w.t.Helper()
	return w.types(a, a.get(w.authorizeURL("portal", changes...)), login)
}

// types fills in the form of the old account, where a page leads there.
func (w *oldWorld) types(a *agent, p page, login string) page {
	w.t.Helper()
	if strings.Contains(p.body, `value="old"`) {
		p = a.submit(p, "source", "old")
	}
	if strings.Contains(p.body, `name="login_name"`) {
		p = a.submit(p, "login_name", login, "password", oldPassword)
	}
	return p
}

// verifies goes on from a page that leads to the national identity.
func (w *oldWorld) verifies(a *agent, p page, action string) page {
	w.t.Helper()
	p = a.submit(p, "action", action)
	if strings.Contains(p.body, `name="login_name"`) {
		p = a.submit(p, "login_name", "mau.cu", "password", oldPassword)
	}
	return w.linkWorld.types(a, p, numberLevel1)
}

// shadow is the account that stands for an old one.
func (w *oldWorld) shadow() eid.Account {
	w.t.Helper()
	account, err := w.db.AccountByIdentifier(w.t.Context(), eid.NewIdentifier(eid.KindPortalAccount, "old", "mau.cu"))
	must(w.t, err)
	return account
}

// made counts the accounts on record that stand for old ones.
func (w *oldWorld) made() (n int) {
	w.t.Helper()
	for _, row := range w.rowsOf(eid.ActionAccountCreated) {
		if strings.Contains(string(row.Detail), string(eid.PortalAccount)) {
			n++
		}
	}
	return n
}

func (w *oldWorld) refreshes(token string) tokens {
	w.t.Helper()
	return w.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, func(r *http.Request) {
		r.SetBasicAuth("portal", url.QueryEscape(clientSecret))
	})
}

func (w *oldWorld) state1() eid.ImportedState {
	w.t.Helper()
	i, err := w.db.Imported(w.t.Context(), "old", "mau.cu")
	must(w.t, err)
	return i.State
}

// TestOldAccountBeforeItsDay: who signs in with an old account that the registry knows
// sees when it stops, may go on, and is at Level 1 without a name, a number or a claim.
func TestOldAccountBeforeItsDay(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	if p := a.submit(a.get(w.authorizeURL("portal")), "source", "old"); !strings.Contains(p.body, "Quên mật khẩu") {
		t.Errorf("the form does not say where a forgotten password is given anew\n%s", p.body)
	}
	p := w.comes(a, "mau.cu")
	w.wantPage(p, http.StatusOK, titleStops)
	if day := w.verifyBy.In(time.FixedZone("", 7*3600)).Format("02/01/2006"); !strings.Contains(p.body, day) {
		t.Errorf("the page does not name %s\n%s", day, p.body)
	}
	got := w.redeem(w.wantCode(a.share(a.submit(p, "action", "later"))))
	if got.claims["acr"] != acrLevel1 || got.claims["sub"] == "" {
		t.Errorf("acr %v, sub %v, want %s and a subject", got.claims["acr"], got.claims["sub"], acrLevel1)
	}
	_, _, claims := w.userinfo("Bearer " + got.AccessToken)
	delete(claims, "sub")
	delete(claims, "eid_source")
	if len(claims) > 0 {
		t.Errorf("userinfo tells %v, want nothing of a person", claims)
	}
	u := w.shadow()
	if !u.Unverified() || u.Level != eid.Level1 || u.Person.Name != "" || u.Person.BirthDate != "" {
		t.Errorf("the account that stands for it = %+v", u)
	}
	link, _ := w.linkOfOld("mau.cu")
	if link.Account != u.ID || link.Cap != eid.Level1 || !link.Expires.Equal(w.verifyBy) {
		t.Errorf("link = %+v, want cap 1 until %v", link, w.verifyBy)
	}
	if holder, err := w.db.Account(t.Context(), w.people[numberLevel1]); err != nil || holder.Linked {
		t.Errorf("the person of the number is touched: %+v, %v", holder, err)
	}
	// Not again within the week; the same account and subject; then once more.
	again := w.redeem(w.wantCode(a.share(w.comes(w.browser(), "mau.cu"))))
	if again.claims["sub"] != got.claims["sub"] || w.shadow().ID != u.ID {
		t.Error("the second sign-in is another account")
	}
	w.pass(7*24*time.Hour + time.Second)
	w.wantPage(w.comes(w.browser(), "mau.cu"), http.StatusOK, titleStops)
	// Its own pages name no number.
	if history := a.get(w.server.URL + "/links"); strings.Contains(history.body, `value="undo"`) {
		t.Error("an account that stands for an old one can undo itself")
	}
}

func (w *oldWorld) linkOfOld(login string) (eid.Link, bool) {
	w.t.Helper()
	link, err := w.db.LinkBySubject(w.t.Context(), "old", login)
	return link, err == nil
}

// TestOldAccountVerified: verifying moves the session, the tokens and the subject to
// the national identity; afterwards the old account goes on over its day without a
// break, and undone it begins anew.
func TestOldAccountVerified(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	before := w.redeem(w.wantCode(a.share(a.submit(w.comes(a, "mau.cu"), "action", "later"))))
	u := w.shadow()
	w.pass(8 * 24 * time.Hour)
	b := w.browser()
	p := w.verifies(b, w.comes(b, "mau.cu"), "verify")
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	got := w.redeem(w.wantCode(b.share(b.submit(p, "action", "link"))))
	if got.claims["sub"] != before.claims["sub"] {
		t.Errorf("sub = %v, want %v kept", got.claims["sub"], before.claims["sub"])
	}
	if w.state1() != eid.ImportedVerified || w.shadow().Status != eid.Closed {
		t.Errorf("state %v, the account that stood for it %v", w.state1(), w.shadow().Status)
	}
	if r := w.refreshes(before.RefreshToken); r.Error != "invalid_grant" {
		t.Errorf("a refresh token from before the verification: %q, want invalid_grant", r.Error)
	}
	w.pass(w.verifyBy.Sub(w.clock()) - time.Second)
	if r := w.redeem(w.wantCode(w.browserOld())); r.claims["sub"] != before.claims["sub"] {
		t.Errorf("a second before the day: sub %v", r.claims["sub"])
	}
	kept := w.redeem(w.wantCode(w.browserOld()))
	w.pass(2 * time.Second)
	if r := w.refreshes(kept.RefreshToken); r.status != http.StatusOK {
		t.Errorf("a refresh over the day: %q", r.Error)
	}
	w.wantCode(w.browserOld())
	// Undone, it is refused until it is verified again.
	link, _ := w.linkOfOld("mau.cu")
	must(t, w.accounts.EndLink(t.Context(), link.ID, "operator:test"))
	w.wantPage(w.comes(w.browser(), "mau.cu"), http.StatusOK, titleVerify)
	if w.state1() != eid.ImportedWaiting {
		t.Errorf("state after the undoing = %v", w.state1())
	}
	w.old(func(p *eid.Portal) { p.VerifyBy = w.clock().AddDate(0, 0, 30) })
	c := w.browser()
	later := w.redeem(w.wantCode(c.share(w.later(c, w.comes(c, "mau.cu")))))
	if w.shadow().ID == u.ID || later.claims["sub"] == before.claims["sub"] {
		t.Error("what stands for it after the undoing is what stood for it before")
	}
}

// browserOld signs in with the old account in a browser of its own.
func (w *oldWorld) browserOld() page {
	w.t.Helper()
	a := w.browser()
	return a.share(w.later(a, w.comes(a, "mau.cu")))
}

func (w *oldWorld) later(a *agent, p page) page {
	w.t.Helper()
	if strings.Contains(p.body, `value="later"`) {
		p = a.submit(p, "action", "later")
	}
	return p
}

// TestOldAccountAtItsDay: a second before it everything of an unverified account
// counts, a second after it nothing.
func TestOldAccountAtItsDay(t *testing.T) {
	for name, end := range map[string]func(w *oldWorld){
		"the day comes":              func(w *oldWorld) { w.pass(w.verifyBy.Sub(w.clock()) + time.Second) },
		"the day is brought forward": func(w *oldWorld) { w.old(func(p *eid.Portal) { p.VerifyBy = w.clock() }) },
		"nobody is let in any more":  func(w *oldWorld) { w.old(func(p *eid.Portal) { p.Unverified = false }) },
		"the day was put off meantime": func(w *oldWorld) {
			w.old(func(p *eid.Portal) { p.VerifyBy = p.VerifyBy.AddDate(1, 0, 0) })
			w.pass(w.verifyBy.Sub(w.clock()) + time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOldWorld(t)
			w.pass(w.verifyBy.Sub(w.clock()) - 5*time.Second)
			a := w.browser()
			got := w.redeem(w.wantCode(a.share(w.later(a, w.comes(a, "mau.cu")))))
			counts := func() (list []bool) {
				status, _, _ := w.userinfo("Bearer " + got.AccessToken)
				silent := a.get(w.authorizeURL("portal", "prompt", "none"))
				return append(list, status == http.StatusOK, silent.back != nil && silent.back.Query().Has("code"))
			}
			if c := counts(); slices.Contains(c, false) {
				t.Fatalf("before: userinfo, prompt=none = %v, want both", c)
			}
			renewed := w.refreshes(got.RefreshToken)
			if renewed.status != http.StatusOK {
				t.Fatalf("refreshing before: %q", renewed.Error)
			}
			end(w)
			if c := counts(); slices.Contains(c, true) {
				t.Errorf("after: userinfo, prompt=none = %v, want neither", c)
			}
			if r := w.refreshes(renewed.RefreshToken); r.Error != "invalid_grant" {
				t.Errorf("refreshing after: %q, want invalid_grant", r.Error)
			}
			if name == "the day was put off meantime" {
				w.wantCode(w.browserOld())
				return
			}
			b := w.browser()
			p := w.comes(b, "mau.cu")
			w.wantPage(p, http.StatusOK, titleVerify)
			p = w.verifies(b, p, "link")
			w.wantPage(p, http.StatusOK, titleConfirmLink)
			w.wantCode(b.share(b.submit(p, "action", "link")))
			w.wantCode(w.browserOld())
		})
	}
}

// TestOldAccountNotKnown: for any doubt there is one page, the way to verify it.
func TestOldAccountNotKnown(t *testing.T) {
	number, err := eid.ParsePersonalNumber(numberLevel1)
	must(t, err)
	born := civil.Date{Year: 1990, Month: time.May, Day: 2}
	for name, tt := range map[string]struct {
		registry civil.Registry
		title    string
	}{
		"nobody":       {civil.NewSynthetic(nil), titleVerify},
		"another name": {civil.NewSynthetic([]civil.Person{{Number: number, Name: "Lê Văn Khác", BirthDate: born}}), titleVerify},
		"away":         {away{}, "chưa đăng nhập được"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOldWorld(t)
			w.registry.set(tt.registry)
			if p := w.comes(w.browser(), "mau.cu"); p.back != nil || !strings.Contains(p.body, tt.title) {
				t.Errorf("status %d, want %q\n%s", p.status, tt.title, p.body)
			}
			if _, linked := w.linkOfOld("mau.cu"); linked || w.made() > 0 {
				t.Error("an account was made")
			}
		})
	}
	t.Run("one that was known", func(t *testing.T) {
		w := newOldWorld(t)
		w.wantCode(w.browserOld())
		w.registry.set(civil.NewSynthetic(nil))
		w.wantPage(w.comes(w.browser(), "mau.cu"), http.StatusOK, titleVerify)
	})
}

// TestOldAccountOfTwo: 16 sign-ins at once make one account.
func TestOldAccountOfTwo(t *testing.T) {
	w := newOldWorld(t)
	registrar := accounts.NewRegistrar(w.db, w.clock)
	sources, err := w.db.Sources(t.Context())
	must(t, err)
	src := sources[slices.IndexFunc(sources, func(s eid.Source) bool { return s.ID == "old" })]
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 16 {
		wg.Go(func() {
			got, err := registrar.AdmitUnverified(t.Context(), accounts.Unverified{Source: src, Login: "mau.cu", Ref: "R"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || got.Outcome != accounts.Admitted {
				t.Errorf("AdmitUnverified() = %+v, %v", got, err)
			}
			ids[fmt.Sprint(got.Account, got.Link)] = true
		})
	}
	wg.Wait()
	if made := w.made(); len(ids) != 1 || made != 1 {
		t.Errorf("%d accounts for %d sign-ins, %d on record, want one", len(ids), 16, made)
	}
}

// TestOldAccountIsNobodyElses: it counts in its portal's sector alone, whatever other
// parties register; it reaches no higher level; no person's session becomes its, and
// no national sign-in lands in it.
func TestOldAccountIsNobodyElses(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	w.wantCode(a.share(w.later(a, w.comes(a, "mau.cu"))))
	w.parties[1].Sources, w.parties[1].Levels.Minimum = []string{"old", "national"}, eid.Level1
	w.old(func(*eid.Portal) {})
	if p := a.get(w.authorizeURL("high", "prompt", "none", "scope", "openid")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("at another sector: %v, want login_required\n%s", p.back, p.body)
	}
	if p := w.types(a, a.get(w.authorizeURL("high", "scope", "openid")), "mau.cu"); !strings.Contains(p.body, `name="personal_number"`) {
		t.Errorf("another sector offers the old accounts\n%s", p.body)
	}
	// A higher level is the national identity's alone, and whoever comes with it takes the
	// place of the old account.
	b := w.browser()
	w.wantCode(b.share(w.later(b, w.comes(b, "mau.cu"))))
	high := w.redeem(w.wantCode(b.signIn(w.authorizeURL("portal", "acr_values", acrLevel2), numberLevel2)))
	if high.claims["acr"] != acrLevel2 {
		t.Errorf("acr = %v, want %s", high.claims["acr"], acrLevel2)
	}
	// The national identity of the very number is its own account, and ends the session.
	p := a.submit(a.get(w.authorizeURL("portal", "prompt", "login")), "source", "national")
	got := w.redeem(w.wantCode(a.share(w.linkWorld.types(a, p, numberLevel1))))
	if w.shadow().ID == w.people[numberLevel1] || w.people[numberLevel1] == "" {
		t.Error("the number led to the account that stands for the old one")
	}
	_, _, claims := w.userinfo("Bearer " + got.AccessToken)
	if claims["name"] == nil {
		t.Errorf("claims = %v, want the person's", claims)
	}
	// With a person's session the old account is verified, not entered.
	w.wantPage(w.comes(a, "mau.cu", "max_age", "0"), http.StatusOK, titleVerify)
}

// TestOldAccountContested: an officer looks at it; until then it is not entered, with
// the right password either. One that an officer refused is nobody's.
func TestOldAccountContested(t *testing.T) {
	w := newOldWorld(t)
	number, err := eid.ParsePersonalNumber(numberLevel1)
	must(t, err)
	w.imports(accounts.OldAccount{Login: "nua.cu", Number: number, Name: "Trần Văn Mẫu", BirthDate: "1990", Password: eid.NewSecret(oldHash)})
	for _, login := range []string{"mau.cu", "nua.cu"} {
		p := w.comes(w.browser(), login)
		w.wantPage(p, http.StatusForbidden, titleContested)
		list, err := w.db.ConflictsOf(t.Context(), "old", login)
		must(t, err)
		if len(list) != 1 || list[0].Ref == "" || !strings.Contains(p.body, list[0].Ref) {
			t.Errorf("%s: the page does not say the reference of %+v\n%s", login, list, p.body)
		}
	}
	rows := w.rowsOf(eid.ActionSignInRefused)
	if len(rows) != 2 || rows[0].Client != "portal" || !strings.Contains(string(rows[0].Detail), `"contested"`) || strings.Contains(string(rows[0].Detail), "mau.cu") {
		t.Errorf("audit = %+v, want a row of each refusal, which names nobody", rows)
	}
}

// TestOldAccountLocked: a lock on the account that stands for an old one ends what was
// given through it, and lets it neither in nor, by being verified, out.
func TestOldAccountLocked(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	got := w.redeem(w.wantCode(a.share(w.later(a, w.comes(a, "mau.cu")))))
	_, err := w.locks.Set(t.Context(), w.shadow().ID, eid.LockTerms, storetest.Operator("QĐ-000/GIẢ-ĐỊNH"))
	must(t, err)
	if status, _, claims := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d %v, want 401", status, claims)
	}
	if r := w.refreshes(got.RefreshToken); r.Error != "invalid_grant" {
		t.Errorf("refresh = %q, want invalid_grant", r.Error)
	}
	if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("silent sign-in: %d %v, want login_required", p.status, p.back)
	}
	if p := w.comes(w.browser(), "mau.cu"); p.status != http.StatusForbidden || p.back != nil {
		t.Errorf("a new sign-in: %d %v, want the page of a lock", p.status, p.back)
	}
	if link, _ := w.linkOfOld("mau.cu"); link.Account != w.shadow().ID {
		t.Errorf("link = %+v, want what it was", link)
	}
}

// TestOldAccountSeesItself: the pages of a holder show an account that stands for an old
// one nothing of a person, and no name that is empty.
func TestOldAccountSeesItself(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	w.wantCode(a.share(w.later(a, w.comes(a, "mau.cu"))))
	for _, path := range []string{"/history", "/links"} {
		p := a.get(w.server.URL + path)
		if p.status != http.StatusOK || strings.Contains(p.body, "Trần Văn Mẫu") || strings.Contains(p.body, numberLevel1) || strings.Contains(p.body, "<strong></strong>") {
			t.Errorf("%s = %d\n%s", path, p.status, p.body)
		}
	}
	if p := a.get(w.server.URL + "/history"); !strings.Contains(p.body, "Định danh mức 1") && !strings.Contains(p.body, "mức 1") {
		t.Errorf("/history does not show the sign-in at Level 1\n%s", p.body)
	}
}

// TestOldAccountContestedLater: who is in already when a contradiction is brought goes on
// no more than who comes then: not by the session, not by a token. Once officers let the
// account be, it is what it was.
func TestOldAccountContestedLater(t *testing.T) {
	w := newOldWorld(t)
	a := w.browser()
	got := w.redeem(w.wantCode(a.share(w.later(a, w.comes(a, "mau.cu")))))
	number, err := eid.ParsePersonalNumber(numberLevel1)
	must(t, err)
	w.imports(accounts.OldAccount{Login: "nua.cu", Number: number, Name: "Trần Văn Mẫu", BirthDate: "1990", Password: eid.NewSecret(oldHash)})
	if status, _, claims := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d %v, want 401", status, claims)
	}
	if r := w.refreshes(got.RefreshToken); r.Error != "invalid_grant" {
		t.Errorf("refresh = %q, want invalid_grant", r.Error)
	}
	p := a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("silent sign-in: %d %v, want login_required", p.status, p.back)
	}
	list, err := w.db.ConflictsOf(t.Context(), "old", "mau.cu")
	must(t, err)
	for _, officer := range []string{"operator:an", "operator:binh"} {
		_, err := accounts.NewConflicts(w.db, w.clock).Accept(t.Context(), list[0].ID, "papers seen", officer)
		must(t, err)
	}
	again := w.redeem(w.wantCode(w.browserOld()))
	if again.claims["sub"] != got.claims["sub"] {
		t.Errorf("sub = %v, want %v as before", again.claims["sub"], got.claims["sub"])
	}
}

// TestOldAccountOracle: over the real store a name that nobody has costs what a known
// one does, and gets the same page.
func TestOldAccountOracle(t *testing.T) {
	w := newOldWorld(t)
	var bodies []string
	for _, login := range []string{"mau.cu", "khong.ai", "0", "zzzz"} {
		a := w.browser()
		p := a.submit(a.get(w.authorizeURL("portal")), "source", "old")
		before := w.passwords.Evaluations()
		p = a.submit(p, "login_name", login, "password", "sai "+login)
		if work := w.passwords.Evaluations() - before; work != 1 || p.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d evaluations, status %d, want 1 and %d", login, work, p.status, http.StatusUnprocessableEntity)
		}
		body := hiddenField.ReplaceAllString(strings.ReplaceAll(p.body, `value="`+login+`"`, ""), "")
		bodies = append(bodies, refShown.ReplaceAllString(body, ""))
	}
	for i, body := range bodies[1:] {
		if body != bodies[0] {
			t.Errorf("page %d is another one\n%s", i+1, body)
		}
	}
}

// refShown is the reference on a page.
var refShown = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}`)
