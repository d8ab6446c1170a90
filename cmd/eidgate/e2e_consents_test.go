package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A consent is withdrawn beside the running gateway, and counts there at once.
func TestConsentsVerb(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a, who := d.party(t, "portal-1"), d.browser(t), d.account("002")
	got := portal.signIn(a, who)
	if _, err := portal.userinfo(got.access); err != nil {
		t.Fatalf("userinfo: %v", err)
	}
	number := filepath.Join(t.TempDir(), "number")
	must(t, os.WriteFile(number, []byte(who.PersonalNumber+"\n"), 0o600))
	of := []string{"--data", d.Dir, "--number-file", number}
	exit, stdout, stderr := run(t, append([]string{"consents", "list"}, of...)...)
	if exit != 0 || !strings.Contains(stdout, "portal-1") || strings.Contains(stdout, who.PersonalNumber) {
		t.Errorf("consents list = %d %q %q, want portal-1 and no number", exit, stdout, stderr)
	}
	if p := a.get(d.Issuer + "/history"); !strings.Contains(p.body, "đã được tra cứu") {
		t.Errorf("history = %q, want the look at the consents", p.body)
	}
	withdraw := append([]string{"consents", "withdraw", "--client", "portal-1"}, of...)
	if exit, _, stderr := run(t, withdraw...); exit != 0 {
		t.Fatalf("consents withdraw = %d %q", exit, stderr)
	}
	// Another process withdrew it: in force within 5 s.
	waitUntil(t, "userinfo to refuse after the withdrawal", func() bool {
		_, err := portal.userinfo(got.access)
		return err != nil
	})
	if exit, _, _ := run(t, withdraw...); exit != 1 {
		t.Errorf("withdrawing twice = %d, want 1", exit)
	}
	if exit, _, _ := run(t, "consents", "list", "--data", d.Dir); exit != 2 {
		t.Errorf("without a number = %d, want 2", exit)
	}
}
