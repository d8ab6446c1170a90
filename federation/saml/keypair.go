package saml

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	dsig "github.com/russellhaering/goxmldsig"

	"eidgate/federation"
)

// Sizes of RSA keys, in bits.
const (
	minRSABits = 2048
	maxRSABits = 8192
	newRSABits = 3072
)

// KeyPair is a key of the gateway as a service provider, with the certificate
// that tells others of it. One signs, and any decrypts.
type KeyPair struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
}

// ParseKeyPair reads the PEM blocks PRIVATE KEY (PKCS #8, or RSA PRIVATE KEY) and
// CERTIFICATE, in either order.
func ParseKeyPair(text []byte) (KeyPair, error) {
	var pair KeyPair
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if err := pair.add(block); err != nil {
			return KeyPair{}, err
		}
	}
	switch {
	case pair.private == nil || pair.cert == nil:
		return KeyPair{}, errors.New("want one PRIVATE KEY and one CERTIFICATE, in PEM")
	case !pair.private.PublicKey.Equal(pair.cert.PublicKey):
		return KeyPair{}, errors.New("the certificate is that of another key")
	case !strong(pair.cert):
		return KeyPair{}, fmt.Errorf("the RSA key has %d bits, want %d to %d", pair.private.N.BitLen(), minRSABits, maxRSABits)
	}
	return pair, nil
}

func (k *KeyPair) add(block *pem.Block) (err error) {
	var private any
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "CERTIFICATE":
		if k.cert != nil {
			return errors.New("more than one certificate")
		}
		if k.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("certificate malformed")
		}
		return nil
	default:
		return nil
	}
	key, ok := private.(*rsa.PrivateKey)
	if err != nil || !ok || k.private != nil {
		return errors.New("private key malformed, not RSA, or not the only one")
	}
	k.private = key
	return nil
}

// String tells nothing of the key.
func (KeyPair) String() string { return "[key]" }

// GoString tells nothing of the key.
func (KeyPair) GoString() string { return "[key]" }

// LogValue tells nothing of the key.
func (KeyPair) LogValue() slog.Value { return slog.StringValue("[key]") }

// files are the pairs as the gateway's keys: each signs and opens.
func files(pairs []KeyPair) (federation.KeyFiles, error) {
	var list federation.KeyFiles
	for _, pair := range pairs {
		id, err := federation.KeyID(pair.private.Public())
		if err != nil {
			return federation.KeyFiles{}, err
		}
		list.Sign = append(list.Sign, federation.OwnKey{ID: id, Algorithm: ownAlgorithm, Certificate: pair.cert.Raw, Private: pair.private})
		list.Open = append(list.Open, federation.OwnKey{ID: id, Certificate: pair.cert.Raw, Private: pair.private})
	}
	return list, nil
}

// ownAlgorithm is what requests and logout messages are signed by: RSA with SHA-256
// (RFC 6931 §2.3.2), as JWS names it.
const ownAlgorithm = "RS256"

// newSigner makes signatures by RSA with SHA-256, for elements under exclusive
// canonicalization, with the key that is in use.
func newSigner(keys federation.OwnKeys) (*dsig.SigningContext, error) {
	key, private, err := federation.SigningKey(keys)
	if err != nil {
		return nil, err
	}
	if len(key.Certificate) == 0 || key.Algorithm != ownAlgorithm {
		return nil, errors.New("the key that signs is none for SAML")
	}
	signing, err := dsig.NewSigningContext(private, [][]byte{key.Certificate})
	if err != nil {
		return nil, fmt.Errorf("making a signer: %w", err)
	}
	signing.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	return signing, nil
}

// NewKeyPair makes an RSA key of 3072 bits with a self-signed certificate for this
// name and returns both in PEM, with the certificate's fingerprint (SHA-256) that
// the provider's operator may ask for. The name is all that the certificate says:
// it only carries the key, and is believed because metadata names it.
func NewKeyPair(name string, now time.Time, life time.Duration) (text []byte, fingerprint [sha256.Size]byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, newRSABits)
	if err != nil {
		return nil, fingerprint, fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fingerprint, fmt.Errorf("making a serial number: %w", err)
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-maxClock), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, private.Public(), private)
	if err != nil {
		return nil, fingerprint, fmt.Errorf("making a certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fingerprint, fmt.Errorf("encoding the key: %w", err)
	}
	var out bytes.Buffer
	for _, block := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: der}, {Type: "CERTIFICATE", Bytes: certificate}} {
		if err := pem.Encode(&out, block); err != nil {
			return nil, fingerprint, fmt.Errorf("encoding the key: %w", err)
		}
	}
	return out.Bytes(), sha256.Sum256(certificate), nil
}
