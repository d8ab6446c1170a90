package provider_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// TestRow34: from one date until before another, a portal that is not yet ready goes on
// taking the identities of providers connected to the exchange, and nobody else does.
// What comes so is labelled by its provider, wherever it is told. The national identity
// works for all of them, at any time.
func TestRow34(t *testing.T) {
	const decision = "34/2021/QĐ-TTg"
	for name, tt := range map[string]struct {
		category eid.Category
		notReady *eid.NotReady
		takes    bool
	}{
		"not ready":                         {eid.Administrative, &eid.NotReady{Decision: decision, SignIn: true}, true},
		"not ready, by no decision":         {eid.Administrative, &eid.NotReady{SignIn: true}, false},
		"not ready, for new accounts alone": {eid.Administrative, &eid.NotReady{Decision: decision}, false},
		"ready":                             {eid.Administrative, nil, false},
		"of no category":                    {"", nil, false},
		"whose owner decides":               {eid.OtherCategory, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newCrossroads(t, nil)
			b.links(sourceOld, thu, eid.Level1)
			b.links(sourceMPS, thu, eid.Level2)
			begins, ends := b.clock().Add(time.Hour), b.clock().Add(2*time.Hour)
			b.parties[0].Category, b.parties[0].NotReady = tt.category, tt.notReady
			b.arranged(func(old, _ *eid.Source) { old.Window = eid.Window{From: begins, Until: ends} })
			for _, at := range []time.Time{begins.Add(-time.Second), begins, ends.Add(-time.Second), ends, ends.Add(time.Second)} {
				b.pass(at.Sub(b.clock()))
				a := b.browser()
				p := a.get(b.asks("portal", "scope", "openid eid"))
				open := tt.takes && !at.Before(begins) && at.Before(ends)
				if p.at() == "" {
					p = a.submit(p, "source", sourceOld)
				}
				if led := p.at() == sourceOld; led != open {
					t.Errorf("at %v from the end: it leads to the legacy provider %v, want %v", at.Sub(ends), led, open)
				}
				if !open {
					national := b.browser()
					p := national.get(b.asks("portal", "scope", "openid"))
					if p.at() == "" {
						p = national.submit(p, "source", sourceMPS)
					}
					if p = national.proves(p, thu, "2"); p.code() == "" {
						t.Errorf("at %v from the end: the national identity gets %d, want a code", at.Sub(ends), p.status)
					}
					continue
				}
				got := b.redeem(a.share(a.proves(p, thu, "1")).code())
				if _, _, info := b.userinfo("Bearer " + got.AccessToken); info["eid_source"] != sourceOld {
					t.Errorf("userinfo says the source %v, want %s", info["eid_source"], sourceOld)
				}
				rows, err := b.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionGrantIssued, Account: thu.account(b.world)})
				must(t, err)
				var g eid.Grant
				must(t, json.Unmarshal(rows[len(rows)-1].Detail, &g))
				if g.Source != sourceOld || g.ACR.Level != eid.Level1 {
					t.Errorf("the audit says %s at %v, want %s at 1", g.Source, g.ACR.Level, sourceOld)
				}
				if at.Equal(begins) {
					continue // what was given at the last second ends at the end, below
				}
				b.pass(time.Second)
				if status, _, _ := b.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
					t.Errorf("userinfo at the end = %d, want 401", status)
				}
				if again := b.refresh(got.RefreshToken); again.Error != "invalid_grant" {
					t.Errorf("refresh at the end = %d %s, want invalid_grant", again.status, again.Error)
				}
				b.pass(-time.Second)
			}
		})
	}
}
