package eid

import (
	"testing"
	"time"
)

func TestDerive(t *testing.T) {
	v := StandardVocabulary()
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	sound := Grant{
		Account: "a", Client: "c", Source: "s", IssuedAt: at, AuthTime: at.Add(-time.Minute),
		Requirement: Requirement{Minimum: Level1, Floor: Level2, Target: Level2},
		Terms:       Terms{Account: Level2, Method: Level2, Source: Level2, Link: Level2, Freshness: Level2, Mandate: Level2},
		ACR:         ACRValue{Name: v.Level2, Level: Level2},
	}
	if got := sound.Derive(v); len(got) != 0 {
		t.Fatalf("Derive() = %q, want nothing", got)
	}
	for name, change := range map[string]func(*Grant){
		"a term lowered":        func(g *Grant) { g.Terms.Link = Level1 },
		"a term gone":           func(g *Grant) { g.Terms.Mandate = LevelNone },
		"acr raised":            func(g *Grant) { g.Terms.Account, g.Requirement.Floor = Level1, Level1 },
		"acr lowered":           func(g *Grant) { g.ACR = ACRValue{Name: v.Level1, Level: Level1} },
		"another name":          func(g *Grant) { g.ACR.Name = "LoA9" },
		"an old proof":          func(g *Grant) { g.AuthTime = at.Add(-time.Hour) },
		"a proof of tomorrow":   func(g *Grant) { g.AuthTime = at.Add(time.Hour) },
		"floor raised":          func(g *Grant) { g.Requirement.Floor = Level(3) },
		"minimum above the acr": func(g *Grant) { g.Requirement.Minimum = Level(3) },
		"unmet":                 func(g *Grant) { g.Requirement.Unmet = true },
		"no account":            func(g *Grant) { g.Account = "" },
		"no source":             func(g *Grant) { g.Source = "" },
		"nothing":               func(g *Grant) { *g = Grant{} },
	} {
		g := sound
		change(&g)
		if got := g.Derive(v); len(got) == 0 {
			t.Errorf("%s: Derive() finds nothing wrong", name)
		}
	}
}
