package credential

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"eidgate/eid"
)

// totpSecretLen is the length of a new secret in bytes (RFC 4226 §4, R6: 20 are recommended).
const totpSecretLen = 20

// NewTOTP makes the secret of an authenticator app, base32, and the address that such an
// app reads from a QR code (Key Uri Format): it shows the issuer's name and a label, which
// names nobody in full.
func NewTOTP(issuer, label string) (secret, address eid.Secret, err error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: label, SecretSize: totpSecretLen, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return eid.Secret{}, eid.Secret{}, fmt.Errorf("making a secret of one-time codes: %w", err)
	}
	secret = eid.NewSecret(key.Secret())
	return secret, TOTPAddress(issuer, label, secret), nil
}

// TOTPAddress is the address of a secret that was made before.
func TOTPAddress(issuer, label string, secret eid.Secret) eid.Secret {
	name := strings.NewReplacer(":", " ").Replace
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + name(issuer) + ":" + name(label)}
	// Apps do not agree on "+" for a space.
	query := url.Values{"secret": {secret.Reveal()}, "issuer": {issuer}}.Encode()
	u.RawQuery = strings.ReplaceAll(query, "+", "%20")
	return eid.NewSecret(u.String())
}
