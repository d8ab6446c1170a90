package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/provider"
)

// TestLinkWays: what a request or a session asks beside the ceremony holds in it too.
func TestLinkWays(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []string
		before  func(w *linkWorld, a *agent)
	}{
		{"prompt=login", []string{"prompt", "login"}, nil},
		{"prompt=login in somebody's session", []string{"prompt", "login"}, func(w *linkWorld, a *agent) { w.nationalSession(a, numberLevel2) }},
		{"select_account in somebody's session", []string{"prompt", "select_account"}, func(w *linkWorld, a *agent) { w.nationalSession(a, numberLevel2) }},
		{"max_age=0", []string{"max_age", "0"}, nil},
		{"max_age=0 in the own session", []string{"max_age", "0"}, func(w *linkWorld, a *agent) { w.nationalSession(a, numberLevel1) }},
		{"a login hint", []string{"login_hint", numberLevel1}, nil},
		{"English", []string{"ui_locales", "en"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLinkWorld(t)
			a := w.browser()
			if tt.before != nil {
				tt.before(w, a)
				w.pass(time.Minute)
			}
			begun := w.clock()
			p := w.comes(a, tt.changes...)
			p = w.proves(a, p, numberLevel1)
			if !strings.Contains(p.body, `value="decline"`) {
				t.Fatalf("status %d, want both sides\n%s", p.status, p.body)
			}
			got := w.redeem(w.wantCode(a.share(a.submit(p, "action", "link"))))
			w.wantLinked("old-1", numberLevel1)
			if at, ok := got.claims["auth_time"].(float64); !ok || int64(at) < begun.Unix() {
				t.Errorf("auth_time = %v, want %d or later", got.claims["auth_time"], begun.Unix())
			}
		})
	}
}

// nationalSession signs in with the national identity.
func (w *linkWorld) nationalSession(a *agent, number string) tokens {
	w.t.Helper()
	p := a.submit(a.get(w.authorizeURL("portal")), "source", "national")
	return w.redeem(w.wantCode(a.share(w.types(a, p, number))))
}

// TestLinkSilent: prompt=none never shows a page of the ceremony, nor is a pending side
// more than a login's own.
func TestLinkSilent(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	w.toConfirm(a, numberLevel1)
	// The national identity was proved: that is a session, and no link.
	p := a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back == nil || p.back.Query().Get("error") != "consent_required" {
		t.Errorf("prompt=none beside a pending side = %d %v, want consent_required", p.status, p.back)
	}
	w.legacyOnly()
	p = a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none where only the old account counts = %d %v, want login_required", p.status, p.back)
	}
	w.wantLinked("old-1", "")
}

// TestLinkHint: a portal that expects somebody else is told nothing of whom it got.
func TestLinkHint(t *testing.T) {
	w := newLinkWorld(t)
	other := w.nationalSession(w.browser(), numberLevel2)
	a := w.browser()
	p := a.submit(w.toConfirm(a, numberLevel1, "id_token_hint", other.IDToken), "action", "link")
	if p.back != nil || !strings.Contains(p.body, titleOtherPerson) {
		t.Errorf("status %d, back %v, want that it is somebody else\n%s", p.status, p.back, p.body)
	}
}

// TestLinkLanguage: the reader changes the language on each page, and that is all.
func TestLinkLanguage(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := w.comes(a)
	p = a.submit(p, "language", "en")
	w.wantPage(p, http.StatusOK, "Link an old account")
	p = w.proves(a, p, numberLevel1)
	p = a.submit(p, "language", "vi")
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	w.wantLinked("old-1", "")
	w.wantCode(a.share(a.submit(p, "action", "link")))
}

// registry knows people as the test says.
type registry struct{ is civil.Registry }

func (r *registry) Find(ctx context.Context, asked civil.Person) (civil.Person, error) {
	if r.is == nil {
		return civil.Person{}, civil.ErrDown
	}
	return r.is.Find(ctx, asked)
}

// TestLinkReconciled: what has to agree at each sign-in has to agree before the link is
// written.
func TestLinkReconciled(t *testing.T) {
	n, err := eid.ParsePersonalNumber(numberLevel1)
	must(t, err)
	known := civil.NewSynthetic([]civil.Person{{Number: n, Name: "Trần Văn Mẫu", BirthDate: civil.Date{Year: 1990, Month: time.January, Day: 15}}})
	same := federation.Person{Number: numberLevel1, Name: "Trần Văn Mẫu", BirthDate: "15/01/1990"}
	for _, tt := range []struct {
		name     string
		says     federation.Person
		registry civil.Registry
		title    string // empty: linked
	}{
		{"agrees", same, known, ""},
		{"nothing said", federation.Person{}, known, titleMismatch},
		{"another number", federation.Person{Number: numberLevel2, Name: same.Name, BirthDate: same.BirthDate}, known, titleMismatch},
		{"another name", federation.Person{Number: numberLevel1, Name: "Trần Văn Khác", BirthDate: same.BirthDate}, known, titleMismatch},
		{"accents", federation.Person{Number: numberLevel1, Name: "Tran Van Mau", BirthDate: same.BirthDate}, known, "đang được xem xét"},
		{"the registry is down", same, nil, "Chưa có gì thay đổi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &registry{is: tt.registry}
			w := newLinkWorldWith(t, func(_ *provider.Config, d *provider.Deps) { d.Registry = r })
			w.legacy(func(s *eid.Source) { s.Reconcile = true })
			w.at.say(func(a *federation.Assertion) { a.Person = tt.says })
			a := w.browser()
			p := a.submit(w.toConfirm(a, numberLevel1), "action", "link")
			if tt.title == "" {
				w.wantCode(a.share(p))
				w.wantLinked("old-1", numberLevel1)
				return
			}
			if p.back != nil || !strings.Contains(p.body, tt.title) {
				t.Errorf("status %d, back %v, want %q\n%s", p.status, p.back, tt.title, p.body)
			}
			w.wantLinked("old-1", "")
			if got := w.rows(eid.ActionLinkCreated); got != 0 {
				t.Errorf("%d links on record, want none", got)
			}
		})
	}
}

// TestLinkLogoutAtTheSource: a session that a link was made in ends when the legacy
// source says that its own is over.
func TestLinkLogoutAtTheSource(t *testing.T) {
	w := newLinkWorld(t)
	w.at.say(func(a *federation.Assertion) { a.Session = "session-1" })
	w.at.hear = func(federation.Incoming) (federation.Notice, error) {
		return federation.Notice{Sessions: []string{"session-1"}}, nil
	}
	a := w.browser()
	got := w.redeem(w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link"))))
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		t.Fatalf("userinfo = %d, want 200", status)
	}
	a.post(w.server.URL+"/source/legacy/logout", url.Values{"x": {"y"}})
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the logout there = %d, want 401", status)
	}
}

// TestLinkNewcomer: a person without an account gets it from the national source, and
// the link to it, in one sign-in.
func TestLinkNewcomer(t *testing.T) {
	at := &platform{says: federation.Assertion{
		Subject: "tech-1", Level: eid.Level2, Methods: []string{"fed"},
		Person: federation.Person{Number: numberNew, Name: "LÊ THỊ MỚI", BirthDate: "09/05/1995"},
	}}
	w := newLinkWorldWith(t, func(_ *provider.Config, d *provider.Deps) {
		at.Sources = d.Sources
		d.Sources = at
	})
	from := w.clock().AddDate(-1, 0, 0)
	sources, err := w.db.Sources(t.Context())
	must(t, err)
	sources = append(sources, eid.Source{
		ID: "vneid", Kind: federation.KindVNeID, Name: "VNeID (giả định)", Provider: "test", National: true, Provision: true,
		Window: eid.Window{From: from}, MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
	})
	must(t, w.db.ApplyRegistrations(t.Context(), w.parties, sources, "file", "system"))
	a := w.browser()
	p := w.returns(a, a.submit(w.comes(a), "action", "link"))
	p = a.submit(p, "source", "vneid")
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	w.wantCode(a.share(a.submit(p, "action", "link")))
	n, err := eid.ParsePersonalNumber(numberNew)
	must(t, err)
	account, err := w.db.AccountByIdentifier(t.Context(), eid.IdentifierOf(n))
	must(t, err)
	if link, ok := w.linkOf("old-1"); !ok || link.Account != account.ID || link.Cap != eid.Level2 {
		t.Errorf("link = %+v, want one of the newcomer with cap 2", link)
	}
	p = a.get(w.server.URL + "/links")
	w.wantPage(p, http.StatusOK, "Cổng cũ (giả định)")
	if strings.Contains(p.body, "VNeID") {
		t.Error("the holder may undo what the national identity itself comes by")
	}
	held, err := w.db.LinkBySubject(t.Context(), "vneid", "tech-1")
	must(t, err)
	form := formOf(p, "action", "undo", "link", held.ID)
	a.post(w.server.URL+"/links", form)
	if _, err := w.db.LinkBySubject(t.Context(), "vneid", "tech-1"); errors.Is(err, eid.ErrNotFound) {
		t.Error("a form undid the link of the national identity")
	}
}
