package federation_test

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// TestProvers: for a link the national identity is proved now, so that neither a legacy
// provider is offered nor a national source that may remember people.
func TestProvers(t *testing.T) {
	now := time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)
	from := now.AddDate(-1, 0, 0)
	source := func(id, kind string, national, remembers bool) eid.Source {
		return eid.Source{
			ID: id, Kind: kind, National: national, Remembers: remembers, Window: eid.Window{From: from},
			MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: from, Level: eid.Level2}},
		}
	}
	sources := []eid.Source{
		source("own", federation.KindAccount, false, false), source("legacy", federation.KindSAML, false, false),
		source("vneid", federation.KindVNeID, true, false), source("remembers", federation.KindVNeID, true, true),
	}
	var got []string
	for _, c := range federation.Provers(sources, eid.Level1, nil, now) {
		got = append(got, c.Source.ID)
	}
	if len(got) != 2 || got[0] != "own" || got[1] != "vneid" {
		t.Errorf("Provers() = %v, want own and vneid", got)
	}
}
