package config

import (
	"slices"
	"testing"

	"eidgate/eid"
)

func TestDocumentNotes(t *testing.T) {
	c := &Config{Clients: []Client{
		{ID: "plain", Scopes: []string{"openid", "eid"}, MinLevel: eid.Level1},
		{ID: "low", Scopes: []string{"openid", "eid_driving_licence", "eid_health_insurance"}, MinLevel: eid.Level1},
		{ID: "high", Scopes: []string{"openid", "eid_social_insurance"}, MinLevel: eid.Level2},
	}}
	got := c.DocumentNotes()
	want := []string{
		"client low: may ask for eid_driving_licence, eid_health_insurance, each with the holder's consent; documents come with level 2 only: a request that wants them asks for it",
		"client high: may ask for eid_social_insurance, each with the holder's consent",
	}
	if !slices.Equal(got, want) {
		t.Errorf("DocumentNotes() = %q, want %q", got, want)
	}
	for _, scope := range documentScopes() {
		if !slices.Contains(words("clients[].scopes[]"), scope) {
			t.Errorf("scope %s cannot be registered", scope)
		}
	}
}
