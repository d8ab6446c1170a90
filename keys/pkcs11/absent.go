//go:build !pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"time"

	"eidgate/keys"
)

// Built says whether this program can speak to a module.
const Built = false

// Token is what New never returns in this build.
type Token struct{}

var _ keys.Custody = (*Token)(nil)

// New checks the configuration, and returns ErrBuild.
func New(cfg Config, _ func() time.Time) (*Token, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return nil, ErrBuild
}

// Name implements keys.Custody.
func (*Token) Name() string { return "pkcs11" }

// Generate returns ErrBuild.
func (*Token) Generate(context.Context, keys.Algorithm, int) ([]byte, crypto.Signer, error) {
	return nil, nil, ErrBuild
}

// Open returns ErrBuild.
func (*Token) Open(context.Context, keys.Algorithm, []byte) (crypto.Signer, error) {
	return nil, ErrBuild
}

// Destroy returns ErrBuild.
func (*Token) Destroy(context.Context, keys.Algorithm, []byte) error { return ErrBuild }

// Ping returns ErrBuild.
func (*Token) Ping(context.Context) error { return ErrBuild }

// Close does nothing.
func (*Token) Close() {}
