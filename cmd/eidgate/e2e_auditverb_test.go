package main_test

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The audit derives every level again, explains one by its reference, and names a
// grant that somebody changed.
func TestAuditLevelsVerb(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a := d.party(t, "portal-2"), d.browser(t)
	portal.signIn(a, d.account("001"))
	portal.silent(a)
	for _, problem := range d.stop() {
		t.Error(problem)
	}
	rows, err := grants(d.Dir)
	must(t, err)
	var result struct {
		Grants  int
		Levels  map[string]int
		Unsound []struct {
			Ref string
			Why []string
		}
	}
	exit, stdout, stderr := run(t, "audit", "levels", "--data", d.Dir, "--json")
	must(t, json.Unmarshal([]byte(stdout), &result))
	if exit != 0 || result.Grants != len(rows) || result.Levels["2"] != len(rows) || len(result.Unsound) != 0 {
		t.Errorf("audit levels = %d, %+v %q, want %d sound grants at Level 2", exit, result, stderr, len(rows))
	}
	if exit, stdout, _ := run(t, "audit", "levels", "--data", d.Dir, "--since", time.Now().AddDate(0, 0, 2).Format(time.DateOnly)); exit != 0 || !strings.HasPrefix(stdout, "0 grants") {
		t.Errorf("audit levels since tomorrow = %d %q, want no grant", exit, stdout)
	}
	exit, stdout, stderr = run(t, "audit", "explain", rows[0].ref, "--data", d.Dir)
	for _, want := range []string{"portal-2", "age of the proof", "achieved, the least of these", "urn:vn:eid:level:2"} {
		if exit != 0 || !strings.Contains(stdout, want) {
			t.Errorf("audit explain = %d %q %q, want %q in it", exit, stdout, stderr, want)
		}
	}
	if exit, _, stderr := run(t, "audit", "explain", "NONE-0000", "--data", d.Dir); exit != 1 || !strings.Contains(stderr, "--since") {
		t.Errorf("explaining nothing = %d %q, want 1 and the way on", exit, stderr)
	}
	if exit, _, _ := run(t, "audit", "levels", "--data", d.Dir, "--since", "yesterday"); exit != 2 {
		t.Errorf("since no day = %d, want 2", exit)
	}

	db, err := sql.Open("sqlite", filepath.Join(d.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	// Whoever has the file can do away with the trigger that forbids it.
	if _, err := db.ExecContext(t.Context(), `DROP TRIGGER audit_keeps_values; UPDATE audit SET detail = replace(detail, '"account":2,"method":2', '"account":1,"method":2') WHERE ref = ?`, rows[0].ref); err != nil {
		t.Fatal(err)
	}
	exit, stdout, _ = run(t, "audit", "levels", "--data", d.Dir)
	if exit != 1 || !strings.Contains(stdout, rows[0].ref) || !strings.Contains(stdout, "above what was achieved") {
		t.Errorf("audit levels after a change = %d %q, want 1 and the reference", exit, stdout)
	}
}
