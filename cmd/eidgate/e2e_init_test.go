package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// initial runs `eidgate init` in a new directory on ports of its own.
func initial(t *testing.T) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "trial")
	file = filepath.Join(dir, "eidgate.yaml")
	if exit, out, errs := run(t, "init", "--addr", freeBlock(), dir); exit != 0 || !strings.Contains(out, "eidgate serve --config "+file) || errs != "" {
		t.Fatalf("init: exit %d, %q, %q, want the next commands", exit, out, errs)
	}
	return dir, file
}

func TestInit(t *testing.T) {
	dir, file := initial(t)
	if exit, out, errs := run(t, "check", "--config", file); exit != 0 || errs != "" {
		t.Errorf("check of what init wrote: exit %d, %q, %q, want ok without a warning", exit, out, errs)
	}
	first, err := os.ReadFile(filepath.Join(dir, "portal.secret"))
	must(t, err)
	for _, name := range []string{"eidgate.yaml", "portal.secret", "person.json", ""} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if got := info.Mode().Perm() & 0o077; got != 0 {
			t.Errorf("others may access %q (mode %o)", name, info.Mode().Perm())
		}
	}
	if exit, _, errs := run(t, "init", dir); exit != 1 || !strings.Contains(errs, "is there already") {
		t.Errorf("init again: exit %d, %q, want a refusal", exit, errs)
	}
	must(t, os.Remove(file))
	if exit, _, errs := run(t, "init", dir); exit != 1 || !strings.Contains(errs, "exists") {
		t.Errorf("init over a secret: exit %d, %q, want a refusal", exit, errs)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "portal.secret")); err != nil || string(again) != string(first) {
		t.Errorf("the secret was replaced: %v", err)
	}
	other, _ := initial(t)
	if second, err := os.ReadFile(filepath.Join(other, "portal.secret")); err != nil || string(second) == string(first) {
		t.Errorf("two trials have one secret (%v)", err)
	}
	for _, args := range [][]string{{"init"}, {"init", ""}, {"init", "a", "b"}, {"init", "--addr", "0.0.0.0:8400", filepath.Join(dir, "x")}} {
		if exit, _, errs := run(t, args...); exit != 2 {
			t.Errorf("%q: exit %d, %q, want 2", args, exit, errs)
		}
	}
}

// TestPortalRefuses goes through registrations that a portal on this machine cannot
// take codes for.
func TestPortalRefuses(t *testing.T) {
	_, file := initial(t)
	text, err := os.ReadFile(file)
	must(t, err)
	for name, tt := range map[string]struct {
		exit         int
		old, new     string
		client, want string
	}{
		"no such client":  {exit: 2, client: "nobody", want: "--client nobody: the configuration has no such client"},
		"elsewhere":       {exit: 1, old: `["http://127.0.0.1:`, new: `["https://portal.example.test:`, want: "redirect_uris[0]"},
		"another path":    {exit: 1, old: "/callback", new: "/oidc/callback", want: "redirect_uris[0]"},
		"another method":  {exit: 1, old: "client_secret_basic", new: "client_secret_post", want: "auth_method"},
		"a broken config": {exit: 1, old: "min_level: 1", new: "min_level: 3", want: "clients[0].min_level"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := file + ".changed"
			must(t, os.WriteFile(changed, []byte(strings.Replace(string(text), tt.old, tt.new, 1)), 0o600))
			if tt.client == "" {
				tt.client = "portal"
			}
			exit, out, errs := run(t, "portal", "--config", changed, "--client", tt.client)
			if exit != tt.exit || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, %q, %q, want %d and %q", exit, out, errs, tt.exit, tt.want)
			}
		})
	}
}

// TestPortalOnATakenPort says so.
func TestPortalOnATakenPort(t *testing.T) {
	_, file := initial(t)
	text, err := os.ReadFile(file)
	must(t, err)
	_, rest, _ := strings.Cut(string(text), `redirect_uris: ["http://`)
	addr, _, _ := strings.Cut(rest, "/")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	must(t, err)
	defer func() { _ = l.Close() }()
	if exit, _, errs := run(t, "portal", "--config", file); exit != 1 || !strings.Contains(errs, addr) || !strings.Contains(errs, "in use") {
		t.Errorf("portal: exit %d, %q, want the address in use", exit, errs)
	}
}

func TestNewSecrets(t *testing.T) {
	dir, file := initial(t)
	person := filepath.Join(dir, "person.json")
	if exit, _, errs := run(t, "accounts", "add", "--config", file, "--file", person, "--new-secrets", "--password-file", person); exit != 2 || !strings.Contains(errs, "stands alone") {
		t.Errorf("two ways at once: exit %d, %q, want 2", exit, errs)
	}
	exit, out, errs := run(t, "accounts", "add", "--config", file, "--file", person, "--new-secrets")
	if exit != 0 || !strings.Contains(out, "password: ") || !strings.Contains(out, "secret of one-time codes: ") || strings.Contains(out+errs, "001188000901") {
		t.Errorf("accounts add: exit %d, %q, %q, want secrets and no number", exit, out, errs)
	}
	exit, out, errs = run(t, "accounts", "add", "--config", file, "--file", person, "--new-secrets")
	if exit != 1 || out != "" || !strings.Contains(errs, "an account with this number exists already") {
		t.Errorf("the same person again: exit %d, %q, %q, want a refusal and no secrets", exit, out, errs)
	}
}

func TestBackup(t *testing.T) {
	dir, file := initial(t)
	to := filepath.Join(t.TempDir(), "backup")
	if exit, _, errs := run(t, "backup", "--config", file, "--out", to); exit != 1 || !strings.Contains(errs, "no such file") {
		t.Errorf("backup of nothing: exit %d, %q, want a refusal", exit, errs)
	}
	if exit, _, errs := run(t, "accounts", "add", "--config", file, "--file", filepath.Join(dir, "person.json"), "--new-secrets"); exit != 0 {
		t.Fatalf("accounts add: exit %d, %q", exit, errs)
	}
	if exit, out, errs := run(t, "backup", "--config", file, "--out", to); exit != 0 || !strings.Contains(out, "written: ") {
		t.Fatalf("backup: exit %d, %q, %q", exit, out, errs)
	}
	files, err := os.ReadDir(to)
	must(t, err)
	if len(files) != 1 || files[0].Name() != "eidgate.db" {
		t.Errorf("the backup holds %v, want the database alone", files)
	}
	if exit, _, errs := run(t, "backup", "--config", file, "--out", to); exit != 1 || !strings.Contains(errs, "exists") {
		t.Errorf("backup over another: exit %d, %q, want a refusal", exit, errs)
	}
	// A gateway whose key is another's makes no backup that nobody could open.
	must(t, os.Remove(filepath.Join(dir, "data", "master.key")))
	if exit, out, errs := run(t, "keys", "master", "new", "--out", filepath.Join(dir, "data", "master.key")); exit != 0 {
		t.Fatalf("keys master: exit %d, %q, %q", exit, out, errs)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	exit, out, errs := run(t, "backup", "--config", file, "--out", bad)
	if exit != 1 || out != "" || !strings.Contains(errs, "the copy does not open") {
		t.Errorf("backup with another key: exit %d, %q, %q, want a refusal", exit, out, errs)
	}
	if left, err := os.ReadDir(bad); err != nil || len(left) != 0 {
		t.Errorf("a copy that does not open was left: %v, %v", left, err)
	}
	if exit, _, errs := run(t, "backup", "--config", file); exit != 2 || !strings.Contains(errs, "--out") {
		t.Errorf("backup to nowhere: exit %d, %q, want 2", exit, errs)
	}
}
