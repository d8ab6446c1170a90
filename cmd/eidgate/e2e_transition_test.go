package main_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The plan of the day on which the demo's old provider ends says what then
// happens, beside the gateway that runs.
func TestTransitionPlanVerb(t *testing.T) {
	d := sharedDemo(t)
	at := time.Now().AddDate(0, 8, 0).Format(time.DateOnly)
	exit, stdout, stderr := run(t, "transition", "plan", "--data", d.Dir, "--at", at, "--json")
	var plan struct {
		Ways []struct {
			Portal, Source, Why string
			When                time.Time
		}
		Portals []struct {
			Portal        string
			People        int
			PeopleStopped int `json:"people_stopped"`
		}
		Sources []struct {
			Source        string
			PortalsBefore int `json:"portals_before"`
			PortalsAfter  int `json:"portals_after"`
		}
		People struct {
			All, Able int
			LoseAll   int `json:"lose_all"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &plan); exit != 0 || err != nil {
		t.Fatalf("transition plan = %d %q: %v", exit, stderr, err)
	}
	found := false
	for _, src := range plan.Sources {
		if src.Source == sourceLegacy {
			found = src.PortalsBefore == 1 && src.PortalsAfter == 0 // the other portal needs more than it gives
		}
	}
	if !found {
		t.Errorf("sources = %+v, want %s to stop at its portal", plan.Sources, sourceLegacy)
	}
	stopping := map[string]bool{sourceLegacy: true, sourceSAML: true, sourceCAS: true, sourceLDAP: true, "portal-1-old": true, "portal-1-old-2022": true}
	for _, way := range plan.Ways {
		if !stopping[way.Source] || way.Why != "ended" || way.When.IsZero() {
			t.Errorf("way = %+v, want one of a legacy source with its day", way)
		}
		delete(stopping, way.Source)
	}
	if len(stopping) > 0 {
		t.Errorf("ways = %+v, want those of %v too", plan.Ways, stopping)
	}
	if plan.People.All == 0 || plan.People.Able == 0 || plan.People.Able > plan.People.All {
		t.Errorf("people = %+v, want some", plan.People)
	}
	if exit, stdout, _ := run(t, "transition", "plan", "--data", d.Dir, "--at", at); exit != 0 || !strings.Contains(stdout, "STOPS") || !strings.Contains(stdout, "people may sign in") {
		t.Errorf("transition plan = %d\n%s\nwant a table in which something stops", exit, stdout)
	}
	for _, words := range [][]string{{"--at", ""}, {"--at", "soon"}, {"--at", "2020-01-01"}} {
		if exit, _, _ := run(t, append([]string{"transition", "plan", "--data", d.Dir}, words...)...); exit != 2 {
			t.Errorf("transition plan %v = %d, want 2", words, exit)
		}
	}
}
