package eid_test

import (
	"errors"
	"strings"
	"testing"

	"eidgate/eid"
)

// synthetic is a made-up number: Hà Nội, male, 1999.
const synthetic = "001099123456"

func TestParsePersonalNumber(t *testing.T) {
	accepted := []struct{ name, text string }{
		{"plain", synthetic},
		{"grouped by spaces", "001 099 123 456"},
		{"grouped by dots", "001.099.123.456"},
		{"grouped by dashes", "001-099-123-456"},
		{"grouped by no-break spaces", "001\u00a0099\u00a0123\u00a0456"},
		{"spaces around", "  " + synthetic + " "},
	}
	for _, tt := range accepted {
		t.Run(tt.name, func(t *testing.T) {
			got, err := eid.ParsePersonalNumber(tt.text)
			if err != nil || got.Reveal() != synthetic {
				t.Errorf("ParsePersonalNumber(%q) = %q, %v, want %q", tt.text, got.Reveal(), err, synthetic)
			}
		})
	}

	refused := []struct{ name, text string }{
		{"empty", ""},
		{"separators only", " .-\u00a0 .-\u00a0 .-\u00a0"},
		{"11 digits", "00109912345"},
		{"13 digits", "0010991234567"},
		{"9 digits of the old card", "012345678"},
		{"a letter", "00109912345A"},
		{"letter O for zero", "O01099123456"},
		{"a sign", "+00109912345"},
		{"an exponent", "1.09912345e11"},
		{"hexadecimal", "0x1099123456"},
		{"fullwidth digits", "００１０９９１２３４５６"},
		{"Arabic digits", "٠٠١٠٩٩١٢٣٤٥٦"},
		{"one fullwidth digit", "00109912345６"},
		{"12 bytes of other digits", "００１０"},
		{"12 bytes, six Arabic digits", "٠٠١٠٩٩"},
		{"mathematical digits", "𝟎𝟎𝟏𝟎𝟗𝟗𝟏𝟐𝟑𝟒𝟓𝟔"},
		{"superscript", "00109912345²"},
		{"zero width space", "001099\u200b123456"},
		{"right-to-left mark", "\u200f" + synthetic},
		{"tab", "001099\t123456"},
		{"line feed", synthetic + "\n"},
		{"NUL", "001099123456\x00"},
		{"comma", "001,099,123,456"},
		{"two numbers", synthetic + " " + synthetic},
		{"SQL", "001099123456' OR '1'='1"},
		{"LDAP", "*)(uid=*"},
		{"not UTF-8", "\xff\xfe99123456"},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			got, err := eid.ParsePersonalNumber(tt.text)
			if !errors.Is(err, eid.ErrPersonalNumber) || !got.IsZero() {
				t.Errorf("ParsePersonalNumber(%q) = %q, %v, want ErrPersonalNumber", tt.text, got.Reveal(), err)
			}
		})
	}
}

// The fourth digit names a century: 0 and 1 the 1900s, to 4 and 5 the 2100s.
func TestParsePersonalNumberCentury(t *testing.T) {
	for century := byte('0'); century <= '9'; century++ {
		text := "001" + string(century) + "99123456"
		_, err := eid.ParsePersonalNumber(text)
		if got, want := err == nil, century <= '5'; got != want {
			t.Errorf("ParsePersonalNumber(%q) accepted: %v, want %v", text, got, want)
		}
	}
}

func FuzzParsePersonalNumber(f *testing.F) {
	for _, seed := range []string{
		"", synthetic, "001 099 123 456", "001.099.123.456", "001-099-123-456", "001\u00a0099\u00a0123\u00a0456",
		"00109912345", "0010991234567", "001699123456", "００１０９９１２３４５６", "٠٠١٠٩٩١٢٣٤٥٦", "001099\u200b123456",
		"\xff01099123456", "001099123456\x00", "- . - . - . ", "+01099123456",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := eid.ParsePersonalNumber(text)
		if err != nil {
			if !errors.Is(err, eid.ErrPersonalNumber) || !n.IsZero() || n.Reveal() != "" {
				t.Fatalf("ParsePersonalNumber(%q) = %q, %v, want nothing and ErrPersonalNumber", text, n.Reveal(), err)
			}
			return
		}
		digits := n.Reveal()
		if len(digits) != 12 || strings.Trim(digits, "0123456789") != "" || strings.IndexByte("012345", digits[3]) < 0 {
			t.Fatalf("ParsePersonalNumber(%q) = %q, want 12 ASCII digits of a possible century", text, digits)
		}
		// Nothing was invented: the digits are those typed, in order, and what
		// was dropped is a separator.
		rest := text
		for _, d := range digits {
			i := strings.IndexRune(rest, d)
			if i < 0 || strings.Trim(rest[:i], " .-\u00a0") != "" {
				t.Fatalf("ParsePersonalNumber(%q) = %q, which is not what was typed", text, digits)
			}
			rest = rest[i+1:]
		}
		if strings.Trim(rest, " .-\u00a0") != "" {
			t.Fatalf("ParsePersonalNumber(%q) = %q and dropped %q", text, digits, rest)
		}
		if again, err := eid.ParsePersonalNumber(digits); err != nil || again != n {
			t.Fatalf("ParsePersonalNumber(%q) = %v, want the same number", digits, err)
		}
		if strings.Contains(n.String(), digits[:9]) {
			t.Fatalf("String() shows the number")
		}
	})
}

// Two people must never share a canonical text, nor one person have two.
func TestIdentifierCanonical(t *testing.T) {
	typed, err := eid.ParsePersonalNumber("001.099.123.456")
	if err != nil {
		t.Fatalf("ParsePersonalNumber() error = %v", err)
	}
	citizen := eid.IdentifierOf(typed)
	stored := eid.NewIdentifier(eid.KindPersonalNumber, "VNM", synthetic)
	if citizen != stored || citizen.Canonical() != stored.Canonical() {
		t.Errorf("Canonical() = %q and %q, want them equal", citizen.Canonical(), stored.Canonical())
	}
	if citizen.Kind() != eid.KindPersonalNumber || citizen.Country() != "VNM" || citizen.Reveal() != synthetic {
		t.Errorf("IdentifierOf() = %v, %v, want a personal number of VNM", citizen.Kind(), citizen.Country())
	}
	seen := map[string]bool{}
	others := []eid.Identifier{
		citizen,
		eid.NewIdentifier(eid.KindPassport, "VNM", synthetic),
		eid.NewIdentifier(eid.KindPassport, "VNM", "C1234567"),
		eid.NewIdentifier(eid.KindPassport, "LAO", "C1234567"),
		eid.NewIdentifier(eid.KindPassport, "LAO", "C1234568"),
	}
	for _, i := range others {
		seen[i.Canonical()] = true
	}
	if len(seen) != len(others) {
		t.Errorf("%d identifiers have %d canonical texts", len(others), len(seen))
	}
	if !(eid.Identifier{}).IsZero() || citizen.IsZero() || !(eid.PersonalNumber{}).IsZero() {
		t.Error("IsZero() is wrong: want the zero values alone to be zero")
	}
}

func TestPersonalNumberMasked(t *testing.T) {
	n, err := eid.ParsePersonalNumber(synthetic)
	if err != nil {
		t.Fatalf("ParsePersonalNumber() error = %v", err)
	}
	if got, want := n.Masked(), "••• ••• ••• 456"; got != want {
		t.Errorf("Masked() = %q, want %q", got, want)
	}
	if got, want := (eid.PersonalNumber{}).Masked(), "•••"; got != want {
		t.Errorf("zero Masked() = %q, want %q", got, want)
	}
	for _, short := range []string{"A", "AB123", "12345"} {
		if got := eid.NewIdentifier(eid.KindPassport, "LAO", short).String(); strings.ContainsAny(got, short) {
			t.Errorf("String() of a passport of %d characters = %q, want all of it hidden", len(short), got)
		}
	}
}
