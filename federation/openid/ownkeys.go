package openid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
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

var (
	_ federation.Publisher = (*Source)(nil)
	_ federation.Changer   = (*Source)(nil)
)

// CacheFor is how long the provider may go on with keys that it read.
func (s *Source) CacheFor() time.Duration { return s.settings.Managed.CacheFor() }

// parseOwnKey reads a private key in PEM: PKCS #8, PKCS #1 or SEC 1. Errors hold
// nothing of it.
func parseOwnKey(secret eid.Secret) (federation.OwnKey, error) {
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return federation.OwnKey{}, errors.New("not a private key in PEM")
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
		return federation.OwnKey{}, errors.New("not a private key in PEM")
	}
	var own federation.OwnKey
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return federation.OwnKey{}, fmt.Errorf("RSA of %d bits, want %d to %d", bits, minRSABits, maxRSABits)
		}
		own.Private = k
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return federation.OwnKey{}, errors.New("an EC key that is not on P-256")
		}
		own.Private = k
	default:
		return federation.OwnKey{}, errors.New("want an RSA key, or an EC key on P-256")
	}
	own.ID, err = federation.KeyID(own.Private.Public())
	return own, err
}

// keyFiles reads the keys that stand in the settings.
func (s Settings) keyFiles() (federation.KeyFiles, error) {
	var files federation.KeyFiles
	for _, secret := range s.SigningKeys {
		own, err := parseOwnKey(secret)
		if err != nil {
			return federation.KeyFiles{}, fmt.Errorf("signing keys: %w", err)
		}
		own.Algorithm = string(signs(own, s.PSS))
		files.Sign = append(files.Sign, own)
	}
	for _, secret := range s.EncryptionKeys {
		own, err := parseOwnKey(secret)
		if err != nil {
			return federation.KeyFiles{}, fmt.Errorf("encryption keys: %w", err)
		}
		files.Open = append(files.Open, own)
	}
	return files, nil
}

// signs is the algorithm that a key from a file signs with.
func signs(key federation.OwnKey, pss bool) jose.SignatureAlgorithm {
	switch _, isRSA := key.Private.(*rsa.PrivateKey); {
	case isRSA && pss:
		return jose.PS256
	case isRSA:
		return jose.RS256
	}
	return jose.ES256
}

// opens is the algorithm that content keys come encrypted with.
func opens(key federation.OwnKey) jose.KeyAlgorithm {
	if _, isRSA := key.Private.(*rsa.PrivateKey); isRSA {
		return jose.RSA_OAEP_256
	}
	return jose.ECDH_ES
}

// Publish gives the public halves of the gateway's keys at this provider (RFC 7517
// §5), nothing where there are none: all that may have signed, and those to encrypt
// to, the one in use first.
func (s *Source) Publish(_, _, _ string) (contentType string, body []byte, err error) {
	var set jose.JSONWebKeySet
	for _, key := range s.own.Signing() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID, Use: "sig", Algorithm: key.Algorithm})
	}
	for _, key := range federation.EncryptionKeys(s.own) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID, Use: "enc", Algorithm: string(opens(key))})
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
	if !s.settings.asserts() {
		return nil, nil
	}
	key, private, err := federation.SigningKey(s.own)
	if err != nil {
		return nil, err
	}
	now := s.now()
	payload, err := json.Marshal(map[string]any{
		"iss": s.settings.ClientID, "sub": s.settings.ClientID, "aud": s.settings.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("writing a client assertion: %w", err)
	}
	var signing any = private
	switch private.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
	default: // a key that lives elsewhere
		signing = cryptosigner.Opaque(private)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: jose.JSONWebKey{Key: signing, KeyID: key.ID}},
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
