package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/storetest"
)

// The five ways of "Pre-hijacked accounts" (Sudhodanan and Paverd, USENIX Security
// 2022): somebody prepares an account for a victim who will come later. Here thu is the
// victim, who comes with the national identity, and cau the attacker, who has an
// account and a national identity of her own and may have what she likes at the legacy
// provider.

// opens is whom an X opens at the first party now; empty: nobody.
func (b *crossroads) opens(who map[any]person, x person, more ...string) string {
	b.t.Helper()
	a := b.browser()
	p := a.get(b.asks("portal", "prompt", "login"))
	if p.at() == "" {
		p = a.submit(p, "source", sourceOld)
	}
	if p = a.proves(p, x, "2", more...); p.code() == "" {
		return ""
	}
	return who[b.redeem(p.code()).claims["sub"]].name
}

// nationally signs somebody in with the national identity, at the first party.
func (b *crossroads) nationally(a *agent, who person) tokens {
	b.t.Helper()
	p := a.get(b.asks("portal", "prompt", "login"))
	if p.at() == "" {
		p = a.submit(p, "source", sourceMPS)
	}
	if p = a.proves(p, who, "2"); p.code() == "" {
		b.t.Fatalf("the national identity gets no code: %d\n%s", p.status, p.body)
	}
	return b.redeem(p.code())
}

// toLink goes to the page that explains the link of an X.
func (b *crossroads) toLink(a *agent, x person, more ...string) page {
	b.t.Helper()
	p := a.get(b.asks("portal", "prompt", "login"))
	if p.at() == "" {
		p = a.submit(p, "source", sourceOld)
	}
	p = a.proves(p, x, "2", more...)
	wantPage(b.t, p, http.StatusOK, titleLink)
	return p
}

// toConfirm goes on from there to the page that shows both sides.
func (b *crossroads) toConfirm(a *agent, p page, holder person) page {
	b.t.Helper()
	p = a.proves(a.submit(p, "action", "link"), holder, "2")
	wantPage(b.t, p, http.StatusOK, titleConfirmLink)
	return p
}

// TestPrehijackClassicFederatedMerge: the attacker has an account in the victim's name
// first, and the gateway merges it with the victim's when she comes through another
// way. Here that would be an X with her number, name and birth date: it is linked to
// nobody before she comes, and after.
func TestPrehijackClassicFederatedMerge(t *testing.T) {
	for name, makes := range map[string]func(old, mps *eid.Source){
		"she has an account": linkable,
		"her first sign-in makes it": func(old, mps *eid.Source) {
			linkable(old, mps)
			mps.Provision = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newCrossroads(t, makes)
			b.links(sourceMPS, cau, eid.Level2)
			victim := thu
			if strings.Contains(name, "makes it") {
				victim = nobody
			} else {
				b.links(sourceMPS, thu, eid.Level2)
			}
			prepared := []string{"another", "-of-the-attacker", "says", victim.name}
			if got := b.opens(nil, cau, prepared...); got != "" {
				t.Fatalf("the prepared X opens %s before the victim came", got)
			}
			first := b.nationally(b.browser(), victim)
			who := map[any]person{first.claims["sub"]: victim}
			if got := b.opens(who, cau, prepared...); got != "" {
				t.Errorf("the prepared X opens %s after the victim came", got)
			}
			if account, _ := b.linkedTo(cau, "-of-the-attacker"); account != "" {
				t.Error("the prepared X is linked")
			}
			again := b.nationally(b.browser(), victim)
			if again.claims["sub"] != first.claims["sub"] || !b.active(first.AccessToken) {
				t.Error("the victim's account changed")
			}
		})
	}
}

// TestPrehijackUnexpiredSession: the attacker keeps a session at the account that the
// victim then takes over. Here it would be one through an X that was linked, until the
// victim undid it: session, tokens and the refresh token are over at once.
func TestPrehijackUnexpiredSession(t *testing.T) {
	b := newLinking(t)
	who := b.subjects()
	link := b.links(sourceOld, thu, eid.Level2)
	attacker := b.browser() // who knows the old password
	kept := b.enters(attacker, thu)
	if who[kept.claims["sub"]] != thu || !b.active(kept.AccessToken) {
		t.Fatal("the link opens nothing, so there is nothing to end")
	}
	victim := b.browser()
	hers := b.nationally(victim, thu)
	p := victim.get(b.server.URL + "/links")
	wantPage(t, p, http.StatusOK, link.ID)
	form := url.Values{"csrf": {fieldOf(p, "csrf")}, "action": {"undo"}, "link": {link.ID}}
	wantPage(t, victim.post(b.server.URL+"/links", form), http.StatusOK, "Đã hủy liên kết")

	if b.active(kept.AccessToken) {
		t.Error("the attacker's token lives")
	}
	if got := b.refresh(kept.RefreshToken); got.Error != "invalid_grant" {
		t.Errorf("the attacker's refresh = %d %s, want invalid_grant", got.status, got.Error)
	}
	for _, client := range []string{"portal", "high"} {
		if got := b.silent(attacker, client); got.Has("code") {
			t.Errorf("the attacker's session gives %s a code", client)
		}
	}
	if page := attacker.get(b.server.URL + "/links"); strings.Contains(page.body, "Tài khoản cổng cũ") {
		t.Error("the attacker's session shows the links")
	}
	if got := b.opens(who, thu); got != "" {
		t.Errorf("the old password opens %s after the undo", got)
	}
	if !b.active(hers.AccessToken) || !b.silent(victim, "portal").Has("code") {
		t.Error("the victim's own session ended")
	}
}

// fieldOf is the value of a hidden field of a page.
func fieldOf(p page, name string) string {
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	return ""
}

// TestPrehijackTrojanIdentifier: the attacker adds an identifier of her own to the
// victim's account, and comes back by it. Here it would be her X linked to the victim's
// A: what she proved stays in her browser and in that login, the page shows whose the
// other side is, and a side that speaks of somebody else goes to an officer.
func TestPrehijackTrojanIdentifier(t *testing.T) {
	t.Run("her login is finished in the victim's browser", func(t *testing.T) {
		b := newLinking(t)
		attacker, victim := b.browser(), b.browser()
		explained := b.toLink(attacker, cau)
		b.nationally(victim, thu)
		there := attacker.submit(explained, "action", "link")
		wantPage(t, victim.submit(explained, "action", "link"), http.StatusBadRequest)
		wantPage(t, victim.proves(there, thu, "2"), http.StatusBadRequest)
		if account, _ := b.linkedTo(cau, ""); account != "" {
			t.Errorf("her X is linked to %s", account)
		}
	})
	t.Run("she leaves her side in a shared browser", func(t *testing.T) {
		b := newLinking(t)
		shared := b.browser()
		b.toLink(shared, cau)
		b.nationally(shared, thu) // another login of the same browser
		if account, _ := b.linkedTo(cau, ""); account != "" {
			t.Errorf("her X is linked to %s", account)
		}
	})
	t.Run("the victim goes on in her login, and sees both sides", func(t *testing.T) {
		b := newLinking(t)
		shared := b.browser()
		p := b.toConfirm(shared, b.toLink(shared, cau), thu)
		wantPage(t, p, http.StatusOK, "Nguyễn Thị Thử", "Chỉ liên kết nếu cả hai tài khoản là của Quý vị")
		p = shared.submit(p, "action", "decline")
		if got := b.redeem(p.code()); got.status != http.StatusOK {
			t.Errorf("after she declined: %d %v, want her own sign-in", p.status, p.back)
		}
		if account, _ := b.linkedTo(cau, ""); account != "" {
			t.Errorf("her X is linked to %s", account)
		}
	})
	t.Run("her side says who she is", func(t *testing.T) {
		b := newLinking(t)
		b.old.mute.Store(false)
		shared := b.browser()
		p := b.toConfirm(shared, b.toLink(shared, cau), thu)
		wantPage(t, shared.submit(p, "action", "link"), http.StatusForbidden, saysConflict)
		if account, _ := b.linkedTo(cau, ""); account != "" {
			t.Errorf("her X is linked to %s", account)
		}
	})
	t.Run("a form that shows another side", func(t *testing.T) {
		b := newLinking(t)
		shared := b.browser()
		first := b.toConfirm(shared, b.toLink(shared, thu), thu)
		// In the same login another X takes the place of hers.
		shared.submit(first, "action", "decline")
		second := b.toLink(shared, cau)
		again := shared.submit(first, "action", "link", "login", fieldOf(second, "login"), "csrf", fieldOf(second, "csrf"))
		if strings.Contains(again.body, titleConfirmLink) {
			t.Error("the explanation was skipped")
		}
		for _, x := range []person{thu, cau} {
			if account, _ := b.linkedTo(x, ""); account != "" {
				t.Errorf("X of %s is linked to %s", x.name, account)
			}
		}
	})
}

// TestPrehijackUnexpiredChange: the attacker has begun a change of the account, with a
// right to finish it, and finishes it after the victim took over. Here it would be a
// ceremony that is open in a browser: it ends with the session, with the link undone or
// made meanwhile, with a lock, and after five minutes.
func TestPrehijackUnexpiredChange(t *testing.T) {
	for name, meanwhile := range map[string]func(b *crossroads, a *agent, confirm page){
		"the victim says that it is not her": func(_ *crossroads, a *agent, confirm page) { a.submit(confirm, "action", "not_me") },
		"the victim signs in anew":           func(b *crossroads, a *agent, _ page) { b.pass(6 * time.Minute); b.nationally(a, thu) },
		"the victim locks the account": func(b *crossroads, _ *agent, _ page) {
			_, err := b.locks.Set(b.t.Context(), thu.account(b.world), eid.LockSelf, storetest.Self())
			must(b.t, err)
		},
		"six minutes pass": func(b *crossroads, _ *agent, _ page) { b.pass(6 * time.Minute) },
		"the X is linked to its own holder": func(b *crossroads, _ *agent, _ page) {
			_, err := b.accounts.Link(b.t.Context(), eid.Link{Account: cau.account(b.world), Source: sourceOld, Cap: eid.Level1}, "old-cau", "synthetic evidence", "operator:test")
			must(b.t, err)
		},
		"an officer ends what proved the victim": func(b *crossroads, _ *agent, _ page) {
			link, err := b.db.LinkBySubject(b.t.Context(), sourceMPS, "mps-thu")
			must(b.t, err)
			must(b.t, b.accounts.EndLink(b.t.Context(), link.ID, "operator:test"))
		},
		"the source is switched off": func(b *crossroads, _ *agent, _ page) { b.switched(sourceOld, true) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newLinking(t)
			a := b.browser()
			confirm := b.toConfirm(a, b.toLink(a, cau), thu)
			meanwhile(b, a, confirm)
			a.submit(confirm, "action", "link")
			if account, _ := b.linkedTo(cau, ""); account == thu.account(b.world) {
				t.Error("her X is linked to the victim's account")
			}
			if got := b.rows(eid.ActionLinkCreated); got > 3 {
				t.Errorf("%d links on record, want none of hers", got)
			}
		})
	}
	t.Run("an old form after the undo", func(t *testing.T) {
		b := newLinking(t)
		a := b.browser()
		confirm := b.toConfirm(a, b.toLink(a, thu), thu)
		if a.submit(confirm, "action", "link").code() == "" {
			t.Fatal("the ceremony gives no code")
		}
		account, link := b.linkedTo(thu, "")
		if account != thu.account(b.world) {
			t.Fatalf("X is linked to %q", account)
		}
		must(t, accounts.NewLinker(b.db, b.clock).Undo(t.Context(), account, link, "test"))
		a.submit(confirm, "action", "link")
		if account, _ := b.linkedTo(thu, ""); account != "" {
			t.Error("the form of before links again")
		}
	})
}

// TestPrehijackNonVerifyingIdP: a provider that checks nothing lets the attacker call
// herself what she likes. Here it says the victim's number, name and birth date, in
// every spelling: whatever it says opens nothing, and gainsays the attacker's own
// national identity where she tries to link.
func TestPrehijackNonVerifyingIdP(t *testing.T) {
	b := newLinking(t)
	b.old.mute.Store(false)
	who := b.subjects()
	claims := []string{"another", "-claims", "says", thu.name}
	if got := b.opens(who, cau, claims...); got != "" {
		t.Errorf("her claims open %s", got)
	}
	a := b.browser()
	p := b.toConfirm(a, b.toLink(a, cau, claims...), cau)
	wantPage(t, a.submit(p, "action", "link"), http.StatusForbidden, saysConflict)
	for _, word := range []string{"Nguyễn Thị", "NGUYỄN", numberLevel2} {
		if strings.Contains(a.get(b.server.URL+"/login?login="+fieldOf(p, "login")).body, word) {
			t.Errorf("the page of the conflict shows %q", word)
		}
	}
	if account, _ := b.linkedTo(cau, "-claims"); account != "" {
		t.Errorf("what she claims is linked to %s", account)
	}
	// A subject that reads like the victim's is another one.
	for _, another := range []string{" ", "\u200b", "\u0301", "%00", "A"} {
		if got := b.opens(who, thu, "another", another); got != "" {
			t.Errorf("the subject old-thu%q opens %s", another, got)
		}
	}
}

// TestTwoPeopleAtOneBrowser: one after the other, in tabs of one browser, two people
// link what is theirs. Each has the own account, and neither what the other left.
func TestTwoPeopleAtOneBrowser(t *testing.T) {
	b := newLinking(t)
	who := b.subjects()
	a := b.browser()
	begun := map[string]page{}
	for _, p := range []person{thu, cau} { // both begin, and both are explained
		begun[p.name] = b.toLink(a, p)
	}
	first := b.toConfirm(a, begun[thu.name], thu)
	got := b.redeem(a.submit(first, "action", "link").code())
	if who[got.claims["sub"]] != thu {
		t.Fatalf("the first one got a token of %v", got.claims["sub"])
	}
	second := a.proves(a.submit(begun[cau.name], "action", "link"), cau, "2")
	other := got
	switch {
	case strings.Contains(second.body, titleConfirmLink): // the sign-in was to be a new one
		other = b.redeem(a.submit(second, "action", "link").code())
	default:
		t.Fatalf("the second one: %d\n%s", second.status, second.body)
	}
	if who[other.claims["sub"]] != cau || other.claims["sid"] == got.claims["sid"] {
		t.Errorf("the second one got a token of %v in session %v, want her own", other.claims["sub"], other.claims["sid"])
	}
	if b.active(got.AccessToken) {
		t.Error("the first one's token outlived her session")
	}
	for _, p := range []person{thu, cau} {
		if account, _ := b.linkedTo(p, ""); account != p.account(b.world) {
			t.Errorf("X of %s is linked to %q", p.name, account)
		}
	}
	if got := b.redeem(b.silent(a, "portal").Get("code")); who[got.claims["sub"]] != cau {
		t.Errorf("the browser is now of %v, want the second one", got.claims["sub"])
	}
}

// TestOnePersonAtTwoBrowsers: one person links the same X at two browsers at once. It
// is linked once, both are signed in, and an undo in one ends what the other has
// through it.
func TestOnePersonAtTwoBrowsers(t *testing.T) {
	b := newLinking(t)
	who := b.subjects()
	both := [2]*agent{b.browser(), b.browser()}
	var confirm [2]page
	for i, a := range both {
		confirm[i] = b.toConfirm(a, b.toLink(a, thu), thu)
	}
	made := b.rows(eid.ActionLinkCreated)
	var got [2]tokens
	for i, a := range both {
		got[i] = b.redeem(a.submit(confirm[i], "action", "link").code())
		if who[got[i].claims["sub"]] != thu {
			t.Fatalf("browser %d got a token of %v", i, got[i].claims["sub"])
		}
	}
	if n := b.rows(eid.ActionLinkCreated) - made; n != 1 {
		t.Errorf("%d links were made, want 1", n)
	}
	_, link := b.linkedTo(thu, "")
	third := b.browser()
	through := b.enters(third, thu)
	form := url.Values{"csrf": {fieldOf(both[0].get(b.server.URL+"/links"), "csrf")}, "action": {"undo"}, "link": {link}}
	wantPage(t, both[0].post(b.server.URL+"/links", form), http.StatusOK, "Đã hủy liên kết")
	if b.active(through.AccessToken) || b.silent(third, "portal").Has("code") {
		t.Error("what was given through the link lives after the undo")
	}
	for i := range both { // they proved the national identity, too
		if got := b.silent(both[i], "portal"); !got.Has("code") {
			t.Errorf("browser %d: %v, want its own proof to go on", i, got)
		}
	}
}
