package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (k keysVerbs) revokes(t *testing.T, s *servedRun, signing, standby string) {
	type revocation struct {
		Done    bool
		Revoked []string
		Signing string
		Standby string
		Clients []struct {
			Client   string
			Subjects int
			Told     bool
		}
		Effects []string
	}
	var planned, done, again revocation
	before := k.wants(t, 0, "", "list", "--all", "-o", "json")
	k.asked(t, &planned, "revoke", signing, "--dry-run")
	if planned.Done || planned.Signing != standby || len(planned.Clients) != 1 || planned.Clients[0].Client != "portal-1" || planned.Clients[0].Subjects != 1 || planned.Clients[0].Told || len(planned.Effects) < 4 {
		t.Errorf("revoke --dry-run = %+v, want %s to take over and portal-1 to be told by people", planned, standby)
	}
	_, _, errs := k.verb(t, "", "revoke", signing, "--reason", "it's out")
	if now := k.wants(t, 0, "", "list", "--all", "-o", "json"); now != before {
		t.Errorf("keys changed without --yes:\n%s\nwant\n%s", now, before)
	}
	i := strings.LastIndex(errs, "eidgate keys revoke")
	if i < 0 || !strings.Contains(errs, "takes over in the same step") {
		t.Fatalf("revoke without --yes says %q, want what would happen and the words to type", errs)
	}
	// What it says one should type does it.
	typed := exec.CommandContext(t.Context(), "bash", "-c", strings.TrimSpace(errs[i:])+" --output json")
	typed.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := typed.Output()
	must(t, err)
	must(t, json.Unmarshal(out, &done))
	if !done.Done || !slices.Equal(done.Revoked, []string{signing}) || done.Signing != standby || done.Standby == "" {
		t.Errorf("revoke = %+v, want %s for %s and a new standby", done, standby, signing)
	}
	waitUntil(t, "the key set without the key", func() bool { return !slices.Contains(kids(fetchKeys(t, s.demoRun)), signing) })
	k.asked(t, &again, "revoke", signing, "--reason", "again", "--yes")
	if again.Done || k.key(t, "tokens", "ES256", "signing") != standby {
		t.Errorf("revoking twice = %+v, want nothing done", again)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	var n int
	must(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit WHERE action = 'key.revoked' AND actor LIKE 'operator:%' AND detail LIKE '%it''s out%'`).Scan(&n))
	if n != 1 {
		t.Errorf("%d rows of the audit tell of it, want 1", n)
	}
}

// Several operators at once revoke a key once, and are told the same.
func (k keysVerbs) revokesAtOnce(t *testing.T, s *servedRun) {
	kid := k.key(t, "logout", "RS256", "signing")
	const operators = 4
	told := make(chan string, operators)
	for range operators {
		go func() {
			_, out, _ := k.verb(t, "", "revoke", "--reason", "drill", "--yes", "-o", "json", kid)
			told <- out
		}()
	}
	next := map[[2]string]int{}
	for range operators {
		var done struct {
			Revoked          []string
			Signing, Standby string
		}
		if err := json.Unmarshal([]byte(<-told), &done); err != nil || !slices.Equal(done.Revoked, []string{kid}) {
			t.Errorf("revoke at once = %+v %v, want %s revoked", done, err, kid)
		}
		next[[2]string{done.Signing, done.Standby}]++
	}
	if len(next) != 1 {
		t.Errorf("operators were told of %v, want the same keys", next)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	var n int
	must(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit WHERE action = 'key.revoked' AND detail LIKE '%' || ? || '%'`, kid).Scan(&n))
	if n != 1 {
		t.Errorf("%d rows of the audit tell of it, want 1", n)
	}
}

// revokesAnyway revokes beside a row that somebody spoilt, which keeps every process
// from following anything else.
func (k keysVerbs) revokesAnyway(t *testing.T, s *servedRun) {
	signing, standby := k.key(t, "tokens", "RS256", "signing"), k.key(t, "tokens", "RS256", "published")
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `UPDATE purpose_keys SET sealed = x'00' WHERE purpose = 'audit' AND state = 'published'`)
	must(t, err)
	k.wants(t, 1, "does not open", "show", signing)
	k.wants(t, 0, standby, "revoke", signing, "--reason", "seen by a stranger", "--yes")
	waitUntil(t, "the key set without the key", func() bool { return !slices.Contains(kids(fetchKeys(t, s.demoRun)), signing) })
	if got := kids(fetchKeys(t, s.demoRun)); !slices.Contains(got, standby) {
		t.Errorf("key set = %v, want %s to sign", got, standby)
	}
	k.wants(t, 0, "revoked", "list", "--all")
}

func (k keysVerbs) revokesAll(t *testing.T) {
	signing, standby := k.key(t, "tokens", "RS256", "signing"), k.key(t, "tokens", "RS256", "published")
	var done struct {
		Revoked []string
		Signing string
		Standby string
	}
	must(t, json.Unmarshal([]byte(k.wants(t, 0, "", "revoke", "--all", "--purpose", "tokens", "--alg", "RS256", "--reason", "drill", "--yes", "-o", "json")), &done))
	if len(done.Revoked) != 2 || slices.Contains(done.Revoked, done.Signing) || done.Signing == "" || done.Standby == "" {
		t.Errorf("revoke --all = %+v, want two new keys in place of %s and %s", done, signing, standby)
	}
	if left := k.wants(t, 0, "", "list"); strings.Contains(left, signing) || strings.Contains(left, standby) {
		t.Errorf("keys list = %s, want neither revoked key", left)
	}
	k.wants(t, 0, "revoked", "list", "--all", "--alg", "RS256")
}

// What nobody has to wait for signs at once; what others lack does by force alone, and
// the audit says so.
func (k keysVerbs) activates(t *testing.T, s *servedRun) {
	standby := k.key(t, "audit", "ES256", "published")
	k.wants(t, 0, "rotated: ES256 key "+standby, "activate", "--reason", "drill", "--yes", standby)
	standby = k.key(t, "audit", "ES256", "published")
	k.wants(t, 0, "rotated: ES256 key "+standby, "rotate", "--purpose", "audit", "--reason", "drill") // its one algorithm
	if got := k.key(t, "audit", "ES256", "signing"); got != standby {
		t.Errorf("%s signs, want %s", got, standby)
	}
	standby = k.key(t, "logout", "ES256", "published")
	k.wants(t, 1, "caches may lack it until", "activate", "--reason", "drill", "--yes", standby)
	var done struct {
		Done, Forced, Scheduled bool
		To                      string
	}
	must(t, json.Unmarshal([]byte(k.wants(t, 0, "", "activate", "--force", "--reason", "forced drill", "--yes", "-o", "json", standby)), &done))
	if !done.Done || !done.Forced || done.Scheduled || done.To != standby || k.key(t, "logout", "ES256", "signing") != standby {
		t.Errorf("activate --force = %+v, want %s to sign", done, standby)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	var n int
	must(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit WHERE action = 'key.signing' AND detail LIKE '%"forced":true%' AND detail LIKE '%forced drill%'`).Scan(&n))
	if n != 1 {
		t.Errorf("%d rows of the audit tell of the force, want 1", n)
	}
}

// Keys of a line that the configuration dropped are shown and can be revoked, and are
// not rotated.
func (k keysVerbs) plannedNoMore(t *testing.T, s *servedRun) {
	raw, err := os.ReadFile(s.file)
	must(t, err)
	file := filepath.Join(t.TempDir(), "eidgate.yaml")
	must(t, os.WriteFile(file, bytes.Replace(raw, []byte(algorithmsPlanned), nil, 1), 0o600))
	other := keysVerbs{where: []string{"--config", file}, said: k.said}
	signing, standby := other.key(t, "tokens", "PS256", "signing"), other.key(t, "tokens", "PS256", "published")
	other.wants(t, 1, "plans no PS256 keys for tokens", "rotate", "--alg", "PS256", "--reason", "drill")
	other.wants(t, 1, "plans no PS256 keys for tokens", "activate", standby, "--force", "--dry-run")
	other.wants(t, 0, "takes over in the same step", "revoke", signing, "--dry-run")
}
