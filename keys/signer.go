package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// SealOpener is what the ring asks of a Sealer.
type SealOpener interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

var _ SealOpener = (*Sealer)(nil)

// signer is an opened key.
type signer struct {
	id      string
	alg     Algorithm
	private crypto.Signer
	sealed  []byte // what it was opened from
}

// public is the JWK of the key, with public members only.
func (s *signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.private.Public(), KeyID: s.id, Algorithm: string(s.alg), Use: "sig"}
}

// generate makes a key pair.
func generate(alg Algorithm, rsaBits int) (crypto.Signer, error) {
	switch alg {
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("%w %q", errAlgorithm, alg)
}

// newRecord makes a key that stands in no state yet.
func newRecord(alg Algorithm, rsaBits int, box SealOpener) (Record, error) {
	private, err := generate(alg, rsaBits)
	if err != nil {
		return Record{}, fmt.Errorf("generating %s key: %w", alg, err)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return Record{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Record{}, fmt.Errorf("encoding %s key: %w", alg, err)
	}
	sealed, err := box.Seal(der, sealContext(alg, id))
	if err != nil {
		return Record{}, err
	}
	s := signer{id: id, alg: alg, private: private}
	public, err := s.public().MarshalJSON()
	if err != nil {
		return Record{}, fmt.Errorf("encoding public %s key: %w", alg, err)
	}
	return Record{ID: id, Algorithm: alg, Sealed: sealed, Public: public}, nil
}

// open opens a record and checks that the key is of the algorithm and the kid
// that the row states.
func open(rec Record, box SealOpener) (*signer, error) {
	der, err := box.Open(rec.Sealed, sealContext(rec.Algorithm, rec.ID))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %s: not in PKCS #8", rec.ID)
	}
	private, err := ofAlgorithm(rec.Algorithm, parsed)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", rec.ID, err)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return nil, err
	}
	if id != rec.ID {
		return nil, fmt.Errorf("key %s: the row holds another key, %s", rec.ID, id)
	}
	return &signer{id: id, alg: rec.Algorithm, private: private, sealed: bytes.Clone(rec.Sealed)}, nil
}

// ofAlgorithm returns the key if alg signs with its kind.
func ofAlgorithm(alg Algorithm, key any) (crypto.Signer, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if alg == RS256 && key.N.BitLen() >= 2048 {
			return key, nil
		}
	case *ecdsa.PrivateKey:
		if alg == ES256 && key.Curve == elliptic.P256() {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w %q does not sign with a %T", errAlgorithm, alg, key)
}

// sealContext binds a sealed key to its row.
func sealContext(alg Algorithm, id string) string { return "signing key " + string(alg) + " " + id }

// thumbprint is the kid of a key (RFC 7638 §3, SHA-256, base64url).
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing kid: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
