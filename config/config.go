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
//
// The comments of the fields, here and in the blocks below, are what `eidgate
// config schema` says of the keys: they are written for operators, and name
// keys, not fields.
type Config struct {
	// The gateway's address as browsers and portals see it (OpenID Connect
	// Discovery §3): https, except on loopback.
	Issuer string `koanf:"issuer"`
	// Host and port of the HTTP server.
	Listen string `koanf:"listen"`
	// Serves https itself. Without it a proxy in front speaks TLS.
	TLS TLS `koanf:"tls"`
	// Addresses and networks of proxies whose X-Forwarded-For is believed.
	Proxies []string `koanf:"proxies"`
	// The directory of the SQLite files.
	Data string `koanf:"data"`
	// Where passing state lives (sessions, codes, counters): the URL of a Redis, such
	// as redis://host:6379, rediss:// with TLS, redis+sentinel://host:26379/master or
	// redis+cluster://host:6379; without it, a file in data. It may hold a password.
	State eid.Secret `koanf:"state"`
	// How that Redis is spoken to.
	Redis Redis `koanf:"redis"`
	// The file of the key that seals what is secret in data, or credential:NAME.
	// Without it, master.key in data.
	MasterKeyFile string `koanf:"master_key_file"`
	// That key itself, a Tink keyset in JSON, instead of a file: for the environment.
	MasterKey eid.Secret `koanf:"master_key"`
	// The key of custody.transit that the file or the text is encrypted under. Without
	// it they hold the master key in the clear.
	MasterKeyTransit string `koanf:"master_key_transit"`
	// The canonical acr values, published in discovery.
	ACR ACR `koanf:"acr"`
	// How long things live that the gateway hands out and remembers.
	Lifetimes Lifetimes `koanf:"lifetimes"`
	// How signing keys are made and changed.
	Keys Keys `koanf:"keys"`
	// Where keys can live beside the database.
	Custody Custody `koanf:"custody"`
	// What strangers may try.
	Limits Limits `koanf:"limits"`
	// Where the gateway's own calls may go.
	Outbound Outbound `koanf:"outbound"`
	// The civil registries that legacy providers are compared with.
	Registries Registries `koanf:"registries"`
	// What becomes of the audit.
	Audit Audit `koanf:"audit"`
	// How holders are told of what becomes of their accounts.
	Notify Notify `koanf:"notify"`
	// The built-in account system.
	AccountSystem AccountSystem `koanf:"account_system"`
	// The listener of metrics.
	Metrics Metrics `koanf:"metrics"`
	// What the log holds and how.
	Log Log `koanf:"log"`
	// The portals that sign people in here (relying parties).
	Clients []Client `koanf:"clients"`
	// The ways of proving who someone is.
	Sources []Source `koanf:"sources"`
}

// TLS names the files of the server's certificate, in PEM. They are read again
// when they change. Both are given, or neither.
type TLS struct {
	CertFile string `koanf:"cert_file"` // the file of the certificate, then its intermediates, in PEM; or credential:NAME
	KeyFile  string `koanf:"key_file"`  // the file of the certificate's private key, in PEM; or credential:NAME
}

// On reports whether the gateway speaks TLS itself.
func (t TLS) On() bool { return t.CertFile != "" }

// ACR holds the canonical acr values that discovery publishes.
type ACR struct {
	Level1 string `koanf:"level1"` // the value that stands for Level 1
	Level2 string `koanf:"level2"` // the value that stands for Level 2
}

// Lifetimes bound what the gateway hands out and remembers.
type Lifetimes struct {
	Login           time.Duration `koanf:"login"`            // how long a sign-in may take
	Code            time.Duration `koanf:"code"`             // how long an authorization code lives
	IDToken         time.Duration `koanf:"id_token"`         // how long an ID token lives
	AccessToken     time.Duration `koanf:"access_token"`     // how long an opaque access token lives
	JWTAccessToken  time.Duration `koanf:"jwt_access_token"` // the same for an access token that audiences check alone (RFC 9068)
	RefreshIdle     time.Duration `koanf:"refresh_idle"`     // how long a refresh token lives that nobody uses
	RefreshAbsolute time.Duration `koanf:"refresh_absolute"` // how long a grant may be refreshed at all
	RefreshLevel2   time.Duration `koanf:"refresh_level2"`   // the same for a grant at Level 2
	SessionIdle     time.Duration `koanf:"session_idle"`     // how long a session lives that nobody uses
	SessionAbsolute time.Duration `koanf:"session_absolute"` // how long a session lives at all
	Level2Proof     time.Duration `koanf:"level2_proof"`     // how long a proof carries Level 2
	JWKSMaxAge      time.Duration `koanf:"jwks_max_age"`     // how long portals may cache the key set, in whole seconds
	Consent         time.Duration `koanf:"consent"`          // how long a consent is remembered
}

// Limits bound what strangers may try.
type Limits struct {
	// How many passwords are tried per account in guess_window.
	Guesses int `koanf:"guesses"`
	// How long a guess counts.
	GuessWindow time.Duration `koanf:"guess_window"`
	// How often one password may fail in guess_window, at all numbers together, in
	// browsers that nobody signed in with before.
	PasswordFailures int `koanf:"password_failures"`
	// How many passwords may fail in guess_window from one address, in such browsers.
	AddressFailures int `koanf:"address_failures"`
	// The same from one network: an IPv4 /24 or IPv6 /48.
	NetworkFailures int `koanf:"network_failures"`
	// How many passwords are hashed at a time; 0 is one per processor but one.
	PasswordEvaluations int `koanf:"password_evaluations"`
	// How many sign-ins may be with one source at a time.
	SourceCalls int `koanf:"source_calls"`
	// How many requests are answered at a time; strangers have a share of it.
	Requests int `koanf:"requests"`
	// How many sign-ins one process begins in lifetimes.login.
	NewLogins int `koanf:"new_logins"`
	// How many connections may be open at a time.
	Connections int `koanf:"connections"`
}

// Outbound restricts the gateway's own calls.
type Outbound struct {
	// Pairs of host and port that may be private addresses. Everything else must
	// resolve to a public one.
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
		Redis: Redis{Timeout: 700 * time.Millisecond, PoolSize: 32, WaitTimeout: 200 * time.Millisecond},
		Keys:  Keys{RotateEvery: 90 * 24 * time.Hour, RSABits: 2048, Algorithms: []string{"ES256", defaultAlg}, Plans: []KeyPlan{}},
		Limits: Limits{
			Guesses: 5, GuessWindow: 15 * time.Minute,
			PasswordFailures: 20, AddressFailures: 300, NetworkFailures: 3000,
			SourceCalls: 32, Requests: 512, NewLogins: 20_000, Connections: 4096,
		},
		Audit: Audit{RetentionYears: leastRetention},
		Custody: Custody{
			PKCS11:  PKCS11{Prefix: "eidgate", Timeout: 2 * time.Second},
			Transit: Transit{Mount: "transit", Prefix: "eidgate", Timeout: 2 * time.Second},
		},
		AccountSystem: defaultAccountSystem(),
		Notify: Notify{
			SMTP: SMTP{Security: smtpStartTLS}, PerMinute: 300,
			SMS: SMS{PerHour: 3000, PerHourAbroad: 100, SMPP: SMPP{Security: smtpImplicit}, HTTP: HTTPSMS{
				Method: "POST", Format: "json", Headers: map[string]string{}, Answer: HTTPSMSAnswer{Sent: []string{}, Busy: []string{}, Refused: []string{}},
			}},
		},
		Metrics: Metrics{Listen: "127.0.0.1:8401"},
		Log:     Log{Level: "info", Format: FormatJSON},
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
