package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

func TestFrontchannelLogout(t *testing.T) {
	w := newWorld(t)
	w.tweak = func(parties []eid.RelyingParty) {
		parties[0].Logout = eid.Logout{
			PostLogoutRedirectURIs: []string{bye}, FrontchannelURI: "https://portal.example.test/fc?x=1", FrontchannelSession: true,
		}
		parties[2].Logout = eid.Logout{FrontchannelURI: "https://app.example.test/fc"}
	}
	w.register()
	for _, uri := range []string{bye, ""} {
		a, got := w.signedIn(numberLevel1)
		a.also()
		params := []string{"id_token_hint", got.IDToken}
		if uri != "" {
			params = append(params, "post_logout_redirect_uri", uri, "state", "s")
		}
		p := a.get(w.logoutURL(params...))
		frame := html.EscapeString("https://portal.example.test/fc?x=1&" + url.Values{"iss": {w.server.URL}, "sid": {got.claims["sid"].(string)}}.Encode())
		body := strings.ReplaceAll(p.body, "&#43;", "+")
		if p.status != http.StatusOK || !strings.Contains(body, `src="`+frame+`"`) || !strings.Contains(body, `src="https://app.example.test/fc"`) {
			t.Fatalf("logout = %d, want frames of both parties, the first with iss and sid\n%s", p.status, p.body)
		}
		csp := p.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-src https://portal.example.test https://app.example.test;") {
			t.Errorf("policy = %q, want frames of exactly these origins", csp)
		}
		seconds, next, _ := strings.Cut(p.header.Get("Refresh"), ";url=")
		if seconds != "3" || uri != "" && next != bye+"?state=s" {
			t.Errorf("Refresh = %q, want 3 s and the way on", p.header.Get("Refresh"))
		}
		if uri == "" {
			if last := a.get(w.server.URL + next); !signedOut(last) || strings.Contains(last.body, "<iframe") {
				t.Errorf("%s = %d, want the signed-out page", next, last.status)
			}
		}
		a.dead(got)
	}
}

// Parties that no channel reaches are named, so that the holder signs out there.
func TestSignedOutPageNamesWhoWasNotTold(t *testing.T) {
	w := newWorld(t)
	a, got := w.signedIn(numberLevel1)
	a.also()
	p := a.logout(got.IDToken)
	if !signedOut(p) || !strings.Contains(p.body, "Ứng dụng") {
		t.Errorf("signed-out page does not name the party that was not told:\n%s", p.body)
	}
	if strings.Contains(p.body, "Nguyễn") || strings.Contains(p.body, "Trần") {
		t.Error("the page names a person")
	}
	again := w.browser().get(w.server.URL + "/logout/done?page=" + randomHandle())
	if !signedOut(again) || strings.Contains(again.body, "Ứng dụng") {
		t.Errorf("a page of nobody = %d, want it to name nobody", again.status)
	}
}

// Every other way in which a session ends does the same.
func TestEveryEndOfASessionTellsParties(t *testing.T) {
	for name, end := range map[string]func(w *world, a *agent){
		"not me": func(w *world, a *agent) {
			p := a.get(w.authorizeURL("high"))
			a.submit(p, "action", "not_me")
		},
		"another person": func(w *world, a *agent) {
			p := a.get(w.authorizeURL("portal", "prompt", "login"))
			p = a.share(a.submit(p, "personal_number", numberLevel1, "password", password))
			if p.back == nil {
				w.t.Fatalf("sign-in of another person = %d\n%s", p.status, p.body)
			}
		},
		"locked": func(w *world, a *agent) {
			_, err := w.locks.Set(w.t.Context(), w.people[numberLevel2], eid.LockSelf, storetest.Self())
			must(w.t, err)
			a.get(w.authorizeURL("portal"))
		},
	} {
		w := newWorld(t)
		w.notified()
		a := w.browser()
		p := a.get(w.authorizeURL("portal"))
		p = a.share(a.submit(p, "personal_number", numberLevel2, "password", password))
		got := w.redeem(p.back.Query().Get("code"))
		end(w, a)
		if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo = %d, want 401", name, status)
		}
		w.run(w.provider)
		sid := false
		for !sid {
			_, claims := w.openLogoutToken(w.told[0].next())
			if claims["sub"] != got.claims["sub"] {
				t.Errorf("%s: told of %v, want %v", name, claims["sub"], got.claims["sub"])
			}
			sid = claims["sid"] == got.claims["sid"] // a lock also tells of all sessions at once
		}
	}
}

func TestSessionEndIsAudited(t *testing.T) {
	w := newWorld(t)
	w.notified()
	a, got := w.signedIn(numberLevel1)
	a.logout(got.IDToken)
	audit, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionSessionEnded})
	must(t, err)
	if len(audit) != 1 {
		t.Fatalf("%d audit rows of the end of one session, want 1", len(audit))
	}
	if e := audit[0]; e.Account != w.people[numberLevel1] || e.Client != "portal" || e.Actor != "holder" || e.Ref == "" {
		t.Errorf("audit row = %+v, want who, where and the reference", e)
	}
}

// A session remembers so many grants. Those that leave its list end, or their
// tokens would outlive it.
func TestGrantsThatASessionForgetsEnd(t *testing.T) {
	w := newWorld(t)
	a, got := w.signedIn(numberLevel1)
	for range 63 {
		a.get(w.authorizeURL("portal", "prompt", "none"))
	}
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusOK {
		t.Fatalf("userinfo = %d with a full list, want 200", status)
	}
	a.get(w.authorizeURL("portal", "prompt", "none"))
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d after the grant left the list, want 401", status)
	}
}

// A session that went idle still ends its tokens at a logout: they live longer.
func TestLogoutOfAnIdleSession(t *testing.T) {
	for name, back := range map[string]func(w *world, a *agent) string{
		"by the cookie that is left": func(*world, *agent) string { return "" },
		"after another sign-in of the same person": func(w *world, a *agent) string {
			p := a.signIn(w.authorizeURL("portal"), numberLevel1)
			return w.redeem(p.back.Query().Get("code")).IDToken
		},
	} {
		w := newWorld(t)
		w.notified()
		w.registerWith(func(portal *eid.RelyingParty) { portal.Refresh = true })
		a, got := w.signedIn(numberLevel1)
		w.pass(2 * time.Hour)
		wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "login_required")
		hint := got.IDToken
		if newer := back(w, a); newer != "" {
			hint = newer
		}
		a.logout(hint)
		if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
			t.Errorf("%s: refresh after the logout = %d %s, want invalid_grant", name, again.status, again.Error)
		}
		w.run(w.provider)
		told := false
		for !told {
			_, claims := w.openLogoutToken(w.told[0].next())
			told = claims["sid"] == got.claims["sid"]
		}
	}
}

// A party that asks often pushes out its own grants, never another's.
func TestBusyPartyForgetsNobody(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	first := w.redeem(a.signIn(w.authorizeURL("portal"), numberLevel2).back.Query().Get("code"))
	a.share(a.get(w.authorizeURL("native")))
	for range 70 {
		if p := a.get(w.authorizeURL("native", "prompt", "none")); p.back == nil || !p.back.Query().Has("code") {
			t.Fatalf("silent sign-in: %d %v", p.status, p.back)
		}
	}
	if status, _, _ := w.userinfo("Bearer " + first.AccessToken); status != http.StatusOK {
		t.Errorf("the quiet party's token: %d, want 200", status)
	}
}
