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
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
	"eidgate/provider"
	"eidgate/store/sqlstore"
)

const (
	titleLink        = "Liên kết tài khoản cũ"
	titleConfirmLink = "Liên kết hai tài khoản này?"
	saysConflict     = "chưa được liên kết với định danh quốc gia của Quý vị"
	titleOtherPerson = "Tài khoản này là của người khác"
)

// bridge is a legacy source that says of everybody what the test has it say.
type bridge struct {
	spoken

	mu    sync.Mutex
	says  federation.Assertion
	fresh int // sign-ins that it was to authenticate anew
}

func (b *bridge) Begin(ctx context.Context, req federation.Request) (federation.Step, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if req.Fresh {
		b.fresh++
	}
	return b.spoken.Begin(ctx, req)
}

func (b *bridge) Finish(_ context.Context, req federation.Request, _ federation.Reply) (federation.Step, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.says
	a.At = req.Now
	return federation.Step{Assertion: &a}, nil
}

func (b *bridge) say(change func(a *federation.Assertion)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.says)
}

// anew counts the sign-ins that the source was to authenticate anew.
func (b *bridge) anew() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fresh
}

// linkWorld is a world with a legacy source whose holders link themselves.
type linkWorld struct {
	*world
	at *bridge
}

func newLinkWorld(t *testing.T) *linkWorld {
	t.Helper()
	return newLinkWorldWith(t, func(*provider.Config, *provider.Deps) {})
}

// newLinkWorldWith makes one whose provider is another one in some way.
func newLinkWorldWith(t *testing.T, change func(cfg *provider.Config, d *provider.Deps)) *linkWorld {
	t.Helper()
	w := &linkWorld{at: &bridge{says: federation.Assertion{Subject: "old-1", Level: eid.Level1, Methods: []string{"pwd"}, Anew: true}}}
	w.world = newWorldWith(t, func(cfg *provider.Config, d *provider.Deps) {
		d.Reviews = accounts.NewReviews(d.Accounts.(*sqlstore.DB), d.Now)
		change(cfg, d)
	})
	w.spoken = map[string]federation.Source{"legacy": w.at}
	w.legacy(func(*eid.Source) {})
	return w
}

// legacy registers the source anew, changed, and the first party for it beside the
// national one.
func (w *linkWorld) legacy(change func(src *eid.Source)) {
	w.t.Helper()
	from := w.clock().AddDate(-1, 0, 0)
	src := eid.Source{
		ID: "legacy", Kind: federation.KindSAML, Name: "Cổng cũ (giả định)", Provider: "test", Linking: &eid.Linking{Cap: eid.Level2},
		Window: eid.Window{From: from}, MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
	}
	change(&src)
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	sources = slices.DeleteFunc(sources, func(s eid.Source) bool { return s.ID == src.ID })
	w.parties[0].Sources = []string{"legacy", "national"}
	w.parties[1].Sources = []string{"national"}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, append(sources, src), "file", "system"))
}

// comes begins a sign-in and goes to the legacy source, until it is back.
func (w *linkWorld) comes(a *agent, changes ...string) page {
	w.t.Helper()
	p := a.get(w.authorizeURL("portal", changes...))
	if strings.Contains(p.body, `value="legacy"`) {
		p = a.submit(p, "source", "legacy")
	}
	return w.returns(a, p)
}

// returns comes back from the legacy source, where a page leads there.
func (w *linkWorld) returns(a *agent, p page) page {
	w.t.Helper()
	if p.back != nil && p.back.Host == "spoken.example" {
		p = a.get(w.server.URL + "/callback/legacy?" + url.Values{"state": {p.back.Query().Get("state")}}.Encode())
	}
	return p
}

// proves goes on from the page that explains, and proves the national identity.
func (w *linkWorld) proves(a *agent, p page, number string) page {
	w.t.Helper()
	p = w.returns(a, a.submit(p, "action", "link"))
	return w.types(a, p, number)
}

// types fills in the forms of the account system.
func (w *linkWorld) types(a *agent, p page, number string) page {
	w.t.Helper()
	if strings.Contains(p.body, `name="personal_number"`) {
		p = a.submit(p, "personal_number", number, "password", password)
	}
	if strings.Contains(p.body, `name="code"`) {
		p = a.submit(p, "code", w.code())
	}
	return p
}

// toConfirm goes up to the page that shows both sides.
func (w *linkWorld) toConfirm(a *agent, number string, changes ...string) page {
	w.t.Helper()
	p := w.comes(a, changes...)
	w.wantPage(p, http.StatusOK, titleLink)
	p = w.proves(a, p, number)
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	return p
}

// linkOf is the living link of a subject of the legacy source.
func (w *linkWorld) linkOf(subject string) (eid.Link, bool) {
	w.t.Helper()
	link, err := w.db.LinkBySubject(w.t.Context(), "legacy", subject)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		w.t.Fatal(err)
	}
	return link, err == nil
}

// wantLinked checks whom a subject is linked to; nobody means no link.
func (w *linkWorld) wantLinked(subject, number string) {
	w.t.Helper()
	link, ok := w.linkOf(subject)
	want := w.people[number]
	if ok != (number != "") || link.Account != want {
		w.t.Errorf("link of %s = %v %s, want %q", subject, ok, link.Account, number)
	}
}

// rowsOf are the rows of the audit of one action.
func (w *linkWorld) rowsOf(action string) []eid.AuditEntry {
	w.t.Helper()
	rows, err := w.db.Audit(w.t.Context(), sqlstore.AuditFilter{Action: action})
	must(w.t, err)
	list := make([]eid.AuditEntry, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.AuditEntry)
	}
	return list
}

func (w *linkWorld) rows(action string) int { return len(w.rowsOf(action)) }

// wantPage checks the title of a page.
func (w *linkWorld) wantPage(p page, status int, title string) {
	w.t.Helper()
	if p.status != status || !strings.Contains(p.body, title) {
		w.t.Fatalf("status %d, back %v, want %d and %q\n%s", p.status, p.back, status, title, p.body)
	}
}

func (w *linkWorld) wantCode(p page) string {
	w.t.Helper()
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d, back %v\n%s", p.status, p.back, p.body)
	}
	return p.back.Query().Get("code")
}

// TestLink: who comes with an unknown old account proves the national identity, sees
// both sides, and is linked. The next time there is no question.
func TestLink(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := w.toConfirm(a, numberLevel1)
	for _, want := range []string{"Trần Văn Mẫu", "902", "Cổng cũ (giả định)"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page of both sides lacks %q\n%s", want, p.body)
		}
	}
	w.wantLinked("old-1", "")
	got := w.redeem(w.wantCode(a.share(a.submit(p, "action", "link"))))
	w.wantLinked("old-1", numberLevel1)
	link, _ := w.linkOf("old-1")
	if link.Cap != eid.Level1 || !link.Expires.IsZero() {
		t.Errorf("link = cap %v until %v, want cap 1 without end", link.Cap, link.Expires)
	}
	again := w.redeem(w.wantCode(a.share(w.comes(w.browser()))))
	if got.claims["acr"] != acrLevel1 || again.claims["acr"] != acrLevel1 || again.claims["sub"] != got.claims["sub"] {
		t.Errorf("acr %v and %v, sub %v and %v; want %s twice and the same", got.claims["acr"], again.claims["acr"], got.claims["sub"], again.claims["sub"], acrLevel1)
	}
	if linked, signedIn := w.rows(eid.ActionLinkCreated), w.rows(eid.ActionSignedIn); linked != 1 || signedIn != 3 {
		t.Errorf("%d links and %d sign-ins on record, want 1 and 3", linked, signedIn)
	}
}

// TestLinkEvidence: the link keeps how both sides were proved, and nobody's data.
func TestLinkEvidence(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link")))
	rows := w.rowsOf(eid.ActionLinkCreated)
	if len(rows) != 1 {
		t.Fatalf("%d rows, want 1", len(rows))
	}
	detail := string(rows[0].Detail)
	for _, want := range []string{`"source":"legacy"`, `"source":"national"`, `"cap":1`, `"client":"portal"`, `"methods":["pwd"]`, `"level":1`} {
		if !strings.Contains(detail, want) {
			t.Errorf("detail %s lacks %s", detail, want)
		}
	}
	for _, never := range []string{numberLevel1, "Trần", "1990", "old-1"} {
		if strings.Contains(detail, never) || strings.Contains(w.log.String(), never) && never != "1990" {
			t.Errorf("detail or log hold %q: %s", never, detail)
		}
	}
}

// TestLinkCap: the level through a link is the least of what the registration gives,
// what the national proof carried, and what the source states.
func TestLinkCap(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number string
		asked  string // acr_values
		cap    eid.Level
		says   eid.Level
		link   eid.Level
		later  string // acr of a later sign-in through the old account alone
	}{
		{"level 1 person", numberLevel1, "", eid.Level2, eid.Level2, eid.Level1, acrLevel1},
		{"cap 1", numberLevel2, acrLevel2, eid.Level1, eid.Level2, eid.Level1, acrLevel1},
		{"the national proof at 1", numberLevel2, "", eid.Level2, eid.Level2, eid.Level1, acrLevel1},
		{"all at 2", numberLevel2, acrLevel2, eid.Level2, eid.Level2, eid.Level2, acrLevel2},
		{"the source states 1", numberLevel2, acrLevel2, eid.Level2, eid.Level1, eid.Level2, acrLevel1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLinkWorld(t)
			w.legacy(func(s *eid.Source) { s.Linking.Cap = tt.cap })
			w.at.say(func(a *federation.Assertion) { a.Level = tt.says })
			a := w.browser()
			w.wantCode(a.share(a.submit(w.toConfirm(a, tt.number, "acr_values", tt.asked), "action", "link")))
			if link, _ := w.linkOf("old-1"); link.Cap != tt.link {
				t.Errorf("cap = %v, want %v", link.Cap, tt.link)
			}
			if got := w.redeem(w.wantCode(a.share(w.comes(w.browser())))); got.claims["acr"] != tt.later {
				t.Errorf("acr = %v, want %v", got.claims["acr"], tt.later)
			}
		})
	}
}

// TestLinkLasts: a link that ends asks for both sides again.
func TestLinkLasts(t *testing.T) {
	w := newLinkWorld(t)
	w.legacy(func(s *eid.Source) { s.Linking.Lasts = time.Hour })
	a := w.browser()
	got := w.redeem(w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link"))))
	w.pass(time.Hour - time.Second)
	w.wantLinked("old-1", numberLevel1)
	w.pass(time.Second)
	w.wantLinked("old-1", "")
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the link's end = %d, want 401", status)
	}
	a = w.browser()
	w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link")))
	w.wantLinked("old-1", numberLevel1)
}

// TestNotLinked: what holders do not link themselves is refused as ever.
func TestNotLinked(t *testing.T) {
	w := newLinkWorld(t)
	w.legacy(func(s *eid.Source) { s.Linking = nil })
	wantPage(t, w.comes(w.browser()), http.StatusForbidden, titleNotLinked)
}

// TestLinkDeclined: nothing is linked, and the person goes on with the national
// identity where the service takes it.
func TestLinkDeclined(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "decline"))
	got := w.redeem(w.wantCode(p))
	w.wantLinked("old-1", "")
	if got.claims["acr"] != acrLevel1 {
		t.Errorf("acr = %v, want %s", got.claims["acr"], acrLevel1)
	}
	w.parties[0].Sources = []string{"legacy"}
	w.apply()
	a = w.browser()
	p = a.submit(w.toConfirm(a, numberLevel1), "action", "decline")
	if p.back != nil && p.back.Query().Has("code") {
		t.Error("a service that takes the old account alone got a code without it")
	}
	w.wantLinked("old-1", "")
}

// apply registers the parties as they are by now.
func (w *linkWorld) apply() {
	w.t.Helper()
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, sources, "file", "system"))
}

// TestLinkForAServiceOfOldAccounts: the national identity is proved for the link also
// where the service does not take it, and counts nowhere else.
func TestLinkForAServiceOfOldAccounts(t *testing.T) {
	w := newLinkWorld(t)
	w.parties[0].Sources = []string{"legacy"}
	w.apply()
	w.legacyOnly()
	a := w.browser()
	got := w.redeem(w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel2), "action", "link"))))
	if got.claims["acr"] != acrLevel1 {
		t.Errorf("acr = %v, want %s", got.claims["acr"], acrLevel1)
	}
	w.wantLinked("old-1", numberLevel2)
}

func (w *linkWorld) legacyOnly() {
	w.t.Helper()
	w.legacy(func(*eid.Source) {})
	w.parties[0].Sources = []string{"legacy"}
	w.apply()
}

// TestLinkNotMe: the person who was not meant begins anew, and nothing is pending.
func TestLinkNotMe(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := a.submit(w.toConfirm(a, numberLevel1), "action", "not_me")
	if !strings.Contains(p.body, `value="legacy"`) {
		t.Errorf("status %d, want the choice of sources\n%s", p.status, p.body)
	}
	w.wantLinked("old-1", "")
}

// TestLinkUndo: the holder ends the link on the own page, and with it what was signed
// in through it.
func TestLinkUndo(t *testing.T) {
	w := newLinkWorld(t)
	w.legacyOnly()
	a := w.browser()
	w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link")))
	other := w.browser()
	got := w.redeem(w.wantCode(other.share(w.comes(other))))
	p := a.get(w.server.URL + "/links")
	wantPage(t, p, http.StatusOK, "Tài khoản đã liên kết")
	link, _ := w.linkOf("old-1")
	form := url.Values{"action": {"undo"}, "link": {link.ID}}
	if forged := a.post(w.server.URL+"/links", form); forged.status != http.StatusForbidden {
		t.Errorf("undo without a CSRF value = %d, want 403", forged.status)
	}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	if foreign := other.post(w.server.URL+"/links", form); foreign.status != http.StatusForbidden {
		t.Errorf("undo with another session's CSRF value = %d, want 403", foreign.status)
	}
	w.wantLinked("old-1", numberLevel1)
	p = a.post(w.server.URL+"/links", form)
	wantPage(t, p, http.StatusOK, "Đã hủy liên kết với Cổng cũ (giả định)")
	w.wantLinked("old-1", "")
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after undo = %d, want 401", status)
	}
	if p := other.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none after undo = %d %v, want login_required", p.status, p.back)
	}
	wantPage(t, a.post(w.server.URL+"/links", form), http.StatusOK, "Chưa có tài khoản cũ nào được liên kết")
	if got := w.rows(accounts.ActionLinkEnded); got != 1 {
		t.Errorf("%d ends of links on record, want 1", got)
	}
	wantPage(t, w.browser().get(w.server.URL+"/links"), http.StatusOK, "Quý vị chưa đăng nhập")
}
