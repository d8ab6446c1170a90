package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestCheckNamesEveryFault(t *testing.T) {
	files, err := filepath.Glob("../../config/testdata/*.yaml")
	must(t, err)
	if len(files) < 10 {
		t.Fatalf("%d broken configurations, want ten or more", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			faults, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".faults")
			must(t, err)
			exit, stdout, stderr := run(t, "check", "--config", file)
			if exit != 1 || stdout != "" {
				t.Errorf("exit %d, stdout %q, want 1 and nothing", exit, stdout)
			}
			wanted := strings.Split(strings.TrimSpace(string(faults)), "\n")
			for _, fault := range wanted {
				if !strings.Contains(stderr, fault) {
					t.Errorf("check does not say %q:\n%s", fault, stderr)
				}
			}
		})
	}
}

// TestCheckNamesWhatCannotBeMade: what the file's own keys cannot tell is named by key as
// well, all of it at once.
func TestCheckNamesWhatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "rules"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "rules", "half.json"), []byte(`{"id":"half"}`), 0o600))
	file := filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(file, []byte(`
issuer: https://dangnhap.example.vn
rules: {directory: rules}
account_system: {passwords: {leaked_file: leaks.txt}}
registries: {immigration: {people_file: people.json}}
notify:
  smtp: {address: "mail.example.vn:587", from: a@example.vn, ca_file: ca.pem}
  sms: {http: {url: "https://sms.example.vn", body: "{{.Nobody}}"}}
sources: [{id: own, kind: account, name: N, provider: P, may_assert: [1], grants_at_most: 1}]
clients: []
`), 0o600))
	exit, stdout, stderr := run(t, "check", "--config", file)
	if exit != 1 || stdout != "" {
		t.Errorf("exit %d, stdout %q, want 1 and nothing", exit, stdout)
	}
	for _, want := range []string{
		"rules.directory: rule set " + filepath.Join(dir, "rules", "half.json"), "account_system.passwords.leaked_file: ", "registries.immigration.people_file: ",
		"notify.smtp.ca_file: ", "notify.sms.http: body",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("check does not say %q:\n%s", want, stderr)
		}
	}
}

func TestCheckAcceptsTheExample(t *testing.T) {
	exit, stdout, stderr := run(t, "check", "--config", "../../eidgate.example.yaml")
	if exit != 0 || !strings.HasPrefix(stdout, "ok: issuer https://dangnhap.example.vn") || stderr != "" {
		t.Errorf("exit %d, %q, %q, want ok", exit, stdout, stderr)
	}
	if strings.Contains(stdout, "example-only-replace") {
		t.Errorf("check shows a secret")
	}
	if want := "give the portal https://dangnhap.example.vn/keys/cong-dvc-dien-bien as its key set"; !strings.Contains(stdout, want) {
		t.Errorf("check = %q, want it to %s", stdout, want)
	}
}

func TestConfigCommands(t *testing.T) {
	exit, stdout, stderr := run(t, "config", "schema")
	if exit != 0 || !strings.HasPrefix(stdout, "{") || !strings.Contains(stdout, `"min_level"`) || stderr != "" {
		t.Errorf("config schema: exit %d, %.80q, %q, want a schema", exit, stdout, stderr)
	}
	exit, stdout, stderr = run(t, "config", "show", "--config", "../../eidgate.example.yaml")
	if exit != 0 || !strings.Contains(stdout, "issuer: https://dangnhap.example.vn # file") || strings.Contains(stdout, "example-only") || stderr != "" {
		t.Errorf("config show: exit %d, %q, %q, want the configuration without secrets", exit, stdout, stderr)
	}
	exit, stdout, stderr = run(t, "config", "show", "--config", "../../config/testdata/acr.yaml")
	if exit != 1 || stdout != "" || !strings.Contains(stderr, "clients[0].acr_values: not a known word") {
		t.Errorf("config show: exit %d, %q, %q, want the faults", exit, stdout, stderr)
	}
}

// TestCheckWarnsOfExposedSecrets: everybody may read the file, which is no fault of
// the configuration.
func TestCheckWarnsOfExposedSecrets(t *testing.T) {
	raw, err := os.ReadFile("../../eidgate.example.yaml")
	must(t, err)
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "eidgate.yaml"), filepath.Join(dir, "secret")
	text := strings.Replace(string(raw), "client_secrets: [example-only-replace-with-openssl-rand-hex-32]", "client_secret_files: [secret]", 1)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	must(t, os.WriteFile(secret, []byte(strings.Repeat("x", 40)), 0o600))
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o440: false, 0o644: true} {
		must(t, os.Chmod(secret, mode))
		exit, stdout, stderr := run(t, "check", "--config", file)
		if exit != 0 || !strings.HasPrefix(stdout, "ok: ") {
			t.Errorf("mode %o: exit %d, %q, want ok", mode, exit, stdout)
		}
		want := "warning: clients[0].client_secret_files[0]: everybody on this machine may read the file (chmod o= " + secret + ")\n"
		if (stderr == want) != warned || !warned && stderr != "" {
			t.Errorf("mode %o: check says %q, want the warning: %v", mode, stderr, warned)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), freeBlock()
	file := filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(file, []byte(`issuer: http://`+addr+`
listen: `+addr+`
data: `+dir+`/data
master_key_file: `+dir+`/data/master.key
clients:
  - id: app
    name: Ứng dụng
    url: https://app.example.test/
    tier: other
    auth_method: none
    redirect_uris: ["https://app.example.test/cb"]
    scopes: [openid]
    sector: app.example.test
    min_level: 1
    sources: [national]
sources:
  - {id: national, kind: account, name: Tài khoản, provider: test, may_assert: [1, 2], grants_at_most: 2}
`), 0o600))
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--config", file)
	var log syncBuffer
	cmd.Stderr = &log
	must(t, cmd.Start())
	var provider *oidc.Provider
	waitUntil(t, "the gateway", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		provider, err = oidc.NewProvider(ctx, "http://"+addr)
		return err == nil
	})
	if got := provider.Endpoint().TokenURL; got != "http://"+addr+"/token" {
		t.Errorf("token endpoint = %s", got)
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v, want exit code 0\n%s", err, &log)
	}
	exit, stdout, _ := run(t, "migrate", "--config", file)
	if exit != 0 || stdout == "" {
		t.Errorf("migrate: exit %d, %q", exit, stdout)
	}
}
