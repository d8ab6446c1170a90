package admin

import (
	"net/url"
	"testing"

	"eidgate/eid"
)

// A foreigner's account is locked as a citizen's is: it is found by the passport.
func TestWhomACaseIsAbout(t *testing.T) {
	for _, tt := range []struct {
		country, number string
		want            eid.Identifier
	}{
		{"", "011 090 000 001", eid.NewIdentifier(eid.KindPersonalNumber, vietnam, "011090000001")},
		{" kor ", "m 1234-5678", eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678")},
		{"", "M12345678", eid.Identifier{}},
		{"XQZ", "M12345678", eid.Identifier{}},
		{"", "", eid.Identifier{}},
	} {
		got, err := identifierOf(url.Values{fieldCountry: {tt.country}, string(eid.FieldNumber): {tt.number}})
		if tt.want.IsZero() != (err != nil) || err == nil && got != tt.want {
			t.Errorf("identifierOf(%q, %q) = %v, %v, want %v", tt.country, tt.number, got, err, tt.want)
		}
	}
}
