package config

import (
	"fmt"
	"slices"
	"time"
)

// ManagedKeys are keys at one source that the gateway keeps and changes itself. What is
// left out is filled.
type ManagedKeys struct {
	// How long a key is in use, from 1s to ten years; without it, a year.
	RotateEvery time.Duration `koanf:"rotate_every"`
	// How long the other side may go on with what it read of the gateway's keys: a new
	// key is published for so long before it is in use. Without it, 48h.
	PublishFor time.Duration `koanf:"publish_for"`
	// How long a key that gave way still decrypts, and is published to verify by; not
	// less than publish_for. Without it, publish_for and a day.
	KeepFor time.Duration `koanf:"keep_for"`
	// Whether the other side is given each key by hand: a new one is in use when an
	// operator says so by eidgate keys activate, and not before, whatever publish_for is.
	// Without it, true for vneid and false for others.
	Confirm *bool `koanf:"confirm"`
	// What the client's assertions are signed by; for openid. Without it, ES256.
	Algorithm string `koanf:"algorithm"`
	// Whether there are keys that the provider encrypts userinfo to; for openid.
	Encryption bool `koanf:"encryption"`
	// The size of new RSA keys: 2048, 3072 or 4096. Without it, 3072.
	RSABits int `koanf:"rsa_bits"`
	// How many years certificates of new keys are valid, from 1 to 30; for saml. Without
	// it, 10.
	Years int `koanf:"years"`
}

const (
	managedRotation = 365 * 24 * time.Hour
	managedPublish  = 48 * time.Hour
	managedMargin   = 24 * time.Hour // after every cache has run out
	managedRSA      = 3072
	managedYears    = 10

	maxRotation = 3660 * 24 * time.Hour
	maxPublish  = 90 * 24 * time.Hour
	maxKeep     = 366 * 24 * time.Hour
	maxYears    = 30
)

// maxKeeping is how many sources may have managed keys.
const maxKeeping = 400

func (s *SAML) keepsKeys() bool   { return s.ManagedKeys != nil }
func (o *OpenID) keepsKeys() bool { return o.ManagedKeys != nil }
func (v *VNeID) keepsKeys() bool  { return v.ManagedKeys != nil }

// managedSettings is what package federation reads of them.
type managedSettings struct {
	RotateEvery time.Duration `json:"rotate_every"`
	PublishFor  time.Duration `json:"publish_for"`
	KeepFor     time.Duration `json:"keep_for"`
	Confirm     bool          `json:"confirm"`
	Algorithm   string        `json:"algorithm,omitempty"`
	Decryption  bool          `json:"decryption,omitempty"`
	RSABits     int           `json:"rsa_bits"`
	Years       int           `json:"years,omitempty"`
}

// settings fills what is left out; nil where the block is not there.
func (m *ManagedKeys) settings(kind string) *managedSettings {
	if m == nil {
		return nil
	}
	s := &managedSettings{
		RotateEvery: or(m.RotateEvery, managedRotation), PublishFor: or(m.PublishFor, managedPublish), RSABits: or(m.RSABits, managedRSA),
		Confirm: kind == "vneid",
	}
	s.KeepFor = or(m.KeepFor, s.PublishFor+managedMargin)
	if m.Confirm != nil {
		s.Confirm = *m.Confirm
	}
	switch kind {
	case "saml":
		s.Algorithm, s.Decryption, s.Years = "RS256", true, or(m.Years, managedYears)
	case "openid":
		s.Algorithm, s.Decryption = or(m.Algorithm, "ES256"), m.Encryption
	case "vneid":
		s.Decryption = true
	}
	return s
}

func or[T comparable](value, otherwise T) T {
	var none T
	if value == none {
		return otherwise
	}
	return value
}

// check reports every fault of the block. cached is how long a gateway may go on with
// keys of before.
func (m *ManagedKeys) check(f *faults, at, kind string, cached time.Duration) {
	if m == nil {
		return
	}
	s := m.settings(kind)
	for _, t := range []timeBound{
		{"rotate_every", s.RotateEvery, time.Second, maxRotation}, {"publish_for", s.PublishFor, time.Second, maxPublish}, {"keep_for", s.KeepFor, time.Second, maxKeep},
	} {
		if t.value < t.least || t.value > t.most {
			f.add(member(at, t.path), "out of bounds", fmt.Sprintf("from %s to %s", short(t.least), short(t.most)))
		}
	}
	if least := s.PublishFor + cached; s.RotateEvery < least {
		f.add(member(at, "rotate_every"), "shorter than publish_for and lifetimes.jwks_max_age together", "at least "+short(least))
	}
	if s.KeepFor < s.PublishFor {
		f.add(member(at, "keep_for"), "shorter than publish_for, in which the other side may use the key still", "at least "+short(s.PublishFor))
	}
	if !slices.Contains(rsaSizes(), s.RSABits) {
		f.add(member(at, "rsa_bits"), "not a supported size", "2048, 3072 or 4096")
	}
	if m.Years < 0 || m.Years > maxYears {
		f.add(member(at, "years"), "out of bounds", fmt.Sprintf("from 1 to %d", maxYears))
	}
	for _, only := range []struct {
		key, kind string
		given     bool
	}{{"algorithm", "openid", m.Algorithm != ""}, {"encryption", "openid", m.Encryption}, {"years", "saml", m.Years != 0}} {
		if only.given && only.kind != kind {
			f.add(member(at, only.key), "not for kind "+kind, "remove it")
		}
	}
	if kind == "openid" {
		checkChoice(f, member(at, "algorithm"), m.Algorithm, false)
	}
}
