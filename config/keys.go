package config

import (
	"fmt"
	"slices"
	"time"
)

// Keys says how signing keys are made and changed.
type Keys struct {
	RotateEvery time.Duration `koanf:"rotate_every"` // how long a key signs; more than twice lifetimes.jwks_max_age
	RSABits     int           `koanf:"rsa_bits"`     // the size of new RSA keys
	// What tokens can be signed with. RS256 is one of them always: the standard's
	// default. Take one away only when no client uses it any more.
	Algorithms []string `koanf:"algorithms"`
	// What differs from the above for some keys.
	Plans []KeyPlan `koanf:"plans"`
}

// KeyPlan says what differs for the keys of one purpose and algorithm.
type KeyPlan struct {
	// What the keys are for: tokens, logout (logout tokens) or audit (checkpoints of the
	// audit, with ES256).
	Purpose   string `koanf:"purpose"`
	Algorithm string `koanf:"algorithm"` // one of keys.algorithms
	// How long a key signs; without it, keys.rotate_every.
	RotateEvery time.Duration `koanf:"rotate_every"`
	// Where new keys live: pkcs11 or transit, where custody has it. Without it, in the
	// database.
	Custody string `koanf:"custody"`
}

// Purposes of keys that have plans in the configuration. Those of sources stand with
// their source.
const (
	purposeTokens = "tokens"
	purposeLogout = "logout"
	purposeAudit  = "audit"
)

// auditAlg is what checkpoints of the audit are signed with.
const auditAlg = "ES256"

// For gives the plan of a line of keys: what keys.plans says of it, else what holds for
// all.
func (k Keys) For(purpose, algorithm string) KeyPlan {
	p := KeyPlan{Purpose: purpose, Algorithm: algorithm, RotateEvery: k.RotateEvery}
	for _, plan := range k.Plans {
		if plan.Purpose == purpose && plan.Algorithm == algorithm {
			p.Custody = plan.Custody
			if plan.RotateEvery != 0 {
				p.RotateEvery = plan.RotateEvery
			}
		}
	}
	return p
}

func (c *Config) checkKeys(f *faults) {
	k := c.Keys
	least := 2 * c.Lifetimes.JWKSMaxAge // a key is published for two cache lives before it signs
	rotation := func(path string, every time.Duration) {
		if every <= least {
			f.add(path, "not longer than twice lifetimes.jwks_max_age", "more than "+short(least))
		}
	}
	rotation("keys.rotate_every", k.RotateEvery)
	if !slices.Contains(rsaSizes(), k.RSABits) {
		f.add("keys.rsa_bits", "not a supported size", "2048, 3072 or 4096")
	}
	known := words("keys.algorithms[]")
	for i, alg := range k.Algorithms {
		switch at := item("keys.algorithms", i); {
		case !slices.Contains(known, alg):
			f.add(at, "unknown algorithm", meant(alg, known))
		case slices.Contains(k.Algorithms[:i], alg):
			f.add(at, "given twice", "keep one")
		}
	}
	if !slices.Contains(k.Algorithms, defaultAlg) {
		f.add("keys.algorithms", "lacks "+defaultAlg+", which every OpenID provider has", "add "+defaultAlg)
	}
	for i, p := range k.Plans {
		at := item("keys.plans", i)
		if p.RotateEvery != 0 {
			rotation(member(at, "rotate_every"), p.RotateEvery)
			if most := 366 * 24 * time.Hour; p.RotateEvery > most {
				f.add(member(at, "rotate_every"), "out of bounds", "at most "+short(most))
			}
		}
		checkChoice(f, member(at, "purpose"), p.Purpose, true)
		algorithms := k.Algorithms
		if p.Purpose == purposeAudit {
			algorithms = []string{auditAlg}
		}
		if !slices.Contains(algorithms, p.Algorithm) {
			f.add(member(at, "algorithm"), "no keys of this algorithm", meant(p.Algorithm, algorithms))
		}
		if named := c.Custody.names(); p.Custody != "" && !slices.Contains(named, p.Custody) {
			remedy := "leave it out: keys live in the database"
			if len(named) > 0 {
				remedy = meant(p.Custody, named)
			}
			f.add(member(at, "custody"), "no custody has this name", remedy)
		}
		same := func(q KeyPlan) bool { return q.Purpose == p.Purpose && q.Algorithm == p.Algorithm }
		if slices.ContainsFunc(k.Plans[:i], same) {
			f.add(at, fmt.Sprintf("a second plan for %s %s", p.Purpose, p.Algorithm), "keep one")
		}
	}
}

// checkSigned sees that there are keys for what a client registers.
func (c *Config) checkSigned(f *faults, path, alg string) {
	if alg != "" && slices.Contains(words("keys.algorithms[]"), alg) && !slices.Contains(c.Keys.Algorithms, alg) {
		f.add(path, "no keys of this algorithm", "add it to keys.algorithms")
	}
}
