package provider_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/federation/fedtest"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// href is the first link of a page that holds a text.
func (p page) href(part string) string {
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if link := html.UnescapeString(m[1]); strings.Contains(link, part) {
			return link
		}
	}
	return "/no-link-with-" + part
}

// switched switches a source off or on, as an operator does.
func (w *world) switched(id string, off bool) {
	w.t.Helper()
	must(w.t, w.db.SwitchSource(w.t.Context(), id, eid.Switch{Off: off, Reason: "synthetic", At: w.clock()}, eid.AuditEntry{Actor: "operator:test"}))
}

// answersUpstream fills the form of the upstream provider.
func (a *agent) answersUpstream(p page) page {
	a.w.t.Helper()
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if field[2] != "cancel" {
			form.Set(field[1], field[2])
		}
	}
	form.Set("username", "nguoi-thu")
	form.Set("password", password)
	return a.post(a.w.upstream.Issuer()+fedtest.PathLogin, form)
}

// notifiedVia has the portal take both sources, refresh tokens and logout tokens.
func (w *world) notifiedVia() {
	w.notified()
	back := w.tweak
	w.tweak = func(parties []eid.RelyingParty) {
		back(parties)
		parties[0].Refresh = true
	}
}

func TestSourceSwitchedOff(t *testing.T) {
	w := newWorld(t)
	w.notifiedVia()
	w.run(w.provider)
	a, got := w.viaUpstream()
	under := w.browser()
	under.toPortal()
	form := under.get(w.authorizeURL("portal"))
	other, national := w.signedInNationally()
	w.pass(time.Second)
	w.switched("upstream", true)

	// Nobody can choose it, and the page says so.
	p := w.browser().get(w.authorizeURL("portal"))
	wantPage(t, p, http.StatusOK, "Nguồn ngoài thử", "Đang tạm ngừng")
	// A sign-in under way is refused at the callback, and may go on another way.
	before := w.upstream.Calls(fedtest.PathToken)
	p = under.answersUpstream(form)
	wantPage(t, p, http.StatusForbidden, "Cách đăng nhập này đang tạm ngừng")
	if after := w.upstream.Calls(fedtest.PathToken); after != before {
		t.Errorf("the source was asked %d times for tokens while it is off", after-before)
	}
	wantError(t, under.submit(p, "action", "cancel"), "access_denied")
	// What was given through it has ended; what came another way goes on.
	if w.active(got.AccessToken) {
		t.Error("userinfo is open while the source is off")
	}
	if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
		t.Errorf("refresh = %d %s, want invalid_grant", again.status, again.Error)
	}
	if back := a.get(w.authorizeURL("portal", "prompt", "none")).back.Query(); back.Get("error") != "login_required" {
		t.Errorf("prompt=none = %v, want login_required", back)
	}
	if !w.active(national.AccessToken) {
		t.Error("tokens through another source ended")
	}
	if back := other.get(w.authorizeURL("native", "prompt", "none")).back.Query(); !back.Has("code") {
		t.Errorf("a session through another source gives %v, want a code", back)
	}
	ended, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSessionEnded, Limit: 10})
	must(t, err)
	if len(ended) != 1 || !strings.Contains(string(ended[0].Detail), "source_off") || ended[0].Actor != "system" {
		t.Errorf("ends of sessions on record: %+v, want one for the switch", ended)
	}
	// Its portal is told, of that subject; nobody else is.
	w.pass(2 * time.Second)
	var subjects []any
	for range 2 { // the session that came back, and the switch
		_, claims := w.openLogoutToken(w.told[0].next())
		subjects = append(subjects, claims["sub"])
	}
	if slices.ContainsFunc(subjects, func(sub any) bool { return sub != got.claims["sub"] }) {
		t.Errorf("told of %v, want %v only", subjects, got.claims["sub"])
	}
	w.eventually("an empty outbox of events", func() bool {
		list, err := w.db.PendingSwitches(t.Context(), 10)
		must(t, err)
		return len(list) == 0
	})
	w.told[0].none()
	w.told[1].none()

	// On again, the ended stays ended, and the source is as it was before.
	w.switched("upstream", false)
	if w.active(got.AccessToken) || w.refresh(got.RefreshToken).Error != "invalid_grant" {
		t.Error("tokens of before came back to life")
	}
	again := w.browser()
	again.toPortal()
	p = again.share(again.answersUpstream(again.get(w.authorizeURL("portal"))))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("after the source is on: status %d, %v\n%s", p.status, p.back, p.body)
	}
	if got := w.redeem(p.back.Query().Get("code")); !w.active(got.AccessToken) {
		t.Error("tokens of after the switch are not good")
	}
}

// signedInNationally signs another person in at native, through the account system.
func (w *world) signedInNationally() (*agent, tokens) {
	w.t.Helper()
	a := w.browser()
	p := a.signIn(w.authorizeURL("native"), numberLevel1)
	if p.back == nil || !p.back.Query().Has("code") {
		w.t.Fatalf("no code: status %d\n%s", p.status, p.body)
	}
	return a, w.redeem(p.back.Query().Get("code"), "client_id", "native", "redirect_uri", "http://127.0.0.1:5555/cb")
}

// A session that rests on the source is not revived by the switch going off and on,
// even where nobody looked in between, and even where the source still says that the
// person authenticated long ago.
func TestSwitchOffAndOnEndsSessions(t *testing.T) {
	w := newWorld(t)
	w.notifiedVia()
	a, got := w.viaUpstream()
	w.pass(time.Second)
	w.switched("upstream", true)
	w.pass(time.Second)
	w.switched("upstream", false)
	if w.active(got.AccessToken) {
		t.Error("userinfo is open after the source was off")
	}
	p := a.get(w.authorizeURL("portal", "prompt", "none"))
	if p.back.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none = %v, want login_required", p.back)
	}
	p = a.get(w.authorizeURL("portal")) // the source remembers the browser
	p = a.share(p)
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("signing in again: status %d, %v\n%s", p.status, p.back, p.body)
	}
	if fresh := w.redeem(p.back.Query().Get("code")); !w.active(fresh.AccessToken) {
		t.Error("a sign-in of after the switch does not count, for the source says it was before")
	}
}

// A sign-in that was begun before the switch is refused, even where the source was
// off for a moment only and nobody looked in between.
func TestSwitchOffAndOnRefusesWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.notifiedVia()
	w.viaUpstream() // registers
	a := w.browser()
	back := a.toCallback()
	w.pass(time.Second)
	w.switched("upstream", true)
	w.pass(time.Second)
	w.switched("upstream", false)
	before := w.upstream.Calls(fedtest.PathToken)
	p := a.get(back.String())
	for p.back != nil && p.back.Host == "" || p.status == http.StatusSeeOther && !p.back.Query().Has("code") {
		p = a.get(w.server.URL + p.back.Path)
	}
	wantPage(t, p, http.StatusForbidden, "Cách đăng nhập này đang tạm ngừng")
	if after := w.upstream.Calls(fedtest.PathToken); after != before {
		t.Errorf("the source was asked %d times for tokens of a sign-in that the switch ended", after-before)
	}
}

// The subjects of a large source, and all that a party knows when a key is revoked, are
// gone through in pages, and nobody is told twice, whichever process tells.
func TestManyAreTold(t *testing.T) {
	const people = 270 // two pages and a part
	w, ring := keyed(t)
	w.notifiedVia()
	w.register()
	for i := range people {
		must(t, w.db.RecordGrant(t.Context(), "portal", fmt.Sprintf("synthetic-%03d", i%people), eid.Grant{
			ID: "g", Account: w.account(i), Client: "portal", Source: "upstream",
		}, eid.AuditEntry{At: w.clock(), Actor: "holder", Action: eid.ActionGrantIssued}))
	}
	w.switched("upstream", true)
	w.pass(2 * time.Second)
	w.run(w.provider)
	w.run(w.build())
	allTold := func() {
		t.Helper()
		seen := map[any]int{}
		for range people {
			_, claims := w.openLogoutToken(w.told[0].next())
			if claims["sid"] != nil {
				t.Fatalf("logout token with the sid %v, want the subject alone", claims["sid"])
			}
			seen[claims["sub"]]++
		}
		if len(seen) != people {
			t.Errorf("%d subjects were told, want %d", len(seen), people)
		}
		w.eventually("no event left", func() bool {
			sources, err := w.db.PendingSwitches(t.Context(), 10)
			must(t, err)
			revoked, err := w.db.PendingRevocations(t.Context(), 10)
			must(t, err)
			return len(sources)+len(revoked) == 0
		})
		w.told[0].none()
	}
	allTold()
	w.revokeKey(ring, keys.RS256)
	w.pass(2 * time.Second)
	allTold()
}

// account makes one more synthetic person.
func (w *world) account(i int) eid.AccountID {
	w.t.Helper()
	n, err := eid.ParsePersonalNumber(fmt.Sprintf("001090%06d", i))
	must(w.t, err)
	id, err := w.accounts.Create(w.t.Context(), accounts.NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.IdentifierOf(n), Name: "Người Giả Định", BirthDate: "1990-01-15", Gender: "male", Nationality: "VNM", Address: "-",
		},
		Level: eid.Level1, Status: eid.Active, Phone: eid.Contact{Value: "0900000001", Verified: true}, PasswordHash: "synthetic",
	}, "operator:test")
	must(w.t, err)
	return id
}
