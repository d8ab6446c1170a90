// Package config owns the gateway's configuration: it turns a YAML file and the
// environment into a checked struct, and names every fault by its path.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"eidgate/eid"
)

// Config is a configuration. One that Load returned has passed every check.
type Config struct {
	// Issuer is the gateway's address as browsers and portals see it (OpenID
	// Connect Discovery §3): https, except on loopback.
	Issuer string `koanf:"issuer"`
	// Listen is the host and port of the HTTP server.
	Listen string `koanf:"listen"`
	// TLS serves https itself. Without it a proxy in front speaks TLS.
	TLS TLS `koanf:"tls"`
	// Proxies are the addresses and networks whose X-Forwarded-For is believed.
	Proxies []string `koanf:"proxies"`
	// Data is the directory of the SQLite files.
	Data string `koanf:"data"`
	// State is where passing state lives: the URL of a Redis (see StateServer), or
	// empty for a file in Data. It may hold a password.
	State eid.Secret `koanf:"state"`
	Redis Redis      `koanf:"redis"`
	// MasterKeyFile seals what is secret in Data. Default: master.key in Data.
	MasterKeyFile string    `koanf:"master_key_file"`
	ACR           ACR       `koanf:"acr"`
	Lifetimes     Lifetimes `koanf:"lifetimes"`
	Keys          Keys      `koanf:"keys"`
	Limits        Limits    `koanf:"limits"`
	Outbound      Outbound  `koanf:"outbound"`
	Clients       []Client  `koanf:"clients"`
	Sources       []Source  `koanf:"sources"`
}

// TLS names the files of the server's certificate, in PEM. They are read again
// when they change. Both are given, or neither.
type TLS struct {
	CertFile string `koanf:"cert_file"` // the certificate, then its intermediates
	KeyFile  string `koanf:"key_file"`
}

// On reports whether the gateway speaks TLS itself.
func (t TLS) On() bool { return t.CertFile != "" }

// ACR holds the canonical acr values that discovery publishes.
type ACR struct {
	Level1 string `koanf:"level1"`
	Level2 string `koanf:"level2"`
}

// Lifetimes bound what the gateway hands out and remembers.
type Lifetimes struct {
	Login           time.Duration `koanf:"login"`            // a sign-in under way
	Code            time.Duration `koanf:"code"`             // an authorization code
	IDToken         time.Duration `koanf:"id_token"`         // an ID token
	AccessToken     time.Duration `koanf:"access_token"`     // an opaque access token
	JWTAccessToken  time.Duration `koanf:"jwt_access_token"` // an access token that audiences check alone (RFC 9068)
	RefreshIdle     time.Duration `koanf:"refresh_idle"`     // a refresh token nobody uses
	RefreshAbsolute time.Duration `koanf:"refresh_absolute"` // all refresh tokens of a grant
	RefreshLevel2   time.Duration `koanf:"refresh_level2"`   // those of a grant at Level 2
	SessionIdle     time.Duration `koanf:"session_idle"`     // a session nobody uses
	SessionAbsolute time.Duration `koanf:"session_absolute"` // any session
	Level2Proof     time.Duration `koanf:"level2_proof"`     // a proof still carries Level 2
	JWKSMaxAge      time.Duration `koanf:"jwks_max_age"`     // portals may cache the key set
	Consent         time.Duration `koanf:"consent"`          // a consent is remembered
}

// Keys says how signing keys are made and changed.
type Keys struct {
	RotateEvery time.Duration `koanf:"rotate_every"`
	RSABits     int           `koanf:"rsa_bits"`
}

// Limits bound what strangers may try.
type Limits struct {
	Guesses     int           `koanf:"guesses"` // evaluated per account in GuessWindow
	GuessWindow time.Duration `koanf:"guess_window"`
}

// Outbound restricts the gateway's own calls.
type Outbound struct {
	// Allow lists host:port pairs that may be private addresses. Everything
	// else must resolve to a public one.
	Allow []string `koanf:"allow"`
}

// Default returns what holds where the file and the environment are silent. It
// is not complete: the issuer has no default.
func Default() *Config {
	vocabulary := eid.StandardVocabulary()
	return &Config{
		Listen: "127.0.0.1:8400",
		Data:   "/var/lib/eidgate",
		ACR:    ACR{Level1: vocabulary.Level1, Level2: vocabulary.Level2},
		Lifetimes: Lifetimes{
			Login:           10 * time.Minute,
			Code:            time.Minute,
			IDToken:         5 * time.Minute,
			AccessToken:     10 * time.Minute,
			JWTAccessToken:  5 * time.Minute,
			RefreshIdle:     8 * time.Hour,
			RefreshAbsolute: 30 * 24 * time.Hour,
			RefreshLevel2:   24 * time.Hour,
			SessionIdle:     30 * time.Minute,
			SessionAbsolute: 12 * time.Hour,
			Level2Proof:     30 * time.Minute,
			JWKSMaxAge:      10 * time.Minute,
			Consent:         365 * 24 * time.Hour,
		},
		Redis:  Redis{Timeout: 700 * time.Millisecond, PoolSize: 32, WaitTimeout: 200 * time.Millisecond},
		Keys:   Keys{RotateEvery: 90 * 24 * time.Hour, RSABits: 2048},
		Limits: Limits{Guesses: 5, GuessWindow: 15 * time.Minute},
	}
}

// Vocabulary gives the canonical acr values to the level rule.
func (c *Config) Vocabulary() eid.Vocabulary {
	return eid.Vocabulary{Level1: c.ACR.Level1, Level2: c.ACR.Level2}
}

// Version is a short hash of everything that is not secret. Grants carry it, so
// that an audit knows under which configuration a level was given.
func (c *Config) Version() string {
	// Secrets marshal redacted, maps marshal sorted.
	raw, err := json.Marshal(c)
	if err != nil {
		// No field of Config can fail to marshal.
		panic("config: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}
