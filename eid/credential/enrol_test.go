package credential_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"eidgate/eid/credential"
)

func TestNewTOTP(t *testing.T) {
	secret, address, err := credential.NewTOTP("Cổng mẫu: định danh", "••• 001")
	if err != nil {
		t.Fatal(err)
	}
	key, err := otp.NewKeyFromURL(address.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if key.Secret() != secret.Reveal() || len(secret.Reveal()) != 32 || key.Digits() != 6 || key.Period() != 30 || key.Algorithm() != otp.AlgorithmSHA1 {
		t.Errorf("key of %d letters, %v digits, %d s, %v", len(key.Secret()), key.Digits(), key.Period(), key.Algorithm())
	}
	if key.AccountName() != "••• 001" || key.Issuer() != "Cổng mẫu: định danh" {
		t.Errorf("app shows %q of %q", key.AccountName(), key.Issuer())
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	code, err := totp.GenerateCode(key.Secret(), now)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := credential.MatchCode(secret, code, now); err != nil || !ok {
		t.Errorf("MatchCode() = %v, %v, want the app's code to match", ok, err)
	}
	other, _, err := credential.NewTOTP("Mẫu", "••• 001")
	if err != nil || other.Reveal() == secret.Reveal() {
		t.Errorf("a second secret: %v, want another one", err)
	}
	if text := fmt.Sprint(secret, address); strings.Contains(text, key.Secret()) {
		t.Error("the secret prints")
	}
}
