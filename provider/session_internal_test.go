package provider

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A session's grant is read as it was written, and nothing else is read as one.
func TestSessionGrantText(t *testing.T) {
	want := sessionGrant{Client: "portal of a name", SID: "sid", Slot: "slot", Family: "family:x", Until: 1795327116}
	raw, err := json.Marshal([]sessionGrant{want})
	if err != nil {
		t.Fatal(err)
	}
	var got []sessionGrant
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("reading %s: %v", raw, err)
	}
	if diff := cmp.Diff(got, []sessionGrant{want}); diff != "" {
		t.Errorf("grant (-got +want):\n%s", diff)
	}
	for _, text := range []string{`[""]`, `["1 a b c"]`, `["x a b c d"]`, `[{"client":"portal"}]`, `[7]`} {
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as a grant", text)
		}
	}
}

// A session is read as it was written, whether its grants stand beside the JSON or,
// as the version before wrote them, in it.
func TestSessionRecord(t *testing.T) {
	g := sessionGrant{Client: "portal", SID: "sid", Slot: "slot", Family: "family:x", Until: 1795327116}
	idle := &idleSession{Account: "somebody", Grants: []sessionGrant{g}}
	for name, want := range map[string]session{
		"nameless":       {ID: "a", StartedAt: time.Unix(1, 0).UTC(), SeenAt: time.Unix(2, 0).UTC()},
		"with one":       {ID: "a", Account: "somebody", Grants: []sessionGrant{g}},
		"with several":   {ID: "a", Account: "somebody", Grants: []sessionGrant{g, {Client: "b", Until: 1}, g}},
		"beside an idle": {ID: "a", Grants: []sessionGrant{g}, Idle: idle},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			now, err := want.record()
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range [][]byte{now, before} {
				got, err := readSession(raw)
				if err != nil {
					t.Fatalf("reading %s: %v", raw, err)
				}
				if diff := cmp.Diff(got, want); diff != "" {
					t.Errorf("session read of %s (-got +want):\n%s", raw, diff)
				}
			}
		})
	}
	for _, raw := range []string{"", "\n", "{}\n", "{}\n1 slot family:x sid", "{}\n1 slot family:x sid portal\n", "{}\nx slot family:x sid portal", "7\n1 slot family:x sid portal"} {
		if got, err := readSession([]byte(raw)); err == nil {
			t.Errorf("%q is read as a session: %+v", raw, got)
		}
	}
	broken := session{Grants: []sessionGrant{{Client: "por\ntal"}}}
	if raw, err := broken.record(); err == nil {
		t.Errorf("a line break makes two grants of one: %q", raw)
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
