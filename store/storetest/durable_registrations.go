package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

func portal(id, sector string) eid.RelyingParty {
	return eid.RelyingParty{
		ID: id, Name: "Cổng thử nghiệm", URL: "https://" + id + ".example", Tier: "province",
		AuthMethod: eid.AuthSecretBasic, SecretHashes: []string{"hash"}, RedirectURIs: []string{"https://" + id + ".example/cb"},
		Scopes: []string{"openid"}, Sector: sector, IDTokenAlg: "ES256",
		Levels:  eid.LevelPolicy{Minimum: eid.Level1, Aliases: map[string]eid.Level{"LoA1": 1, "LoA2": 2}},
		Sources: []string{"account"},
	}
}

func source(id, settings string) eid.Source {
	from := time.Date(2021, 11, 9, 0, 0, 0, 0, time.UTC)
	return eid.Source{
		ID: id, Kind: "openid", Name: "Nguồn thử nghiệm", Provider: "synthetic", Window: eid.Window{From: from},
		MayAssert: []eid.Level{1}, GrantsAtMost: []eid.Ceiling{{From: from, Level: 1}}, Settings: json.RawMessage(settings),
	}
}

func (s durableSuite) registrations(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	var seen int64
	apply := func(parties []eid.RelyingParty, sources []eid.Source, changes int) {
		t.Helper()
		must(t, d.ApplyRegistrations(ctx, parties, sources, "file", "system"))
		if got := d.actions(t, &seen); len(got) != changes {
			t.Errorf("%d audit rows %v, want %d", len(got), got, changes)
		}
		gotParties, err := d.RelyingParties(ctx)
		wantErr(t, "RelyingParties()", err, nil)
		equal(t, "RelyingParties()", gotParties, parties)
		gotSources, err := d.Sources(ctx)
		wantErr(t, "Sources()", err, nil)
		equal(t, "Sources()", gotSources, sources)
	}
	a, b := portal("a", "s1"), portal("b", "s1")
	x, y := source("x", `{"client_secret":"one"}`), source("y", "")
	y.Settings = nil

	apply([]eid.RelyingParty{a, b}, []eid.Source{x, y}, 4)
	apply([]eid.RelyingParty{a, b}, []eid.Source{x, y}, 0)
	a.Levels.Minimum = eid.Level2
	apply([]eid.RelyingParty{a, b}, []eid.Source{x, y}, 1)
	x.Settings = json.RawMessage(`{"client_secret":"two"}`)
	apply([]eid.RelyingParty{a, b}, []eid.Source{x, y}, 1)
	x.MayAssert = []eid.Level{1, 2}
	apply([]eid.RelyingParty{a}, []eid.Source{x}, 3)

	_, err := d.RelyingParty(ctx, "b")
	wantErr(t, "RelyingParty() of a removed one", err, eid.ErrNotFound)
	_, err = d.Source(ctx, "y")
	wantErr(t, "Source() of a removed one", err, eid.ErrNotFound)
	gotParty, err := d.RelyingParty(ctx, "a")
	wantErr(t, "RelyingParty()", err, nil)
	equal(t, "RelyingParty()", gotParty, a)
	gotSource, err := d.Source(ctx, "x")
	wantErr(t, "Source()", err, nil)
	equal(t, "Source()", gotSource, x)

	apply([]eid.RelyingParty{a, b}, []eid.Source{x}, 1)
	apply(nil, nil, 3)
}

func (s durableSuite) refusedRegistrations(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	a := portal("a", "s1")
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{a, portal("gone", "s1")}, []eid.Source{source("x", "{}")}, "file", "system"))
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{a}, []eid.Source{source("x", "{}")}, "file", "system"))
	must(t, d.ApplyRegistrations(ctx, []eid.RelyingParty{portal("o", "s2")}, []eid.Source{source("z", "{}")}, "operator", "operator:A"))
	var seen int64
	d.actions(t, &seen)
	for _, tt := range []struct {
		name    string
		parties []eid.RelyingParty
		sources []eid.Source
		manager string
		want    error // nil: any
	}{
		{"sector of a living party", []eid.RelyingParty{portal("a", "s2")}, nil, "file", sqlstore.ErrSectorChanged},
		{"sector of a party that comes back", []eid.RelyingParty{portal("gone", "s2")}, nil, "file", sqlstore.ErrSectorChanged},
		{"another's party", []eid.RelyingParty{portal("o", "s2")}, nil, "file", sqlstore.ErrManagedElsewhere},
		{"another's source", []eid.RelyingParty{portal("new", "s")}, []eid.Source{source("z", "{}")}, "file", sqlstore.ErrManagedElsewhere},
		{"party twice", []eid.RelyingParty{portal("n", "s"), portal("n", "s")}, nil, "file", nil},
		{"source twice", nil, []eid.Source{source("n", "{}"), source("n", "{}")}, "file", nil},
		{"party without id", []eid.RelyingParty{portal("", "s")}, nil, "file", nil},
		{"party without sector", []eid.RelyingParty{portal("n", "")}, nil, "file", nil},
		{"source without id", nil, []eid.Source{source("", "{}")}, "file", nil},
		{"no manager", nil, nil, "", nil},
	} {
		err := d.ApplyRegistrations(ctx, tt.parties, tt.sources, tt.manager, "system")
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		}
		if tt.want != nil {
			wantErr(t, tt.name, err, tt.want)
		}
	}
	equal(t, "audit of refusals", d.actions(t, &seen), []string(nil))
	parties, err := d.RelyingParties(ctx)
	must(t, err)
	equal(t, "parties after refusals", parties, []eid.RelyingParty{a, portal("o", "s2")})
}
