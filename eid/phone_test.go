package eid_test

import (
	"strings"
	"testing"

	"eidgate/eid"
)

func TestParsePhone(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"0901234567", "+84901234567"},
		{"0 90.123-45 67", "+84901234567"},
		{" (090) 123 4567 ", "+84901234567"},
		{"+84901234567", "+84901234567"},
		{"+84 (0) 90 123 4567", "+84901234567"},
		{"+840901234567", "+84901234567"},
		{"84 901234567", "+84901234567"},
		{"0084901234567", "+84901234567"},
		{"0321234567", "+84321234567"},
		{"0861234567", "+84861234567"},
		{"+66 81 234 5678", "+66812345678"},
		{"+1 (212) 555-0100", "+12125550100"},
		{"+880 1712 345678", "+8801712345678"},
		{"0061 412 345 678", "+61412345678"},
		// none
		{"", ""},
		{"+", ""},
		{"090123456", ""},
		{"09012345678", ""},
		{"0241234567", ""},    // a landline
		{"02438220000", ""},   // a landline
		{"19001234", ""},      // costs
		{"1900123456", ""},    // costs
		{"18001234", ""},      // free of charge, no phone
		{"113", ""},           // short
		{"8088", ""},          // short
		{"+8419001234", ""},   // costs
		{"66812345678", ""},   // of which country?
		{"+12", ""},           // too short
		{"+123456789012", ""}, // too long for North America
		{"+19005550100", ""},  // costs
		{"+1234567890123456", ""},
		{"+979123456789", ""}, // costs
		{"+80012345678", ""},  // free of charge
		{"+881612345678", ""}, // satellite
		{"+88213123456", ""},  // networks
		{"+0901234567", ""},   // no country
		{"00 0901234567", ""}, // no country
		{"٠٩٠١٢٣٤٥٦٧", ""},    // other digits
		{"０９０１２３４５６７", ""},    // other digits
		{"0901234567;ext=1", ""},
		{"0901234567\r\nTO: 1", ""},
		{"0901234567,0907654321", ""},
		{"++84901234567", ""},
		{"tel:0901234567", ""},
		{strings.Repeat(" ", 50) + "0901234567", ""},
	} {
		got, err := eid.ParsePhone(tt.text)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("ParsePhone(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
		if err != nil && err.Error() != "no mobile number" {
			t.Errorf("ParsePhone(%q) says %q", tt.text, err)
		}
	}
}

// FuzzParsePhone: what comes out is E.164 and comes out of itself again.
func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"0901234567", "+84 (0) 90", "+880171", "84", "00", "1", "(0)(0)+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := eid.ParsePhone(text)
		if err != nil {
			return
		}
		if len(got) < 9 || len(got) > 16 || got[0] != '+' || strings.Trim(got[1:], "0123456789") != "" {
			t.Errorf("ParsePhone(%q) = %q, which is no number", text, got)
		}
		if again, err := eid.ParsePhone(got); err != nil || again != got {
			t.Errorf("ParsePhone(%q) = %q, %v, want it as it is", got, again, err)
		}
	})
}

func TestPhoneAbroad(t *testing.T) {
	if eid.PhoneAbroad("+84901234567") || !eid.PhoneAbroad("+66812345678") {
		t.Error("PhoneAbroad() does not know +84")
	}
}
