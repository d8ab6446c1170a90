package credential

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"eidgate/eid"
	"eidgate/store"
)

// Parameters of one-time codes, the ones every authenticator app knows (RFC 6238
// §4, §5.2).
const (
	// CodePeriod is how long one time step lasts.
	CodePeriod = 30 * time.Second
	// CodeValidity is how long a code can match: its own step and one on either
	// side. A used step must be remembered for at least as long.
	CodeValidity = 3 * CodePeriod

	codeDigits = 6
	codeSkew   = 1 // steps on either side
)

// MatchCode compares a one-time code with those of the step at now and of the
// steps beside it, all of them, in constant time. ok says whether one matched
// and step which: the caller must let each step of an account count once (RFC
// 6238 §5.2). Spaces are dropped; other than six ASCII digits never match. The
// error says that the secret cannot be used.
func MatchCode(secret eid.Secret, code string, now time.Time) (step int64, ok bool, err error) {
	code, wellFormed := cleanCode(code)
	current := now.Unix() / int64(CodePeriod/time.Second)
	for s := current - codeSkew; s <= current+codeSkew; s++ {
		want, err := hotp.GenerateCodeCustom(secret.Reveal(), uint64(s), hotp.ValidateOpts{
			Digits:    otp.DigitsSix,
			Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			// The library's error may quote the secret.
			return 0, false, fmt.Errorf("secret of one-time codes is not base32")
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 && wellFormed {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// UseStep lets a step of an account count once, wherever a code of it is shown: at a
// sign-in or in a recovery. ok is false when it was used before. key hides the account.
func UseStep(ctx context.Context, state store.State, key []byte, account eid.AccountID, step int64) (ok bool, err error) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("eidgate used step 1\x00" + account))
	slot := "step." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	// Twice the validity: the replica that forgets may be ahead in time.
	results, err := state.Apply(ctx, slot, store.PutIfAbsent(strconv.FormatInt(step, 10), []byte{1}, 2*CodeValidity))
	if err != nil {
		return false, fmt.Errorf("marking a one-time code as used: %w", err)
	}
	return len(results) == 1 && results[0].OK, nil
}

// cleanCode drops the spaces that people and apps put between groups.
func cleanCode(code string) (digits string, ok bool) {
	digits = strings.NewReplacer(" ", "", "\u00a0", "").Replace(code)
	if len(digits) != codeDigits {
		return "", false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return "", false
		}
	}
	return digits, true
}
