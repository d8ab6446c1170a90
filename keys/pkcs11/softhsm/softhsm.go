// Package softhsm makes hardware security modules of software, for tests: tokens of
// SoftHSM 2 in a directory, behind a module that can go away and hang.
package softhsm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed testdata/moody.c
var moody []byte

// PIN is that of the tokens' user.
const PIN = "pin-of-the-tests"

// HSM is one token.
type HSM struct {
	Module  string // path of the library to load
	Token   string // label
	PINFile string
	Env     []string // what a process that loads the module needs
	dir     string
}

// New makes a token in a directory. It needs SoftHSM 2 and a C compiler, both of which
// scripts/deps.sh sees to, and the go command in this module.
func New(ctx context.Context, dir string) (*HSM, error) {
	library, err := library()
	if err != nil {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	h := &HSM{
		Module: at("moody.so"), Token: "eidgate-test", PINFile: at("pin"), dir: dir,
		Env: []string{"SOFTHSM2_CONF=" + at("softhsm2.conf"), "MOODY=" + dir, "MOODY_MODULE=" + library},
	}
	conf := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", at("tokens"))
	err = errors.Join(os.Mkdir(at("tokens"), 0o700), os.WriteFile(at("softhsm2.conf"), []byte(conf), 0o600),
		os.WriteFile(h.PINFile, []byte(PIN+"\n"), 0o600), os.WriteFile(at("moody.c"), moody, 0o600))
	if err != nil {
		return nil, err
	}
	headers, err := h.run(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11")
	if err != nil {
		return nil, err
	}
	if _, err := h.run(ctx, "gcc", "-shared", "-fPIC", "-I", strings.TrimSpace(headers), "-o", h.Module, at("moody.c"), "-ldl"); err != nil {
		return nil, err
	}
	_, err = h.run(ctx, "softhsm2-util", "--init-token", "--free", "--label", h.Token, "--pin", PIN, "--so-pin", "so-"+PIN)
	return h, err
}

// Away makes the module answer that its device was removed, until the returned function
// is called.
func (h *HSM) Away() (back func(), err error) { return h.mood("away") }

// Hang makes calls into the module wait until the returned function is called.
func (h *HSM) Hang() (over func(), err error) { return h.mood("hang") }

func (h *HSM) mood(name string) (func(), error) {
	file := filepath.Join(h.dir, name)
	return func() { _ = os.Remove(file) }, os.WriteFile(file, nil, 0o600)
}

func (h *HSM) run(ctx context.Context, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), h.Env...)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}

// library is that of SoftHSM 2.
func library() (string, error) {
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", errors.New("libsofthsm2.so is not here: scripts/deps.sh installs it")
}
