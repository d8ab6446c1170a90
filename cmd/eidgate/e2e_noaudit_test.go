package main_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingGoesThroughUnaudited: while the audit cannot be written nobody signs in and no
// operator changes or looks anything up; afterwards everything goes on, and no row is missing.
func TestNothingGoesThroughUnaudited(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	who, other := d.account("001"), d.account("002")
	portal, living := d.party(t, "portal-1"), d.browser(t)
	portal.signIn(living, other)
	db, err := sql.Open("sqlite", filepath.Join(d.Dir, "eidgate.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	exec := func(statement string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
	exec("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	for name, a := range map[string]*agent{"a new sign-in": d.browser(t), "a living session": living} {
		a.failing = true
		r := portal.request()
		p := a.get(r.address)
		if name == "a new sign-in" {
			p = a.fill(p, who)
		}
		if p.back != nil && p.back.Query().Has("code") {
			t.Errorf("%s without its audit row: a code", name)
		}
		if p.back == nil && p.status < 500 {
			t.Errorf("%s without its audit row: %d", name, p.status)
		}
	}
	for _, words := range [][]string{
		{"sources", "off", "national", "--reason", "thử"},
		{"audit", "hold", "add", "--all", "--reason", "thử"},
		{"audit", "person", "--role", "officer", "--reason", "thử"},
		{"consents", "list", "--number-file", "-"},
		{"consents", "withdraw", "--client", "portal-1", "--number-file", "-"},
		{"keys", "rotate", "--alg", "ES256", "--reason", "thử"},
	} {
		exit, stdout, stderr := runWith(t, other.PersonalNumber, append(words, "--data", d.Dir)...)
		if exit != 1 || strings.Contains(stdout, "portal-1") || strings.Contains(stdout, "grant.issued") {
			t.Errorf("%v without its audit row = %d %q %q, want 1 and nothing shown", words, exit, stdout, stderr)
		}
	}
	exec("DROP TRIGGER full")
	portal.signIn(d.browser(t), d.account("003"))
	if exit, v := verify(t, "--data", d.Dir); exit != 0 || !v.Sound {
		t.Errorf("verify = %d, %+v, want sound", exit, v)
	}
}
