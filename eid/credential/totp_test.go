package credential_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// rfcSecret is the SHA-1 seed of RFC 6238, Appendix B, "12345678901234567890".
const rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestMatchCode(t *testing.T) {
	// RFC 6238, Appendix B: 94287082 at 59 s, of which the last six digits.
	at := time.Unix(59, 0)
	tests := map[string]struct {
		code string
		at   time.Time
		step int64
		ok   bool
	}{
		"RFC 6238":          {"287082", at, 1, true},
		"grouped":           {"287 082", at, 1, true},
		"pasted":            {" 287\u00a0082 ", at, 1, true},
		"RFC 6238, later":   {"081804", time.Unix(1111111109, 0), 37037036, true},
		"one step early":    {"287082", time.Unix(0, 0), 1, true},
		"one step late":     {"287082", time.Unix(89, 0), 1, true},
		"two steps late":    {"287082", time.Unix(90, 0), 0, false},
		"wrong":             {"287083", at, 0, false},
		"empty":             {"", at, 0, false},
		"eight digits":      {"94287082", at, 0, false},
		"five digits":       {"28708", at, 0, false},
		"full-width digits": {"２８７０８２", at, 0, false},
		"Arabic digits":     {"٢٨٧٠٨٢", at, 0, false},
		"sign":              {"+87082", at, 0, false},
		"line break within": {"287\n082", at, 0, false},
		"NUL":               {"287082\x00", at, 0, false},
		"very long":         {strings.Repeat("287082", 1000), at, 0, false},
		"before the epoch":  {"287082", time.Unix(-100, 0), 0, false},
		"year 9999":         {"000000", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step, ok, err := credential.MatchCode(eid.NewSecret(rfcSecret), tt.code, tt.at)
			if err != nil || ok != tt.ok || step != tt.step {
				t.Errorf("MatchCode() = %d, %v, %v, want %d, %v, nil", step, ok, err, tt.step, tt.ok)
			}
		})
	}
}

func TestMatchCodeHidesAnUnusableSecret(t *testing.T) {
	_, ok, err := credential.MatchCode(eid.NewSecret("not base32: 0189"), "287082", time.Unix(59, 0))
	if err == nil || ok {
		t.Fatalf("MatchCode() = %v, %v, want no match and an error", ok, err)
	}
	if strings.Contains(err.Error(), "0189") {
		t.Errorf("MatchCode() error quotes the secret")
	}
}

func TestMatchCodeTakesSixDigitsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.String().Draw(t, "code")
		_, ok, err := credential.MatchCode(eid.NewSecret(rfcSecret), code, time.Unix(59, 0))
		if err != nil {
			t.Fatalf("MatchCode(%q) = %v, want nil", code, err)
		}
		digits := strings.NewReplacer(" ", "", "\u00a0", "").Replace(code)
		known := digits == "755224" || digits == "287082" || digits == "359152" // steps 0 to 2, RFC 4226, Appendix D
		if ok != known {
			t.Errorf("MatchCode(%q) = %v, want %v", code, ok, known)
		}
	})
}
