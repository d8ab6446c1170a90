package main_test

import (
	"strings"
	"testing"
)

// TestAuditOfARun signs many people in and then holds every token against the
// terms on record. startDemo does the same after every other test.
func TestAuditOfARun(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal1, portal2 := d.party(t, "portal-1"), d.party(t, "portal-2")
	for _, tail := range []string{"001", "002", "003", "004"} {
		a := d.browser(t)
		portal1.signIn(a, d.account(tail))
		portal1.silent(a, "acr_values", "LoA1")
	}
	for _, tail := range []string{"001", "005"} {
		a := d.browser(t)
		portal2.signIn(a, d.account(tail))
		portal1.silent(a)
		portal1.silent(a, "acr_values", "gold LoA1")
		portal2.silent(a, "claims", `{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}`)
	}
	a, user := d.browser(t), d.user(t, "nguoi-dung-cu")
	r := portal1.request()
	portal1.redeem(r, a.legacy(a.get(r.address), sourceLegacy, user.Username, user.Password))
	for _, problem := range d.stop() {
		t.Error(problem)
	}
	rows, err := grants(d.Dir)
	must(t, err)
	if len(rows) != len(d.tokens) || len(rows) < 17 {
		t.Errorf("%d grants on record and %d tokens redeemed, want the same and 17", len(rows), len(d.tokens))
	}
	levels := map[int]int{}
	for _, row := range rows {
		levels[int(row.grant.ACR.Level)]++
		if row.grant.Rules == "" || row.grant.Config == "" || row.grant.Account == "" || row.grant.Source == "" {
			t.Errorf("grant %s lacks the versions or the source: %+v", row.ref, row.grant)
		}
	}
	if levels[1] == 0 || levels[2] == 0 || levels[0] != 0 {
		t.Errorf("levels granted: %v, want both", levels)
	}
}

// TestOneLogLineForEachRequest: nothing is logged twice or not at all.
func TestOneLogLineForEachRequest(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	a := d.browser(t)
	d.party(t, "portal-1").signIn(a, d.account("002"))
	p := a.get(d.Issuer + "/authorize?client_id=nobody")
	if ref := p.ref(); !strings.Contains(p.body, ref) || !shownRef.MatchString(ref) {
		t.Errorf("the page does not show its reference %q", ref)
	}
	for _, path := range []string{"/", "/nowhere", "/keys", "/userinfo", "/login", "/callback/legacy", "/assets/eidgate.css"} {
		a.get(d.Issuer + path)
	}
	a.post(d.Issuer+"/token", nil)
	_ = d.stop()
	lines := d.requestLines()
	if len(lines) != len(d.refs) {
		t.Errorf("%d request lines, want %d", len(lines), len(d.refs))
	}
	for _, ref := range d.refs {
		if n := strings.Count(d.stderr.String(), "ref="+ref); n != 1 {
			t.Errorf("reference %q has %d lines, want 1", ref, n)
		}
	}
}

// TestSearchFindsSecrets shows that the inspection of every run is not blind.
func TestSearchFindsSecrets(t *testing.T) {
	d := sharedDemo(t)
	d.party(t, "portal-1").signIn(d.browser(t), d.account("002"))
	for kind, texts := range d.secretTexts() {
		for _, text := range texts[:min(1, len(texts))] {
			if got := d.search("a text", []byte("before "+text+" after")); len(got) == 0 || strings.Contains(strings.Join(got, ""), text+" ") {
				t.Errorf("search() of a %s = %q, want it named and not shown", kind, got)
			}
		}
	}
}
