package admin

import (
	"slices"
	"strings"
	"testing"

	"eidgate/eid/registration"
	"eidgate/web"
)

// What an officer compares is named as what it is: a citizen has a number, a foreigner a
// passport, and countries have names.
func TestCompareNamesItsRows(t *testing.T) {
	citizen := registration.Side{Number: "079193000022", Country: vietnam, Name: "Nguyen Thi Thuy", BirthDate: "1993-09-01", Nationality: vietnam}
	foreigner := registration.Side{Number: "PA0000024", Country: "LAO", Name: "SOMSAK MAU", BirthDate: "1988", Nationality: "LAO"}
	elsewhere := foreigner
	elsewhere.Country = "THA"
	for _, tt := range []struct {
		name                     string
		sides                    registration.Sides
		rows, countries, differs string
	}{
		{"a citizen", registration.Sides{Said: citizen, Held: citizen}, "number name birth_date nationality", "nationality", ""},
		{"a foreigner", registration.Sides{Said: foreigner, Held: elsewhere}, "passport country name birth_date nationality", "country nationality", "country"},
		{"no answer", registration.Sides{Said: foreigner}, "passport country name birth_date nationality", "country nationality", ""},
	} {
		names := func(keep func(web.OfficerSides) bool) string {
			var list []string
			for _, s := range slices.DeleteFunc(compare(&tt.sides), func(s web.OfficerSides) bool { return !keep(s) }) {
				list = append(list, strings.TrimPrefix(s.Name, "officer.fact."))
			}
			return strings.Join(list, " ")
		}
		for _, of := range []struct {
			what string
			keep func(web.OfficerSides) bool
			want string
		}{
			{"rows", func(web.OfficerSides) bool { return true }, tt.rows},
			{"countries", func(s web.OfficerSides) bool { return s.Country }, tt.countries},
			{"differences", func(s web.OfficerSides) bool { return s.Differs }, tt.differs},
		} {
			if got := names(of.keep); got != of.want {
				t.Errorf("%s of %s = %q, want %q", of.what, tt.name, got, of.want)
			}
		}
	}
}
