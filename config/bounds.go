package config

import (
	"regexp"
	"time"

	"eidgate/eid"
)

// words are what a key takes that takes one of a few words, by its pattern; nil
// for every other key.
func words(pattern string) []string {
	switch pattern {
	case "clients[].tier":
		return []string{"national", "ministry", "province", "other"}
	case "clients[].category":
		return []string{string(eid.Administrative), string(eid.OtherCategory)}
	case "clients[].not_ready.covers":
		return []string{"sign_in", "account_creation"}
	case "clients[].auth_method":
		return []string{string(eid.AuthSecretBasic), string(eid.AuthSecretPost), string(eid.AuthPrivateKeyJWT), string(eid.AuthNone)}
	case "clients[].id_token_alg", "clients[].userinfo_alg", "keys.algorithms[]":
		return []string{defaultAlg, "ES256", "PS256"}
	case "keys.plans[].purpose":
		return []string{purposeTokens, purposeLogout, purposeAudit}
	case "keys.plans[].algorithm":
		return words("keys.algorithms[]")
	case "clients[].scopes[]":
		return []string{"openid", "profile", "email", "phone", "address", "eid"}
	case "clients[].acr_values":
		return []string{"binding", "voluntary"}
	case "clients[].pkce":
		return []string{"required", "exempt"}
	case "log.level":
		return []string{"debug", "info", "warn", "error"}
	case "log.format":
		return []string{FormatJSON, FormatText}
	case "sources[].reconcile":
		return []string{reconcileRegistry, reconcileLink}
	case "sources[].kind":
		return []string{"account", "openid", "vneid", "saml", "cas", "ldap", kindPortal}
	case "sources[].portal.unverified":
		return []string{unverifiedRefuse, unverifiedLevel1}
	case "clients[].old_subjects":
		return []string{string(eid.KeepSubjects), string(eid.MapSubjects)}
	case "account_system.methods.passkey_aal":
		return []string{"02", "03"}
	case "notify.smtp.tls":
		return []string{smtpStartTLS, smtpImplicit, smtpPlain}
	case "notify.sms.smpp.tls":
		return []string{smtpImplicit, smtpPlain}
	case "notify.sms.http.method":
		return []string{"POST", "PUT"}
	case "notify.sms.http.format":
		return []string{"json", "form"}
	case "sources[].vneid.dialect":
		return []string{"wso2", "sso", "encrypted"}
	case "sources[].vneid.client_auth":
		return []string{"post", "basic"}
	case "sources[].vneid.cipher":
		return []string{"ecb", "cbc"}
	case "sources[].openid.managed_keys.algorithm":
		return []string{"RS256", "PS256", "ES256"}
	case "sources[].saml.binding":
		return []string{"redirect", "post"}
	case "sources[].saml.signed":
		return []string{"assertion", "response"}
	case "sources[].saml.comparison":
		return []string{"exact", "minimum"}
	}
	return nil
}

// defaultAlg is the signature algorithm that every OpenID provider has (Core §15.1).
const defaultAlg = "RS256"

// required are the keys that a block of the file cannot do without, by its
// pattern. The issuer may come from the environment.
func required(pattern string) []string {
	switch pattern {
	case "clients[]":
		return []string{"id", "name", "url", "tier", "auth_method", "redirect_uris", "scopes", "sector", "min_level", "sources"}
	case "keys.plans[]":
		return []string{"purpose", "algorithm"}
	case "clients[].not_ready":
		return []string{"decision"}
	case "sources[].maintenance[]":
		return []string{"from", "until"}
	case "sources[]":
		return []string{"id", "kind", "name", "provider", "may_assert", "grants_at_most"}
	case "sources[].openid":
		return []string{"issuer", "client_id", "acr"}
	case "sources[].vneid":
		return []string{"dialect", "authorize", "token", "userinfo", "client_id", "levels"}
	case "sources[].linking":
		return []string{"cap"}
	case "sources[].portal":
		return []string{"client", "verify_by"}
	case "sources[].cas":
		return []string{"server"}
	case "sources[].ldap":
		return []string{"url", "base_dn", "subject"}
	case "sources[].saml":
		return []string{"issuer"}
	}
	return nil
}

// pattern is a path without the numbers of the elements: clients[].tier.
func pattern(path string) string { return elementNumber.ReplaceAllString(path, "[]") }

var elementNumber = regexp.MustCompile(`\[[0-9]+\]`)

// timeBound is what a length of time may be.
type timeBound struct {
	path        string
	value       time.Duration
	least, most time.Duration
}

// MaxTokenLifetime is the longest that a token may live which verifies by a key.
const MaxTokenLifetime = time.Hour

func (c *Config) times() []timeBound {
	const day = 24 * time.Hour
	l := c.Lifetimes
	return []timeBound{
		{"lifetimes.login", l.Login, time.Second, 30 * time.Minute},
		{"lifetimes.code", l.Code, time.Second, time.Minute},
		{"lifetimes.id_token", l.IDToken, time.Second, MaxTokenLifetime},
		{"lifetimes.access_token", l.AccessToken, time.Second, time.Hour},
		{"lifetimes.jwt_access_token", l.JWTAccessToken, time.Second, 5 * time.Minute},
		{"lifetimes.refresh_idle", l.RefreshIdle, time.Second, 30 * day},
		{"lifetimes.refresh_absolute", l.RefreshAbsolute, time.Second, 90 * day},
		{"lifetimes.refresh_level2", l.RefreshLevel2, time.Second, day},
		{"lifetimes.session_idle", l.SessionIdle, time.Second, day},
		{"lifetimes.session_absolute", l.SessionAbsolute, time.Second, day},
		{"lifetimes.level2_proof", l.Level2Proof, time.Second, 30 * time.Minute},
		{"lifetimes.jwks_max_age", l.JWKSMaxAge, 2 * time.Second, day},
		{"lifetimes.consent", l.Consent, time.Second, 366 * day},
		{"keys.rotate_every", c.Keys.RotateEvery, time.Second, 366 * day},
		{"redis.timeout", c.Redis.Timeout, 50 * time.Millisecond, 900 * time.Millisecond},
		{"redis.wait_timeout", c.Redis.WaitTimeout, time.Millisecond, 450 * time.Millisecond},
		{"limits.guess_window", c.Limits.GuessWindow, time.Minute, day},
	}
}

// countBound is what a number may be.
type countBound struct {
	path        string
	value       int
	least, most int
}

func (c *Config) counts() []countBound {
	l := c.Limits
	return []countBound{
		{"redis.pool_size", c.Redis.PoolSize, 2, 1000},
		{"redis.wait_replicas", c.Redis.WaitReplicas, 0, 5},
		{"limits.guesses", l.Guesses, 1, 10},
		{"limits.password_failures", l.PasswordFailures, 5, 1000},
		{"limits.address_failures", l.AddressFailures, 10, 100_000},
		{"limits.network_failures", l.NetworkFailures, 10, 1_000_000},
		{"limits.password_evaluations", l.PasswordEvaluations, 0, 256},
		{"limits.source_calls", l.SourceCalls, 1, 1024},
		{"limits.requests", l.Requests, 16, 65_536},
		{"limits.new_logins", l.NewLogins, 100, 10_000_000},
		{"notify.per_minute", c.Notify.PerMinute, 1, 10_000},
		{"notify.sms.per_hour", c.Notify.SMS.PerHour, 1, 200_000},
		{"notify.sms.per_hour_abroad", c.Notify.SMS.PerHourAbroad, 0, 200_000},
		{"limits.connections", l.Connections, 64, 1_000_000},
		{"account_system.methods.totp", c.AccountSystem.Methods.TOTP, 0, 2},
		{"account_system.methods.sms", c.AccountSystem.Methods.SMS, 0, 2},
		{"account_system.methods.email", c.AccountSystem.Methods.Email, 0, 2},
		{"account_system.methods.passkey", c.AccountSystem.Methods.Passkey, 0, 2},
		{"account_system.passwords.least", c.AccountSystem.Passwords.Least, 8, 64},
	}
}

// rsaSizes are the sizes of RSA keys, in bits.
func rsaSizes() []int { return []int{2048, 3072, 4096} }
