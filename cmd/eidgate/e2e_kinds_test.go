package main_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestEverySourceOfTheDemo: a synthetic person comes through each kind of source, at
// the level that the person, the source and the law allow, and nothing above.
func TestEverySourceOfTheDemo(t *testing.T) {
	d := sharedDemo(t)
	for _, tt := range []struct {
		source, login, portal, acr, name string
		amr                              []string
	}{
		{sourceVNeID, "048191000013", "portal-2", acr2, "Mai Thị Liên Thông", []string{"fed"}},
		{sourceVNeID, "001090000002", "portal-1", acr1, "Trần Văn Mẫu", []string{"fed"}},
		{sourceLegacy, "nguoi-dung-cu", "portal-1", acr1, "Dương Thị Cũ", []string{"pwd"}},
		{sourceSAML, "bao-hiem-1", "portal-1", acr1, "Lê Thị Giả", []string{"pwd"}}, // it states level 2
		{sourceCAS, "buu-dien-1", "portal-1", acr1, "Trần Văn Mẫu", []string{"fed"}},
		{sourceLDAP, "thu-vien-1", "portal-1", acr1, "Phạm Văn Thí", []string{"pwd"}},
	} {
		t.Run(tt.source+" "+tt.login, func(t *testing.T) {
			portal, a, who := d.party(t, tt.portal), d.browser(t), d.at(t, tt.source, tt.login)
			r := portal.request()
			got := portal.redeem(r, a.through(a.get(r.address), tt.source, who))
			got.wants(t, tt.acr, tt.amr...)
			info, err := portal.userinfo(got.access)
			must(t, err)
			if info["eid_source"] != tt.source || info["name"] != tt.name {
				t.Errorf("userinfo has source %v and name %v, want %s through %s", info["eid_source"], info["name"], tt.name, tt.source)
			}
		})
	}
	for _, secret := range []string{
		"048191000013", "001090000002", "demo-tech-", "insurance-00", "post-00", "bao-hiem-", "thu-vien-1", "SAMLResponse", "encrypt_key", "ticket=", "Liên Thông",
	} {
		if strings.Contains(d.stderr.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// through signs in at a source, wherever its form is.
func (a *agent) through(p screen, source string, who signInReport) screen {
	a.t.Helper()
	p = a.legacy(p, source, who.Username, who.Password)
	if p.offers("login_name", "") {
		p = a.submit(p, "login_name", who.Username, "password", who.Password)
	}
	return p
}

// TestLevelTwoOfALegacySource: what a source says above its ceiling opens no service
// that needs it.
func TestLevelTwoOfALegacySource(t *testing.T) {
	d := sharedDemo(t)
	a, portal2 := d.browser(t), d.party(t, "portal-2")
	r := portal2.request()
	p := a.get(r.address)
	for _, source := range []string{sourceLegacy, sourceSAML, sourceCAS, sourceLDAP} {
		if p.offers("source", source) {
			t.Errorf("portal 2 offers %s, which grants level 1", source)
		}
	}
	portal1 := d.party(t, "portal-1")
	r1 := portal1.request()
	portal1.redeem(r1, a.through(a.get(r1.address), sourceSAML, d.at(t, sourceSAML, "bao-hiem-1"))).wants(t, acr1, "pwd")
	r = portal2.request("prompt", "none")
	portal2.refused(r, a.get(r.address), "unmet_authentication_requirements")
}

func TestDetailsThatDoNotMatch(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	r := portal.request()
	p := a.through(a.get(r.address), sourceCAS, d.at(t, sourceCAS, "buu-dien-2"))
	if p.status != 403 || p.title() != "Thông tin chưa khớp" || strings.Contains(p.body, "1992") || strings.Contains(p.body, "Lê Thị Giả") {
		t.Fatalf("another date of birth: %d %q, want a refusal without details", p.status, p.title())
	}
	portal.refused(r, a.press(p, "action", "cancel"), "access_denied")

	// Accents alone are for an officer, whose word then stands.
	who := d.at(t, sourceSAML, "bao-hiem-2")
	a = d.browser(t)
	r = portal.request()
	if p = a.through(a.get(r.address), sourceSAML, who); p.back != nil || p.status != 403 {
		t.Fatalf("other accents: %d %q, %v, want to wait", p.status, p.title(), p.back)
	}
	exit, stdout, stderr := run(t, "reviews", "list", "--data", d.Dir, "--json")
	var waiting []struct{ ID, Source string }
	if err := json.Unmarshal([]byte(stdout), &waiting); exit != 0 || err != nil || len(waiting) != 1 || waiting[0].Source != sourceSAML {
		t.Fatalf("reviews list = %d %s%s, want the one of %s", exit, stdout, stderr, sourceSAML)
	}
	if exit, stdout, _ := run(t, "reviews", "show", waiting[0].ID, "--data", d.Dir); exit != 0 || !strings.Contains(stdout, "Phạm Văn Thi ") || !strings.Contains(stdout, "Phạm Văn Thí") {
		t.Errorf("reviews show = %d\n%s\nwant both names", exit, stdout)
	}
	if exit, _, stderr := run(t, "reviews", "accept", waiting[0].ID, "--reason", "giấy tờ giả định", "--data", d.Dir); exit != 0 {
		t.Fatalf("reviews accept: %s", stderr)
	}
	a = d.browser(t)
	r = portal.request()
	portal.redeem(r, a.through(a.get(r.address), sourceSAML, who)).wants(t, acr1, "pwd")
}

// TestLogoutThroughSources: a logout here ends the session there, and the other way
// round, over SAML and CAS.
func TestLogoutThroughSources(t *testing.T) {
	d := sharedDemo(t)
	portal := d.party(t, "portal-1")
	for _, tt := range []struct{ source, login, logout string }{
		{sourceSAML, "bao-hiem-1", "/insurance/saml/slo"},
		{sourceCAS, "buu-dien-1", "/post/logout"},
	} {
		t.Run(tt.source, func(t *testing.T) {
			who, a := d.at(t, tt.source, tt.login), d.browser(t)
			signIn := func() tokens {
				r := portal.request()
				return portal.redeem(r, a.through(a.get(r.address), tt.source, who))
			}
			got := signIn()
			uri := strings.TrimSuffix(portal.URL, "/") + "/signed-out"
			p := a.get(d.Issuer + "/logout?" + url.Values{
				"id_token_hint": {got.raw}, "post_logout_redirect_uri": {uri}, "state": {"s"},
			}.Encode())
			if _, next, moves := strings.Cut(p.header.Get("Refresh"), ";url="); moves {
				p = a.get(next)
			}
			if p.back == nil || p.back.String() != uri+"?state=s" {
				t.Fatalf("logout = %d %q to %v, want %s?state=s", p.status, p.title(), p.back, uri)
			}
			if p = a.press(a.get(portal.request().address), "source", tt.source); !p.offers("username", "") {
				t.Errorf("the source shows %q, want it to ask who is there", p.title())
			}

			got = signIn()
			source, err := url.Parse(p.address.String())
			must(t, err)
			if p = a.get("http://" + source.Host + tt.logout); p.status != http.StatusOK || p.back != nil {
				t.Fatalf("logout at the source = %d to %v, want its own page", p.status, p.back)
			}
			r := portal.request("prompt", "none")
			portal.refused(r, a.get(r.address), "login_required")
			if _, err := portal.userinfo(got.access); err == nil {
				t.Error("the access token outlives the session at the source")
			}
		})
	}
}
