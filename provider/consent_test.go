package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// The page shows what would be shared, masked where it must be, and nothing of
// what the party did not register or ask.
func TestConsentAsksOnce(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("portal")), "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusOK, "Xác nhận chia sẻ", "Trần Văn Mẫu", "nguoi-thu@example.test", "15/01/1990", "Nam", `value="decline"`)
	if strings.Contains(p.body, numberLevel1) || strings.Contains(p.body, "900000001") {
		t.Error("the page shows a whole number")
	}
	p = a.submit(p, "action", "share")
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("status %d, went to %v", p.status, p.back)
	}
	if again := a.get(w.authorizeURL("portal")); again.back == nil || !again.back.Query().Has("code") {
		t.Errorf("asked again: status %d", again.status)
	}
	if again := a.get(w.authorizeURL("portal", "prompt", "none")); again.back == nil || !again.back.Query().Has("code") {
		t.Errorf("prompt=none: %v", again.back)
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{Action: eid.ActionConsentGiven})
	must(t, err)
	if len(rows) != 1 || rows[0].Account != w.people[numberLevel1] || strings.Contains(string(rows[0].Detail), "Mẫu") || !json.Valid(rows[0].Detail) {
		t.Errorf("audit rows of the consent: %+v", rows)
	}
	// A year later the answer is old.
	w.pass(366 * 24 * time.Hour)
	b := w.browser()
	p = b.submit(b.get(w.authorizeURL("portal")), "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusOK, "Xác nhận chia sẻ")
}

func TestConsentDeclined(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("portal")), "personal_number", numberLevel1, "password", password)
	wantError(t, a.submit(p, "action", "decline"), "access_denied")
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "consent_required")
	// Nothing is shared by openid alone, so nothing is asked.
	if p := a.get(w.authorizeURL("portal", "prompt", "none", "scope", "openid")); p.back == nil || !p.back.Query().Has("code") {
		t.Errorf("scope openid: %v", p.back)
	}
	// A smaller request is a question of its own; a larger one afterwards too.
	p = a.get(w.authorizeURL("portal", "scope", "openid email"))
	wantPage(t, p, http.StatusOK, "nguoi-thu@example.test")
	if strings.Contains(p.body, "1990") {
		t.Error("the page shows data that was not asked for")
	}
	a.submit(p, "action", "share")
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none", "scope", "openid profile email")), "consent_required")
}

func TestPromptConsentAsksAgain(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	a.signIn(w.authorizeURL("portal"), numberLevel1)
	p := a.get(w.authorizeURL("portal", "prompt", "consent"))
	wantPage(t, p, http.StatusOK, "Xác nhận chia sẻ")
	if p = a.submit(p, "action", "share"); p.back == nil || !p.back.Query().Has("code") {
		t.Errorf("status %d, went to %v", p.status, p.back)
	}
}

// A party with a legal basis informs instead of asking.
func TestLegalBasisInforms(t *testing.T) {
	w := newWorld(t)
	w.registerWith(func(rp *eid.RelyingParty) { rp.Consent.LegalBasis = "Điều 1 của văn bản giả định" })
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("portal")), "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusOK, "Điều 1 của văn bản giả định")
	if strings.Contains(p.body, `value="decline"`) {
		t.Error("the page offers to decline what the law prescribes")
	}
	if p = a.submit(p, "action", "share"); p.back == nil || !p.back.Query().Has("code") {
		t.Errorf("status %d, went to %v", p.status, p.back)
	}
}

// Withdrawing takes back what was given: the question comes again and the tokens
// that shared the data end.
func TestConsentWithdrawn(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	got := w.redeem(a.signIn(w.authorizeURL("portal"), numberLevel1).back.Query().Get("code"))
	pending := a.get(w.authorizeURL("portal")).back.Query().Get("code")
	plain := w.redeem(a.get(w.authorizeURL("portal", "scope", "openid")).back.Query().Get("code"))
	must(t, w.db.WithdrawConsent(t.Context(), w.people[numberLevel1], "portal", eid.AuditEntry{
		At: w.clock(), Actor: "holder", Action: eid.ActionConsentEnded, Account: w.people[numberLevel1], Client: "portal",
	}))
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the withdrawal: %d, want 401", status)
	}
	if got := w.redeem(pending); got.Error != "invalid_grant" {
		t.Errorf("code after the withdrawal: %d %s, want invalid_grant", got.status, got.Error)
	}
	if status, _, _ := w.userinfo("Bearer " + plain.AccessToken); status != http.StatusOK {
		t.Errorf("a token that shares nothing: %d, want 200", status)
	}
	wantError(t, a.get(w.authorizeURL("portal", "prompt", "none")), "consent_required")
}

// Agreeing means what the page listed: neither more, nor the rest for longer.
func TestConsentIsForWhatWasShown(t *testing.T) {
	w := newWorld(t)
	a := w.browser()
	a.signIn(w.authorizeURL("portal", "scope", "openid profile"), numberLevel1)
	before, err := w.db.Consent(t.Context(), w.people[numberLevel1], "portal")
	must(t, err)
	w.pass(100 * 24 * time.Hour)
	p := a.get(w.authorizeURL("portal", "scope", "openid email"))
	p = a.submit(p, "personal_number", numberLevel1, "password", password)
	wantPage(t, p, http.StatusOK, "nguoi-thu@example.test")
	if p = a.submit(p, "action", "share"); p.back == nil {
		t.Fatalf("status %d", p.status)
	}
	after, err := w.db.Consent(t.Context(), w.people[numberLevel1], "portal")
	must(t, err)
	if !after.Until.Equal(before.Until) || !after.Covers([]string{"email", "name"}, w.clock()) {
		t.Errorf("consent until %v with %v, want until %v with email and name", after.Until, after.Claims, before.Until)
	}
}
