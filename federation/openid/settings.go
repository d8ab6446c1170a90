package openid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"eidgate/eid"
	"eidgate/federation"
)

// Settings are what an operator registers about an OpenID provider.
type Settings struct {
	// Issuer is the provider's issuer identifier, compared byte by byte.
	Issuer   string
	ClientID string
	// ClientSecret is empty for a public client, and where SigningKeys take its place.
	ClientSecret eid.Secret
	// SigningKeys authenticate the client by private_key_jwt (OpenID Connect Core §9):
	// private keys in PEM, of which the first signs and all are published. RSA signs
	// RS256, or PS256 where PSS is set; EC P-256 signs ES256.
	SigningKeys []eid.Secret
	PSS         bool
	// EncryptionKeys are those that the provider may encrypt userinfo to, published
	// beside them: RSA-OAEP-256, or ECDH-ES on P-256.
	EncryptionKeys []eid.Secret
	// Managed says how the gateway keeps keys itself, which take over from those above;
	// while there is a ClientSecret, that is what authenticates. Nil for none.
	Managed *federation.ManagedKeys
	// Scopes are asked beside openid.
	Scopes []string
	// ACR maps the provider's acr values to levels. A value that is not here is
	// not believed.
	ACR map[string]eid.Level
	// RequestACR is the acr_values parameter to send for a wanted level.
	RequestACR map[eid.Level]string
	// EssentialACR asks for that value by the claims parameter, as essential (OpenID
	// Connect Core §5.5.1.1), instead of acr_values, which is a wish.
	EssentialACR bool
	// TrustedAudiences may stand in aud beside ClientID.
	TrustedAudiences []string
	// UserInfo: claims of the person are asked for at the userinfo endpoint.
	UserInfo bool
	// Person names the claims that tell of the person.
	Person PersonClaims
}

// PersonClaims are the names of claims, empty where the provider has none.
type PersonClaims struct {
	Number    string `json:"number,omitempty"`
	Name      string `json:"name,omitempty"`
	BirthDate string `json:"birth_date,omitempty"`
}

// settingsJSON is how Settings are stored.
type settingsJSON struct {
	Issuer           string                  `json:"issuer"`
	ClientID         string                  `json:"client_id"`
	ClientSecret     string                  `json:"client_secret"`
	SigningKeys      []string                `json:"signing_keys"`
	PSS              bool                    `json:"pss"`
	EncryptionKeys   []string                `json:"encryption_keys"`
	Managed          *federation.ManagedKeys `json:"managed_keys"`
	Scopes           []string                `json:"scopes"`
	ACR              map[string]eid.Level    `json:"acr"`
	RequestACR       map[eid.Level]string    `json:"request_acr"`
	EssentialACR     bool                    `json:"essential_acr"`
	TrustedAudiences []string                `json:"trusted_audiences"`
	UserInfo         bool                    `json:"userinfo"`
	Person           PersonClaims            `json:"person"`
}

// ParseSettings reads eid.Source.Settings and reports every fault at once:
//
//	{"issuer": "https://…", "client_id": "…", "client_secret": "…", "scopes": ["profile"],
//	 "acr": {"urn:…:1": 1}, "request_acr": {"1": "urn:…:1"}, "essential_acr": false, "trusted_audiences": [],
//	 "signing_keys": ["-----BEGIN PRIVATE KEY-----…"], "pss": false, "encryption_keys": [],
//	 "userinfo": true, "person": {"number": "…", "name": "name", "birth_date": "birthdate"}}
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var in settingsJSON
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		// The decoder's text may quote a value; the secret is one of them.
		return Settings{}, errors.New("settings of an OpenID source: malformed JSON or an unknown member")
	}
	s := Settings{
		Issuer: in.Issuer, ClientID: in.ClientID, ClientSecret: eid.NewSecret(in.ClientSecret), Scopes: in.Scopes,
		ACR: in.ACR, RequestACR: in.RequestACR, TrustedAudiences: in.TrustedAudiences, PSS: in.PSS,
		EssentialACR: in.EssentialACR, UserInfo: in.UserInfo, Person: in.Person, Managed: in.Managed,
	}
	for _, key := range in.SigningKeys {
		s.SigningKeys = append(s.SigningKeys, eid.NewSecret(key))
	}
	for _, key := range in.EncryptionKeys {
		s.EncryptionKeys = append(s.EncryptionKeys, eid.NewSecret(key))
	}
	return s, s.check()
}

// asserts reports whether the gateway authenticates by a key.
func (s Settings) asserts() bool {
	return len(s.SigningKeys) > 0 || s.Managed != nil && s.ClientSecret.IsZero()
}

func (s Settings) check() error {
	var errs []error
	if err := federation.CheckURL(s.Issuer); err != nil {
		errs = append(errs, fmt.Errorf("issuer: %w", err))
	} else if strings.Contains(s.Issuer, "?") {
		errs = append(errs, errors.New("issuer: has a query"))
	}
	if s.ClientID == "" {
		errs = append(errs, errors.New("client_id: missing"))
	}
	if len(s.ACR) == 0 {
		errs = append(errs, errors.New("acr: no value is mapped to a level"))
	}
	for value, level := range s.ACR {
		if value == "" || !level.Valid() {
			errs = append(errs, fmt.Errorf("acr %q: level %d, want 1 or 2", value, level))
		}
	}
	for level, value := range s.RequestACR {
		if value == "" || !level.Valid() {
			errs = append(errs, fmt.Errorf("request_acr %d: want a value for level 1 or 2", level))
		}
	}
	if len(s.SigningKeys) > 0 && !s.ClientSecret.IsZero() {
		errs = append(errs, errors.New("signing_keys: given beside client_secret"))
	}
	for name, list := range map[string][]eid.Secret{"signing_keys": s.SigningKeys, "encryption_keys": s.EncryptionKeys} {
		if len(list) > maxOwnKeys {
			errs = append(errs, fmt.Errorf("%s: %d, at most %d", name, len(list), maxOwnKeys))
		}
		for i, key := range list {
			if _, err := parseOwnKey(key); err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %w", name, i, err))
			}
		}
	}
	if len(s.EncryptionKeys) > 0 && !s.UserInfo {
		errs = append(errs, errors.New("encryption_keys: userinfo is not asked for"))
	}
	if err := s.Managed.Check(string(jose.RS256), string(jose.PS256), string(jose.ES256)); err != nil {
		errs = append(errs, err)
	}
	if m := s.Managed; m != nil && (m.Algorithm == "" || m.Decryption && !s.UserInfo) {
		errs = append(errs, errors.New("managed_keys: want an algorithm to sign with, and userinfo where they decrypt"))
	}
	if s.EssentialACR && len(s.RequestACR) == 0 {
		errs = append(errs, errors.New("essential_acr: request_acr names no value to ask for"))
	}
	if slices.ContainsFunc(s.Scopes, func(scope string) bool { return scope == "" || strings.ContainsAny(scope, " \t\r\n") }) {
		errs = append(errs, errors.New("scopes: empty, or two in one"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("settings of an OpenID source: %w", err)
	}
	return nil
}
