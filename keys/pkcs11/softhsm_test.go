//go:build pkcs11

package pkcs11_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/keys/pkcs11"
)

const (
	pin      = "pin-of-the-tests"
	otherPIN = "so-pin-of-the-tests"
)

// hsm is a token of SoftHSM in a directory of its own, behind the moody module.
type hsm struct {
	*pkcs11.Token
	cfg pkcs11.Config
	dir string
}

// softHSM is the library of SoftHSM 2. Without it there is nothing to test: scripts/deps.sh
// installs it.
func softHSM(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so is not here: scripts/deps.sh installs it")
	return ""
}

func newHSM(t *testing.T) *hsm {
	t.Helper()
	h := &hsm{dir: t.TempDir()}
	tokens, conf := filepath.Join(h.dir, "tokens"), filepath.Join(h.dir, "softhsm2.conf")
	h.cfg = pkcs11.Config{
		Module: filepath.Join(h.dir, "moody.so"), Token: "eidgate-test", PINFile: filepath.Join(h.dir, "pin"), Prefix: "eidgate", Timeout: 2 * time.Second,
	}
	check(t, os.Mkdir(tokens, 0o700))
	check(t, os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens), 0o600))
	check(t, os.WriteFile(h.cfg.PINFile, []byte(pin+"\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	t.Setenv("MOODY", h.dir)
	t.Setenv("MOODY_MODULE", softHSM(t))
	command(t, "softhsm2-util", "--init-token", "--free", "--label", h.cfg.Token, "--pin", pin, "--so-pin", otherPIN)
	headers := strings.TrimSpace(command(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11"))
	command(t, "gcc", "-shared", "-fPIC", "-I", headers, "-o", h.cfg.Module, "testdata/moody.c", "-ldl")
	h.Token = h.token(t, time.Now)
	return h
}

// token is another process's, or a later one's.
func (h *hsm) token(t *testing.T, now func() time.Time) *pkcs11.Token {
	t.Helper()
	token, err := pkcs11.New(h.cfg, now)
	check(t, err)
	t.Cleanup(token.Close)
	return token
}

// mood makes the module moody until the returned function is called.
func (h *hsm) mood(t *testing.T, name string) (over func()) {
	t.Helper()
	file := filepath.Join(h.dir, name)
	check(t, os.WriteFile(file, nil, 0o600))
	return func() { _ = os.Remove(file) }
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
