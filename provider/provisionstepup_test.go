package provider_test

import (
	"net/http"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
)

// Who was verified better meanwhile steps up in the living session: the account
// follows the platform, so what is on record of it today is no bound. Who was not
// is asked there once, and told the way.
func TestProvisionedStepUp(t *testing.T) {
	w := newProvisioned(t)
	a := w.browser()
	if p := w.comes(a, "portal"); p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("level 1: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	ask := func() page {
		t.Helper()
		offer := a.get(w.authorizeURL("portal", "acr_values", acrLevel2))
		wantPage(t, offer, http.StatusOK, "Dịch vụ này cần định danh mức 2")
		return a.submit(offer, "action", "step_up")
	}
	wantPage(t, ask(), http.StatusForbidden, "Chưa đủ mức định danh")

	w.at.say(func(said *federation.Assertion) { said.Level = eid.Level2 })
	p := a.share(ask())
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("after the verification: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	if got := w.redeem(p.back.Query().Get("code")).claims["acr"]; got != acrLevel2 {
		t.Errorf("acr = %v, want %s", got, acrLevel2)
	}
}
