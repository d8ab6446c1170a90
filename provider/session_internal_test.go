package provider

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A session is read as the versions before wrote it: with its grants on lines below
// the JSON, or inside of it.
func TestSessionOfBefore(t *testing.T) {
	g := sessionGrant{Client: "portal of a name", SID: "sid", Slot: "slot", Family: "family:x", Until: 1795327116}
	const line, times = "1795327116 slot family:x sid portal of a name", `"started_at":"1970-01-01T00:00:01Z","seen_at":"1970-01-01T00:00:02Z"`
	whole := session{ID: "a", Account: "somebody", Grants: []sessionGrant{g, g}, StartedAt: time.Unix(1, 0).UTC(), SeenAt: time.Unix(2, 0).UTC()}
	idle := session{ID: "a", Idle: &idleSession{"somebody", []sessionGrant{g}}, StartedAt: whole.StartedAt, SeenAt: whole.SeenAt}
	for raw, want := range map[string]session{
		`{"id":"a","account":"somebody",` + times + "}\n" + line + "\n" + line:                   whole,
		`{"id":"a","account":"somebody","grants":["` + line + `","` + line + `"],` + times + `}`: whole,
		`{"id":"a","idle":{"account":"somebody","grants":["` + line + `"]},` + times + `}`:       idle,
	} {
		got, err := readSession([]byte(raw))
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("session read of %s: %v (-got +want):\n%s", raw, err, diff)
		}
	}
	for _, raw := range []string{
		"", "\n", "{}\n", "{}\n1 slot family:x sid", "{}\n1 slot family:x sid portal\n", "{}\nx slot family:x sid portal", "7\n1 slot family:x sid portal",
		`{"grants":[""]}`, `{"grants":["1 a b c"]}`, `{"grants":["x a b c d"]}`, `{"grants":[{"client":"portal"}]}`, `{"grants":[7]}`,
	} {
		if got, err := readSession([]byte(raw)); err == nil {
			t.Errorf("%q is read as a session: %+v", raw, got)
		}
	}
}

// A grant leaves the list unsaid only when its tokens have ended and a later grant
// tells the party of the same name; one that must make room is given back.
func TestSessionDropsOnlyWhatNothingDependsOn(t *testing.T) {
	now := time.Unix(1000, 0)
	g := func(client, family string, until int64) sessionGrant {
		return sessionGrant{Client: client, SID: "sid-" + client, Slot: "s", Family: family, Until: until}
	}
	s := session{Grants: []sessionGrant{g("a", "1", 999), g("a", "2", 2000), g("b", "3", 999)}}
	listed, ousted := s.granted(g("a", "4", 2000), now)
	if diff := cmp.Diff(listed.Grants, []sessionGrant{g("a", "2", 2000), g("b", "3", 999), g("a", "4", 2000)}); diff != "" || ousted != nil {
		t.Errorf("granted(): ousted %v (-got +want):\n%s", ousted, diff)
	}
	for range maxGrants - 3 {
		listed, ousted = listed.granted(g("a", "5", 2000), now)
	}
	if ousted != nil || len(listed.Grants) != maxGrants {
		t.Fatalf("%d grants, ousted %v, want a full list", len(listed.Grants), ousted)
	}
	if listed, ousted = listed.granted(g("c", "6", 2000), now); ousted == nil || *ousted != g("a", "2", 2000) || len(listed.Grants) != maxGrants {
		t.Errorf("ousted %v of %d, want the oldest of the party that has most", ousted, len(listed.Grants))
	}
}
