package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

// TestWindowEdges walks the clock over every kind of end that a source can have, a
// second before it, at it and a second after it: for a new sign-in, a living session,
// a refresh, userinfo and introspection.
func TestWindowEdges(t *testing.T) {
	exception := func(until time.Time) *eid.NotReady {
		return &eid.NotReady{Decision: "synthetic", SignIn: true, Until: until}
	}
	for name, set := range map[string]func(rp *eid.RelyingParty, src *eid.Source, edge time.Time){
		"window of the source": func(_ *eid.RelyingParty, src *eid.Source, edge time.Time) { src.Window.Until = edge },
		"exception of an administrative portal": func(rp *eid.RelyingParty, _ *eid.Source, edge time.Time) {
			rp.Category, rp.NotReady = eid.Administrative, exception(edge)
		},
		"window before the exception's end": func(rp *eid.RelyingParty, src *eid.Source, edge time.Time) {
			rp.Category, rp.NotReady, src.Window.Until = "", exception(edge.Add(time.Hour)), edge
		},
		"exception before the window's end": func(rp *eid.RelyingParty, src *eid.Source, edge time.Time) {
			rp.Category, rp.NotReady, src.Window.Until = "", exception(edge), edge.Add(time.Hour)
		},
	} {
		for _, by := range []time.Duration{-time.Second, 0, time.Second} {
			t.Run(name+" "+by.String(), func(t *testing.T) {
				w := newWorld(t)
				edge := w.clock().Add(time.Minute)
				w.tweak = func(parties []eid.RelyingParty) { parties[0].Refresh = true }
				w.tweakSources = func(sources []eid.Source) { set(&w.parties[0], &sources[1], edge) } // parties are shared
				a, got := w.viaUpstream()
				w.pass(edge.Add(by).Sub(w.clock()))
				open := by < 0

				fresh := w.browser()
				fresh.toPortal()
				p := fresh.get(w.authorizeURL("portal"))
				if begins := strings.Contains(p.body, `name="username"`); begins != open {
					t.Errorf("a new sign-in begins %v, want %v\n%s", begins, open, p.body)
				}
				if !open {
					wantPage(t, p, http.StatusOK, "Ngừng từ "+edge.In(time.FixedZone("+07", 7*3600)).Format("02/01/2006"))
				}
				silent := a.get(w.authorizeURL("portal", "prompt", "none")).back.Query()
				if silent.Has("code") != open || !open && silent.Get("error") != "login_required" {
					t.Errorf("the living session gives %v, want a code %v", silent, open)
				}
				introspected := w.backChannel("/introspect", tokenForm(got.AccessToken), asPortal)
				if introspected.json["active"] != open {
					t.Errorf("introspection says active %v, want %v", introspected.json["active"], open)
				}
				if w.active(got.AccessToken) != open {
					t.Errorf("userinfo is open %v, want %v", !open, open)
				}
				again := w.refresh(got.RefreshToken)
				if (again.status == http.StatusOK) != open || !open && again.Error != "invalid_grant" {
					t.Errorf("refresh = %d %s, want it to work %v", again.status, again.Error, open)
				}
				if open && again.claims["acr"] != got.claims["acr"] {
					t.Errorf("acr after a refresh = %v, want %v as granted", again.claims["acr"], got.claims["acr"])
				}
			})
		}
	}
}

// TestDecliningCeiling walks over a date of grants_at_most: what is above it ends, and
// what was never above goes on.
func TestDecliningCeiling(t *testing.T) {
	for _, by := range []time.Duration{-time.Second, 0, time.Second} {
		t.Run(by.String(), func(t *testing.T) {
			w := newWorld(t)
			edge := w.clock().Add(2 * time.Minute)
			w.tweak = func(parties []eid.RelyingParty) { parties[0].Refresh = true }
			w.tweakSources = func(sources []eid.Source) {
				sources[0].GrantsAtMost = append(sources[0].GrantsAtMost, eid.Ceiling{From: edge, Level: eid.Level1})
			}
			w.register()
			a := w.browser()
			high := w.redeem(a.signIn(w.authorizeURL("portal", "acr_values", "LoA2"), numberLevel2).back.Query().Get("code"))
			low := w.redeem(a.get(w.authorizeURL("portal", "acr_values", "LoA1")).back.Query().Get("code"))
			if high.claims["acr"] != "LoA2" || low.claims["acr"] != "LoA1" {
				t.Fatalf("acr = %v and %v, want LoA2 and LoA1", high.claims["acr"], low.claims["acr"])
			}
			w.pass(edge.Add(by).Sub(w.clock()))
			before := by < 0
			if w.active(high.AccessToken) != before || !w.active(low.AccessToken) {
				t.Errorf("userinfo: level 2 is open %v, level 1 %v; want %v and true", w.active(high.AccessToken), w.active(low.AccessToken), before)
			}
			if got := w.backChannel("/introspect", tokenForm(high.AccessToken), asPortal); got.json["active"] != before {
				t.Errorf("introspection says active %v, want %v", got.json["active"], before)
			}
			back := a.get(w.authorizeURL("portal", "prompt", "none", "acr_values", "LoA2")).back.Query()
			if back.Has("code") != before {
				t.Errorf("the session gives %v for level 2, want a code %v", back, before)
			}
			if back := a.get(w.authorizeURL("portal", "prompt", "none", "acr_values", "LoA1")).back.Query(); !back.Has("code") {
				t.Errorf("the session gives %v for level 1, want a code", back)
			}
			if got := w.refresh(high.RefreshToken); (got.status == http.StatusOK) != before || got.claims["acr"] == "LoA1" {
				t.Errorf("refresh at level 2 = %d %s with acr %v, want it to work %v and never to change its level", got.status, got.Error, got.claims["acr"], before)
			}
			if got := w.refresh(low.RefreshToken); got.status != http.StatusOK || got.claims["acr"] != "LoA1" {
				t.Errorf("refresh at level 1 = %d %s with acr %v, want it to go on", got.status, got.Error, got.claims["acr"])
			}
		})
	}
}

// TestMaintenance keeps sign-ins from being begun, and leaves alone what was proved
// before and what is under way.
func TestMaintenance(t *testing.T) {
	for _, by := range []time.Duration{-time.Second, 0, time.Second, time.Hour - time.Second, time.Hour, time.Hour + time.Second} {
		t.Run(by.String(), func(t *testing.T) {
			w := newWorld(t)
			edge := w.clock().Add(time.Minute)
			w.tweakSources = func(sources []eid.Source) {
				sources[1].Maintenance = []eid.Window{{From: edge, Until: edge.Add(time.Hour)}}
			}
			a, _ := w.viaUpstream()
			w.pass(edge.Add(by).Sub(w.clock()))
			works := by < 0 || by >= time.Hour
			fresh := w.browser()
			fresh.toPortal()
			p := fresh.get(w.authorizeURL("portal"))
			if begins := strings.Contains(p.body, `name="username"`); begins != works {
				t.Errorf("a new sign-in begins %v, want %v", begins, works)
			}
			if !works {
				until := edge.Add(time.Hour).In(time.FixedZone("+07", 7*3600)).Format("15:04 ngày 02/01/2006")
				wantPage(t, p, http.StatusOK, "Bảo trì đến "+until)
				id := p.href("why=upstream")
				wantPage(t, fresh.get(w.server.URL+id), http.StatusOK, "Cách đăng nhập này đang bảo trì", "sau "+until)
			}
			if by < time.Hour/2 { // an hour later the session went idle by itself
				if back := a.get(w.authorizeURL("portal", "prompt", "none")).back.Query(); !back.Has("code") {
					t.Errorf("the living session gives %v, want a code", back)
				}
			}
		})
	}
}
