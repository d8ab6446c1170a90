package credential

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"eidgate/eid"
)

// Errors of passkeys, for callers to test with errors.Is.
var (
	// ErrNoPasskeys: browsers have no passkeys for an address, such as one that is a
	// number (WebAuthn Level 3, §5.1.2: an RP ID is a domain).
	ErrNoPasskeys = errors.New("no passkeys for this address")
	// ErrPasskey: what an authenticator answered cannot be believed.
	ErrPasskey = errors.New("answer of the passkey not believed")
	// ErrCloned: the authenticator counted fewer uses than before, so that there may be
	// two of it (WebAuthn Level 3, §6.1.1).
	ErrCloned = errors.New("passkey counts backwards")
)

const (
	challengeLen = 32 // bytes (WebAuthn Level 3, §13.4.3: 16 at least)
	// maxAnswer bounds what an authenticator answers, in bytes. An attestation that
	// nobody asked for would be the most of it.
	maxAnswer = 16 << 10
	// maxCredentialID is the specification's own bound, in bytes (§4, "Credential ID").
	maxCredentialID = 1023
)

// Passkeys makes and verifies passkeys of one address (WebAuthn Level 3). Its RP ID is
// the host of that address: at another host browsers do not find them any more.
//
// Every passkey is discoverable, so that a sign-in asks for any of the gateway's and
// tells no credential id: nobody learns from it who has an account.
type Passkeys struct {
	rp  *webauthn.WebAuthn
	key []byte
}

// RPID is the host that the passkeys of an address belong to, and no other host (WebAuthn
// Level 3, §5.1.2). It returns ErrNoPasskeys for an address that can have none.
func RPID(issuer string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", fmt.Errorf("preparing passkeys: %q is no address", issuer)
	}
	host := u.Hostname()
	if net.ParseIP(host) != nil || u.Scheme == "http" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return "", ErrNoPasskeys
	}
	return host, nil
}

// NewPasskeys makes them for the gateway's own origin, under a name that devices show.
// key is 32 random bytes, the same on every replica and for good: it turns account ids
// into user handles. It returns ErrNoPasskeys for an address that can have none.
func NewPasskeys(issuer, name string, key []byte) (*Passkeys, error) {
	host, err := RPID(issuer)
	if err != nil {
		return nil, err
	}
	if len(key) != sha256.Size {
		return nil, fmt.Errorf("preparing passkeys: a key of %d bytes, want %d", len(key), sha256.Size)
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{issuer},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		// Extensions are not asked for, and what answers one anyway is not looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing passkeys: %w", err)
	}
	return &Passkeys{rp: rp, key: bytes.Clone(key)}, nil
}

// Challenge is what the next passkey shall sign: random, base64url. The caller lets it
// count once.
func (p *Passkeys) Challenge() string {
	challenge := make([]byte, challengeLen)
	_, _ = rand.Read(challenge) // never fails
	return base64.RawURLEncoding.EncodeToString(challenge)
}

// Use is one proof of a passkey.
type Use struct {
	SignCount uint32
	BackedUp  bool
}

// Next is the record after a use. ErrCloned when its counter did not go on: both of two
// copies are then shut out, since nobody knows which is the holder's.
func (u Use) Next(p eid.PasskeyRecord) (eid.PasskeyRecord, error) {
	if (u.SignCount != 0 || p.SignCount != 0) && u.SignCount <= p.SignCount {
		return p, ErrCloned
	}
	p.SignCount, p.BackedUp = u.SignCount, u.BackedUp
	return p, nil
}

// Answer is what an authenticator answered to a challenge, read and not yet verified.
type Answer struct {
	parsed *protocol.ParsedCredentialAssertionData
}

// ReadAnswer reads the JSON that the page's script sends (§5.1, toJSON). Anything else
// is ErrPasskey.
func ReadAnswer(text string) (Answer, error) {
	if len(text) > maxAnswer {
		return Answer{}, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(text))
	if err != nil || len(parsed.RawID) > maxCredentialID {
		return Answer{}, ErrPasskey // the library's error quotes the text
	}
	return Answer{parsed: parsed}, nil
}

// CredentialID says which passkey answered.
func (a Answer) CredentialID() []byte { return a.parsed.RawID }

// Verify holds an answer against the passkey that it names and the challenge
// (§7.2): origin, RP ID, challenge, user presence and verification, signature, user
// handle. The counter is left to Use.Next, which wants the record of that moment.
func (p *Passkeys) Verify(a Answer, record eid.PasskeyRecord, challenge string) (Use, error) {
	session := webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.rp.Config.RPID, UserVerification: protocol.VerificationRequired,
	}
	whose := func(_, _ []byte) (webauthn.User, error) {
		return p.holder(record.Account, "", []eid.PasskeyRecord{record}), nil
	}
	c, err := p.rp.ValidateDiscoverableLogin(whose, session, a.parsed)
	if err != nil {
		return Use{}, fmt.Errorf("%w: %s", ErrPasskey, why(err))
	}
	return Use{SignCount: a.parsed.Response.AuthenticatorData.Counter, BackedUp: c.Flags.BackupState}, nil
}

// Enrolment is a passkey that is being made. It is kept where only the gateway reads.
type Enrolment struct {
	Account   eid.AccountID `json:"account"`
	Challenge string        `json:"challenge"`
}

// Enrol begins to make a passkey for an account that has some already. options are for
// the page's script (§5.4, as JSON); called is what devices show, so nothing that names
// a person in full.
func (p *Passkeys) Enrol(account eid.AccountID, called string, have []eid.PasskeyRecord) (options []byte, e Enrolment, err error) {
	user := p.holder(account, called, have)
	var exclude []protocol.CredentialDescriptor
	for _, c := range user.passkeys {
		exclude = append(exclude, c.Descriptor())
	}
	creation, session, err := p.rp.BeginRegistration(user, webauthn.WithExclusions(exclude),
		webauthn.WithCredentialParameters(algorithms()))
	if err != nil {
		return nil, Enrolment{}, fmt.Errorf("beginning a passkey: %w", err)
	}
	if options, err = json.Marshal(creation.Response); err != nil {
		return nil, Enrolment{}, fmt.Errorf("writing what a passkey is made from: %w", err)
	}
	return options, Enrolment{Account: account, Challenge: session.Challenge}, nil
}

// Enrolled makes the record of a passkey that an authenticator made (§7.1). The caller
// gives it an id, a name and a time. ErrPasskey for what cannot be believed.
func (p *Passkeys) Enrolled(e Enrolment, answer string) (eid.PasskeyRecord, error) {
	if len(answer) > maxAnswer {
		return eid.PasskeyRecord{}, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return eid.PasskeyRecord{}, ErrPasskey
	}
	user := p.holder(e.Account, "", nil)
	session := webauthn.SessionData{
		Challenge: e.Challenge, RelyingPartyID: p.rp.Config.RPID, UserID: user.handle,
		UserVerification: protocol.VerificationRequired, CredParams: algorithms(),
	}
	c, err := p.rp.CreateCredential(user, session, parsed)
	if err != nil {
		return eid.PasskeyRecord{}, fmt.Errorf("%w: %s", ErrPasskey, why(err))
	}
	if len(c.ID) == 0 || len(c.ID) > maxCredentialID {
		return eid.PasskeyRecord{}, ErrPasskey
	}
	record := eid.PasskeyRecord{
		Account: e.Account, CredentialID: c.ID, PublicKey: c.PublicKey, SignCount: c.Authenticator.SignCount,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
	}
	for _, t := range c.Transport {
		if len(t) <= 16 && len(record.Transports) < 8 {
			record.Transports = append(record.Transports, string(t))
		}
	}
	return record, nil
}

// algorithms are those of signatures that are taken, the better ones first (RFC 9053
// §2): all that authenticators have, without those on SHA-1.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgEdDSA, webauthncose.AlgES256, webauthncose.AlgES384, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return list
}

// holder is an account as the library wants it.
type holder struct {
	handle   []byte
	called   string
	passkeys []webauthn.Credential
}

var _ webauthn.User = (*holder)(nil)

// holder hides the account's id: a user handle is stored on devices, and shown to whoever
// unlocks them (§14.6.1).
func (p *Passkeys) holder(account eid.AccountID, called string, have []eid.PasskeyRecord) *holder {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte("passkey user handle\x00"))
	mac.Write([]byte(account))
	h := &holder{handle: mac.Sum(nil), called: called}
	for _, k := range have {
		c := webauthn.Credential{
			ID: k.CredentialID, PublicKey: k.PublicKey,
			Flags:         webauthn.CredentialFlags{UserVerified: true, BackupEligible: k.BackupEligible, BackupState: k.BackedUp},
			Authenticator: webauthn.Authenticator{SignCount: k.SignCount},
		}
		for _, t := range k.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		h.passkeys = append(h.passkeys, c)
	}
	return h
}

// WebAuthnID is the user handle.
func (h *holder) WebAuthnID() []byte { return h.handle }

// WebAuthnName is what devices show.
func (h *holder) WebAuthnName() string { return h.called }

// WebAuthnDisplayName is what devices show.
func (h *holder) WebAuthnDisplayName() string { return h.called }

// WebAuthnCredentials are the passkeys that count.
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.passkeys }

// why is the library's short word for a refusal; its long one quotes what was sent.
func why(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return "refused"
}
