//go:build pkcs11

package pkcs11_test

import (
	"strings"
	"testing"
	"time"

	"eidgate/keys/pkcs11"
	"eidgate/keys/pkcs11/softhsm"
)

const pin = softhsm.PIN

// hsm is a token of its own with a custody over it.
type hsm struct {
	*pkcs11.Token
	cfg  pkcs11.Config
	soft *softhsm.HSM
}

func newHSM(t *testing.T) *hsm {
	t.Helper()
	soft, err := softhsm.New(t.Context(), t.TempDir())
	check(t, err)
	for _, variable := range soft.Env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	h := &hsm{soft: soft, cfg: pkcs11.Config{Module: soft.Module, Token: soft.Token, PINFile: soft.PINFile, Prefix: "eidgate", Timeout: 2 * time.Second}}
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

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
