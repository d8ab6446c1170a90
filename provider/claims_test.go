package provider

import (
	"slices"
	"testing"
	"time"

	"eidgate/eid"
)

// holderOfAll is an account of which every claim is known.
func holderOfAll() *eid.Account {
	return &eid.Account{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", "999190000001"), Name: "Nguyễn Thị Mẫu",
			BirthDate: "1990-02-01", Gender: "female", Nationality: "VNM", Address: "Số 1 đường Mẫu",
		},
		Phone: eid.Contact{Value: "+84900000001"}, Email: eid.Contact{Value: "mau@example.test"},
		Declared: eid.Declared{
			Nickname: "Mẫu", PreferredUsername: "nguoi-mau", Profile: "https://example.test/mau", Picture: "https://example.test/mau.png",
			Website: "https://mau.example.test/",
		},
		UpdatedAt: time.Unix(1, 0),
	}
}

// Every claim of every scope has a value, and whatever needs consent has its row
// on the page: nothing is shared that the holder was not shown.
func TestEveryClaimIsShown(t *testing.T) {
	a := holderOfAll()
	for scope, claims := range claimsOf {
		values := claimValues(a, &eid.Grant{Source: "national"}, claims)
		for _, claim := range claims {
			if _, ok := values[claim]; !ok {
				t.Errorf("%s: %s has no value", scope, claim)
			}
			if slices.Contains(neutral, claim) {
				continue
			}
			rows := consentRows([]string{claim})
			if len(rows) != 1 || !slices.Equal(rows[0].parts, []string{claim}) {
				t.Errorf("%s: %s is in the rows %v, want one row", scope, claim, rows)
			}
		}
		share := slices.DeleteFunc(slices.Clone(claims), func(claim string) bool { return slices.Contains(neutral, claim) })
		for _, row := range consentRows(share) {
			if row.show(a, values) == "" {
				t.Errorf("%s: row %s is empty", scope, row.name)
			}
		}
	}
}

func TestDeclaredIsShownAsItIsSent(t *testing.T) {
	a := holderOfAll()
	for claim, want := range map[string]string{
		"nickname": "Mẫu", "preferred_username": "nguoi-mau", "profile": "https://example.test/mau",
		"picture": "https://example.test/mau.png", "website": "https://mau.example.test/",
	} {
		values := claimValues(a, &eid.Grant{}, []string{claim})
		if values[claim] != want {
			t.Errorf("%s = %v, want %s", claim, values[claim], want)
		}
		for _, row := range consentRows([]string{claim}) {
			if got := row.show(a, values); got != want {
				t.Errorf("the page shows %s = %q, want %q", claim, got, want)
			}
		}
		if values = claimValues(&eid.Account{}, &eid.Grant{}, []string{claim}); len(values) != 0 {
			t.Errorf("nothing declared gives %v, want nothing", values)
		}
	}
}
