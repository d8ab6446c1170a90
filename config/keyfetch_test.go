package config

import (
	"slices"
	"testing"
)

// TestKeyFetchNotes: an operator is told what to give each portal that keys wait for,
// and where one fetch would count for several.
func TestKeyFetchNotes(t *testing.T) {
	c := &Config{Issuer: "https://g.example.vn", Clients: []Client{
		{ID: "plain"},
		{ID: "own", AwaitKeyFetch: true},
		{ID: "a", AwaitKeyFetch: true, KeyFetchFrom: []string{"203.0.113.0/28"}},
		{ID: "b", AwaitKeyFetch: true, KeyFetchFrom: []string{"192.0.2.1", "::ffff:203.0.113.7"}},
	}}
	want := []string{
		"client own: new keys wait until it has fetched them; give the portal https://g.example.vn/keys/own as its key set",
		"client a: new keys wait until it has fetched them; give the portal https://g.example.vn/keys/a as its key set, " +
			"or let it fetch https://g.example.vn/keys from 203.0.113.0/28; these addresses are also those of b, and one fetch counts for each",
		"client b: new keys wait until it has fetched them; give the portal https://g.example.vn/keys/b as its key set, " +
			"or let it fetch https://g.example.vn/keys from 192.0.2.1, ::ffff:203.0.113.7; these addresses are also those of a, and one fetch counts for each",
	}
	if got := c.KeyFetchNotes(); !slices.Equal(got, want) {
		t.Errorf("KeyFetchNotes() = %q, want %q", got, want)
	}
}
