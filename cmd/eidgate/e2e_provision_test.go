package main_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"eidgate/federation/fedtest"
)

// TestVNeIDFirstSignIn: a citizen whom nobody here knows comes through VNeID to a
// portal, has an account from then on, and the level that VNeID says; nobody comes
// so under somebody else's number.
func TestVNeIDFirstSignIn(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	holder := s.account("001")
	citizen := fedtest.Citizen{Login: "079203900011", Password: "pw-vneid", TechID: "tech-011", Number: "079203900011", Name: "NGƯỜI GIẢ ĐỊNH", BirthDate: "01/02/2003", Level: 1}
	twin, thief, nobody := citizen, citizen, citizen
	twin.Login, twin.TechID = "079203900012", "tech-012"
	thief.Login, thief.TechID, thief.Number, thief.Level = "079203900013", "tech-013", holder.PersonalNumber, 2
	nobody.Login, nobody.TechID, nobody.Number = "079203900014", "tech-014", ""
	platform := fedtest.StartVNeID(t, fedtest.VNeIDConfig{
		Clients: []fedtest.Client{{ID: "eidgate", Secret: vneidSecret, RedirectURIs: []string{s.Issuer + "/callback/vneid"}}},
		People:  []fedtest.Citizen{citizen, twin, thief, nobody},
	})
	at := platform.Endpoints(fedtest.DialectWSO2)
	s.reload(t, "limits:", "outbound: {allow: [\""+strings.TrimPrefix(platform.Base(), "http://")+"\"]}\nlimits:",
		"sources: [national]", "sources: [vneid]", "\nclients:", fmt.Sprintf(`
  - id: vneid
    kind: vneid
    national: true
    provision: true
    name: VNeID
    provider: Bộ Công an (giả định)
    may_assert: [1, 2]
    grants_at_most: 2
    vneid: {dialect: wso2, authorize: "%s", token: "%s", userinfo: "%s", client_id: eidgate, client_secret: %s, levels: {"1": 1, "2": 2}}
clients:`, at.Authorize, at.Token, at.UserInfo, vneidSecret))
	out, err := exec.CommandContext(t.Context(), binary, "check", "--config", s.file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "asserts [1 2], makes accounts\n") {
		t.Errorf("check says %v: %s, want that vneid makes accounts", err, out)
	}
	portal := s.party(t, s.Portals[0].ClientID)
	comes := func(who fedtest.Citizen, params ...string) (request, screen) {
		t.Helper()
		a, r := s.browser(t), portal.request(params...)
		return r, a.submit(a.get(r.address), "username", who.Login, "password", who.Password, "action", "login")
	}

	r, p := comes(citizen)
	first := portal.redeem(r, p)
	first.wants(t, acr1, "fed")
	info, err := portal.userinfo(first.access)
	must(t, err)
	if info["name"] != citizen.Name || info["eid_personal_number"] != citizen.Number || info["birthdate"] != "2003-02-01" {
		t.Errorf("userinfo = %v, want what VNeID says", info)
	}
	r, p = comes(citizen)
	if again := portal.redeem(r, p); again.Subject != first.Subject {
		t.Errorf("sub = %s, want %s as before", again.Subject, first.Subject)
	}

	platform.Tamper(fedtest.Set("loAs", "2"))
	r, p = comes(citizen, "acr_values", acr2)
	high := portal.redeem(r, p)
	if high.wants(t, acr2, "fed"); high.Subject != first.Subject {
		t.Errorf("sub = %s, want %s: one person", high.Subject, first.Subject)
	}
	platform.Tamper()

	for _, tt := range []struct {
		name, title string
		who         fedtest.Citizen
	}{
		{"the number of somebody else", "Thông tin chưa khớp", thief},
		{"a second subject of one number", "Chưa thể liên kết", twin},
		{"no number", "Chưa thể liên kết", nobody},
	} {
		if _, p := comes(tt.who); p.back != nil || p.title() != tt.title {
			t.Errorf("%s leads to %d %q, %v, want %q", tt.name, p.status, p.title(), p.back, tt.title)
		}
	}

	// VNeID says 1 again: what was given at 2 is over.
	r, p = comes(citizen)
	portal.redeem(r, p).wants(t, acr1, "fed")
	if _, err := portal.userinfo(high.access); err == nil {
		t.Error("userinfo answers to a token of Level 2 of an account that has 1")
	}
	log := s.log.String()
	for _, secret := range []string{citizen.Number, citizen.TechID, holder.PersonalNumber, "GIẢ ĐỊNH", vneidSecret} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}
