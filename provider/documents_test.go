package provider_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/provider"
	"eidgate/store/sqlstore"
)

const (
	licenceNumber = "790000000123"
	healthNumber  = "DN4790000000456"

	licenceScope = "eid_driving_licence"
	healthScope  = "eid_health_insurance"
)

// papers are documents in memory: what officers compared is written by another package.
type papers map[eid.AccountID][]eid.Document

var _ provider.Documents = papers(nil)

func (p papers) Documents(_ context.Context, id eid.AccountID) ([]eid.Document, error) {
	return slices.Clone(p[id]), nil
}

// newPapers makes a world whose portal registered all documents, and whose person of
// level 2 has two of them.
func newPapers(t *testing.T) (*world, papers) {
	t.Helper()
	all := papers{}
	w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { d.Documents = all })
	w.registerWith(allDocuments)
	verified := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	all[w.people[numberLevel2]] = []eid.Document{
		{ID: "a", Kind: eid.DrivingLicence, Number: eid.NewSecret(licenceNumber), Issuer: "Sở Giao thông vận tải", ExpiresOn: "2046-01-02", VerifiedAt: verified, VerifiedBy: "officer"},
		{ID: "b", Kind: eid.HealthInsurance, Number: eid.NewSecret(healthNumber), Issuer: "Bảo hiểm xã hội", VerifiedAt: verified, VerifiedBy: "officer"},
	}
	return w, all
}

func allDocuments(rp *eid.RelyingParty) {
	for _, kind := range eid.DocumentKinds() {
		rp.Scopes = append(slices.Clip(rp.Scopes), kind.Claim())
	}
}

const documentsAsked = "openid profile eid_driving_licence eid_health_insurance"

// asksDocuments is a request at level 2 for two documents, and the page that it leads
// the holder to.
func (a *agent) asksDocuments(changes ...string) page {
	a.w.t.Helper()
	p := a.get(a.w.authorizeURL("portal", append([]string{"scope", documentsAsked, "acr_values", "LoA2"}, changes...)...))
	if strings.Contains(p.body, `name="personal_number"`) {
		p = a.submit(p, "personal_number", numberLevel2, "password", password)
	}
	if strings.Contains(p.body, `name="code"`) {
		p = a.submit(p, "code", a.w.code())
	}
	return p
}

// ticks agrees, with these boxes ticked.
func (a *agent) ticks(p page, documents ...string) page {
	a.w.t.Helper()
	form := url.Values{"action": {"share"}, "document": documents}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	return a.post(a.w.server.URL+"/login", form)
}

func (w *world) codeOf(p page) string {
	w.t.Helper()
	if p.back == nil || p.back.Query().Get("code") == "" {
		w.t.Fatalf("no code: status %d, back %v\n%s", p.status, p.back, p.body)
	}
	return p.back.Query().Get("code")
}

func (w *world) wantDocuments(token string, want ...string) map[string]any {
	w.t.Helper()
	status, _, claims := w.userinfo("Bearer " + token)
	if status != http.StatusOK {
		w.t.Fatalf("userinfo answers %d", status)
	}
	var got []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		for _, kind := range eid.DocumentKinds() {
			if name == kind.Claim() {
				got = append(got, name)
			}
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("userinfo has the documents %q, want %q", got, want)
	}
	return claims
}

// Each document has a scope and an answer of its own; nothing is ticked for anybody,
// and what is not ticked is not shared.
func TestRow15EachDocumentIsAskedForAlone(t *testing.T) {
	w, _ := newPapers(t)
	a := w.browser()
	p := a.asksDocuments()
	wantPage(t, p, http.StatusOK, "Giấy phép lái xe", "Thẻ bảo hiểm y tế", "Sở Giao thông vận tải", "••• 123", "04/05/2026", "02/01/2046")
	for _, never := range []string{licenceNumber, healthNumber, "checked", "Sổ bảo hiểm xã hội"} {
		if strings.Contains(p.body, never) {
			t.Errorf("the page has %q", never)
		}
	}
	// A box that the page did not have does not count.
	got := w.redeem(w.codeOf(a.ticks(p, licenceScope, "eid_social_insurance", "eid_personal_number")))
	if want := "openid profile " + licenceScope; got.Scope != want {
		t.Errorf("granted %q, want %q", got.Scope, want)
	}
	if _, ok := got.claims[licenceScope]; ok {
		t.Error("the ID token has a document that nobody asked for there")
	}
	claims := w.wantDocuments(got.AccessToken, licenceScope)
	want := map[string]any{"number": licenceNumber, "issuer": "Sở Giao thông vận tải", "verified_at": "2026-05-04T03:02:01Z", "expires_on": "2046-01-02"}
	if have, _ := claims[licenceScope].(map[string]any); !maps.Equal(have, want) {
		t.Errorf("the licence is %v, want %v", claims[licenceScope], want)
	}
	consent, err := w.db.Consent(t.Context(), w.people[numberLevel2], "portal")
	must(t, err)
	if !slices.Contains(consent.Claims, licenceScope) || !slices.Equal(consent.Declined, []string{healthScope}) {
		t.Errorf("consent to %q, declined %q", consent.Claims, consent.Declined)
	}

	// Both answers are remembered, and the holder reads what was shared.
	silent := w.redeem(w.codeOf(a.get(w.authorizeURL("portal", "scope", documentsAsked, "prompt", "none"))))
	w.wantDocuments(silent.AccessToken, licenceScope)
	history := a.get(w.server.URL + "/history")
	if wantPage(t, history, http.StatusOK, "Giấy phép lái xe"); strings.Contains(history.body, "Thẻ bảo hiểm y tế") || strings.Contains(history.body, "123") {
		t.Error("the history has more than what was shared")
	}
	rows, err := w.db.Audit(t.Context(), sqlstore.AuditFilter{})
	must(t, err)
	for _, row := range rows {
		if strings.Contains(string(row.Detail), licenceNumber) {
			t.Errorf("an audit row %s has the number", row.Action)
		}
	}
	for name, text := range map[string]string{"log": w.log.String(), "state": w.stateBytes()} {
		if strings.Contains(text, licenceNumber) || strings.Contains(text, healthNumber) {
			t.Errorf("the %s has the number of a document", name)
		}
	}
}

// A holder who is asked again may answer otherwise: tokens that shared what is declined
// now end.
func TestRow15AnsweredOtherwise(t *testing.T) {
	w, _ := newPapers(t)
	a := w.browser()
	both := w.redeem(w.codeOf(a.ticks(a.asksDocuments(), healthScope, licenceScope)))
	w.wantDocuments(both.AccessToken, licenceScope, healthScope)
	p := a.asksDocuments("prompt", "consent")
	if strings.Contains(p.body, " checked") {
		t.Error("what was agreed to once is ticked")
	}
	none := w.redeem(w.codeOf(a.ticks(p)))
	w.wantDocuments(none.AccessToken)
	if status, _, _ := w.userinfo("Bearer " + both.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo with a token that shared more: %d, want 401", status)
	}
}

func TestRow15Withdrawn(t *testing.T) {
	w, _ := newPapers(t)
	a := w.browser()
	got := w.redeem(w.codeOf(a.ticks(a.asksDocuments("scope", "openid "+licenceScope), licenceScope)))
	w.wantDocuments(got.AccessToken, licenceScope)
	must(t, w.db.WithdrawConsent(t.Context(), w.people[numberLevel2], "portal", eid.AuditEntry{
		At: w.clock(), Actor: "holder", Action: eid.ActionConsentEnded,
	}))
	if status, _, _ := w.userinfo("Bearer " + got.AccessToken); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the withdrawal: %d, want 401", status)
	}
	wantError(t, a.get(w.authorizeURL("portal", "scope", "openid "+licenceScope, "prompt", "none")), "consent_required")
}

// A person may sign in without any document, whatever a portal asks for.
func TestRow12DocumentsAreOptional(t *testing.T) {
	w, all := newPapers(t)
	a := w.browser()
	got := w.redeem(w.codeOf(a.ticks(a.asksDocuments("scope", "openid "+licenceScope))))
	w.wantDocuments(got.AccessToken)
	if got.Scope != "openid" {
		t.Errorf("granted %q, want openid", got.Scope)
	}
	delete(all, w.people[numberLevel2])
	b := w.browser()
	p := b.asksDocuments("prompt", "consent")
	if strings.Contains(p.body, "checkbox") {
		t.Error("the page asks for documents that nobody has")
	}
	w.wantDocuments(w.redeem(w.codeOf(b.share(p))).AccessToken)
}

// Documents go to parties that registered them, of people who were seen at Level 2, and
// by name as by scope.
func TestDocumentsAreForLevel2AndRegisteredParties(t *testing.T) {
	w, all := newPapers(t)
	all[w.people[numberLevel1]] = all[w.people[numberLevel2]]
	p := w.browser().signIn(w.authorizeURL("portal", "scope", documentsAsked), numberLevel1)
	got := w.redeem(w.codeOf(p))
	w.wantDocuments(got.AccessToken)

	byName := []string{"scope", "openid", "claims", `{"id_token":{"` + licenceScope + `":null},"userinfo":{"` + healthScope + `":{"essential":true}}}`}
	a := w.browser()
	p = a.asksDocuments(byName...)
	wantPage(t, p, http.StatusOK, "Giấy phép lái xe", "Thẻ bảo hiểm y tế")
	got = w.redeem(w.codeOf(a.ticks(p, licenceScope, healthScope)))
	licence, _ := got.claims[licenceScope].(map[string]any)
	if licence["number"] != licenceNumber {
		t.Errorf("ID token has the licence %v", licence)
	}
	w.wantDocuments(got.AccessToken, healthScope)

	// The source grants level 1 from now on: a token of level 1 lives, without documents.
	one := w.redeem(w.codeOf(a.get(w.authorizeURL("portal", append(byName, "acr_values", "LoA1")...))))
	w.wantDocuments(one.AccessToken, healthScope)
	w.tweakSources = func(sources []eid.Source) { sources[0].GrantsAtMost[0].Level = eid.Level1 }
	w.registerWith(allDocuments)
	w.pass(2 * time.Second)
	w.wantDocuments(one.AccessToken)

	w.tweakSources = nil
	w.register()
	w.pass(2 * time.Second)
	w.wantDocuments(one.AccessToken)
	b := w.browser()
	p = b.asksDocuments(byName...)
	w.wantDocuments(w.redeem(w.codeOf(b.share(p))).AccessToken)
}

// What ended or expired is neither asked for nor released; tokens go on without it.
func TestDocumentsThatEnded(t *testing.T) {
	w, all := newPapers(t)
	mine := w.people[numberLevel2]
	all[mine][1].ExpiresOn = w.clock().AddDate(0, 0, -1).In(eid.LawTime()).Format(time.DateOnly)
	a := w.browser()
	p := a.asksDocuments()
	if strings.Contains(p.body, "Thẻ bảo hiểm y tế") {
		t.Error("the page asks for a card that expired")
	}
	got := w.redeem(w.codeOf(a.ticks(p, licenceScope, healthScope)))
	w.wantDocuments(got.AccessToken, licenceScope)
	all[mine] = nil
	w.wantDocuments(got.AccessToken)
	// A document that comes later is a question of its own.
	all[mine] = []eid.Document{{Kind: eid.SocialInsurance, Number: eid.NewSecret("0123456789"), VerifiedAt: w.clock()}}
	w.wantDocuments(got.AccessToken)
	wantError(t, a.get(w.authorizeURL("portal", "scope", "openid eid_social_insurance", "prompt", "none")), "consent_required")
}

// A legal basis is for what a service knows of people: their documents are asked for all
// the same.
func TestDocumentsAreAskedForBesideALegalBasis(t *testing.T) {
	w, _ := newPapers(t)
	w.registerWith(func(rp *eid.RelyingParty) {
		allDocuments(rp)
		rp.Consent.LegalBasis = "Điều 1 của văn bản giả định"
	})
	a := w.browser()
	p := a.asksDocuments()
	wantPage(t, p, http.StatusOK, "Thông tin sẽ được gửi", "checkbox")
	w.wantDocuments(w.redeem(w.codeOf(a.ticks(p))).AccessToken)
}

// Whoever changes the language keeps what was ticked.
func TestTickedDocumentsSurviveTheLanguage(t *testing.T) {
	w, _ := newPapers(t)
	a := w.browser()
	p := a.asksDocuments()
	p = a.submit(p, "language", "en", "document", healthScope)
	wantPage(t, p, http.StatusOK, "Health insurance card")
	if n := strings.Count(p.body, " checked"); n != 1 {
		t.Errorf("%d boxes are ticked, want the one", n)
	}
	w.wantDocuments(w.redeem(w.codeOf(a.ticks(p, healthScope))).AccessToken, healthScope)
}
