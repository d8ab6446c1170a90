package eid

import "time"

// MaxPasskeys is how many passkeys an account has at most.
const MaxPasskeys = 10

// Methods of a sign-in with a passkey, as amr says them (RFC 8176 §2). Which of the
// first two, the authenticator itself says: attestation is not asked for.
const (
	MethodHardwareKey = "hwk"  // the key stays in one device
	MethodSoftwareKey = "swk"  // the key may be copied to other devices of its owner
	MethodUser        = "user" // the authenticator verified the person
)

// PasskeyRecord is a credential record (WebAuthn Level 3, §4): what is kept of a key pair
// whose private half the holder's own device has. It is nothing that signs in.
type PasskeyRecord struct {
	ID      string // ours, random
	Account AccountID
	Name    string // what the holder calls it

	CredentialID []byte
	PublicKey    []byte // COSE_Key (RFC 9052 §7)
	// SignCount is what the authenticator counted at its last use; 0 where it does not
	// count (§6.1.1).
	SignCount uint32
	// BackupEligible: the key may be copied to other devices of its owner; it never
	// changes. BackedUp: it has been (§6.1.3).
	BackupEligible, BackedUp bool
	Transports               []string // how browsers reach the authenticator

	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Methods are the amr values of a sign-in with the passkey. Each was made and is used
// with user verification.
func (p *PasskeyRecord) Methods() []string {
	if p.BackupEligible {
		return []string{MethodSoftwareKey, MethodUser}
	}
	return []string{MethodHardwareKey, MethodUser}
}
