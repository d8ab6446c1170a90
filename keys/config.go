package keys

import (
	"errors"
	"fmt"
	"time"
)

// Config holds the rules of a Ring. All processes over one store use the same.
type Config struct {
	// Plans are the lines of the gateway itself; Ring.Plan adds those of sources. A
	// line that is no longer planned keeps its keys and is not rotated.
	Plans []Plan
	// RSABits is the size of new RSA keys: 2048 (allowed until 2030 by NIST
	// SP 800-131A), 3072 or 4096.
	RSABits int
	// JWKSMaxAge is how long verifiers may cache the JWKS: the max-age it is
	// served with. Whole seconds.
	JWKSMaxAge time.Duration
	// TokenLifetime is the longest that any token signed here lives.
	TokenLifetime time.Duration
	// Skew is how far the clocks of processes and verifiers may disagree.
	Skew time.Duration
	// Poll is how often Run reads the store.
	Poll time.Duration
}

// DefaultConfig returns the defaults of the design: ES256 and RS256, each key
// signing for 90 days.
func DefaultConfig() Config {
	const quarter = 90 * 24 * time.Hour
	return Config{
		Plans:         TokenPlans(quarter, ES256, RS256),
		RSABits:       2048,
		JWKSMaxAge:    10 * time.Minute,
		TokenLifetime: 10 * time.Minute,
		Skew:          30 * time.Second,
		Poll:          time.Second,
	}
}

// validate reports everything that is wrong at once.
func (c Config) validate(custodies map[string]Custody) error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(c.Plans) == 0, "plans: none given")
	wrong(!rsaSize(c.RSABits), "rsa bits %d: want 2048, 3072 or 4096", c.RSABits)
	wrong(c.JWKSMaxAge < time.Second || c.JWKSMaxAge%time.Second != 0, "jwks max-age %s: want whole seconds, 1s or more", c.JWKSMaxAge)
	wrong(c.TokenLifetime <= 0, "token lifetime %s: want more than 0", c.TokenLifetime)
	wrong(c.Skew < 0, "skew %s: want 0 or more", c.Skew)
	wrong(c.Poll <= 0 || c.Poll > c.JWKSMaxAge/2, "poll %s: want more than 0 and at most half the jwks max-age", c.Poll)
	return errors.Join(append(errs, c.validatePlans(c.Plans, custodies)...)...)
}

// rsaSize reports whether keys of so many bits are made.
func rsaSize(bits int) bool { return bits == 2048 || bits == 3072 || bits == 4096 }
