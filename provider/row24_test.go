package provider_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// TestRow24TheServiceChoosesTheLevel: what a service registered and what its request asks
// for hold together. Nobody gets in below it, and nobody gets in quietly at less: the
// holder reads how to get there, and the service its own error.
func TestRow24TheServiceChoosesTheLevel(t *testing.T) {
	const nothing = ""
	tests := []struct {
		name, client, asked, number string
		acr                         string // what the token says; empty: refused
	}{
		{"nothing asked of one who has 1", "portal", nothing, numberLevel1, acrLevel1},
		{"1 asked of one who has 2", "portal", acrLevel1, numberLevel2, acrLevel1},
		{"2 asked of one who has 2", "portal", acrLevel2, numberLevel2, acrLevel2},
		{"2 asked in the portal's own words", "portal", "LoA2", numberLevel2, "LoA2"},
		{"2 before 1 asked of one who has 1", "portal", acrLevel2 + " " + acrLevel1, numberLevel1, acrLevel1},
		{"2 asked of one who has 1", "portal", acrLevel2, numberLevel1, nothing},
		{"2 registered, of one who has 1", "high", nothing, numberLevel1, nothing},
		{"2 registered and 1 asked of one who has 1", "high", acrLevel1, numberLevel1, nothing},
		{"2 registered and 1 asked of one who has 2", "high", acrLevel1, numberLevel2, acrLevel2},
		{"2 registered and what is unknown asked of one who has 1", "high", "urn:vn:eid:level:0", numberLevel1, nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.browser()
			address := w.authorizeURL(tt.client, "scope", "openid", "acr_values", tt.asked)
			p := a.signIn(address, tt.number)
			if tt.acr != nothing {
				var got tokens
				if tt.client == "high" {
					got = w.redeem(w.codeOf(p), "client_id", "high", "redirect_uri", "https://high.example.test/cb")
				} else {
					got = w.redeem(w.codeOf(p))
				}
				if got.claims["acr"] != tt.acr {
					t.Errorf("acr = %v, want %s", got.claims["acr"], tt.acr)
				}
				return
			}
			wantPage(t, p, http.StatusForbidden, "Chưa đủ mức định danh", "Dịch vụ cần định danh mức 2", "công an xã, phường", "quay lại dịch vụ này")
			wantError(t, a.submit(p, "action", "cancel"), "unmet_authentication_requirements")
			wantError(t, a.get(w.authorizeURL(tt.client, "scope", "openid", "acr_values", tt.asked, "prompt", "none")), "unmet_authentication_requirements")
			rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionGrantIssued})
			must(t, err)
			if len(rows) != 0 {
				t.Errorf("%d grants were issued, want none", len(rows))
			}
		})
	}
}

// A service that raises its minimum is not served by what was given before: refreshing
// ends, and a living session at the old level is stepped up or refused.
func TestRow24TheMinimumIsRaised(t *testing.T) {
	w := newWorld(t)
	w.alsoRefreshing("portal")
	a := w.browser()
	got := w.redeem(w.codeOf(a.signIn(w.authorizeURL("portal", "scope", "openid"), numberLevel1)))
	w.registerWith(func(rp *eid.RelyingParty) { rp.Levels.Minimum, rp.Refresh = eid.Level2, true })
	w.pass(2 * time.Second)
	if again := w.refresh(got.RefreshToken); again.Error != "invalid_grant" {
		t.Errorf("refresh = %d %s, want invalid_grant", again.status, again.Error)
	}
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo = %d, want 401", status)
	}
	wantPage(t, a.get(w.authorizeURL("portal", "scope", "openid")), http.StatusForbidden, "Chưa đủ mức định danh")
}

// TestRow25AdministrativeTakesTheNationalIdentity: for administrative procedures only the
// identity of the Ministry of Public Security counts, however somebody comes with another:
// chosen, hinted at, posted by hand, or proved at another service just before.
func TestRow25AdministrativeTakesTheNationalIdentity(t *testing.T) {
	b := newCrossroads(t, nil)
	b.parties[0].Category, b.parties[1].Category = eid.Administrative, eid.OtherCategory
	b.parties[1].Levels.Minimum = eid.Level1
	b.arranged(nil)
	b.links(sourceOld, thu, eid.Level1)
	b.links(sourceMPS, thu, eid.Level2)

	// One source is left, so there is no page of choices; asking for the other changes nothing.
	for _, hint := range []string{"", sourceOld} {
		if p := b.browser().get(b.asks("portal", "idp_hint", hint)); p.at() != sourceMPS {
			t.Errorf("idp_hint %q leads to %q, want %s", hint, p.at(), sourceMPS)
		}
	}
	// A session of the legacy provider, from a service whose owner takes it.
	a := b.browser()
	p := a.get(b.asks("high"))
	if p = a.submit(p, "source", sourceOld); p.at() != sourceOld {
		t.Fatalf("the service whose owner decides leads to %q, want %s", p.at(), sourceOld)
	}
	if p = a.proves(p, thu, "1"); p.code() == "" {
		t.Fatalf("no code there: %d", p.status)
	}
	if got := b.silent(a, "portal"); got.Get("code") != "" || got.Get("error") == "" {
		t.Errorf("an administrative service takes that session: %v", got)
	}
	p = a.get(b.asks("portal"))
	if strings.Contains(p.body, `action="/login"`) {
		p = a.submit(p, "source", sourceOld) // by hand: no page offers it
	}
	if p.at() == sourceOld || p.code() != "" {
		t.Errorf("source posted by hand leads to %q with code %q", p.at(), p.code())
	}
	c := b.browser()
	p = c.proves(c.get(b.asks("portal")), thu, "2")
	if p.code() == "" {
		t.Errorf("the national identity gets %d, want a code", p.status)
	}
}

// TestRow26TheOwnerDecides: elsewhere the owner says which sources are taken, and in which
// order; what is not on the list does not count, the national identity included.
func TestRow26TheOwnerDecides(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sources []string
	}{
		{"both", []string{sourceOld, sourceMPS}},
		{"the legacy one alone", []string{sourceOld}},
		{"the national one alone", []string{sourceMPS}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newCrossroads(t, nil)
			b.links(sourceOld, thu, eid.Level1)
			b.links(sourceMPS, thu, eid.Level2)
			b.restricts("portal", tt.sources...)
			for _, source := range []string{sourceOld, sourceMPS} {
				a := b.browser()
				p := a.get(b.asks("portal"))
				if p.at() == "" {
					p = a.submit(p, "source", source)
				}
				taken := slices.Contains(tt.sources, source)
				if got := p.at() == source; got != taken {
					t.Errorf("%s is taken %v, want %v", source, got, taken)
					continue
				}
				if !taken {
					continue
				}
				if p = a.proves(p, thu, "1"); p.code() == "" {
					t.Errorf("%s brings no code: %d", source, p.status)
				}
			}
		})
	}
}

// TestRow27AllowedWithADecision: a source joins and leaves the list of one service by a
// decision, which stays on record with it. Others are not touched, and what was given
// through a source that left does not count any more.
func TestRow27AllowedWithADecision(t *testing.T) {
	b := newCrossroads(t, nil)
	b.links(sourceOld, thu, eid.Level1)
	dated := time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC)
	b.parties[0].Tier, b.parties[1].Levels.Minimum = "province", eid.Level1
	b.parties[0].SourceDecisions = map[string]eid.Decision{sourceOld: {Reference: "QĐ-12/GIẢ-ĐỊNH", Date: dated}}
	b.arranged(nil)
	rp, err := b.db.RelyingParty(t.Context(), "portal")
	must(t, err)
	if got := rp.SourceDecisions[sourceOld]; rp.Tier != "province" || got.Reference != "QĐ-12/GIẢ-ĐỊNH" || !got.Date.Equal(dated) {
		t.Errorf("on record: tier %q, decision %+v", rp.Tier, got)
	}
	a := b.browser()
	got := b.enters(a, thu)
	b.restricts("portal", sourceMPS)
	if status, _, _ := b.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo through a source that left = %d, want 401", status)
	}
	if answer := b.silent(a, "portal"); answer.Get("code") != "" {
		t.Error("a session through a source that left brings a code")
	}
	// The other service still has it on its list.
	c := b.browser()
	p := c.submit(c.get(b.asks("high")), "source", sourceOld)
	if p.at() != sourceOld {
		t.Fatalf("at the other service it leads to %q, want %s", p.at(), sourceOld)
	}
	if p = c.proves(p, thu, "1"); p.code() == "" {
		t.Errorf("the other service gets %d, want a code", p.status)
	}
}

// restricts gives one party another list of sources.
func (b *crossroads) restricts(client string, sources ...string) {
	b.t.Helper()
	for i := range b.parties {
		if b.parties[i].ID == client {
			b.parties[i].Sources = sources
		}
	}
	registered, err := b.db.Sources(b.t.Context())
	must(b.t, err)
	must(b.t, b.db.ApplyRegistrations(b.t.Context(), b.parties, registered, "file", "system"))
	b.pass(2 * time.Second)
}
