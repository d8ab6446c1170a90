package web

import (
	"strings"
	"time"

	"eidgate/eid"
)

// ConsentData is page "consent": what the portal is about to be told. Where the
// portal has a legal basis the page informs, and offers nothing to decline.
type ConsentData struct {
	Common
	HolderName   string
	MaskedNumber string
	Purpose      Label          // what the data is for, in the portal's words
	LegalBasis   Label          // the law that lets the portal have it; empty asks for consent
	Claims       []ConsentClaim // in the order shown; no other is sent
	Documents    []ConsentDocument
	Level        eid.Level // granted, and sent with the claims
	Until        time.Time // how long the answer is remembered; zero: this once
}

// Asks reports whether the holder may decline (Decree 13/2023, Arts. 11 and 17).
func (d ConsentData) Asks() bool { return d.LegalBasis.Text == "" }

// ConsentClaim is one value that the portal is about to be told.
type ConsentClaim struct {
	Name   string // one of ConsentClaims
	Value  string // as shown: masked where it must be; of gender male or female
	Source Label  // whose data it is, by name
}

// Ends gives what a masked value shows, such as 789 of "••• ••• ••• 789": screen
// readers are told this instead of a row of bullets. It is "" of any other value.
func (c ConsentClaim) Ends() string { return ends(c.Value) }

func ends(value string) string {
	last := tail(value)
	hidden := strings.TrimSuffix(value, last)
	if last == "" || hidden == "" || strings.Trim(hidden, "• ") != "" || strings.Contains(last, "•") {
		return ""
	}
	return last
}

// Coded gives a value that the catalogue has words for: a gender, or the country
// of nearly everybody. It is "" of any other.
func (c ConsentClaim) Coded() string {
	switch {
	case c.Name == "gender" && (c.Value == "female" || c.Value == "male"), c.Name == "nationalities" && c.Value == "VNM":
		return c.Value
	}
	return ""
}

// ConsentClaims lists the names of the claims that page "consent" has labels for.
func ConsentClaims() []string {
	return []string{
		"name", "gender", "birthdate", "email", "phone_number", "address",
		"nickname", "preferred_username", "profile", "picture", "website",
		"eid_personal_number", "eid_subject_type", "eid_source", "nationalities",
		"updated_at", "locale", "zoneinfo",
	}
}
