package main_test

import (
	"fmt"
	"testing"
	"time"
)

func TestPromptLogin(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	first := portal.signIn(a, d.account("002"))
	waitForNextSecond(first.AuthTime)
	r := portal.request("prompt", "login")
	p := a.get(r.address)
	if p.back != nil {
		t.Fatalf("prompt=login answers without a page: %v", p.back)
	}
	second := portal.redeem(r, a.fill(p, d.account("002")))
	if second.AuthTime <= first.AuthTime || second.Subject != first.Subject {
		t.Errorf("auth_time = %d, sub %s, want later than %d, sub %s", second.AuthTime, second.Subject, first.AuthTime, first.Subject)
	}
	// Another person may come at prompt=login: the session is theirs from then on.
	r = portal.request("prompt", "login")
	third := portal.redeem(r, a.fill(a.get(r.address), d.account("003")))
	if third.Subject == first.Subject {
		t.Errorf("another person has the same sub")
	}
	if now := portal.silent(a); now.Subject != third.Subject {
		t.Errorf("session is %s's, want %s's", now.Subject, third.Subject)
	}
}

func TestMaxAge(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	first := portal.signIn(a, d.account("002"))
	if same := portal.silent(a, "max_age", "600"); same.AuthTime != first.AuthTime {
		t.Errorf("auth_time = %d, want %d", same.AuthTime, first.AuthTime)
	}
	waitForNextSecond(first.AuthTime)
	r := portal.request("prompt", "none", "max_age", "0")
	portal.refused(r, a.get(r.address), "login_required")
	r = portal.request("max_age", "0")
	p := a.get(r.address)
	if p.back != nil {
		t.Fatalf("max_age=0 answers without a page: %v", p.back)
	}
	if again := portal.redeem(r, a.fill(p, d.account("002"))); again.AuthTime <= first.AuthTime {
		t.Errorf("auth_time = %d, want later than %d", again.AuthTime, first.AuthTime)
	}
	for _, wrong := range []string{"-1", "one", "1.5", "99999999999999999999"} {
		r = portal.request("max_age", wrong)
		portal.refused(r, a.get(r.address), "invalid_request")
	}
}

func TestPromptNone(t *testing.T) {
	d := sharedDemo(t)
	portal1, portal2 := d.party(t, "portal-1"), d.party(t, "portal-2")
	stranger := d.browser(t)
	r := portal1.request("prompt", "none")
	portal1.refused(r, stranger.get(r.address), "login_required")
	if stranger.session() != "" {
		t.Errorf("prompt=none sets a cookie on a stranger")
	}

	a := d.browser(t)
	portal1.signIn(a, d.account("001"))
	r = portal2.request("prompt", "none") // reachable by a step-up
	portal2.refused(r, a.get(r.address), "interaction_required")
	r = portal1.request("prompt", "none", "acr_values", acr2)
	portal1.refused(r, a.get(r.address), "interaction_required")
	r = portal1.request("prompt", "none login")
	portal1.refused(r, a.get(r.address), "invalid_request")

	b := d.browser(t)
	portal1.signIn(b, d.account("002"))
	r = portal2.request("prompt", "none") // out of reach
	portal2.refused(r, b.get(r.address), "unmet_authentication_requirements")
	portal1.silent(b).wants(t, acr1, "pwd")
}

func TestAskedLevels(t *testing.T) {
	d := sharedDemo(t)
	portal1, portal2 := d.party(t, "portal-1"), d.party(t, "portal-2")
	a := d.browser(t)
	portal1.signIn(a, d.account("002"))
	essential := func(values string) string {
		return fmt.Sprintf(`{"id_token":{"acr":{"essential":true,"values":[%s]}}}`, values)
	}
	// Unknown values count for nothing and are never echoed.
	portal1.silent(a, "acr_values", "urn:unknown gold").wants(t, acr1, "pwd")
	portal1.silent(a, "acr_values", "gold LoA1").wants(t, "LoA1", "pwd")
	portal1.silent(a, "claims", essential(`"gold","`+acr1+`"`)).wants(t, acr1, "pwd")
	// A voluntary claim is a wish.
	r := portal1.request("claims", `{"id_token":{"acr":{"values":["`+acr2+`"]}}}`)
	portal1.redeem(r, a.get(r.address)).wants(t, acr1, "pwd")

	for name, tt := range map[string]struct {
		portal *party
		claims string
	}{
		"essential and unknown":           {portal1, essential(`"gold"`)},
		"essential without a value":       {portal1, `{"id_token":{"acr":{"essential":true,"values":[]}}}`},
		"essential below the registered":  {portal2, essential(`"` + acr1 + `"`)},
		"essential above the account":     {portal1, essential(`"` + acr2 + `"`)},
		"essential above, as one value":   {portal1, `{"id_token":{"acr":{"essential":true,"value":"` + acr2 + `"}}}`},
		"essential in a portal's dialect": {portal1, essential(`"LoA2"`)},
	} {
		t.Run(name, func(t *testing.T) {
			r := tt.portal.request("claims", tt.claims, "prompt", "none")
			tt.portal.refused(r, a.get(r.address), "unmet_authentication_requirements")
			r = tt.portal.request("claims", tt.claims)
			p := a.get(r.address)
			if p.status != 403 {
				t.Fatalf("page is %d %q, want a refusal first", p.status, p.title())
			}
			tt.portal.refused(r, a.press(p, "action", "cancel"), "unmet_authentication_requirements")
		})
	}
	r = portal1.request("claims", `{"id_token":`)
	portal1.refused(r, a.get(r.address), "invalid_request")
}

// waitForNextSecond lets the clock leave a second behind: auth_time has no finer
// grain.
func waitForNextSecond(second int64) {
	time.Sleep(time.Until(time.Unix(second+1, 0)) + 20*time.Millisecond)
}
