package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/provider"
	"eidgate/store/sqlstore"
)

// old brings an old subject of what the upstream calls somebody.
func (w *world) old(sector, person, subject string) {
	w.t.Helper()
	fates, err := w.db.AddOldSubjects(w.t.Context(), sector, "upstream", []eid.OldSubject{{Person: person, Subject: subject}}, false)
	must(w.t, err)
	if fates[0] != eid.OldSubjectAdded {
		w.t.Fatalf("%s is %s", subject, fates[0])
	}
	_, _, err = w.db.TakeOldSubjects(w.t.Context(), sector, "", 100)
	must(w.t, err)
}

func (w *world) linkTo(number, person string) eid.Link {
	w.t.Helper()
	l, err := w.accounts.Link(w.t.Context(), eid.Link{Account: w.people[number], Source: "upstream", Cap: eid.Level1}, person, "both proved", "holder")
	must(w.t, err)
	return l
}

// withOld registers a portal that does this with its old subjects.
func (w *world) withOld(wish eid.OldSubjects) {
	w.notified()
	back := w.tweak
	w.tweak = func(parties []eid.RelyingParty) {
		back(parties)
		parties[0].OldSubjects, parties[0].Refresh, parties[0].Resources = wish, true, []string{resourceTax}
	}
	w.register()
}

// One value wherever the portal meets it: tokens of every kind, userinfo, introspection,
// hints and logout.
func TestOldSubjectIsTheSameEverywhere(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.KeepSubjects)
	w.run(w.provider)
	w.linkTo(numberLevel1, "x1")
	w.old("portal", "x1", "DVC.2019.000481")
	const want = "DVC.2019.000481"
	a, got := w.signedIn(numberLevel1)
	if got.claims["sub"] != want {
		t.Fatalf("id token: sub = %v, want %s", got.claims["sub"], want)
	}
	_, _, info := w.userinfo("Bearer " + got.AccessToken)
	access := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal).json
	refresh := w.backChannel("/introspect", tokenForm(got.RefreshToken), asPortal).json
	for place, sub := range map[string]any{
		"userinfo": info["sub"], "introspected access token": access["sub"], "introspected refresh token": refresh["sub"],
		"refreshed": w.refresh(got.RefreshToken).claims["sub"],
	} {
		if sub != want {
			t.Errorf("%s: sub = %v, want %s", place, sub, want)
		}
	}
	p := a.get(w.authorizeURL("portal", "prompt", "none", "id_token_hint", got.IDToken, "resource", resourceTax))
	if p.back == nil || p.back.Query().Get("code") == "" {
		t.Fatalf("prompt=none with the hint: %d %v, want a code", p.status, p.back)
	}
	again := w.redeem(p.back.Query().Get("code"), "resource", resourceTax)
	_, claims := w.verifyJWT(again.AccessToken)
	if claims["sub"] != want || again.claims["sub"] != want {
		t.Errorf("at+jwt: sub = %v, id token %v, want %s", claims["sub"], again.claims["sub"], want)
	}
	if native := a.also(); native.claims["sub"] == want {
		t.Error("another sector knows the old subject")
	}
	if p := a.get(w.logoutURL("id_token_hint", again.IDToken, "post_logout_redirect_uri", bye)); p.back == nil || p.back.String() != bye {
		t.Errorf("logout with the hint = %d to %v, want at once", p.status, p.back)
	}
	if _, claims := w.openLogoutToken(w.told[0].next()); claims["sub"] != want {
		t.Errorf("logout token: sub = %v, want %s", claims["sub"], want)
	}
	if strings.Contains(w.log.String(), want) {
		t.Error("the subject is in the log")
	}
}

// What was issued stays, whatever is brought later; the rest is told.
func TestIssuedSubjectStays(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.KeepSubjects)
	w.linkTo(numberLevel1, "x1")
	_, before := w.signedIn(numberLevel1)
	w.old("portal", "x1", "o1")
	a, after := w.signedIn(numberLevel1)
	if after.claims["sub"] != before.claims["sub"] {
		t.Errorf("sub = %v, before %v", after.claims["sub"], before.claims["sub"])
	}
	a.alive(before)
	if got := w.subjects(asPortal); len(got) != 1 || got[0] != (eid.RenamedSubject{Old: "o1", New: before.claims["sub"].(string)}) {
		t.Errorf("told %v", got)
	}
}

// Between two old subjects the gateway does not choose.
func TestTwoOldSubjectsAreNotKept(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.KeepSubjects)
	w.linkTo(numberLevel1, "x1")
	w.linkTo(numberLevel1, "x2")
	w.old("portal", "x1", "o1")
	w.old("portal", "x2", "o2")
	_, got := w.signedIn(numberLevel1)
	sub := got.claims["sub"].(string)
	if sub == "o1" || sub == "o2" {
		t.Errorf("sub = %s", sub)
	}
	want := []eid.RenamedSubject{{Old: "o1", New: sub}, {Old: "o2", New: sub}}
	for name, told := range map[string][]eid.RenamedSubject{"all": w.subjects(asPortal), "of this one": w.subjects(asPortal, "subject", sub)} {
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %v, want %v", name, told, want)
		}
	}
}

// An undone link takes the old subject back: its tokens end, also those that rest on the
// national identity, and whoever proves the old account then is called so.
func TestOldSubjectGoesBack(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.KeepSubjects)
	w.run(w.provider)
	link := w.linkTo(numberLevel1, "x1")
	w.old("portal", "x1", "o1")
	a, got := w.signedIn(numberLevel1)
	must(t, w.accounts.EndLink(t.Context(), link.ID, "holder"))
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d, want 401", status)
	}
	if in := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal).json; in["active"] != false {
		t.Errorf("introspected: %v", in)
	}
	if r := w.refresh(got.RefreshToken); r.Error != "invalid_grant" {
		t.Errorf("refresh = %d %s, want invalid_grant", r.status, r.Error)
	}
	if _, claims := w.openLogoutToken(w.told[0].next()); claims["sub"] != "o1" {
		t.Errorf("told of %v, want o1", claims["sub"])
	}
	p := a.get(w.authorizeURL("portal", "prompt", "none", "id_token_hint", got.IDToken))
	if p.back == nil || p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none with the old hint = %v, want login_required: it names nobody here", p.back)
	}
	_, after := w.signedIn(numberLevel1)
	if sub := after.claims["sub"]; sub == "o1" || sub == "" {
		t.Errorf("sub = %v after the link was undone", sub)
	}
	w.linkTo(numberLevel2, "x1")
	_, other := w.signedIn(numberLevel2)
	if other.claims["sub"] != "o1" {
		t.Errorf("sub = %v of whoever proved it then, want o1", other.claims["sub"])
	}
	if _, again := w.signedIn(numberLevel1); again.claims["sub"] != after.claims["sub"] {
		t.Errorf("sub = %v, before %v", again.claims["sub"], after.claims["sub"])
	}
}

// late lets something happen between the decision on a subject and its record.
type late struct {
	*sqlstore.DB

	before func()
}

func (l *late) RecordGrant(ctx context.Context, sector, subject string, g eid.Grant, entry eid.AuditEntry) error {
	if before := l.before; before != nil {
		l.before = nil
		before()
	}
	return l.DB.RecordGrant(ctx, sector, subject, g, entry)
}

// The link is undone while its holder signs in: the code is of another subject.
func TestSubjectIsDecidedAnew(t *testing.T) {
	l := &late{}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) {
		l.DB = d.Grants.(*sqlstore.DB)
		d.Grants = l
	})
	w.withOld(eid.KeepSubjects)
	link := w.linkTo(numberLevel1, "x1")
	w.old("portal", "x1", "o1")
	l.before = func() {
		must(t, w.accounts.EndLink(t.Context(), link.ID, "holder"))
		w.linkTo(numberLevel2, "x1")
	}
	_, got := w.signedIn(numberLevel1)
	if got.claims["sub"] == "o1" {
		t.Error("sub is of a link that was undone")
	}
	if !w.active(got.AccessToken) {
		t.Error("the token does not open userinfo")
	}
	if _, other := w.signedIn(numberLevel2); other.claims["sub"] != "o1" {
		t.Errorf("sub = %v, want o1", other.claims["sub"])
	}
}

// subjects asks for renamed subjects as a party and gives those told.
func (w *world) subjects(as func(*http.Request), form ...string) []eid.RenamedSubject {
	w.t.Helper()
	list, _ := w.subjectPage(as, form...)
	return list
}

func (w *world) subjectPage(as func(*http.Request), form ...string) (list []eid.RenamedSubject, next string) {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	a := w.backChannel("/subjects", values, as)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
		w.t.Fatalf("POST /subjects = %d %s %s", a.status, a.header, a.body)
	}
	_, claims := w.verifyJWT(a.body)
	pairs, ok := claims["subjects"].([]any)
	if !ok {
		w.t.Fatalf("claims = %v", claims)
	}
	for _, p := range pairs {
		pair := p.(map[string]any)
		list = append(list, eid.RenamedSubject{Old: pair["old"].(string), New: pair["new"].(string)})
	}
	next, _ = claims["next"].(string)
	return list, next
}

func TestSubjectsEndpoint(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.MapSubjects)
	w.linkTo(numberLevel1, "x1")
	w.old("portal", "x1", "o1")
	_, got := w.signedIn(numberLevel1)
	a := w.backChannel("/subjects", url.Values{}, asPortal)
	header, claims := w.verifyJWT(a.body)
	if header["typ"] != "subject-map+jwt" || header["alg"] != "RS256" {
		t.Errorf("header = %v", header)
	}
	now := float64(w.clock().Unix())
	if claims["iss"] != w.server.URL || claims["aud"] != "portal" || claims["iat"] != now || claims["exp"] != now+300 || claims["jti"] == nil ||
		claims["sub"] != nil || claims["sid"] != nil {
		t.Errorf("claims = %v", claims)
	}
	want := []eid.RenamedSubject{{Old: "o1", New: got.claims["sub"].(string)}}
	for name, list := range map[string][]eid.RenamedSubject{
		"all": w.subjects(asPortal), "of a token": w.subjects(asPortal, "subject", want[0].New), "by pages": w.subjects(asPortal, "limit", "1"),
	} {
		if !slices.Equal(list, want) {
			t.Errorf("%s: %v, want %v", name, list, want)
		}
	}
	for name, list := range map[string][]eid.RenamedSubject{
		"after the last": w.subjects(asPortal, "after", "o1"), "of an unknown one": w.subjects(asPortal, "subject", "o1"),
	} {
		if len(list) != 0 {
			t.Errorf("%s: %v, want none", name, list)
		}
	}
	// The answer passes as nothing else.
	if status, _, _ := w.userinfo("Bearer " + a.body); status != http.StatusUnauthorized {
		t.Errorf("userinfo with the answer = %d, want 401", status)
	}
	b, _ := w.signedIn(numberLevel1)
	if p := b.get(w.logoutURL("id_token_hint", a.body)); !asks(p) {
		t.Errorf("logout with the answer for hint = %d, want a question", p.status)
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSubjectsTold})
	must(t, err)
	if len(rows) != 6 || rows[0].Client != "portal" || rows[0].Actor != "client:portal" || string(rows[0].Detail) != `{"pairs":1}` || rows[0].Ref == "" {
		t.Errorf("audit = %+v", rows)
	}
}

// Nobody but the party is told, and it of its own sector alone.
func TestSubjectsAreForTheirParty(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.MapSubjects)
	w.addParty("other", func(p *eid.RelyingParty) { p.OldSubjects = eid.MapSubjects })
	w.addParty("sibling", func(p *eid.RelyingParty) { p.Sector = "portal" })
	w.linkTo(numberLevel1, "x1")
	w.old("portal", "x1", "o1")
	_, got := w.signedIn(numberLevel1)
	if list := w.subjects(as("other"), "subject", got.claims["sub"].(string)); len(list) != 0 {
		t.Errorf("another sector is told %v", list)
	}
	if list := w.subjects(as("other")); len(list) != 0 {
		t.Errorf("another sector is told %v", list)
	}
	if list := w.subjects(as("sibling")); len(list) != 1 {
		t.Errorf("a party of the sector is told %v", list)
	}
	for _, tt := range []struct {
		name   string
		path   string
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"nobody", "/subjects", url.Values{}, func(*http.Request) {}, 401, "invalid_client"},
		{"unknown", "/subjects", url.Values{}, as("nobody"), 401, "invalid_client"},
		{"wrong secret", "/subjects", url.Values{}, func(r *http.Request) { r.SetBasicAuth("portal", "x") }, 401, "invalid_client"},
		{"by name", "/subjects", url.Values{"client_id": {"portal"}}, func(*http.Request) {}, 401, "invalid_client"},
		{"public", "/subjects", url.Values{"client_id": {"high"}}, func(*http.Request) {}, 401, "invalid_client"},
		{"bearer", "/subjects", url.Values{}, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+got.AccessToken) }, 401, "invalid_client"},
		{"in another's name", "/subjects", url.Values{"client_id": {"portal"}}, as("other"), 401, "invalid_client"},
		{"in the query", "/subjects?limit=1", url.Values{}, asPortal, 400, "invalid_request"},
		{"twice", "/subjects", url.Values{"limit": {"1", "2"}}, asPortal, 400, "invalid_request"},
		{"none", "/subjects", url.Values{"limit": {"0"}}, asPortal, 400, "invalid_request"},
		{"too many", "/subjects", url.Values{"limit": {"1001"}}, asPortal, 400, "invalid_request"},
		{"no number", "/subjects", url.Values{"limit": {"x"}}, asPortal, 400, "invalid_request"},
		{"long", "/subjects", url.Values{"after": {strings.Repeat("x", 256)}}, asPortal, 400, "invalid_request"},
	} {
		if a := w.backChannel(tt.path, tt.form, tt.change); a.status != tt.status || a.json["error"] != tt.want {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.status, a.body, tt.status, tt.want)
		}
	}
	if p := w.browser().get(w.server.URL + "/subjects"); p.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /subjects = %d, want 405", p.status)
	}
}

// Pages go on to the end, over people who keep theirs as well, and asking is bounded.
func TestSubjectsByPages(t *testing.T) {
	w := newWorld(t)
	w.withOld(eid.MapSubjects)
	w.registerWith(func(portal *eid.RelyingParty) { portal.IDTokenAlg = "ES256" }) // quick to sign
	_, got := w.signedIn(numberLevel1)
	for i := range 5 {
		w.linkTo(numberLevel1, fmt.Sprint("x", i))
		w.old("portal", fmt.Sprint("x", i), fmt.Sprint("o", i))
	}
	var all []eid.RenamedSubject
	for next, first := "", true; first || next != ""; first = false {
		var list []eid.RenamedSubject
		list, next = w.subjectPage(asPortal, "limit", "2", "after", next)
		if all = append(all, list...); len(all) > 5 {
			break
		}
	}
	if len(all) != 5 || all[0] != (eid.RenamedSubject{Old: "o0", New: got.claims["sub"].(string)}) {
		t.Errorf("all pages: %v", all)
	}
	var last answer
	for range 1200 {
		if last = w.backChannel("/subjects", url.Values{"limit": {"1"}}, asPortal); last.status != http.StatusOK {
			break
		}
	}
	if last.status != http.StatusTooManyRequests || last.json["error"] != "temporarily_unavailable" || last.header.Get("Retry-After") == "" {
		t.Errorf("the 1201st of a minute: %d %s", last.status, last.body)
	}
	w.pass(time.Minute + time.Second)
	if list := w.subjects(asPortal); len(list) != 5 {
		t.Errorf("a minute later: %v", list)
	}
}
