package storetest

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/keys"
)

// key puts a key of tokens into the store, or moves it on.
func (d desk) key(t *testing.T, id string, alg keys.Algorithm, state keys.State) {
	t.Helper()
	must(t, d.UpdateKeys(t.Context(), func([]keys.Record) (keys.Update, error) {
		return keys.Update{Put: []keys.Record{{
			ID: id, Purpose: keys.Tokens, Algorithm: alg, State: state, Sealed: []byte("sealed"), Public: json.RawMessage(`{}`), PublishedAt: d.clock.Now(),
		}}}, nil
	}))
}

// awaiting is a portal that keys of an algorithm wait for.
func awaiting(id, alg string) eid.RelyingParty {
	p := portal(id, "s1")
	p.AwaitKeyFetch, p.IDTokenAlg = true, alg
	return p
}

// keyFetches sees that the first fetch of each key is kept for as long as the key and
// the party are.
func (s durableSuite) keyFetches(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	d.key(t, "r1", keys.RS256, keys.Signing)
	d.key(t, "e1", keys.ES256, keys.Published)
	resources := awaiting("c", "ES256")
	resources.Resources = []string{"https://api.example.vn"}
	signed := awaiting("d", "ES256")
	signed.UserinfoAlg = "RS256"
	patient := portal("z", "s1")
	patient.IDTokenAlg = "RS256"
	parties := []eid.RelyingParty{awaiting("a", "RS256"), awaiting("b", "ES256"), resources, signed, patient}
	must(t, d.ApplyRegistrations(ctx, parties, nil, "file", "system"))
	list, err := d.AwaitingParties(ctx)
	must(t, err)
	var ids []string
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	equal(t, "AwaitingParties()", ids, []string{"a", "b", "c", "d"})
	lacking := func(alg keys.Algorithm, kid string, want ...string) {
		t.Helper()
		got, err := d.Lacking(ctx, alg, kid)
		must(t, err)
		equal(t, "Lacking("+kid+")", got, want)
	}
	record := func(list ...eid.KeyFetch) {
		t.Helper()
		must(t, d.RecordKeyFetches(ctx, list))
	}
	fetches := func(what string, want ...eid.KeyFetch) {
		t.Helper()
		got, err := d.Fetches(ctx)
		must(t, err)
		equal(t, what, got, want)
	}
	lacking(keys.RS256, "r1", "a", "c", "d")
	lacking(keys.ES256, "e1", "b", "c", "d")
	lacking("PS256", "p1")

	at := d.clock.Now()
	first, other := eid.KeyFetch{Client: "a", KeyID: "r1", At: at}, eid.KeyFetch{Client: "c", KeyID: "e1", At: at.Add(time.Minute)}
	record(first)
	again := first
	again.At = at.Add(time.Hour)
	record(again, other)
	fetches("the first of each", first, other)
	lacking(keys.RS256, "r1", "c", "d")
	lacking(keys.ES256, "e1", "b", "d")

	// What strangers could bring about leaves nothing: no such party, no such key.
	record(eid.KeyFetch{Client: "x", KeyID: "r1", At: at}, eid.KeyFetch{Client: "a", KeyID: "' OR 1=1 --", At: at})
	fetches("after unknown ones", first, other)

	// A retired key goes with the next fetch, a removed party at once. One that comes
	// back has to fetch again.
	d.key(t, "r1", keys.RS256, keys.Retired)
	d.key(t, "r2", keys.RS256, keys.Signing)
	newer := eid.KeyFetch{Client: "a", KeyID: "r2", At: at}
	record(newer)
	fetches("after a key retired", newer, other)
	must(t, d.ApplyRegistrations(ctx, parties[:2], nil, "file", "system"))
	fetches("after a party was removed", newer)
	lacking(keys.ES256, "e1", "b")
	must(t, d.ApplyRegistrations(ctx, parties, nil, "file", "system"))
	lacking(keys.ES256, "e1", "b", "c", "d")
}

// revocations sees that parties are told of a revoked key page by page, each page by
// one caller.
func (s durableSuite) revocations(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{portal("a", "s1"), portal("gone", "s1")}, []eid.Source{source("x", "{}")}, "file", "system"))
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{portal("a", "s1")}, []eid.Source{source("x", "{}")}, "file", "system"))
	id := d.person(t, numberA)
	grant := func(sector, subject, client string) {
		t.Helper()
		must(t, d.RecordGrant(ctx, sector, subject, eid.Grant{ID: "g", Account: id, Client: client, Source: "x"}, grantEntry(d.clock.Now())))
	}
	d.key(t, "r1", keys.RS256, keys.Signing)
	grant("old", "sub-0", "a")
	d.clock.Advance(3 * time.Hour)
	since := d.clock.Now()
	grant("s1", "sub-1", "a")
	grant("s2", "sub-2", "a")
	grant("s3", "sub-3", "other")
	must(t, d.UpdateKeys(ctx, func([]keys.Record) (keys.Update, error) {
		return keys.Update{Revoked: []keys.RevokedKey{{ID: "r1", Since: since}}}, nil
	}))
	at := d.clock.Now()
	pending := func() []eid.RevocationEvent {
		t.Helper()
		list, err := d.PendingRevocations(ctx, 10)
		must(t, err)
		return list
	}
	equal(t, "events at once", pending(), []eid.RevocationEvent(nil))
	d.clock.Advance(2 * time.Second)
	list := pending()
	if len(list) != 1 {
		t.Fatalf("PendingRevocations() = %+v, want one, for a", list)
	}
	e := list[0]
	equal(t, "the event", e, eid.RevocationEvent{ID: e.ID, KeyID: "r1", Algorithm: "RS256", Client: "a", Since: since, At: at})
	for _, tt := range []struct {
		after string
		since time.Time
		limit int
		want  []string
	}{
		{"", since.Add(-4 * time.Hour), 10, []string{"sub-0", "sub-1", "sub-2"}},
		{"", since, 10, []string{"sub-1", "sub-2"}},
		{"", since, 1, []string{"sub-1"}},
		{"sub-1", since, 1, []string{"sub-2"}},
		{"", since, -1, nil},
	} {
		e.After = tt.after
		got, err := d.SubjectsSince(ctx, e, tt.since, tt.limit)
		must(t, err)
		equal(t, "SubjectsSince() after "+tt.after, got, tt.want)
	}
	e.After = ""
	must(t, d.DispatchRevocation(ctx, e, "sub-1", []eid.LogoutNotice{notice("a", "sub-1")}))
	must(t, d.DispatchRevocation(ctx, e, "sub-2", []eid.LogoutNotice{notice("a", "stale")})) // somebody moved it
	must(t, errIfNil(d.DispatchRevocation(ctx, pending()[0], "sub-0", nil)))                 // back
	must(t, d.DispatchRevocation(ctx, pending()[0], "", []eid.LogoutNotice{notice("a", "sub-2")}))
	equal(t, "what is told", slices.Sorted(slices.Values(d.claim(t, 10))), []string{"a sub-1", "a sub-2"})
	equal(t, "events left", pending(), []eid.RevocationEvent(nil))
}
