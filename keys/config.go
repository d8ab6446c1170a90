package keys

import (
	"errors"
	"fmt"
	"time"
)

// Policy says how the keys of one algorithm rotate.
type Policy struct {
	Algorithm Algorithm
	// RotateEvery is how long a key signs; 0 leaves rotation to operators.
	RotateEvery time.Duration
}

// Config holds the rules of a Ring. All processes over one store use the same.
type Config struct {
	// Algorithms are those that tokens are signed with. A key of an algorithm
	// no longer named here stays in the JWKS and is not rotated.
	Algorithms []Policy
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
		Algorithms:    []Policy{{ES256, quarter}, {RS256, quarter}},
		RSABits:       2048,
		JWKSMaxAge:    10 * time.Minute,
		TokenLifetime: 10 * time.Minute,
		Skew:          30 * time.Second,
		Poll:          time.Second,
	}
}

// validate reports everything that is wrong at once.
func (c Config) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(c.Algorithms) == 0, "algorithms: none given")
	wrong(c.RSABits != 2048 && c.RSABits != 3072 && c.RSABits != 4096, "rsa bits %d: want 2048, 3072 or 4096", c.RSABits)
	wrong(c.JWKSMaxAge < time.Second || c.JWKSMaxAge%time.Second != 0, "jwks max-age %s: want whole seconds, 1s or more", c.JWKSMaxAge)
	wrong(c.TokenLifetime <= 0, "token lifetime %s: want more than 0", c.TokenLifetime)
	wrong(c.Skew < 0, "skew %s: want 0 or more", c.Skew)
	wrong(c.Poll <= 0 || c.Poll > c.JWKSMaxAge/2, "poll %s: want more than 0 and at most half the jwks max-age", c.Poll)
	seen := map[Algorithm]bool{}
	for _, p := range c.Algorithms {
		wrong(!p.Algorithm.Valid(), "algorithm %q: want %s or %s", p.Algorithm, RS256, ES256)
		wrong(seen[p.Algorithm], "algorithm %s: named twice", p.Algorithm)
		wrong(p.RotateEvery != 0 && p.RotateEvery < c.standbyAge(),
			"rotation of %s every %s: want 0 or at least %s, twice the jwks max-age", p.Algorithm, p.RotateEvery, c.standbyAge())
		seen[p.Algorithm] = true
	}
	return errors.Join(errs...)
}

// standbyAge is how long a key is published before it may sign. One max-age
// empties the verifiers' caches; the other covers a process that serves the old
// JWKS because it cannot reach the store.
func (c Config) standbyAge() time.Duration { return 2 * c.JWKSMaxAge }

// verifyAge is how long a key verifies after it stopped signing. The max-age in
// it lets a process that cannot reach the store go on signing for as long.
func (c Config) verifyAge() time.Duration { return c.TokenLifetime + c.JWKSMaxAge + c.Skew }

// policy finds the policy of an algorithm.
func (c Config) policy(alg Algorithm) (Policy, bool) {
	for _, p := range c.Algorithms {
		if p.Algorithm == alg {
			return p, true
		}
	}
	return Policy{}, false
}
