package fedtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// signingKey is a key of the provider.
type signingKey struct {
	kid     string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

func newSigningKey(alg jose.SignatureAlgorithm) (signingKey, error) {
	k := signingKey{kid: rand.Text(), alg: alg}
	var err error
	switch alg {
	case jose.RS256, jose.PS256:
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return signingKey{}, fmt.Errorf("signing algorithm %q: want RS256, PS256, ES256 or EdDSA", alg)
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("making a signing key: %w", err)
	}
	return k, nil
}

func (k signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Algorithm: string(k.alg), Use: "sig"}
}

func (k signingKey) sign(payload []byte) (string, error) {
	return signCompact(k.alg, jose.JSONWebKey{Key: k.private, KeyID: k.kid}, payload)
}

func signCompact(alg jose.SignatureAlgorithm, key any, payload []byte) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("making a signer: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing an ID token: %w", err)
	}
	return signed.CompactSerialize()
}

// signAs signs properly or as an attacker would.
func (k signingKey) signAs(how Signing, payload []byte) (string, error) {
	switch how {
	case SignProperly:
		return k.sign(payload)
	case SignNone:
		return encode(map[string]any{"alg": "none", "kid": k.kid}) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".", nil
	case SignHS256:
		der, err := x509.MarshalPKIXPublicKey(k.private.Public())
		if err != nil {
			return "", fmt.Errorf("encoding the public key: %w", err)
		}
		secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return signCompact(jose.HS256, jose.JSONWebKey{Key: secret, KeyID: k.kid}, payload)
	case SignForeignKey, SignUnknownKID, SignEmbeddedKey:
		foreign, err := newSigningKey(k.alg)
		if err != nil {
			return "", err
		}
		if how == SignForeignKey {
			foreign.kid = k.kid
		}
		if how != SignEmbeddedKey {
			return foreign.sign(payload)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: foreign.private},
			&jose.SignerOptions{EmbedJWK: true})
		if err != nil {
			return "", fmt.Errorf("making a signer: %w", err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			return "", fmt.Errorf("signing an ID token: %w", err)
		}
		return signed.CompactSerialize()
	}
	return k.sign(payload)
}

// tokenHash is at_hash (OpenID Connect Core §3.1.3.6).
func (k signingKey) tokenHash(accessToken string) string {
	if k.alg == jose.EdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
