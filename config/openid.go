package config

import (
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
	ClientSecretFile string   `koanf:"client_secret_file"`
	Scopes           []string `koanf:"scopes"` // the scopes asked beside openid
	// The provider's acr values and the level of each. Others name no level.
	ACR map[string]eid.Level `koanf:"acr"`
	// The acr value to ask for when a level is wanted.
	RequestACR map[eid.Level]string `koanf:"request_acr"`
	// What may stand in aud beside client_id (OpenID Connect Core §3.1.3.7).
	TrustedAudiences []string `koanf:"trusted_audiences"`
}

// openidSettings is what package federation/openid reads.
type openidSettings struct {
	Issuer           string               `json:"issuer"`
	ClientID         string               `json:"client_id"`
	ClientSecret     string               `json:"client_secret"`
	Scopes           []string             `json:"scopes,omitempty"`
	ACR              map[string]eid.Level `json:"acr"`
	RequestACR       map[eid.Level]string `json:"request_acr,omitempty"`
	TrustedAudiences []string             `json:"trusted_audiences,omitempty"`
}

func (o *OpenID) settings() any {
	return openidSettings{
		Issuer:           o.Issuer,
		ClientID:         o.ClientID,
		ClientSecret:     o.ClientSecret.Reveal(),
		Scopes:           slices.DeleteFunc(slices.Clone(o.Scopes), func(s string) bool { return s == "openid" }),
		ACR:              o.ACR,
		RequestACR:       o.RequestACR,
		TrustedAudiences: o.TrustedAudiences,
	}
}

func (o *OpenID) files(at string, each func(at string, path *string)) {
	each(member(at, "client_secret_file"), &o.ClientSecretFile)
}

func (o *OpenID) readSecrets(at string, where surroundings) {
	where.secret(at, "client_secret", &o.ClientSecret, o.ClientSecretFile)
}

func (o *OpenID) forget() {
	if o.ClientSecretFile != "" {
		o.ClientSecret = eid.Secret{}
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
	if o.ClientSecret.IsZero() && o.ClientSecretFile == "" {
		f.add(member(at, "client_secret"), "missing", "client_secret or client_secret_file")
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
