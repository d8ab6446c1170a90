package sqlstore_test

import (
	"context"
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"eidgate/store/sqlstore"
)

// walked are the queries that may look at every row of a table or of an index, each list
// with what bounds them.
var walked = map[string][]string{
	"a table with a row for each thing that operators register": {
		"KeyFetches", "KeyFetchers", "CleanKeyFetches", "SigningKeys", "PurposeKeys", "ForgetMasterKeyProcesses", "MasterKeyProcesses",
		"Officers", "RelyingParties", "PartyRegistrations", "Sources", "Holds", "Prunable", "Switches", "InsertSwitchEvents",
		"InsertRevocationEvents", "SectorsWithOldSubjects", "SubjectsInAllSectors", "ListImports",
	},
	"stops at the first rows in the order of the table": {
		"LastAudit", "LastCheckpoint", "LastSealed", "Events", "SwitchEvents", "RevocationEvents", "RegistrationChanges",
	},
	"an index of what waits or is held, and no more": {
		"OpenAppCases", "PruneApplications", "WaitingConflicts", "OldestNotice", "NoticeDue", "OldestUrgent", "WaitingReviews", "CountWaitingReviews",
		"CountLockRequests", "LogoutQueuesDue", "CountAllLogouts", "OldestLogout",
	},
	"a report that an operator asks for": {
		"Reviews", "CountOldSubjects", "ImportedUnverified", "SubjectsByParty", "SubjectsKnown", "CountNotices",
	},
}

var (
	parameter = regexp.MustCompile(`@\w+`)
	argument  = regexp.MustCompile(`sqlc\.\w+\('?(\w+)'?\)`)
)

// TestQueriesHaveIndexes asks SQLite for its plan of every query: with a million people
// one that walks a table is a sign-in that waits.
func TestQueriesHaveIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eidgate.db")
	if err := sqlstore.Migrate(t.Context(), sqlstore.Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("queries: %v, %v", files, err)
	}
	walks := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "-- name: ")[1:] {
			head, query, _ := strings.Cut(part, "\n")
			name, _, _ := strings.Cut(head, " ")
			if step := walk(t.Context(), t, db, name, query); step != "" {
				walks[name] = step
			}
		}
	}
	for why, names := range walked {
		for _, name := range names {
			if walks[name] == "" {
				t.Errorf("%s walks nothing: take it out of the list %q", name, why)
			}
			delete(walks, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(walks)) {
		t.Errorf("%s has no index: %s", name, walks[name])
	}
}

// walk is the first step of a query's plan that looks at every row of something, or "".
func walk(ctx context.Context, t *testing.T, db *sql.DB, name, query string) string {
	t.Helper()
	query = parameter.ReplaceAllString(argument.ReplaceAllString(query, "@$1"), "NULL")
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	defer rows.Close()
	found := ""
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if found == "" && strings.HasPrefix(step, "SCAN ") && step != "SCAN CONSTANT ROW" {
			found = step
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
