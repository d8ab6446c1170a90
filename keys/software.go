package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// software is the custody of keys in the store itself: what finds a key is the key, in
// PKCS #8 (RFC 5958).
type software struct{}

var _ Custody = software{}

func (software) Name() string { return "" }

func (software) Generate(_ context.Context, alg Algorithm, rsaBits int) ([]byte, crypto.Signer, error) {
	private, err := generate(alg, rsaBits)
	if err != nil {
		return nil, nil, fmt.Errorf("generating %s key: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding %s key: %w", alg, err)
	}
	return der, private, nil
}

func (software) Open(_ context.Context, alg Algorithm, found []byte) (crypto.Signer, error) {
	return unpack(alg, found)
}

// Destroy has nothing to do: the key goes with its row.
func (software) Destroy(context.Context, Algorithm, []byte) error { return nil }

// unpack reads a private key of an algorithm.
func unpack(alg Algorithm, found []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(found)
	if err != nil {
		return nil, errors.New("not in PKCS #8")
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w %q: a %T does not sign", errAlgorithm, alg, parsed)
	}
	return private, fits(alg, private.Public())
}

// generate makes a key pair.
func generate(alg Algorithm, rsaBits int) (crypto.Signer, error) {
	switch alg {
	case RS256, PS256, RSA:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("%w %q", errAlgorithm, alg)
}

// fits checks that alg is used with the kind of a key.
func fits(alg Algorithm, public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if (alg == RS256 || alg == PS256 || alg == RSA) && key.N.BitLen() >= 2048 {
			return nil
		}
	case *ecdsa.PublicKey:
		if alg == ES256 && key.Curve == elliptic.P256() {
			return nil
		}
	}
	return fmt.Errorf("%w %q is not used with a %T", errAlgorithm, alg, public)
}
