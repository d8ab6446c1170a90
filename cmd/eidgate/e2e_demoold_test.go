package main_test

import (
	"database/sql"
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoOldAccounts: the demo's first portal has old accounts in every state, and a
// second start leaves them where they are.
func TestDemoOldAccounts(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	want := map[string]int{
		"portal-1-old waiting": 4, "portal-1-old contested": 2, "portal-1-old verified": 1, "portal-1-old rejected": 1,
		"portal-1-old-2022 waiting": 1, "portal-1-old-2022 verified": 1,
	}
	for _, start := range []string{"the first", "the second"} {
		d := startDemo(t, "--data", data)
		if code := d.terminate(); code != 0 {
			t.Fatalf("the demo ends with %d", code)
		}
		if got := oldStates(t, filepath.Join(data, "eidgate.db")); !maps.Equal(got, want) {
			t.Errorf("old accounts after %s start = %v, want %v", start, got, want)
		}
	}
	exit, out, stderr := run(t, "notices", "status", "--data", data, "--portal", "portal-1")
	for _, source := range []string{"portal-1-old ", "portal-1-old-2022 "} {
		if exit != 0 || !strings.Contains(out, source) {
			t.Errorf("notices status exits with %d and does not tell of %s:\n%s%s", exit, source, out, stderr)
		}
	}
	// What every other message came to stands beside, and names nobody.
	exit, out, stderr = run(t, "notices", "status", "--data", data, "-o", "json")
	var status struct {
		Messages []struct {
			Kind, Channel string
		}
		OldAccounts []struct{ Source string } `json:"old_accounts"`
	}
	must(t, json.Unmarshal([]byte(out), &status))
	if exit != 0 || len(status.Messages) == 0 || status.Messages[0].Channel == "" || len(status.OldAccounts) != 2 || strings.Contains(out, "@") || strings.Contains(out, "+84") {
		t.Errorf("notices status exits with %d, and lacks something or names somebody:\n%s%s", exit, out, stderr)
	}
	if exit, _, stderr = run(t, "notices", "status", "--data", data, "--portal", "nobody"); exit != 1 || !strings.Contains(stderr, "nobody") {
		t.Errorf("notices status of an unknown portal exits with %d: %s", exit, stderr)
	}
}

func oldStates(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT source || ' ' || state, count(*) FROM imported_accounts GROUP BY 1")
	must(t, err)
	defer rows.Close()
	states := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		must(t, rows.Scan(&state, &n))
		states[state] = n
	}
	must(t, rows.Err())
	return states
}
