package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"

	"eidgate/eid"
)

// OpenID is an upstream OpenID Connect provider.
type OpenID struct {
	Issuer   string `koanf:"issuer"`    // the provider's issuer identifier
	ClientID string `koanf:"client_id"` // what the provider calls this gateway
	// The secret that the provider gave, or env:NAME for the value of a variable.
	ClientSecret eid.Secret `koanf:"client_secret"`
	// A file that holds the secret, instead of client_secret, or credential:NAME.
	ClientSecretFile string `koanf:"client_secret_file"`
	// Instead of a secret: private keys in PEM (RSA, or EC on P-256) that sign for this
	// client (private_key_jwt), or env:NAME for each. The first signs; all are published
	// at /source/ID/metadata, where the provider finds them.
	SigningKeys []eid.Secret `koanf:"signing_keys"`
	// Files that hold these keys, instead of signing_keys, or credential:NAME.
	SigningKeyFiles []string `koanf:"signing_key_files"`
	PSS             bool     `koanf:"pss"` // an RSA key signs PS256, not RS256
	// Private keys in PEM that the provider encrypts userinfo to; published with the others.
	EncryptionKeys []eid.Secret `koanf:"encryption_keys"`
	// Files that hold these keys, instead of encryption_keys, or credential:NAME.
	EncryptionKeyFiles []string `koanf:"encryption_key_files"`
	// Instead of files: the gateway keeps and changes keys itself. Beside files, those
	// sign until the first of the kept ones does, and decrypt until they are removed;
	// beside a secret, keys are published, and the secret counts until it is removed.
	ManagedKeys *ManagedKeys `koanf:"managed_keys"`
	Scopes      []string     `koanf:"scopes"` // the scopes asked beside openid
	// The provider's acr values and the level of each. Others name no level.
	ACR map[string]eid.Level `koanf:"acr"`
	// The acr value to ask for when a level is wanted.
	RequestACR map[eid.Level]string `koanf:"request_acr"`
	// Whether that value is asked for as an essential claim, instead of as a wish.
	EssentialACR bool `koanf:"essential_acr"`
	// Whether claims of the person are asked for at the provider's userinfo endpoint.
	UserInfo bool         `koanf:"userinfo"`
	Person   PersonClaims `koanf:"person"` // the claims that tell of the person
	// What may stand in aud beside client_id (OpenID Connect Core §3.1.3.7).
	TrustedAudiences []string `koanf:"trusted_audiences"`
}

// PersonClaims are the names of a provider's claims, for comparison with a civil
// registry.
type PersonClaims struct {
	Number    string `koanf:"number" json:"number,omitempty"`         // the claim with the personal number
	Name      string `koanf:"name" json:"name,omitempty"`             // the claim with the full name
	BirthDate string `koanf:"birth_date" json:"birth_date,omitempty"` // the claim with the birth date
}

// openidSettings is what package federation/openid reads.
type openidSettings struct {
	Issuer           string               `json:"issuer"`
	ClientID         string               `json:"client_id"`
	ClientSecret     string               `json:"client_secret"`
	SigningKeys      []string             `json:"signing_keys,omitempty"`
	PSS              bool                 `json:"pss,omitempty"`
	EncryptionKeys   []string             `json:"encryption_keys,omitempty"`
	ManagedKeys      *managedSettings     `json:"managed_keys,omitempty"`
	Scopes           []string             `json:"scopes,omitempty"`
	ACR              map[string]eid.Level `json:"acr"`
	RequestACR       map[eid.Level]string `json:"request_acr,omitempty"`
	EssentialACR     bool                 `json:"essential_acr,omitempty"`
	UserInfo         bool                 `json:"userinfo,omitempty"`
	Person           PersonClaims         `json:"person,omitzero"`
	TrustedAudiences []string             `json:"trusted_audiences,omitempty"`
}

func (o *OpenID) settings() any {
	return openidSettings{
		Issuer:           o.Issuer,
		ClientID:         o.ClientID,
		ClientSecret:     o.ClientSecret.Reveal(),
		SigningKeys:      reveal(o.SigningKeys),
		PSS:              o.PSS,
		EncryptionKeys:   reveal(o.EncryptionKeys),
		ManagedKeys:      o.ManagedKeys.settings("openid"),
		Scopes:           slices.DeleteFunc(slices.Clone(o.Scopes), func(s string) bool { return s == "openid" }),
		ACR:              o.ACR,
		RequestACR:       o.RequestACR,
		EssentialACR:     o.EssentialACR,
		UserInfo:         o.UserInfo,
		Person:           o.Person,
		TrustedAudiences: o.TrustedAudiences,
	}
}

func (o *OpenID) files(at string, each func(at string, path *string)) {
	each(member(at, "client_secret_file"), &o.ClientSecretFile)
	for i := range o.SigningKeyFiles {
		each(item(member(at, "signing_key_files"), i), &o.SigningKeyFiles[i])
	}
	for i := range o.EncryptionKeyFiles {
		each(item(member(at, "encryption_key_files"), i), &o.EncryptionKeyFiles[i])
	}
}

func (o *OpenID) readSecrets(at string, where surroundings) {
	where.secret(at, "client_secret", &o.ClientSecret, o.ClientSecretFile)
	where.secrets(at, "signing_key", &o.SigningKeys, o.SigningKeyFiles)
	where.secrets(at, "encryption_key", &o.EncryptionKeys, o.EncryptionKeyFiles)
}

func (o *OpenID) forget() {
	if o.ClientSecretFile != "" {
		o.ClientSecret = eid.Secret{}
	}
	if len(o.SigningKeyFiles) > 0 {
		o.SigningKeys = nil
	}
	if len(o.EncryptionKeyFiles) > 0 {
		o.EncryptionKeys = nil
	}
}

func (o *OpenID) check(f *faults, at string, c *Config) {
	if o.Issuer == "" {
		f.add(member(at, "issuer"), "missing", "the provider's issuer, exactly as its tokens name it")
	} else {
		checkAddress(f, member(at, "issuer"), o.Issuer, address{})
		checkReachable(f, member(at, "issuer"), o.Issuer, c.Outbound.Allow)
	}
	if o.ClientID == "" {
		f.add(member(at, "client_id"), "missing", "what the provider calls this gateway")
	}
	o.checkKeys(f, at)
	o.ManagedKeys.check(f, member(at, "managed_keys"), "openid", c.Lifetimes.JWKSMaxAge)
	if o.EssentialACR && len(o.RequestACR) == 0 {
		f.add(member(at, "essential_acr"), "names no value", "request_acr, with a value for each level")
	}
	for j, scope := range o.Scopes {
		if scope == "" || unfit(scope) {
			f.add(item(member(at, "scopes"), j), "not a scope", "visible ASCII without spaces")
		}
	}
	if len(o.ACR) == 0 {
		f.add(member(at, "acr"), "missing", "the provider's acr values and the level of each")
	}
	for _, value := range slices.Sorted(maps.Keys(o.ACR)) {
		if value == "" || !o.ACR[value].Valid() {
			f.add(member(member(at, "acr"), value), "no value, or not a level", "a value and 1 or 2")
		}
	}
	for j, audience := range o.TrustedAudiences {
		if audience == "" {
			f.add(item(member(at, "trusted_audiences"), j), "empty", "a client_id at this provider")
		}
	}
	for _, level := range slices.Sorted(maps.Keys(o.RequestACR)) {
		checkValue(f, member(member(at, "request_acr"), level.String()), o.RequestACR[level])
	}
}

// checkKeys looks at what the gateway proves itself with, and decrypts with.
func (o *OpenID) checkKeys(f *faults, at string) {
	secret := !o.ClientSecret.IsZero() || o.ClientSecretFile != ""
	switch keys := len(o.SigningKeys) + len(o.SigningKeyFiles); {
	case !secret && keys == 0 && o.ManagedKeys == nil:
		f.add(member(at, "client_secret"), "missing", "client_secret or client_secret_file, signing_key_files, or managed_keys: {}")
	case secret && keys > 0:
		f.add(member(at, "signing_keys"), "given beside a secret", "keep one of the two")
	}
	checkPrivateKeys(f, at, "signing_key", o.SigningKeys, o.SigningKeyFiles)
	checkPrivateKeys(f, at, "encryption_key", o.EncryptionKeys, o.EncryptionKeyFiles)
	if len(o.EncryptionKeys) > 0 && !o.UserInfo {
		f.add(member(at, "encryption_keys"), "userinfo is not asked for", "userinfo: true, or remove it")
	}
	if m := o.ManagedKeys; m != nil && m.Encryption && !o.UserInfo {
		f.add(member(member(at, "managed_keys"), "encryption"), "userinfo is not asked for", "userinfo: true, or remove it")
	}
}

const (
	maxPrivateKeys = 4    // of one kind, of one source
	maxRSA         = 8192 // bits
)

// checkPrivateKeys says which of the keys of one kind cannot be used, never what
// they hold. Those of files that could not be read were named before.
func checkPrivateKeys(f *faults, at, kind string, keys []eid.Secret, files []string) {
	name := kind + "s"
	if len(files) > 0 {
		name = kind + "_files"
	}
	if len(keys) > maxPrivateKeys {
		f.add(member(at, name), "too many", fmt.Sprintf("at most %d", maxPrivateKeys))
	}
	for i, key := range keys {
		if path := item(member(at, name), i); !key.IsZero() && !isPrivateKey(key) {
			f.add(path, "not a private key that can be used", "PEM of an RSA key of 2048 to 8192 bits, or of an EC key on P-256")
		}
	}
}

func isPrivateKey(secret eid.Secret) bool {
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return false
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return err == nil && k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	case *ecdsa.PrivateKey:
		return err == nil && k.Curve == elliptic.P256()
	}
	return false
}

func reveal(secrets []eid.Secret) []string {
	var texts []string
	for _, secret := range secrets {
		texts = append(texts, secret.Reveal())
	}
	return texts
}
