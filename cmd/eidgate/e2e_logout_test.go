package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// visit is a browser that goes wherever it is led, portals included.
func (d *demoRun) visit(t *testing.T) *agent {
	t.Helper()
	a := d.browser(t)
	a.client.CheckRedirect = nil
	return a
}

// signedIn reports what a portal remembers of the browser.
func (a *agent) signedIn(portal portalReport) bool {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, strings.TrimSuffix(portal.URL, "/")+"/", nil)
	must(a.t, err)
	r.Header.Set("Accept", "application/json")
	res, err := a.client.Do(r)
	must(a.t, err)
	defer func() { _ = res.Body.Close() }()
	var result struct {
		SignedIn bool `json:"signed_in"`
	}
	must(a.t, json.NewDecoder(res.Body).Decode(&result))
	return result.SignedIn
}

func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	a := d.visit(t)
	one, two := d.portal("portal-1"), d.portal("portal-2")
	first, second := strings.TrimSuffix(one.URL, "/"), strings.TrimSuffix(two.URL, "/")
	a.fill(a.get(second+"/login"), d.account("001"))
	a.get(first + "/login")
	if !a.signedIn(one) || !a.signedIn(two) {
		t.Fatal("not signed in at both portals")
	}

	p := a.post(first+"/logout/all", url.Values{})
	if p.status != http.StatusOK || p.address.Host != d.Addr || !strings.Contains(p.body, "<iframe") {
		t.Fatalf("sign out everywhere leads to %s %d, want the page that tells portal-2 in a frame", p.address.Host, p.status)
	}
	_, next, _ := strings.Cut(p.header.Get("Refresh"), ";url=")
	if !strings.HasPrefix(next, first+"/signed-out?state=") {
		t.Errorf("the page moves on to %s, want the portal", next)
	}
	if p = a.get(next); p.title() != "Đã đăng xuất khỏi tất cả" {
		t.Errorf("back at the portal the title is %q", p.title())
	}
	// Told in the back channel: no frame was loaded here.
	for end := time.Now().Add(10 * time.Second); a.signedIn(two); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("portal-2 was not told")
		}
	}
	party := d.party(t, "portal-2")
	r := party.request("prompt", "none")
	stranger := d.browser(t)
	stranger.setSession(a.session())
	party.refused(r, stranger.get(r.address), "login_required")
}

func TestLogoutOfAParty(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	got := portal.signIn(a, d.account("002"))
	uri := strings.TrimSuffix(portal.URL, "/") + "/signed-out"

	p := a.get(d.Issuer + "/logout?post_logout_redirect_uri=" + url.QueryEscape(uri))
	if p.back != nil || !p.offers("action", "logout") {
		t.Fatalf("logout without a hint shows %q, want the question", p.title())
	}
	if _, err := portal.userinfo(got.access); err != nil {
		t.Errorf("userinfo before the answer: %v", err)
	}
	q := url.Values{"id_token_hint": {got.raw}, "post_logout_redirect_uri": {uri}, "state": {"s"}}
	if p = a.get(d.Issuer + "/logout?" + q.Encode()); p.back == nil || p.back.String() != uri+"?state=s" {
		t.Errorf("logout leads to %v, want %s?state=s", p.back, uri)
	}
	if _, err := portal.userinfo(got.access); err == nil {
		t.Error("the access token outlives the session")
	}
	r := portal.request("prompt", "none")
	portal.refused(r, a.get(r.address), "login_required")
}

// A logout goes on at the legacy provider, which would sign the next person in
// without a password otherwise.
func TestLogoutAtLegacyProvider(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a, user := d.party(t, "portal-1"), d.browser(t), d.user(t, "nguoi-dung-moi")
	r := portal.request()
	got := portal.redeem(r, a.legacy(a.get(r.address), sourceLegacy, user.Username, user.Password))
	uri := strings.TrimSuffix(portal.URL, "/") + "/signed-out"
	p := a.get(d.Issuer + "/logout?" + url.Values{
		"id_token_hint": {got.raw}, "post_logout_redirect_uri": {uri}, "state": {"s"},
	}.Encode())
	if _, next, moves := strings.Cut(p.header.Get("Refresh"), ";url="); moves {
		p = a.get(next) // once the frames of the portals have loaded
	}
	if p.back == nil || p.back.String() != uri+"?state=s" {
		t.Fatalf("logout = %d to %v, want %s?state=s", p.status, p.back, uri)
	}
	if p = a.press(a.get(portal.request().address), "source", sourceLegacy); !p.offers("username", "") {
		t.Errorf("the legacy provider shows %q, want it to ask who is there", p.title())
	}
}
