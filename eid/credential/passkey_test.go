package credential_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"eidgate/eid"
	"eidgate/eid/credential"
)

const passkeyIssuer = "https://dinh-danh.example.test:8443"

var passkeyRP = virtualwebauthn.RelyingParty{ID: "dinh-danh.example.test", Name: "Mẫu", Origin: passkeyIssuer}

func newPasskeys(t *testing.T, issuer string) *credential.Passkeys {
	t.Helper()
	p, err := credential.NewPasskeys(issuer, "Mẫu", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// device is a synthetic authenticator with one passkey.
type device struct {
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

// enrol makes a passkey for an account on a device of its own.
func enrol(t *testing.T, p *credential.Passkeys, account eid.AccountID, o virtualwebauthn.AuthenticatorOptions) (*device, eid.PasskeyRecord) {
	t.Helper()
	d := &device{virtualwebauthn.NewAuthenticatorWithOptions(o), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	record, err := d.make(t, p, account, passkeyRP)
	if err != nil {
		t.Fatal(err)
	}
	return d, record
}

func (d *device) make(t *testing.T, p *credential.Passkeys, account eid.AccountID, rp virtualwebauthn.RelyingParty) (eid.PasskeyRecord, error) {
	t.Helper()
	options, e, err := p.Enrol(account, "••• 001", nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	d.Options.UserHandle = []byte(parsed.UserID)
	return p.Enrolled(e, virtualwebauthn.CreateAttestationResponse(rp, d.Authenticator, d.key, *parsed))
}

func (d *device) sign(t *testing.T, rp virtualwebauthn.RelyingParty, challenge string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return virtualwebauthn.CreateAssertionResponse(rp, d.Authenticator, d.key, virtualwebauthn.AssertionOptions{Challenge: raw})
}

func verify(p *credential.Passkeys, answer string, record eid.PasskeyRecord, challenge string) (credential.Use, error) {
	a, err := credential.ReadAnswer(answer)
	if err != nil {
		return credential.Use{}, err
	}
	return p.Verify(a, record, challenge)
}

func TestPasskeySignsIn(t *testing.T) {
	p := newPasskeys(t, passkeyIssuer)
	for name, tt := range map[string]struct {
		options virtualwebauthn.AuthenticatorOptions
		methods string
	}{
		"kept in one device": {virtualwebauthn.AuthenticatorOptions{}, "hwk user"},
		"copied":             {virtualwebauthn.AuthenticatorOptions{BackupEligible: true, BackupState: true}, "swk user"},
	} {
		d, record := enrol(t, p, "an", tt.options)
		d.key.Counter = 5
		challenge := p.Challenge()
		use, err := verify(p, d.sign(t, passkeyRP, challenge), record, challenge)
		if want := (credential.Use{SignCount: 5, BackedUp: tt.options.BackupState}); err != nil || use != want {
			t.Errorf("%s: Verify() = %+v, %v, want %+v", name, use, err, want)
		}
		if got := strings.Join(record.Methods(), " "); got != tt.methods {
			t.Errorf("%s: Methods() = %q, want %q", name, got, tt.methods)
		}
	}
}

// TestPasskeyAttacks lets nothing in but the passkey itself, here and now.
func TestPasskeyAttacks(t *testing.T) {
	p := newPasskeys(t, passkeyIssuer)
	d, record := enrol(t, p, "an", virtualwebauthn.AuthenticatorOptions{})
	other, ofOther := enrol(t, p, "binh", virtualwebauthn.AuthenticatorOptions{})
	challenge := p.Challenge()
	rp := func(id, origin string) virtualwebauthn.RelyingParty {
		return virtualwebauthn.RelyingParty{ID: id, Origin: origin}
	}
	with := func(o virtualwebauthn.AuthenticatorOptions) *device {
		o.UserHandle = d.Options.UserHandle
		return &device{virtualwebauthn.NewAuthenticatorWithOptions(o), d.key}
	}
	right := d.sign(t, passkeyRP, challenge)
	bent := func(field, value string) string {
		var doc map[string]any
		if err := json.Unmarshal([]byte(right), &doc); err != nil {
			t.Fatal(err)
		}
		doc["response"].(map[string]any)[field] = value
		text, _ := json.Marshal(doc)
		return string(text)
	}
	tests := map[string]struct {
		answer string
		record eid.PasskeyRecord
	}{
		"another site":               {d.sign(t, rp("evil.example.test", "https://evil.example.test"), challenge), record},
		"another origin":             {d.sign(t, rp(passkeyRP.ID, "https://evil.example.test"), challenge), record},
		"another port":               {d.sign(t, rp(passkeyRP.ID, "https://dinh-danh.example.test"), challenge), record},
		"plain http":                 {d.sign(t, rp(passkeyRP.ID, "http://dinh-danh.example.test:8443"), challenge), record},
		"a host below ours":          {d.sign(t, rp(passkeyRP.ID, "https://a.dinh-danh.example.test:8443"), challenge), record},
		"another RP ID":              {d.sign(t, rp("example.test", passkeyIssuer), challenge), record},
		"another challenge":          {d.sign(t, passkeyRP, p.Challenge()), record},
		"person not verified":        {with(virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}).sign(t, passkeyRP, challenge), record},
		"person not there":           {with(virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}).sign(t, passkeyRP, challenge), record},
		"copied all at once":         {with(virtualwebauthn.AuthenticatorOptions{BackupEligible: true}).sign(t, passkeyRP, challenge), record},
		"another person's passkey":   {other.sign(t, passkeyRP, challenge), record},
		"another person's record":    {right, ofOther},
		"another user handle":        {bent("userHandle", base64.RawURLEncoding.EncodeToString(other.Options.UserHandle)), record},
		"no user handle":             {bent("userHandle", ""), record},
		"another signature":          {bent("signature", "MEUCIQCdwBCYm5PjT_Q-wwOuhgvEGR0m2iHrvzIYT4VCJp8a6wIgCJp8a6wIgCJp8a6wIgCJp8a6wIgCJp8a6wIgCJo"), record},
		"no signature":               {bent("signature", ""), record},
		"an enrolment":               {bent("clientDataJSON", base64.RawURLEncoding.EncodeToString([]byte(`{"type":"webauthn.create","challenge":"`+challenge+`","origin":"`+passkeyIssuer+`"}`))), record},
		"nothing":                    {"", record},
		"no JSON":                    {"passkey", record},
		"an array":                   {"[]", record},
		"null":                       {"null", record},
		"a field of another kind":    {`{"id":1}`, record},
		"endless":                    {`{"id":"` + strings.Repeat("A", 20<<10) + `"}`, record},
		"a credential id too long":   {strings.ReplaceAll(right, base64.RawURLEncoding.EncodeToString(record.CredentialID), strings.Repeat("A", 2048)), record},
		"authenticator data cut off": {bent("authenticatorData", "AAAA"), record},
	}
	for name, tt := range tests {
		if use, err := verify(p, tt.answer, tt.record, challenge); !errors.Is(err, credential.ErrPasskey) || use != (credential.Use{}) {
			t.Errorf("%s: Verify() = %+v, %v, want %v", name, use, err, credential.ErrPasskey)
		} else if strings.Contains(err.Error(), challenge) || strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: the error quotes what was sent: %v", name, err)
		}
	}
	if _, err := verify(p, right, record, challenge); err != nil {
		t.Errorf("the right answer: Verify() = %v, want nil", err)
	}
	// Without a challenge nothing is believed.
	if _, err := verify(p, d.sign(t, passkeyRP, ""), record, ""); !errors.Is(err, credential.ErrPasskey) {
		t.Errorf("without a challenge: Verify() = %v, want %v", err, credential.ErrPasskey)
	}
}

func TestPasskeyEnrolmentAttacks(t *testing.T) {
	p := newPasskeys(t, passkeyIssuer)
	fresh := func(o virtualwebauthn.AuthenticatorOptions) *device {
		return &device{virtualwebauthn.NewAuthenticatorWithOptions(o), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	}
	for name, tt := range map[string]struct {
		device *device
		rp     virtualwebauthn.RelyingParty
	}{
		"another origin":              {fresh(virtualwebauthn.AuthenticatorOptions{}), virtualwebauthn.RelyingParty{ID: passkeyRP.ID, Origin: "https://evil.example.test"}},
		"another RP ID":               {fresh(virtualwebauthn.AuthenticatorOptions{}), virtualwebauthn.RelyingParty{ID: "example.test", Origin: passkeyIssuer}},
		"person not verified":         {fresh(virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}), passkeyRP},
		"backed up, and not eligible": {fresh(virtualwebauthn.AuthenticatorOptions{BackupState: true}), passkeyRP},
	} {
		if record, err := tt.device.make(t, p, "an", tt.rp); !errors.Is(err, credential.ErrPasskey) {
			t.Errorf("%s: Enrolled() = %+v, %v, want %v", name, record, err, credential.ErrPasskey)
		}
	}
	for _, answer := range []string{"", "{}", "null", strings.Repeat("[", 40<<10), "[[[["} {
		if _, err := p.Enrolled(credential.Enrolment{Account: "an", Challenge: p.Challenge()}, answer); !errors.Is(err, credential.ErrPasskey) {
			t.Errorf("%.10q: Enrolled() = %v, want %v", answer, err, credential.ErrPasskey)
		}
	}
	// An answer to another enrolment is none to this one.
	d := fresh(virtualwebauthn.AuthenticatorOptions{})
	options, _, err := p.Enrol("an", "••• 001", nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	answer := virtualwebauthn.CreateAttestationResponse(passkeyRP, d.Authenticator, d.key, *parsed)
	if _, err := p.Enrolled(credential.Enrolment{Account: "an", Challenge: p.Challenge()}, answer); !errors.Is(err, credential.ErrPasskey) {
		t.Errorf("another challenge: Enrolled() = %v, want %v", err, credential.ErrPasskey)
	}
}

// TestPasskeyOptions: what browsers are told asks for all that sign-in rests on, and
// names nobody.
func TestPasskeyOptions(t *testing.T) {
	p := newPasskeys(t, passkeyIssuer)
	_, have := enrol(t, p, "an", virtualwebauthn.AuthenticatorOptions{})
	options, _, err := p.Enrol("an", "••• 001", []eid.PasskeyRecord{have})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		RP                     struct{ ID string }
		User                   struct{ ID, Name, DisplayName string }
		ExcludeCredentials     []struct{ ID string }
		Attestation            string
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		PubKeyCredParams       []struct{ Alg int }
	}
	if err := json.Unmarshal(options, &got); err != nil {
		t.Fatal(err)
	}
	if got.RP.ID != passkeyRP.ID || got.AuthenticatorSelection.ResidentKey != "required" ||
		got.AuthenticatorSelection.UserVerification != "required" || len(got.ExcludeCredentials) != 1 ||
		got.ExcludeCredentials[0].ID != base64.RawURLEncoding.EncodeToString(have.CredentialID) || len(got.PubKeyCredParams) != 4 {
		t.Errorf("options = %s", options)
	}
	if got.Attestation != "none" && got.Attestation != "" {
		t.Errorf("attestation = %q, want none", got.Attestation)
	}
	again, _, err := p.Enrol("an", "••• 001", nil)
	if err != nil {
		t.Fatal(err)
	}
	others, _, err := p.Enrol("binh", "••• 001", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(again), got.User.ID) || strings.Contains(string(others), got.User.ID) || len(got.User.ID) != 43 {
		t.Errorf("user handle %q: want one for each account, always the same", got.User.ID)
	}
}

func TestPasskeyCounter(t *testing.T) {
	for _, tt := range []struct {
		before, after uint32
		want          error
	}{
		{0, 0, nil}, {0, 1, nil}, {1, 2, nil}, {7, 100, nil},
		{1, 1, credential.ErrCloned}, {2, 1, credential.ErrCloned}, {1, 0, credential.ErrCloned}, {1 << 31, 5, credential.ErrCloned},
	} {
		next, err := credential.Use{SignCount: tt.after, BackedUp: true}.Next(eid.PasskeyRecord{SignCount: tt.before})
		if !errors.Is(err, tt.want) || err == nil && (next.SignCount != tt.after || !next.BackedUp) || err != nil && next.SignCount != tt.before {
			t.Errorf("%d after %d: Next() = %+v, %v, want %v", tt.after, tt.before, next, err, tt.want)
		}
	}
}

func TestNewPasskeys(t *testing.T) {
	key := make([]byte, 32)
	for issuer, want := range map[string]error{
		"https://dinh-danh.example.test": nil, "http://localhost:8400": nil, "http://gate.localhost:8400": nil,
		"http://127.0.0.1:8400": credential.ErrNoPasskeys, "https://192.0.2.1": credential.ErrNoPasskeys,
		"https://[::1]:8400": credential.ErrNoPasskeys, "http://dinh-danh.example.test": credential.ErrNoPasskeys,
	} {
		if _, err := credential.NewPasskeys(issuer, "Mẫu", key); !errors.Is(err, want) {
			t.Errorf("NewPasskeys(%s) = %v, want %v", issuer, err, want)
		}
	}
	for _, issuer := range []string{"", "dinh-danh", "ftp://dinh-danh.example.test"} {
		if _, err := credential.NewPasskeys(issuer, "Mẫu", key); err == nil || errors.Is(err, credential.ErrNoPasskeys) {
			t.Errorf("NewPasskeys(%q) = %v, want an error", issuer, err)
		}
	}
	if _, err := credential.NewPasskeys(passkeyIssuer, "Mẫu", key[:31]); err == nil {
		t.Error("NewPasskeys(short key) = nil, want an error")
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := credential.ReadAnswer(text); err == nil && len(a.CredentialID()) == 0 {
			t.Error("an answer without a credential")
		}
	})
}
