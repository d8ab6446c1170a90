package main_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"eidgate/keys"
	"eidgate/keys/transit/transittest"
)

const (
	masterLive    = "master key live"
	masterRefused = "master key refused, going on with the one in use"
)

// master runs a verb of keys master, which must exit as wanted.
func (s *servedRun) master(t *testing.T, want int, words ...string) string {
	t.Helper()
	exit, stdout, stderr := run(t, append([]string{"keys", "master", words[0], "--config", s.file}, words[1:]...)...)
	if exit != want {
		t.Errorf("keys master %v exits %d, want %d\n%s%s", words, exit, want, stdout, stderr)
	}
	return stdout + stderr
}

// masterRows says which keys there are, and how many rows each has sealed.
func (s *servedRun) masterRows(t *testing.T) (seals uint32, rows map[uint32]int) {
	t.Helper()
	exit, stdout, stderr := run(t, "keys", "master", "status", "--config", s.file, "-o", "json")
	var status struct {
		Keys []struct {
			ID    uint32 `json:"id"`
			Seals bool   `json:"seals"`
			Rows  int    `json:"rows"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(stdout), &status); err != nil || exit != 0 {
		t.Fatalf("status = %d, %v\n%s%s", exit, err, stdout, stderr)
	}
	rows = map[uint32]int{}
	for _, k := range status.Keys {
		rows[k.ID] = k.Rows
		if k.Seals {
			seals = k.ID
		}
	}
	return seals, rows
}

// TestMasterKeyIsChanged while people sign in: nobody notices, nothing is lost, and the
// old key is gone in the end.
func TestMasterKeyIsChanged(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	portal := s.party(t, "portal-1")
	before := portal.signIn(s.browser(t), s.account("002"))
	old, _ := s.masterRows(t)
	s.master(t, 1, "promote") // there is no other
	s.after(t, masterLive, func() { s.master(t, 0, "add") })
	s.master(t, 1, "remove", fmt.Sprint(old))
	s.master(t, 2, "promote", "--force") // without a reason
	s.master(t, 2, "promote", "first")
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				portal.signIn(s.browser(t), s.account("002"))
			}
		}
	})
	s.after(t, masterLive, func() { s.master(t, 0, "promote", "--wait", "20s") })
	s.master(t, 0, "reseal")
	close(stop)
	wait.Wait()
	now, rows := s.masterRows(t)
	if now == old || rows[old] != 0 || rows[now] < 20 || len(rows) != 2 {
		t.Errorf("key %d seals, rows %v, want another than %d with every row", now, rows, old)
	}
	if said := s.master(t, 1, "remove"); !strings.Contains(said, "sessions from before") {
		t.Errorf("remove says %s, want that sessions keep it", said)
	}
	s.after(t, masterLive, func() { s.master(t, 0, "remove", "--force", "--reason", "thử") })
	if again := portal.signIn(s.browser(t), s.account("002")); again.Subject != before.Subject {
		t.Errorf("subject = %s, want %s as before", again.Subject, before.Subject)
	}
	db, err := sql.Open("sqlite", filepath.Join(s.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	var audited int
	must(t, db.QueryRowContext(t.Context(), "SELECT count(DISTINCT action) FROM audit WHERE action LIKE 'master_key.%'").Scan(&audited))
	if audited != 4 {
		t.Errorf("%d actions on the master key are audited, want four", audited)
	}
}

// TestBadMasterKeyIsNotTaken: whatever happens to the file, the gateway goes on with
// what it has, and says so.
func TestBadMasterKeyIsNotTaken(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	file := filepath.Join(s.Dir, "master.key")
	good, err := os.ReadFile(file)
	must(t, err)
	portal := s.party(t, "portal-1")
	other := filepath.Join(t.TempDir(), "other.key")
	if exit, _, stderr := run(t, "keys", "master", "new", "--out", other); exit != 0 {
		t.Fatal(stderr)
	}
	for name, do := range map[string]func(){
		"another key": func() { must(t, os.Rename(other, file)) },
		"damaged":     func() { must(t, os.WriteFile(file, good[:len(good)/2], 0o600)) },
		"exposed":     func() { must(t, os.WriteFile(file, good, 0o600)); must(t, os.Chmod(file, 0o644)) },
		"gone":        func() { must(t, os.Remove(file)) },
	} {
		line := s.after(t, masterRefused, func() { do(); s.hangup(t) })
		if strings.Contains(line, "keyMaterialType") || strings.Contains(line, "value") {
			t.Errorf("%s: the log shows the keyset: %s", name, line)
		}
		portal.signIn(s.browser(t), s.account("002"))
		_ = os.Remove(file)
		must(t, os.WriteFile(file, good, 0o600))
	}
}

// TestLostMasterKey: no other is made up for it.
func TestLostMasterKey(t *testing.T) {
	t.Parallel()
	s := startServed(t)
	file := filepath.Join(s.Dir, "master.key")
	kept, err := os.ReadFile(file)
	must(t, err)
	must(t, os.Remove(file))
	exit, _, stderr := run(t, "serve", "--config", s.file)
	if _, err := os.Stat(file); exit != 1 || !strings.Contains(stderr, "put the copy back") || err == nil {
		t.Errorf("serve = %d, %s, and the file: %v, want a refusal and no file", exit, stderr, err)
	}
	must(t, os.WriteFile(file, kept, 0o600))
	if exit, _, stderr := run(t, "keys", "list", "--config", s.file); exit != 0 {
		t.Errorf("keys list = %d, %s", exit, stderr)
	}
}

// TestMasterKeyInTransit: the file opens nothing without the KMS, which is asked at the
// start alone.
func TestMasterKeyInTransit(t *testing.T) {
	t.Parallel()
	const token = "s.token-of-the-tests"
	server := transittest.New(token)
	bao := httptest.NewServer(server)
	defer bao.Close()
	dir := t.TempDir()
	tokenFile, file := filepath.Join(dir, "token"), filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(tokenFile, []byte(token), 0o600))
	s := startServed(t)
	// What is sealed already stays so under its key: the keyset is encrypted, and kept.
	plain := keys.MasterKey{File: filepath.Join(s.Dir, "master.key")}
	_, err := plain.Load(t.Context())
	must(t, err)

	address := freeBlock()
	text := strings.NewReplacer(s.Addr, address, s.Dir, filepath.Join(dir, "data")).Replace(s.text("limits:",
		fmt.Sprintf("master_key_file: %s\nmaster_key_transit: eidgate-master\ncustody: {transit: {address: %q, token_file: %s}}\nmetrics: {listen: \"off\"}\nlimits:", filepath.Join(dir, "wrapped.key"), bao.URL, tokenFile)))
	must(t, os.WriteFile(file, []byte(text), 0o600))
	if exit, _, stderr := run(t, "serve", "--config", file); exit != 1 || !strings.Contains(stderr, "there is no file") {
		t.Errorf("serve without a master key = %d, %s, want a refusal", exit, stderr)
	}
	if exit, _, stderr := run(t, "keys", "master", "new", "--kms", "--config", file); exit != 0 {
		t.Fatalf("new --kms: %s", stderr)
	}
	if exit, _, _ := run(t, "keys", "master", "new", "--kms", "--config", file); exit != 1 {
		t.Errorf("new --kms over a file = %d, want 1", exit)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "wrapped.key"))
	must(t, err)
	if !strings.Contains(string(raw), "encryptedKeyset") {
		t.Errorf("the file holds %s, want an encrypted keyset", raw)
	}
	k := &servedRun{demoRun: &demoRun{report: s.report, Addr: address, Dir: dir, secrets: map[string][]string{}}, log: &syncBuffer{}, file: file}
	k.Issuer = strings.Replace(s.Issuer, s.Addr, address, 1)
	k.start(t)
	if exit, stdout, _ := run(t, "doctor", "--config", file); exit > 1 || !strings.Contains(stdout, "custody.transit") || !strings.Contains(stdout, "takes our credential") {
		t.Errorf("doctor = %d, %s, want that Transit answers", exit, stdout)
	}
	k.verifies(t)
	// The keyset changes as it does in the clear.
	k.after(t, masterLive, func() { k.master(t, 0, "add") })
	k.after(t, masterLive, func() { k.master(t, 0, "promote", "--wait", "20s") })
	if exit, stdout, stderr := run(t, "keys", "reseal", "--config", k.file); exit != 0 {
		t.Errorf("keys reseal = %d, %s%s", exit, stdout, stderr)
	}

	server.Be(transittest.Sealed)
	res, err := http.Get(k.Issuer + "/readyz")
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/readyz while Transit is away = %d, want 200: nothing happens", res.StatusCode)
	}
	exit, _, stderr := run(t, "keys", "list", "--config", file)
	if exit != 1 || !strings.Contains(stderr, "sealed or in maintenance") || strings.Contains(stderr, token) {
		t.Errorf("a start while Transit is away = %d, %s, want a refusal that says so", exit, stderr)
	}
	exit, stdout, _ := run(t, "doctor", "--config", file)
	if exit != 1 || !strings.Contains(stdout, "503") {
		t.Errorf("doctor = %d, %s, want a fault that names it", exit, stdout)
	}
	server.Be(transittest.Well)
	if exit, _, stderr := run(t, "keys", "list", "--config", file); exit != 0 {
		t.Errorf("afterwards: %s", stderr)
	}
	if log := k.log.String(); strings.Contains(log, token) || slices.Contains(strings.Fields(log), "keyData") {
		t.Error("the log holds a secret")
	}
}

// verifies the audit beside the gateway, wherever the master key is.
func (s *servedRun) verifies(t *testing.T) {
	t.Helper()
	if exit, stdout, stderr := run(t, "audit", "verify", "--config", s.file); exit != 0 || !strings.Contains(stdout, "all is as it was sealed") {
		t.Errorf("audit verify = %d %q %q, want all sealed", exit, stdout, stderr)
	}
}

// TestMasterKeyFromTheEnvironment comes from a variable, and goes back into it.
func TestMasterKeyFromTheEnvironment(t *testing.T) {
	s := startServed(t)
	text, err := os.ReadFile(filepath.Join(s.Dir, "master.key"))
	must(t, err)
	must(t, os.Remove(filepath.Join(s.Dir, "master.key")))
	t.Setenv("EIDGATE_MASTER_KEY", string(text))
	s.master(t, 0, "status")
	s.verifies(t)
	if said := s.master(t, 2, "add"); !strings.Contains(said, "--out") {
		t.Errorf("add says %s, want --out", said)
	}
	next := filepath.Join(t.TempDir(), "next.json")
	s.master(t, 0, "add", "--out", next)
	text, err = os.ReadFile(next)
	must(t, err)
	t.Setenv("EIDGATE_MASTER_KEY", string(text))
	if _, rows := s.masterRows(t); len(rows) != 2 {
		t.Errorf("keys = %v, want two", rows)
	}
	if said := s.master(t, 1, "promote", "--out", next+".promoted"); !strings.Contains(said, "is not loaded yet by") {
		t.Errorf("promote says %s, want that the running gateway lacks it", said)
	}
}
