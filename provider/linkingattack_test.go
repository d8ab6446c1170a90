package provider_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation"
	"eidgate/store/storetest"
)

// formOf is the form of a page, with these fields.
func formOf(p page, fields ...string) url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// TestLinkConfirmedLate: what changed since both sides were shown is looked at again
// when the holder agrees, and nothing is linked.
func TestLinkConfirmedLate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *linkWorld)
		says   string // the page that follows; empty: the source is asked again
	}{
		{"locked meanwhile", func(w *linkWorld) {
			_, err := w.locks.Set(t.Context(), w.people[numberLevel1], eid.LockSelf, storetest.Self())
			must(t, err)
		}, "Tài khoản đang bị khóa"},
		{"the window closed", func(w *linkWorld) {
			w.legacy(func(s *eid.Source) { s.Window.Until = w.clock() })
		}, ""},
		{"switched off", func(w *linkWorld) {
			w.switched("legacy", true)
		}, ""},
		{"off and on again", func(w *linkWorld) {
			w.pass(time.Second)
			w.switched("legacy", true)
			w.switched("legacy", false)
		}, ""},
		{"holders link it no more", func(w *linkWorld) {
			w.legacy(func(s *eid.Source) { s.Linking = nil })
		}, titleNotLinked},
		{"its source is national now", func(w *linkWorld) {
			w.legacy(func(s *eid.Source) { s.National = true })
		}, titleNotLinked},
		{"linked elsewhere", func(w *linkWorld) {
			_, err := w.accounts.Link(t.Context(), eid.Link{Account: w.people[numberLevel2], Source: "legacy", Cap: eid.Level2}, "old-1", "synthetic", "operator:test")
			must(t, err)
		}, saysConflict},
		{"six minutes", func(w *linkWorld) { w.pass(6 * time.Minute) }, ""},
		{"an hour", func(w *linkWorld) { w.pass(time.Hour) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLinkWorld(t)
			a := w.browser()
			p := w.toConfirm(a, numberLevel1)
			before := w.rows(eid.ActionLinkCreated)
			tt.change(w)
			made := w.rows(eid.ActionLinkCreated) - before // by an operator
			p = a.submit(p, "action", "link")
			if p.back != nil && p.back.Query().Has("code") || !strings.Contains(p.body, tt.says) {
				t.Errorf("status %d, back %v, want %q\n%s", p.status, p.back, tt.says, p.body)
			}
			if link, ok := w.linkOf("old-1"); ok && link.Account == w.people[numberLevel1] {
				t.Error("it was linked")
			}
			if got := w.rows(eid.ActionLinkCreated) - before; got != made {
				t.Errorf("%d links on record, want %d", got, made)
			}
		})
	}
}

// TestLinkedMeanwhile: a side that another tab linked signs in, and asks nothing more.
func TestLinkedMeanwhile(t *testing.T) {
	w := newLinkWorld(t)
	w.at.say(func(a *federation.Assertion) { a.Anew = false })
	a, other := w.browser(), w.browser()
	p := a.submit(w.comes(a), "action", "link")
	w.wantCode(other.share(other.submit(w.toConfirm(other, numberLevel1), "action", "link")))
	w.wantCode(a.share(w.returns(a, p)))
	w.wantLinked("old-1", numberLevel1)
}

// TestLinkSixMinutesLater: a pending side that is too old is proved again, and then
// the national identity too.
func TestLinkSixMinutesLater(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := w.toConfirm(a, numberLevel1)
	w.pass(accounts.PendingFor + time.Second)
	p = a.submit(p, "action", "link")
	if p.back == nil || p.back.Host != "spoken.example" {
		t.Fatalf("status %d, back %v, want the legacy source\n%s", p.status, p.back, p.body)
	}
	p = w.types(a, w.returns(a, p), numberLevel1)
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	w.wantCode(a.share(a.submit(p, "action", "link")))
	w.wantLinked("old-1", numberLevel1)
}

// TestLinkRememberedAtTheSource: whom the source remembers is asked there once more, so
// that nobody links what somebody left open on a shared computer.
func TestLinkRememberedAtTheSource(t *testing.T) {
	w := newLinkWorld(t)
	w.at.say(func(a *federation.Assertion) { a.Anew = false })
	a := w.browser()
	p := w.comes(a)
	w.wantPage(p, http.StatusOK, titleLink)
	if w.at.anew() != 0 {
		t.Fatalf("%d sign-ins anew before the page, want none", w.at.anew())
	}
	p = a.submit(p, "action", "link")
	if p.back == nil || p.back.Host != "spoken.example" || w.at.anew() != 1 {
		t.Fatalf("status %d, back %v, %d sign-ins anew; want the source and one", p.status, p.back, w.at.anew())
	}
	p = w.types(a, w.returns(a, p), numberLevel1)
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	w.wantCode(a.share(a.submit(p, "action", "link")))
	w.wantLinked("old-1", numberLevel1)

	// Somebody else than the remembered one: the page is shown again, for that one.
	w.at.say(func(a *federation.Assertion) { a.Subject = "old-2" })
	a = w.browser()
	p = a.submit(w.comes(a), "action", "link")
	w.at.say(func(a *federation.Assertion) { a.Subject = "old-3" })
	w.wantPage(w.returns(a, p), http.StatusOK, titleLink)
}

// TestLinkInSomebodysSession: another person's remembered session is neither linked nor
// changed, and the page says whose it is not.
func TestLinkInSomebodysSession(t *testing.T) {
	w := newLinkWorld(t)
	w.legacy(func(s *eid.Source) { s.GrantsAtMost[0].Level = eid.Level2 })
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("portal")), "source", "national")
	got := w.redeem(w.wantCode(a.share(w.types(a, p, numberLevel2))))
	w.pass(time.Minute)

	// The remembered session proves nothing: both sides are asked for.
	p = w.comes(a, "max_age", "0")
	w.wantPage(p, http.StatusOK, titleLink)
	p = w.returns(a, a.submit(p, "action", "link"))
	if !strings.Contains(p.body, `name="personal_number"`) {
		t.Fatalf("status %d, want the form of the national identity\n%s", p.status, p.body)
	}
	w.wantPage(w.types(a, p, numberLevel1), http.StatusOK, titleOtherPerson)
	w.wantLinked("old-1", "")
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		t.Errorf("userinfo of the session's holder = %d, want 200", status)
	}
	if p := a.get(w.authorizeURL("portal", "prompt", "none")); p.back == nil || !p.back.Query().Has("code") {
		t.Errorf("prompt=none = %d %v, want the session as it was", p.status, p.back)
	}
}

// TestLinkBoundToTheBrowser: the pages of a ceremony open nothing in another browser.
func TestLinkBoundToTheBrowser(t *testing.T) {
	w := newLinkWorld(t)
	attacker, victim := w.browser(), w.browser()
	p := w.toConfirm(attacker, numberLevel1)
	form := formOf(p, "action", "link")
	if got := victim.post(w.server.URL+"/login", form); got.status == http.StatusOK || got.back != nil && got.back.Query().Has("code") {
		t.Errorf("the form in a browser without a cookie = %d %v", got.status, got.back)
	}
	w.toConfirm(victim, numberLevel2)
	if got := victim.post(w.server.URL+"/login", form); strings.Contains(got.body, titleConfirmLink) || got.back != nil && got.back.Query().Has("code") {
		t.Errorf("the form in a browser with a ceremony of its own = %d %v", got.status, got.back)
	}
	w.wantLinked("old-1", "")
	if link := "/login?" + (url.Values{"login": {form.Get("login")}}).Encode(); strings.Contains(victim.get(w.server.URL+link).body, "902") {
		t.Error("the address of a ceremony shows it in another browser")
	}
}

// TestLinkForm: the form that links needs its CSRF value and names what was shown.
func TestLinkForm(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := w.toConfirm(a, numberLevel1)
	for name, tt := range map[string]struct {
		change func(form url.Values)
		status int
	}{
		"no CSRF value":    {func(f url.Values) { f.Del("csrf") }, http.StatusForbidden},
		"a wrong one":      {func(f url.Values) { f.Set("csrf", strings.Repeat("A", 43)) }, http.StatusForbidden},
		"names nothing":    {func(f url.Values) { f.Del("link") }, http.StatusOK},
		"another pair":     {func(f url.Values) { f.Set("link", "AAAAAAAAAAAAAAAAAAAAAA") }, http.StatusOK},
		"another action":   {func(f url.Values) { f.Set("action", "share") }, http.StatusOK},
		"undo":             {func(f url.Values) { f.Set("action", "undo") }, http.StatusOK},
		"without a button": {func(f url.Values) { f.Del("action") }, http.StatusOK},
	} {
		form := formOf(p, "action", "link")
		tt.change(form)
		got := a.post(w.server.URL+"/login", form)
		if got.status != tt.status || tt.status == http.StatusOK && !strings.Contains(got.body, titleConfirmLink) {
			t.Errorf("%s: status %d, want %d and both sides shown again\n%s", name, got.status, tt.status, got.body)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/login", strings.NewReader(formOf(p, "action", "link").Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := a.do(r); got.status != http.StatusForbidden {
		t.Errorf("from another site: %d, want 403", got.status)
	}
	w.wantLinked("old-1", "")
}

// TestLinkOtherPairShown: a page that shows a pair which is not the pending one any
// more links nothing; the one that is pending is shown.
func TestLinkOtherPairShown(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	first := w.toConfirm(a, numberLevel1)
	w.pass(accounts.PendingFor + time.Second)
	w.at.say(func(a *federation.Assertion) { a.Subject = "old-2" })
	p := w.returns(a, a.submit(first, "action", "link")) // proves again, as somebody else
	w.wantPage(p, http.StatusOK, titleLink)
	w.wantPage(w.proves(a, p, numberLevel1), http.StatusOK, titleConfirmLink)
	w.wantPage(a.post(w.server.URL+"/login", formOf(first, "action", "link")), http.StatusOK, titleConfirmLink)
	w.wantLinked("old-1", "")
	w.wantLinked("old-2", "")
}

// TestLinkBack: forms of earlier pages, which Back sends again, skip nothing.
func TestLinkBack(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	explained := w.comes(a)
	w.wantPage(explained, http.StatusOK, titleLink)
	// The page that links was not shown yet.
	w.wantPage(a.submit(explained, "action", "decline"), http.StatusOK, titleLink)
	p := w.proves(a, explained, numberLevel1)
	w.wantPage(p, http.StatusOK, titleConfirmLink)
	// "link" of the first page is no word on the second.
	w.wantPage(a.submit(explained, "action", "link"), http.StatusOK, titleConfirmLink)
	w.wantLinked("old-1", "")
	w.wantCode(a.share(a.submit(p, "action", "link")))
	sent := a.submit(p, "action", "link")
	if sent.back != nil && sent.back.Query().Has("code") {
		t.Error("the form of a finished ceremony gave another code")
	}
	if got := w.rows(eid.ActionLinkCreated); got != 1 {
		t.Errorf("%d links on record, want 1", got)
	}
}

// TestLinkConfirmedAtOnce: sixteen clicks make one link.
func TestLinkConfirmedAtOnce(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	form := formOf(w.toConfirm(a, numberLevel1), "action", "link")
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { a.post(w.server.URL+"/login", form) })
	}
	all.Wait()
	w.wantLinked("old-1", numberLevel1)
	if got := w.rows(eid.ActionLinkCreated); got != 1 {
		t.Errorf("%d links on record, want 1", got)
	}
	w.wantCode(a.share(a.get(w.authorizeURL("portal"))))
}

// TestLinkTwoBrowsers: two people claim one old account at once. One gets it, and the
// other's claim waits for an officer.
func TestLinkTwoBrowsers(t *testing.T) {
	w := newLinkWorld(t)
	first, second := w.browser(), w.browser()
	p1, p2 := w.toConfirm(first, numberLevel1), w.toConfirm(second, numberLevel2)
	w.wantCode(first.share(first.submit(p1, "action", "link")))
	w.wantPage(second.submit(p2, "action", "link"), http.StatusForbidden, saysConflict)
	w.wantLinked("old-1", numberLevel1)
	if got := w.rows(eid.ActionConflictOpened); got != 1 {
		t.Errorf("%d conflicts on record, want 1", got)
	}
	p := second.submit(second.get(w.authorizeURL("portal")), "action", "x")
	if p.back == nil && !strings.Contains(p.body, "value=") {
		t.Errorf("the other cannot go on: %d\n%s", p.status, p.body)
	}
}

// TestLinkGainsaid: what a source says only ever contradicts. The page is the same for
// each kind, is shown with one reference however often it is tried, and the other
// holder is never named.
func TestLinkGainsaid(t *testing.T) {
	for _, tt := range []struct {
		name string
		says federation.Person
		kind eid.ConflictKind // empty: linked
	}{
		{"nothing", federation.Person{}, ""},
		{"the same person", federation.Person{Number: numberLevel1, Name: "TRẦN VĂN MẪU", BirthDate: "15/01/1990"}, ""},
		{"the name alone", federation.Person{Name: "Trần Văn Mẫu"}, ""},
		{"the birth date alone", federation.Person{BirthDate: "1990-01-15"}, ""},
		{"an old number of nine digits", federation.Person{Number: "011 234 567"}, ""},
		{"another number", federation.Person{Number: numberLevel2, Name: "Trần Văn Mẫu", BirthDate: "15/01/1990"}, eid.ConflictOtherNumber},
		{"a number that is none", federation.Person{Number: "99912345678X"}, eid.ConflictOtherNumber},
		{"another name", federation.Person{Number: numberLevel1, Name: "Nguyễn Thị Khác"}, eid.ConflictDetails},
		{"accents alone", federation.Person{Name: "Tran Van Mau"}, eid.ConflictDetails},
		{"another birth date", federation.Person{BirthDate: "16/01/1990"}, eid.ConflictDetails},
		{"a date that is none", federation.Person{BirthDate: "31/02/1990"}, eid.ConflictDetails},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLinkWorld(t)
			w.at.say(func(a *federation.Assertion) { a.Person = tt.says })
			a := w.browser()
			p := a.submit(w.toConfirm(a, numberLevel1), "action", "link")
			if tt.kind == "" {
				w.wantCode(a.share(p))
				w.wantLinked("old-1", numberLevel1)
				return
			}
			w.wantPage(p, http.StatusForbidden, saysConflict)
			w.wantLinked("old-1", "")
			rows := w.rowsOf(eid.ActionConflictOpened)
			if len(rows) != 1 || !strings.Contains(string(rows[0].Detail), `"kind":"`+string(tt.kind)+`"`) || !strings.Contains(p.body, rows[0].Ref) {
				t.Fatalf("conflicts on record = %+v, want one of kind %s, and its reference on the page", rows, tt.kind)
			}
			for _, never := range []string{"Nguyễn Thị Thử", numberLevel2, tt.says.Number, tt.says.BirthDate} {
				if never != "" && (strings.Contains(p.body, never) || strings.Contains(w.log.String(), never) || strings.Contains(string(rows[0].Detail), never)) {
					t.Errorf("the page, the log or the audit hold %q", never)
				}
			}
			again := w.browser()
			p = again.submit(w.toConfirm(again, numberLevel1), "action", "link")
			w.wantPage(p, http.StatusForbidden, rows[0].Ref)
			if got := w.rows(eid.ActionConflictOpened); got != 1 {
				t.Errorf("%d conflicts on record after another try, want 1", got)
			}
		})
	}
}

// TestLinkConflictsAreBounded: one account does not fill the queue of the officers.
func TestLinkConflictsAreBounded(t *testing.T) {
	w := newLinkWorld(t)
	w.at.say(func(a *federation.Assertion) { a.Person.Name = "Nguyễn Thị Khác" })
	for i := range 7 {
		w.at.say(func(a *federation.Assertion) { a.Subject = "many-" + string(rune('a'+i)) })
		a := w.browser()
		p := a.submit(w.toConfirm(a, numberLevel1), "action", "link")
		if want := map[bool]string{true: saysConflict, false: "Thử lại sau"}[i < 5]; !strings.Contains(p.body, want) {
			t.Errorf("conflict %d: status %d, want %q\n%s", i+1, p.status, want, p.body)
		}
	}
	if got := w.rows(eid.ActionConflictOpened); got != 5 {
		t.Errorf("%d conflicts on record, want 5", got)
	}
}

// TestLinkConflictsOfOneWait: patience does not fill the queue either.
func TestLinkConflictsOfOneWait(t *testing.T) {
	w := newLinkWorld(t)
	linker := accounts.NewLinker(w.db, w.clock)
	src, err := w.db.Source(t.Context(), "legacy")
	must(t, err)
	claim := func(subject int, number string) accounts.LinkOutcome {
		t.Helper()
		now := w.clock()
		proved := accounts.Proved{Source: "legacy", Subject: fmt.Sprint("many-", subject), Level: eid.Level1, At: now, Given: now}
		proved.Said.OtherNumber = true
		got, err := linker.Link(t.Context(), accounts.Claim{
			Source: src, Account: w.people[number], Client: "portal", Ref: "ref", Legacy: proved,
			National: accounts.Proved{Source: "national", Level: eid.Level1, At: now, Given: now},
		})
		must(t, err)
		return got.Outcome
	}
	for i := range 24 {
		if want := map[bool]accounts.LinkOutcome{true: accounts.Conflicted, false: accounts.Throttled}[i < 20]; claim(i, numberLevel1) != want {
			t.Fatalf("conflict %d is not %v", i+1, want)
		}
		w.pass(time.Hour)
	}
	if got := claim(0, numberLevel1); got != accounts.Conflicted {
		t.Errorf("one that waits already = %v, want it to be said again", got)
	}
	if got := claim(0, numberLevel2); got != accounts.Conflicted {
		t.Errorf("another's = %v, want a conflict", got)
	}
}

// TestLinkSecondOfOnePerson: a person's second account at a source waits for an
// officer; so does one that was somebody else's before.
func TestLinkSecondOfOnePerson(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link")))
	w.at.say(func(a *federation.Assertion) { a.Subject = "old-2" })
	a = w.browser()
	w.wantPage(a.submit(w.toConfirm(a, numberLevel1), "action", "link"), http.StatusForbidden, saysConflict)
	w.wantLinked("old-2", "")

	link, _ := w.linkOf("old-1")
	must(t, w.accounts.EndLink(t.Context(), link.ID, "operator:test"))
	w.at.say(func(a *federation.Assertion) { a.Subject = "old-1" })
	a = w.browser()
	w.wantPage(a.submit(w.toConfirm(a, numberLevel2), "action", "link"), http.StatusForbidden, saysConflict)
	w.wantLinked("old-1", "")
	a = w.browser()
	w.wantCode(a.share(a.submit(w.toConfirm(a, numberLevel1), "action", "link"))) // it was that person's
	w.wantLinked("old-1", numberLevel1)
}

// failAudit has the disk be full for the audit, or not any more.
func (w *linkWorld) failAudit(full bool) {
	w.t.Helper()
	raw, err := sql.Open("sqlite", filepath.Join(w.dir, "eidgate.db"))
	must(w.t, err)
	defer func() { must(w.t, raw.Close()) }()
	statement := "DROP TRIGGER full"
	if full {
		statement = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END"
	}
	_, err = raw.ExecContext(w.t.Context(), statement)
	must(w.t, err)
}

// TestLinkUnaudited: without the audit nothing is linked.
func TestLinkUnaudited(t *testing.T) {
	w := newLinkWorld(t)
	a := w.browser()
	p := w.toConfirm(a, numberLevel1)
	w.failAudit(true)
	if got := a.submit(p, "action", "link"); got.back != nil || got.status < 500 {
		t.Errorf("without the audit: %d %v, want an error page", got.status, got.back)
	}
	w.failAudit(false)
	w.wantLinked("old-1", "")
	w.wantCode(a.share(a.submit(p, "action", "link")))
	w.wantLinked("old-1", numberLevel1)
}

// TestLinkNameOfTheSource: what a legacy source calls somebody cannot turn the page
// around, nor fill the stores: what is too long is not believed.
func TestLinkNameOfTheSource(t *testing.T) {
	for name, tt := range map[string]struct {
		said, shown string
		believed    bool
	}{
		"plain":                  {"Nguyễn Văn Mẫu", "Nguyễn Văn Mẫu", true},
		"the other way round":    {"\u202eNguyễn Văn Mẫu", "Nguyễn Văn Mẫu", true},
		"with what is not seen":  {"Nguyễn\u200b Văn Mẫu", "Nguyễn\u200b", true},
		"markup":                 {"<b>Nguyễn</b>", "<b>Nguyễn", true},
		"longer than any name":   {strings.Repeat("ả", 300), "ảảảả", true},
		"as long as a file":      {strings.Repeat("a", 60<<10), "aaaa", false},
		"longer than any record": {strings.Repeat("a", 500<<10), "aaaa", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLinkWorld(t)
			w.at.say(func(a *federation.Assertion) { a.Person.Name = tt.said })
			p := w.comes(w.browser())
			if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[tt.believed]; p.status != want {
				t.Fatalf("status %d, want %d\n%.2000s", p.status, want, p.body)
			}
			if shown := strings.Contains(p.body, tt.shown); shown != (name == "plain") {
				t.Errorf("the name is shown: %v\n%s", shown, p.body)
			}
		})
	}
}
