package keys

import (
	"fmt"
	"slices"
	"time"
)

// maxPlans bounds how many lines a ring keeps.
const maxPlans = 1000

// Plan says how the keys of one line live. Times are whole microseconds or longer.
type Plan struct {
	Purpose   Purpose
	Algorithm Algorithm
	// RotateEvery is how long a key signs; 0 leaves rotation to operators.
	RotateEvery time.Duration
	// PublishFor is how long a standby is published before it may sign. For what
	// stands in the JWKS it is at least twice its max-age.
	PublishFor time.Duration
	// VerifyFor is how long a key is kept after it gave way: until what it signed has
	// expired, or nobody encrypts to it any more. It is at least as long as a process
	// that cannot reach the store goes on with it.
	VerifyFor time.Duration
	// Confirm makes the standby wait for Activate, since the other side is given the
	// key by hand.
	Confirm bool
	// Succeeds makes even the first key wait as a standby does: the other side knows
	// others, which are in use until then.
	Succeeds bool
	// Custody names where new keys live; empty is the store itself. Keys that are
	// there already stay where they are.
	Custody string
	// Certificate is made with each key where it has a name.
	Certificate Certificate
	// RSABits is the size of new RSA keys; 0 is that of the ring.
	RSABits int
}

// Certificate says which self-signed certificate a key gets (RFC 5280). The zero value
// is none.
type Certificate struct {
	CommonName string
	Years      int // from 1 to 30
}

// Line is the line that a plan is for.
func (p Plan) Line() Line { return Line{p.Purpose, p.Algorithm} }

// TokenPlans are the plans of a gateway that signs tokens with algs, each key for as
// long as rotateEvery: one line each for tokens and for logout tokens, and one that
// signs the checkpoints of the audit. Logout tokens have keys of their own so that an
// emergency of one leaves the other.
func TokenPlans(rotateEvery time.Duration, algs ...Algorithm) []Plan {
	var plans []Plan
	for _, purpose := range []Purpose{Tokens, LogoutTokens} {
		for _, alg := range algs {
			plans = append(plans, Plan{Purpose: purpose, Algorithm: alg, RotateEvery: rotateEvery})
		}
	}
	return append(plans, Plan{Purpose: Checkpoints, Algorithm: ES256, RotateEvery: rotateEvery})
}

// complete raises the times of a plan to what the rules demand.
func (c Config) complete(p Plan) Plan {
	// A process that cannot reach the store signs for a max-age; for as long it
	// serves the JWKS of before.
	p.VerifyFor = max(p.VerifyFor, c.JWKSMaxAge+c.Skew)
	if p.RSABits == 0 {
		p.RSABits = c.RSABits
	}
	if p.Purpose.inJWKS() {
		// One max-age empties the verifiers' caches; the other covers the process that
		// serves the old JWKS.
		p.PublishFor = max(p.PublishFor, 2*c.JWKSMaxAge)
		p.VerifyFor = max(p.VerifyFor, c.TokenLifetime+c.JWKSMaxAge+c.Skew)
	}
	return p
}

// validatePlans reports everything that is wrong at once.
func (c Config) validatePlans(plans []Plan, custodies map[string]Custody) []error {
	var errs []error
	seen := map[Line]bool{}
	if len(plans) > maxPlans {
		return []error{fmt.Errorf("%d plans: want at most %d", len(plans), maxPlans)}
	}
	for _, p := range plans {
		wrong := func(bad bool, format string, args ...any) {
			if bad {
				errs = append(errs, fmt.Errorf("plan of %s: %s", p.Line(), fmt.Sprintf(format, args...)))
			}
		}
		fits := p.Algorithm.Valid()
		if p.Purpose.decrypts() {
			fits = p.Algorithm == RSA
		}
		wrong(!p.Purpose.valid(), "purpose %q: unknown", p.Purpose)
		wrong(!fits, "algorithm %q: want %s, %s or %s, and %s to decrypt", p.Algorithm, RS256, PS256, ES256, RSA)
		wrong(seen[p.Line()], "named twice")
		wrong(p.RSABits != 0 && !rsaSize(p.RSABits), "rsa bits %d: want 2048, 3072 or 4096", p.RSABits)
		wrong(p.PublishFor < 0 || p.VerifyFor < 0 || p.RotateEvery < 0, "times: want 0 or more")
		least := c.complete(p).PublishFor
		wrong(p.RotateEvery != 0 && p.RotateEvery < least, "rotation every %s: want 0 or at least %s, for which a key is published before", p.RotateEvery, least)
		wrong(p.Certificate.CommonName != "" && (p.Certificate.Years < 1 || p.Certificate.Years > 30), "certificate of %d years: want 1 to 30", p.Certificate.Years)
		_, known := custodies[p.Custody]
		wrong(custodies != nil && !known, "custody %q: unknown", p.Custody)
		wrong(p.Algorithm == RSA && p.Custody != "", "custody %q: keys that decrypt live in the store", p.Custody)
		seen[p.Line()] = true
	}
	return errs
}

// planOf finds the plan of a line.
func planOf(plans []Plan, l Line) (Plan, bool) {
	i := slices.IndexFunc(plans, func(p Plan) bool { return p.Line() == l })
	if i < 0 {
		return Plan{}, false
	}
	return plans[i], true
}
