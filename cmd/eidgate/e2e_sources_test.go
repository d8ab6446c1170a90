package main_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A source is switched off beside the running gateway: sign-ins, sessions and tokens
// through it end there, and nothing else does.
func TestSourcesVerb(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a, who := d.party(t, "portal-1"), d.browser(t), d.user(t, "nguoi-dung-cu")
	r := portal.request()
	legacy := portal.redeem(r, a.legacy(a.get(r.address), sourceLegacy, who.Username, who.Password))
	national := portal.signIn(d.browser(t), d.account("002"))
	of := func(words ...string) []string { return append(append([]string{"sources"}, words...), "--data", d.Dir) }
	state := func() string {
		t.Helper()
		exit, stdout, stderr := run(t, of("list", "--json")...)
		var rows []struct{ ID, State string }
		if err := json.Unmarshal([]byte(stdout), &rows); exit != 0 || err != nil {
			t.Fatalf("sources list = %d %q %v", exit, stderr, err)
		}
		i := slices.IndexFunc(rows, func(r struct{ ID, State string }) bool { return r.ID == sourceLegacy })
		if len(rows) != len(d.Sources) || i < 0 {
			t.Fatalf("sources list = %v, want all %d with %s", rows, len(d.Sources), sourceLegacy)
		}
		return rows[i].State
	}
	if got := state(); got != "open" {
		t.Errorf("state = %s, want open", got)
	}
	for _, tt := range []struct {
		words []string
		exit  int
		says  string
	}{
		{[]string{"off", sourceLegacy}, 2, "--reason"},
		{[]string{"off", sourceLegacy, "--reason", "two\nlines"}, 2, "--reason"},
		{[]string{"off", sourceLegacy, "--reason", strings.Repeat("x", 301)}, 2, "--reason"},
		{[]string{"off", "--reason", "x"}, 2, "name one source"},
		{[]string{"off", sourceLegacy, "national", "--reason", "x"}, 2, "name one source"},
		{[]string{"off", "nobody", "--reason", "x"}, 1, `no source "nobody"`},
		{[]string{"show", "nobody"}, 1, `no source "nobody"`},
		{[]string{"on", sourceLegacy, "--reason", "x"}, 1, "not switched off"},
		{[]string{"off", sourceLegacy, "--reason", "sự cố thử nghiệm"}, 0, ""},
		{[]string{"off", sourceLegacy, "--reason", "again"}, 1, "already"},
	} {
		if exit, _, stderr := run(t, of(tt.words...)...); exit != tt.exit || !strings.Contains(stderr, tt.says) {
			t.Errorf("sources %q = %d %q, want %d and %q", tt.words, exit, stderr, tt.exit, tt.says)
		}
	}
	waitUntil(t, "userinfo to refuse what came through the source", func() bool {
		_, err := portal.userinfo(legacy.access)
		return err != nil
	})
	if _, err := portal.userinfo(national.access); err != nil {
		t.Errorf("userinfo for another source: %v", err)
	}
	// Nothing leads to the source that is off: no hint, and no button.
	r = portal.request()
	if p := d.browser(t).get(r.address + "&" + url.Values{"idp_hint": {sourceLegacy}}.Encode()); p.offers("source", sourceLegacy) || !p.offers("source", sourceNational) {
		t.Errorf("a sign-in shows %q, want the choice without %s", p.title(), sourceLegacy)
	}
	if got := state(); got != "off" {
		t.Errorf("state = %s, want off", got)
	}
	exit, stdout, _ := run(t, of("show", sourceLegacy)...)
	for _, want := range []string{"state                               off", "sự cố thử nghiệm", "portal-1 cannot use it now: off", "subjects given in the last 30 days  1"} {
		if exit != 0 || !strings.Contains(stdout, want) {
			t.Errorf("sources show = %d\n%s\nwant %q", exit, stdout, want)
		}
	}
	if strings.Contains(stdout, "secret") {
		t.Errorf("sources show tells settings:\n%s", stdout)
	}
	if exit, _, stderr := run(t, of("on", sourceLegacy, "--reason", "xong")...); exit != 0 {
		t.Fatalf("sources on = %d %q", exit, stderr)
	}
	waitUntil(t, "the source to be offered again", func() bool {
		return strings.Contains(d.browser(t).get(portal.request().address).body, `value="`+sourceLegacy+`"`)
	})
	if _, err := portal.userinfo(legacy.access); err == nil {
		t.Error("userinfo: a token of before the switch came back to life")
	}
	a = d.browser(t)
	r = portal.request()
	portal.redeem(r, a.legacy(a.get(r.address), sourceLegacy, who.Username, who.Password)).wants(t, acr1, "pwd")
}
