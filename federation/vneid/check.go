package vneid

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"eidgate/federation"
)

// check reports every fault of settings that were filled.
func (s Settings) check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains([]Dialect{WSO2, SSO, Encrypted}, s.Dialect) {
		fault("dialect: want wso2, sso or encrypted")
	}
	for _, endpoint := range []struct{ name, address string }{
		{"authorize", s.Authorize}, {"token", s.Token}, {"userinfo", s.UserInfo}, {"logout", s.Logout},
	} {
		if endpoint.address == "" && endpoint.name == "logout" {
			continue
		}
		if err := federation.CheckURL(endpoint.address); err != nil {
			fault("%s: %w", endpoint.name, err)
		}
	}
	for _, origin := range s.Origins {
		if err := federation.CheckURL(origin); err != nil || federation.OriginOf(origin) != origin {
			fault("origins: want https, host and port only")
		}
	}
	if s.ClientID == "" || s.ClientSecret.IsZero() {
		fault("client_id, client_secret: missing")
	}
	if s.ClientAuth != Post && s.ClientAuth != Basic {
		fault("client_auth: want post or basic")
	}
	if slices.ContainsFunc(s.Scopes, func(scope string) bool { return scope == "" || strings.ContainsAny(scope, " \t\r\n") }) {
		fault("scopes: empty, or two in one")
	}
	if slices.Contains(s.Citizens, "") {
		fault("citizens: empty")
	}
	s.checkLevels(fault)
	s.checkNames(fault)
	s.checkCipher(fault)
	return errors.Join(errs...)
}

func (s Settings) checkLevels(fault func(string, ...any)) {
	if len(s.Levels) == 0 {
		fault("levels: no value is mapped to a level")
	}
	for value, level := range s.Levels {
		if value == "" || !level.Valid() {
			fault("levels %q: level %d, want 1 or 2", value, level)
		}
	}
	for level, value := range s.RequestLevels {
		if value == "" || !level.Valid() {
			fault("request_levels %d: want a value for level 1 or 2", level)
		}
	}
}

// checkNames keeps apart what must not be mistaken for another. A subject that
// is the personal number would say it to whoever sees a link, and change with it.
func (s Settings) checkNames(fault func(string, ...any)) {
	c, p := s.Claims, s.Parameters
	if c.Subject == c.Number {
		fault("claims: the subject %q is the personal number; name one that stays and says nothing", c.Subject)
	} else if name := twice(c.Subject, c.Level, c.AccountType, c.Number, c.Name, c.BirthDate, c.Methods, c.Logout); name != "" {
		fault("claims: %q is the name of two", name)
	}
	for _, beside := range [][]string{
		{p.Code, p.CodeKey, "state", "error"}, {p.Data, p.DataKey}, {p.Return, "state", "client_id"},
	} {
		if name := twice(beside...); name != "" {
			fault("parameters: %q is the name of two", name)
		}
	}
	own := []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"}
	if slices.Contains(own, p.Level) {
		fault("parameters: level %q is the gateway's own", p.Level)
	}
	for name := range s.AuthorizeParameters {
		if name == "" || name == p.Level || slices.Contains(own, name) {
			fault("authorize_parameters %q: the gateway's own", name)
		}
	}
}

func (s Settings) checkCipher(fault func(string, ...any)) {
	if s.Dialect != Encrypted {
		if len(s.DecryptionKeys) > 0 || s.Managed != nil || s.Cipher != "" || s.AESBits != 0 {
			fault("decryption_keys, managed_keys, cipher, aes_bits: for the encrypted dialect only")
		}
		return
	}
	if s.Cipher != ECB && s.Cipher != CBC {
		fault("cipher: want ecb or cbc")
	}
	if !slices.Contains([]int{128, 192, 256}, s.AESBits) {
		fault("aes_bits: want 128, 192 or 256")
	}
	if err := s.Managed.Check(); err != nil {
		fault("%w", err)
	}
	if len(s.DecryptionKeys) == 0 && s.Managed == nil || len(s.DecryptionKeys) > maxKeys {
		fault("decryption_keys: %d, want 1 to %d", len(s.DecryptionKeys), maxKeys)
	}
	for i, key := range s.DecryptionKeys {
		if _, err := parseKey(key); err != nil {
			fault("decryption_keys[%d]: %w", i, err)
		}
	}
}

// twice gives the first name that is there twice; the empty one is none.
func twice(names ...string) string {
	for i, name := range names {
		if slices.Contains(names[:i], name) && name != "" {
			return name
		}
	}
	return ""
}
