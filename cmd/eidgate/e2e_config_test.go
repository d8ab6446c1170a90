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

func TestCheckAcceptsTheExample(t *testing.T) {
	exit, stdout, stderr := run(t, "check", "--config", "../../eidgate.example.yaml")
	if exit != 0 || !strings.HasPrefix(stdout, "ok: issuer https://dangnhap.example.vn") || stderr != "" {
		t.Errorf("exit %d, %q, %q, want ok", exit, stdout, stderr)
	}
	if strings.Contains(stdout, "example-only-replace") {
		t.Errorf("check shows a secret")
	}
}

func TestServe(t *testing.T) {
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
