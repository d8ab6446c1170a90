//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ThalesGroup/crypto11"

	"eidgate/keys"
)

// Built says whether this program can speak to a module.
const Built = true

// Token keeps keys on one token of a module. It logs in when it is first needed, and
// again after the token was away. It is safe for concurrent use.
type Token struct {
	cfg   Config
	line  *line
	slots chan struct{} // one for each operation under way, hung ones included
}

var _ keys.Custody = (*Token)(nil)

// maxOperations bounds the operations under way: a module that hangs keeps so many
// threads of this process, and no more.
const maxOperations = 16

// New checks the configuration. It does not touch the module.
func New(cfg Config, now func() time.Time) (*Token, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Token{cfg: cfg, line: &line{cfg: cfg, now: now}, slots: make(chan struct{}, maxOperations)}, nil
}

// Name implements keys.Custody.
func (t *Token) Name() string { return "pkcs11" }

// Generate implements keys.Custody: a key that signs and does nothing else, and that
// cannot be taken off the token. What finds it is its label.
func (t *Token) Generate(ctx context.Context, alg keys.Algorithm, rsaBits int) ([]byte, crypto.Signer, error) {
	if alg != keys.ES256 && alg != keys.RS256 && alg != keys.PS256 {
		return nil, nil, fmt.Errorf("no key of %q is made on a token", alg)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails (crypto/rand)
	label := t.cfg.Prefix + "-" + strings.ToLower(string(alg)) + "-" + hex.EncodeToString(id)
	_, err := within(ctx, t, 10*t.cfg.Timeout, func(c *crypto11.Context) (crypto.Signer, error) {
		return generate(c, alg, rsaBits, id, []byte(label))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("making a %s key: %w", alg, err)
	}
	private, err := t.Open(ctx, alg, []byte(label))
	if err != nil {
		return nil, nil, err
	}
	return []byte(label), private, nil
}

func generate(c *crypto11.Context, alg keys.Algorithm, rsaBits int, id, label []byte) (crypto.Signer, error) {
	public, err := crypto11.NewAttributeSetWithIDAndLabel(id, label)
	if err != nil {
		return nil, err
	}
	private := public.Copy()
	for name, value := range map[crypto11.AttributeType]bool{
		crypto11.CkaPrivate: true, crypto11.CkaSensitive: true, crypto11.CkaExtractable: false,
		crypto11.CkaSign: true, crypto11.CkaDecrypt: false, crypto11.CkaUnwrap: false,
	} {
		if err := private.Set(name, value); err != nil {
			return nil, err
		}
	}
	if err := public.Set(crypto11.CkaEncrypt, false); err != nil {
		return nil, err
	}
	if alg == keys.ES256 {
		return c.GenerateECDSAKeyPairWithAttributes(public, private, elliptic.P256())
	}
	return c.GenerateRSAKeyPairWithAttributes(public, private, rsaBits)
}

// Open implements keys.Custody. A key that could leave the token is refused.
func (t *Token) Open(ctx context.Context, alg keys.Algorithm, found []byte) (crypto.Signer, error) {
	label, err := t.labelled(found)
	if err != nil {
		return nil, err
	}
	s := &signer{token: t, alg: alg, label: label}
	s.public, err = within(ctx, t, t.cfg.Timeout, func(c *crypto11.Context) (crypto.PublicKey, error) {
		key, err := s.find(c)
		if err != nil {
			return nil, err
		}
		return key.Public(), kept(c, key)
	})
	if err == nil {
		err = fits(alg, s.public)
	}
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", label, err)
	}
	return keys.Checked(alg, s), nil
}

// kept makes sure that the private key never could be taken off the token.
func kept(c *crypto11.Context, key crypto11.Signer) error {
	for name, want := range map[crypto11.AttributeType]byte{crypto11.CkaSensitive: 1, crypto11.CkaExtractable: 0, crypto11.CkaNeverExtractable: 1} {
		attribute, err := c.GetAttribute(key, name)
		if err != nil {
			return err
		}
		if attribute == nil || len(attribute.Value) != 1 || attribute.Value[0] != want {
			return fmt.Errorf("%w: it is, or was, one that can leave the token: revoke it", keys.ErrCustody)
		}
	}
	return nil
}

func fits(alg keys.Algorithm, public crypto.PublicKey) error {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if (alg == keys.RS256 || alg == keys.PS256) && public.N.BitLen() >= 2048 {
			return nil
		}
	case *ecdsa.PublicKey:
		if alg == keys.ES256 && public.Curve == elliptic.P256() {
			return nil
		}
	}
	return fmt.Errorf("%w: it is not one for %s", keys.ErrCustody, alg)
}

// Destroy implements keys.Custody.
func (t *Token) Destroy(ctx context.Context, _ keys.Algorithm, found []byte) error {
	label, err := t.labelled(found)
	if err != nil {
		return err
	}
	_, err = within(ctx, t, t.cfg.Timeout, func(c *crypto11.Context) (struct{}, error) {
		pairs, err := c.FindKeyPairs(nil, []byte(label))
		for _, key := range pairs {
			err = errors.Join(err, key.Delete())
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("destroying key %s: %w", label, err)
	}
	return nil
}

// Ping logs in and lists nothing.
func (t *Token) Ping(ctx context.Context) error {
	_, err := within(ctx, t, t.cfg.Timeout, func(c *crypto11.Context) (struct{}, error) {
		_, err := c.FindKeyPairs(nil, []byte(t.cfg.Prefix+"-none"))
		return struct{}{}, err
	})
	return err
}

// Close logs out when the operations under way have ended. It does not wait for a
// module that hangs.
func (t *Token) Close() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.line.drop(t.line.current())
	}()
	select {
	case <-done:
	case <-time.After(t.cfg.Timeout):
	}
}

// labelled reads what Generate returned.
func (t *Token) labelled(found []byte) (string, error) {
	label := string(found)
	if !labelOf.MatchString(label) || !strings.HasPrefix(label, t.cfg.Prefix+"-") {
		return "", fmt.Errorf("%w: not a label under the prefix %s", keys.ErrCustody, t.cfg.Prefix)
	}
	return label, nil
}

// errNoKey says that the token has no such key, or several; or that somebody ended our
// login, which hides private keys.
var errNoKey = errors.New("the token has no such key")

// within does work on the token in bounded time. A call into the module cannot be
// broken off: one that hangs is left behind, with its slot. After a failure the line
// is made anew, and the work tried once more.
func within[T any](ctx context.Context, t *Token, timeout time.Duration, work func(*crypto11.Context) (T, error)) (none T, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("%w: the module is busy, or hangs", keys.ErrCustody)
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-t.slots }()
		var o outcome
		for range 2 {
			o.err = t.line.use(func(c *crypto11.Context) (err error) {
				o.value, err = work(c)
				return err
			})
			if o.err == nil || errors.Is(o.err, keys.ErrCustody) {
				break
			}
		}
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil && !errors.Is(o.err, keys.ErrCustody) {
			o.err = fmt.Errorf("%w: %w", keys.ErrCustody, o.err)
		}
		return o.value, o.err
	case <-ctx.Done():
		return none, fmt.Errorf("%w: the module does not answer", keys.ErrCustody)
	}
}
