//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"github.com/ThalesGroup/crypto11"

	"eidgate/keys"
)

// signer is a private key on the token. Its handle ends with the login, so it is found
// again under the next one.
type signer struct {
	token  *Token
	alg    keys.Algorithm
	label  string
	public crypto.PublicKey

	mu  sync.Mutex
	key crypto11.Signer
	of  *crypto11.Context // that key belongs to
}

// Public implements crypto.Signer.
func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign implements crypto.Signer. The deadline is the token's, since an interface of
// the library has none.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	ctx := context.Background() //nolint:forbidigo // crypto.Signer brings none
	signature, err := within(ctx, s.token, s.token.cfg.Timeout, func(c *crypto11.Context) ([]byte, error) {
		key, err := s.find(c)
		if err != nil {
			return nil, err
		}
		return key.Sign(rand.Reader, digest, opts)
	})
	if err != nil {
		return nil, fmt.Errorf("signing with key %s: %w", s.label, err)
	}
	return signature, nil
}

// find finds the key under a login: the one of its label.
func (s *signer) find(c *crypto11.Context) (crypto11.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == c {
		return s.key, nil
	}
	pairs, err := c.FindKeyPairs(nil, []byte(s.label))
	if err != nil {
		return nil, err
	}
	if len(pairs) != 1 {
		return nil, errNoKey
	}
	s.key, s.of = pairs[0], c
	return s.key, nil
}
