package openid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"eidgate/eid"
	"eidgate/federation"
)

// Bounds of the gateway's own keys at a provider.
const (
	maxOwnKeys    = 4
	minRSABits    = 2048
	maxRSABits    = 8192
	assertionLife = time.Minute
)

var _ federation.Publisher = (*Source)(nil)

// ownKey is a private key of the gateway, under the thumbprint of its public half
// as kid (RFC 7638).
type ownKey struct {
	private crypto.Signer
	kid     string
}

// parseOwnKey reads a private key in PEM: PKCS #8, PKCS #1 or SEC 1. Errors hold
// nothing of it.
func parseOwnKey(secret eid.Secret) (ownKey, error) {
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return ownKey{}, errors.New("not a private key in PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return ownKey{}, errors.New("not a private key in PEM")
	}
	own := ownKey{}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return ownKey{}, fmt.Errorf("RSA of %d bits, want %d to %d", bits, minRSABits, maxRSABits)
		}
		own.private = k
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return ownKey{}, errors.New("an EC key that is not on P-256")
		}
		own.private = k
	default:
		return ownKey{}, errors.New("want an RSA key, or an EC key on P-256")
	}
	sum, err := (&jose.JSONWebKey{Key: own.private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ownKey{}, errors.New("a key without a thumbprint")
	}
	own.kid = base64.RawURLEncoding.EncodeToString(sum)
	return own, nil
}

// signs is the algorithm that the key signs with.
func (k ownKey) signs(pss bool) jose.SignatureAlgorithm {
	switch _, isRSA := k.private.(*rsa.PrivateKey); {
	case isRSA && pss:
		return jose.PS256
	case isRSA:
		return jose.RS256
	}
	return jose.ES256
}

// opens is the algorithm that content keys come encrypted with.
func (k ownKey) opens() jose.KeyAlgorithm {
	if _, isRSA := k.private.(*rsa.PrivateKey); isRSA {
		return jose.RSA_OAEP_256
	}
	return jose.ECDH_ES
}

// Publish gives the public halves of the gateway's keys at this provider (RFC 7517
// §5), nothing where there are none.
func (s *Source) Publish(_, _, _ string) (contentType string, body []byte, err error) {
	var set jose.JSONWebKeySet
	for _, key := range s.signing {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.private.Public(), KeyID: key.kid, Use: "sig", Algorithm: string(key.signs(s.settings.PSS))})
	}
	for _, key := range s.opening {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.private.Public(), KeyID: key.kid, Use: "enc", Algorithm: string(key.opens())})
	}
	if len(set.Keys) == 0 {
		return "", nil, nil
	}
	body, err = json.Marshal(set)
	if err != nil {
		return "", nil, fmt.Errorf("writing keys: %w", err)
	}
	return "application/jwk-set+json", body, nil
}

// authenticate makes the client's assertion for the token endpoint (RFC 7523
// §2.2), nothing where it has a secret, or none. The audience is the issuer alone:
// an assertion for an endpoint that another provider's metadata names could be
// carried there.
func (s *Source) authenticate() ([]oauth2.AuthCodeOption, error) {
	if len(s.signing) == 0 {
		return nil, nil
	}
	key, now := s.signing[0], s.now()
	payload, err := json.Marshal(map[string]any{
		"iss": s.settings.ClientID, "sub": s.settings.ClientID, "aud": s.settings.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("writing a client assertion: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.signs(s.settings.PSS), Key: jose.JSONWebKey{Key: key.private, KeyID: key.kid}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("making a signer: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("signing a client assertion: %w", err)
	}
	assertion, err := signed.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("writing a client assertion: %w", err)
	}
	return []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion),
	}, nil
}
