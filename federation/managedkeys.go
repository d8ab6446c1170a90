package federation

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ManagedKeys says how the gateway keeps its keys at one source itself and changes
// them. In settings it is JSON, with times in nanoseconds.
type ManagedKeys struct {
	// RotateEvery is how long a key is in use; 0 leaves changes to operators.
	RotateEvery time.Duration `json:"rotate_every"`
	// PublishFor is how long the source may go on with what it read of our keys.
	PublishFor time.Duration `json:"publish_for"`
	// KeepFor is how long a key that gave way still opens, and is published to verify by.
	KeepFor time.Duration `json:"keep_for"`
	// Confirm: the source is given keys by hand, and an operator says when it has them,
	// which counts in place of PublishFor.
	Confirm bool `json:"confirm"`
	// Algorithm signs (RFC 7518 §3.1); empty where nothing is signed.
	Algorithm string `json:"algorithm,omitempty"`
	// Decryption: there are keys that open, too.
	Decryption bool `json:"decryption,omitempty"`
	// RSABits is the size of new RSA keys: 2048, 3072 or 4096.
	RSABits int `json:"rsa_bits"`
	// Years is how long new certificates are valid; 0 where none are made.
	Years int `json:"years,omitempty"`
}

// CacheFor is how long a source may go on with what it read of these keys; 0 for none.
func (m *ManagedKeys) CacheFor() time.Duration {
	if m == nil {
		return 0
	}
	return m.PublishFor
}

// MaxCertificateYears bounds ManagedKeys.Years.
const MaxCertificateYears = 30

// Check reports what is wrong, for a source that can use these algorithms.
func (m *ManagedKeys) Check(algorithms ...string) error {
	if m == nil {
		return nil
	}
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("managed_keys: "+format, args...))
		}
	}
	wrong(m.PublishFor < time.Second, "publish_for: want 1s or more")
	wrong(m.KeepFor < m.PublishFor, "keep_for: less than publish_for, while the source may use what it read before")
	wrong(m.RotateEvery != 0 && m.RotateEvery <= m.PublishFor, "rotate_every: want more than publish_for, or 0")
	wrong(m.Algorithm == "" && !m.Decryption, "nothing to sign and nothing to open")
	wrong(m.Algorithm != "" && !slices.Contains(algorithms, m.Algorithm), "algorithm: not one that this source takes")
	wrong(!slices.Contains([]int{2048, 3072, 4096}, m.RSABits), "rsa_bits: want 2048, 3072 or 4096")
	wrong(m.Years < 0 || m.Years > MaxCertificateYears, "years: want 0 to %d", MaxCertificateYears)
	return errors.Join(errs...)
}
