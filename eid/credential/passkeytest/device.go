// Package passkeytest owns a synthetic authenticator for tests.
package passkeytest

import (
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/descope/virtualwebauthn"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// Site is who an authenticator believes to talk to.
type Site struct{ ID, Origin string }

// At is the gateway's own site at an address.
func At(issuer string) Site {
	u, err := url.Parse(issuer)
	if err != nil {
		return Site{}
	}
	return Site{ID: u.Hostname(), Origin: u.Scheme + "://" + u.Host}
}

func (s Site) party() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: s.ID, Origin: s.Origin}
}

// Traits are how an authenticator behaves. The zero value is a device that verifies its
// owner and keeps the key to itself.
type Traits struct {
	Absent, Unverified bool // it does not ask for its owner, or does not verify them
	Synced, BackedUp   bool // the key may be copied to other devices, and was
}

// Device is an authenticator with one passkey.
type Device struct {
	Handle []byte // whose it is, as the gateway said
	Count  uint32 // uses so far, as it says; 0: it does not count
	auth   virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

// coseLen is the length of a COSE_Key on P-256 with two whole coordinates, in bytes.
const coseLen = 77

// New makes one without owner.
func New(t Traits) *Device {
	d := &Device{key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	// The library writes a coordinate without its leading zeros, which no authenticator
	// does (RFC 9053 §7.1.1): such a key is rightly refused, and not what is tested.
	for len(d.key.Key.AttestationData()) != coseLen {
		d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	d.Behave(t)
	return d
}

// Behave changes how it behaves.
func (d *Device) Behave(t Traits) {
	d.auth = virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{
		UserNotPresent: t.Absent, UserNotVerified: t.Unverified, BackupEligible: t.Synced, BackupState: t.BackedUp,
	})
}

// Create answers what a page asks for a new passkey (WebAuthn Level 3, §5.4), as the
// page's script sends it.
func (d *Device) Create(at Site, options string) (string, error) {
	asked, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		return "", fmt.Errorf("reading what is asked: %w", err)
	}
	d.Handle = []byte(asked.UserID)
	return virtualwebauthn.CreateAttestationResponse(at.party(), d.auth, d.key, *asked), nil
}

// Get answers a challenge (base64url), as the page's script sends it.
func (d *Device) Get(at Site, challenge string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return "", fmt.Errorf("reading the challenge: %w", err)
	}
	d.auth.Options.UserHandle, d.key.Counter = d.Handle, d.Count
	return virtualwebauthn.CreateAssertionResponse(at.party(), d.auth, d.key, virtualwebauthn.AssertionOptions{Challenge: raw}), nil
}

// Enrol makes the passkey for an account and gives its record, under a name.
func (d *Device) Enrol(p *credential.Passkeys, at Site, account eid.AccountID) (eid.PasskeyRecord, error) {
	options, e, err := p.Enrol(account, "••• 001", nil)
	if err != nil {
		return eid.PasskeyRecord{}, err
	}
	answer, err := d.Create(at, string(options))
	if err != nil {
		return eid.PasskeyRecord{}, err
	}
	record, err := p.Enrolled(e, answer)
	record.Name = "Điện thoại mẫu"
	return record, err
}
