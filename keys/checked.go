package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
)

// errDigest refuses what the gateway's algorithms never sign.
var errDigest = errors.New("only SHA-256 digests are signed, in the padding of the key's algorithm")

// Checked lets a private key that lives elsewhere sign for one algorithm alone, and
// lets no signature out that its public key does not verify: a custody that answers
// nonsense, or whose key was exchanged, is a custody that is away. The error then
// wraps ErrCustody. It is for those who fill Custody.
func Checked(alg Algorithm, private crypto.Signer) crypto.Signer {
	return &checked{alg: alg, private: private}
}

type checked struct {
	alg     Algorithm
	private crypto.Signer
}

// Public implements crypto.Signer.
func (c *checked) Public() crypto.PublicKey { return c.private.Public() }

// Sign implements crypto.Signer. RSA-PSS salts are as long as the digest whatever
// opts ask for (RFC 7518 §3.5).
func (c *checked) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, pss := opts.(*rsa.PSSOptions)
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() || pss != (c.alg == PS256) {
		return nil, errDigest
	}
	salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	if pss {
		opts = salt
	}
	signature, err := c.private.Sign(random, digest, opts)
	if err != nil {
		return nil, err
	}
	valid := false
	switch public := c.private.Public().(type) {
	case *ecdsa.PublicKey:
		valid = ecdsa.VerifyASN1(public, digest, signature)
	case *rsa.PublicKey:
		if pss {
			valid = rsa.VerifyPSS(public, crypto.SHA256, digest, signature, salt) == nil
		} else {
			valid = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
		}
	}
	if !valid {
		return nil, fmt.Errorf("%w: it made a signature that its key does not verify", ErrCustody)
	}
	return signature, nil
}
