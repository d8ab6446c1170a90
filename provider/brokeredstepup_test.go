package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

const (
	titleStepUp = "Dịch vụ này cần định danh mức 2"
	titleTooLow = "Chưa đủ mức định danh"
	titleChoose = "Chọn tài khoản để đăng nhập"
)

const essential2 = `{"id_token":{"acr":{"essential":true,"value":"` + acrLevel2 + `"}}}`

// bridgedWays are how a holder of Level 2 who came through a legacy provider can be
// known at the national source.
var bridgedWays = []struct {
	name   string
	who    person
	before func(b *crossroads)
	source func(old, mps *eid.Source)
}{
	{"linked there", thu, func(b *crossroads) { b.links(sourceMPS, thu, eid.Level2) }, nil},
	{"linked there by the first sign-in", cau, func(*crossroads) {}, func(_, mps *eid.Source) { mps.Provision = true }},
}

// TestBrokeredStepUp: a session at Level 1 through a legacy provider goes to the
// national one, comes back as the same person, and is raised. The session, its name
// at each portal and the tokens of before stay; the cookie is another one; the level
// ages back.
func TestBrokeredStepUp(t *testing.T) {
	for _, way := range bridgedWays {
		t.Run(way.name, func(t *testing.T) {
			b := newCrossroads(t, way.source)
			b.links(sourceOld, way.who, eid.Level1)
			way.before(b)
			a := b.browser()
			first := b.enters(a, way.who)
			if first.claims["acr"] != acrLevel1 {
				t.Fatalf("acr = %v, want %s", first.claims["acr"], acrLevel1)
			}
			for what, got := range map[string]string{
				"high":                 b.silent(a, "high").Get("error"),
				"portal, essential":    b.silent(a, "portal", "claims", essential2).Get("error"),
				"portal, acr_values":   b.silent(a, "portal", "acr_values", acrLevel2).Get("error"),
				"portal, alias asked":  b.silent(a, "portal", "acr_values", "LoA2").Get("error"),
				"portal, a wrong hint": b.silent(a, "portal", "acr_values", acrLevel2+" nonsense").Get("error"),
			} {
				if got != "interaction_required" {
					t.Errorf("%s: prompt=none before = %q, want interaction_required", what, got)
				}
			}

			before := a.held()
			offer := a.get(b.asks("high"))
			wantPage(t, offer, http.StatusOK, titleStepUp, "Quý vị vẫn đăng nhập ở nơi khác.")
			if strings.Contains(offer.body, way.who.number) {
				t.Error("the page shows the whole number")
			}
			b.pass(time.Minute)
			there := a.submit(offer, "action", "step_up")
			if there.at() != sourceMPS || !b.mps.fresh.Load() {
				t.Fatalf("the step-up leads to %q, fresh %v; want %s, which signs in anew\n%s", there.at(), b.mps.fresh.Load(), sourceMPS, there.body)
			}
			p := a.proves(there, way.who, "2")
			if p.code() == "" || p.back.Host != "high.example.test" {
				t.Fatalf("after the proof: %d, back %v, want a code\n%s", p.status, p.back, p.body)
			}
			high := b.redeemHigh(p.code())
			if high.claims["acr"] != acrLevel2 || high.claims["auth_time"].(float64) <= first.claims["auth_time"].(float64) {
				t.Errorf("acr %v at %v, want %s, later than %v", high.claims["acr"], high.claims["auth_time"], acrLevel2, first.claims["auth_time"])
			}
			if a.held() == before {
				t.Error("the cookie did not change")
			}
			if !b.active(first.AccessToken) {
				t.Error("the token of the other portal ended")
			}
			refreshed := b.refresh(first.RefreshToken)
			for _, claim := range []string{"sub", "acr", "auth_time", "sid"} {
				if refreshed.claims[claim] != first.claims[claim] {
					t.Errorf("%s after a refresh at the other portal = %v, want %v as granted", claim, refreshed.claims[claim], first.claims[claim])
				}
			}
			again := b.redeem(b.silent(a, "portal").Get("code"))
			for _, claim := range []string{"sub", "sid"} {
				if again.claims[claim] != first.claims[claim] {
					t.Errorf("%s at the first portal = %v, want %v as before", claim, again.claims[claim], first.claims[claim])
				}
			}
			asked := b.redeem(b.silent(a, "portal", "claims", essential2).Get("code"))
			if asked.claims["acr"] != acrLevel2 {
				t.Errorf("essential acr after the step-up = %v, want %s", asked.claims["acr"], acrLevel2)
			}

			b.pass(lately)
			b.silent(a, "portal")
			b.pass(lately)
			b.silent(a, "portal")
			if got := b.silent(a, "high"); !got.Has("code") {
				t.Errorf("28 minutes later: %v, want a code", got)
			}
			b.pass(2*time.Minute + time.Second)
			if got := b.silent(a, "high").Get("error"); got != "interaction_required" {
				t.Errorf("30 minutes and more later: %q, want interaction_required", got)
			}
			if got := b.silent(a, "portal"); !got.Has("code") {
				t.Errorf("Level 1 once the proof is old: %v, want a code", got)
			}
			wantPage(t, a.get(b.asks("high")), http.StatusOK, titleStepUp)
		})
	}
}

// TestBrokeredStepUpAsAnother: whoever else comes back from the national source
// changes nothing: not the session, not its tokens, and no account or link is made.
// The page says so and names nobody; another try is free.
func TestBrokeredStepUpAsAnother(t *testing.T) {
	for _, way := range bridgedWays {
		for _, other := range []struct {
			name   string
			who    person
			before func(b *crossroads)
		}{
			{"a person with an account", person{"thu", "", thu.said}, func(b *crossroads) { b.links(sourceMPS, thu, eid.Level2) }},
			{"whom nobody knows", nobody, func(*crossroads) {}},
		} {
			if way.who.name == other.who.name {
				other.who = cau
				other.before = func(b *crossroads) { b.links(sourceMPS, cau, eid.Level2) }
			}
			t.Run(way.name+", "+other.name, func(t *testing.T) {
				b := newCrossroads(t, way.source)
				b.links(sourceOld, way.who, eid.Level1)
				way.before(b)
				other.before(b)
				a := b.browser()
				first := b.enters(a, way.who)
				cookie, rows := a.held(), b.rows(eid.ActionLinkCreated)+b.rows(eid.ActionAccountCreated)
				offer := a.get(b.asks("high"))
				p := a.proves(a.submit(offer, "action", "step_up"), other.who, "2")
				wantTitle := titleOtherPerson
				if other.who.name == nobody.name && way.source == nil {
					wantTitle = titleNotLinked // such a source takes nobody in
				}
				if p.back != nil || !strings.Contains(p.body, wantTitle) {
					t.Fatalf("page = %d, back %v, want %q\n%s", p.status, p.back, wantTitle, p.body)
				}
				for _, word := range []string{"Phạm Thị", "Nguyễn Thị", "LÊ THỊ", other.who.said.Number} {
					if strings.Contains(p.body, word) {
						t.Errorf("the page shows %q", word)
					}
				}
				if got := b.rows(eid.ActionLinkCreated) + b.rows(eid.ActionAccountCreated); got != rows {
					t.Errorf("%d accounts and links were made, want none", got-rows)
				}
				if a.held() != cookie {
					t.Error("the cookie changed")
				}
				again := b.redeem(b.silent(a, "portal").Get("code"))
				for _, claim := range []string{"sub", "sid", "acr", "auth_time"} {
					if again.claims[claim] != first.claims[claim] {
						t.Errorf("%s = %v, want %v as before", claim, again.claims[claim], first.claims[claim])
					}
				}
				if !b.active(first.AccessToken) {
					t.Error("the token of before ended")
				}
				if got := b.silent(a, "high").Get("error"); got != "interaction_required" {
					t.Errorf("prompt=none at Level 2 = %q, want interaction_required", got)
				}
				if wantTitle == titleNotLinked {
					return // the refusal offers the choice instead
				}
				p = a.submit(p, "action", "retry")
				if strings.Contains(p.body, titleStepUp) {
					p = a.submit(p, "action", "step_up")
				}
				p = a.proves(p, way.who, "2")
				if got := b.redeemHigh(p.code()); got.claims["acr"] != acrLevel2 {
					t.Errorf("after another try: acr %v, want %s", got.claims["acr"], acrLevel2)
				}
			})
		}
	}
}

// links0 counts the audit rows of an action.
func (b *crossroads) rows(action string) int {
	b.t.Helper()
	rows, err := b.db.Audit(b.t.Context(), sqlstore.AuditFilter{Action: action})
	must(b.t, err)
	return len(rows)
}

// TestBrokeredStepUpThatGivesNothing: the source states Level 1, declines, or does not
// answer. The session stays what it is, the way is said, and nothing runs in circles.
func TestBrokeredStepUpThatGivesNothing(t *testing.T) {
	for _, way := range bridgedWays {
		begin := func(t *testing.T) (*crossroads, *agent, page) {
			t.Helper()
			b := newCrossroads(t, way.source)
			b.links(sourceOld, way.who, eid.Level1)
			way.before(b)
			a := b.browser()
			b.enters(a, way.who)
			return b, a, a.get(b.asks("high"))
		}
		still := func(t *testing.T, b *crossroads, a *agent) {
			t.Helper()
			if got := b.silent(a, "portal"); !got.Has("code") {
				t.Errorf("the session gives %v, want a code", got)
			}
			if got := b.silent(a, "high").Get("error"); got != "interaction_required" {
				t.Errorf("prompt=none at Level 2 = %q, want interaction_required", got)
			}
		}
		t.Run(way.name+", Level 1", func(t *testing.T) {
			b, a, offer := begin(t)
			p := a.proves(a.submit(offer, "action", "step_up"), way.who, "1")
			wantPage(t, p, http.StatusForbidden, titleTooLow)
			wantError(t, a.submit(p, "action", "cancel"), "unmet_authentication_requirements")
			still(t, b, a)
		})
		t.Run(way.name+", declined", func(t *testing.T) {
			b, a, offer := begin(t)
			p := a.proves(a.submit(offer, "action", "step_up"), person{name: "declines"}, "2")
			wantPage(t, p, http.StatusOK, titleChoose, "VNeID (giả định)")
			p = a.proves(a.submit(p, "source", sourceMPS), way.who, "2")
			if got := b.redeemHigh(p.code()); got.claims["acr"] != acrLevel2 {
				t.Errorf("after another try: acr %v, want %s", got.claims["acr"], acrLevel2)
			}
		})
		t.Run(way.name+", down", func(t *testing.T) {
			b, a, offer := begin(t)
			b.mps.rests.Store(true)
			p := a.submit(offer, "action", "step_up")
			if p.back != nil || p.status >= http.StatusInternalServerError {
				t.Fatalf("a source that is down: %d, back %v\n%s", p.status, p.back, p.body)
			}
			wantError(t, a.submit(p, "action", "cancel"), "access_denied")
			still(t, b, a)
			b.mps.rests.Store(false)
		})
		t.Run(way.name+", cancelled on the page", func(t *testing.T) {
			b, a, offer := begin(t)
			wantError(t, a.submit(offer, "action", "cancel"), "access_denied")
			still(t, b, a)
		})
		t.Run(way.name+", offered and stayed", func(t *testing.T) {
			b, a, _ := begin(t)
			offer := a.get(b.asks("portal", "acr_values", acrLevel2+" "+acrLevel1))
			p := a.submit(offer, "action", "stay")
			if got := b.redeem(p.code()); got.claims["acr"] != acrLevel1 {
				t.Errorf("acr = %v, want %s", got.claims["acr"], acrLevel1)
			}
			still(t, b, a)
		})
	}
}

// TestBrokeredStepUpInTwoTabs: two tabs go up at once. The first raises the session;
// the second finds it raised, or proves once more; neither costs the other anything.
func TestBrokeredStepUpInTwoTabs(t *testing.T) {
	for _, way := range bridgedWays {
		t.Run(way.name, func(t *testing.T) {
			b := newCrossroads(t, way.source)
			b.links(sourceOld, way.who, eid.Level1)
			way.before(b)
			a := b.browser()
			first := b.enters(a, way.who)
			offers := [2]page{a.get(b.asks("high")), a.get(b.asks("high", "state", "second"))}
			there := [2]page{a.submit(offers[0], "action", "step_up"), a.submit(offers[1], "action", "step_up")}
			one := b.redeemHigh(a.proves(there[0], way.who, "2").code())
			// The first tab's way back, asked for again, is used up.
			wantPage(t, a.proves(there[0], way.who, "2"), http.StatusBadRequest)
			two := a.proves(there[1], way.who, "2")
			if two.code() == "" || two.back.Query().Get("state") != "second" {
				t.Fatalf("the second tab: %d, back %v, want its code\n%s", two.status, two.back, two.body)
			}
			got := b.redeemHigh(two.code())
			if one.claims["sub"] != got.claims["sub"] || one.claims["sid"] != got.claims["sid"] || got.claims["acr"] != acrLevel2 {
				t.Errorf("two tabs got %v and %v, want one session of one person at Level 2", one.claims, got.claims)
			}
			if !b.active(first.AccessToken) || !b.active(one.AccessToken) {
				t.Error("a token of before ended")
			}
			// A third tab whose offer was shown before finds the session raised already.
			third := a.submit(a.get(b.asks("high", "prompt", "consent")), "action", "share")
			if third.code() == "" {
				t.Errorf("the session raised in another tab: %d, back %v, want a code", third.status, third.back)
			}
		})
	}
}

// TestBrokeredStepUpFromAnotherBrowser: what comes back from the source counts in the
// browser that went there, and nowhere else.
func TestBrokeredStepUpFromAnotherBrowser(t *testing.T) {
	b := newCrossroads(t, nil)
	b.links(sourceOld, thu, eid.Level1)
	b.links(sourceMPS, thu, eid.Level2)
	a, other := b.browser(), b.browser()
	b.enters(a, thu)
	b.enters(other, thu)
	there := a.submit(a.get(b.asks("high")), "action", "step_up")
	wantPage(t, other.proves(there, thu, "2"), http.StatusBadRequest)
	if got := b.silent(other, "high").Get("error"); got != "interaction_required" {
		t.Errorf("the other browser: %q, want interaction_required", got)
	}
	if got := b.silent(a, "high").Get("error"); got != "interaction_required" {
		t.Errorf("the browser that went there, before it came back: %q, want interaction_required", got)
	}
}

// TestNoStepUpWithoutAWay: who is neither linked at the national source nor brought by
// it is refused before a page sends them there in vain.
func TestNoStepUpWithoutAWay(t *testing.T) {
	for name, tt := range map[string]struct {
		source func(old, mps *eid.Source)
		before func(b *crossroads)
	}{
		"it brings nobody":   {nil, func(*crossroads) {}},
		"a legacy one would": {func(_, mps *eid.Source) { mps.Provision, mps.National = true, false }, func(*crossroads) {}},
		"it is compared":     {func(_, mps *eid.Source) { mps.Provision, mps.Reconcile = true, true }, func(*crossroads) {}},
		"its window is over": {func(_, mps *eid.Source) { mps.Provision, mps.Window.Until = true, mps.Window.From.AddDate(0, 1, 0) }, func(*crossroads) {}},
		"it grants Level 1":  {func(_, mps *eid.Source) { mps.Provision, mps.GrantsAtMost[0].Level = true, eid.Level1 }, func(*crossroads) {}},
		"another link, at 1": {func(_, mps *eid.Source) { mps.Provision = true }, func(b *crossroads) { b.links(sourceMPS, cau, eid.Level1) }},
		"it was switched off": {func(_, mps *eid.Source) { mps.Provision = true }, func(b *crossroads) {
			b.switched(sourceMPS, true)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newCrossroads(t, tt.source)
			b.links(sourceOld, cau, eid.Level1)
			tt.before(b)
			a := b.browser()
			b.enters(a, cau)
			wantPage(t, a.get(b.asks("high")), http.StatusForbidden)
			if got := b.silent(a, "high").Get("error"); got != "unmet_authentication_requirements" {
				t.Errorf("prompt=none = %q, want unmet_authentication_requirements", got)
			}
		})
	}
}
