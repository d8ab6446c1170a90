package federation

import (
	"testing"
	"time"

	"eidgate/eid"
)

// The plan of a transition's end, second by second: what stops, and for whom.
func TestPlan(t *testing.T) {
	zone := time.FixedZone("+07", 7*3600)
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, zone)
	start, today := end.AddDate(-2, 0, 0), end.AddDate(0, -1, 0)
	sources := []eid.Source{
		{ID: "national", Kind: KindAccount, National: true, Window: eid.Window{From: start}, MayAssert: []eid.Level{1, 2}, GrantsAtMost: []eid.Ceiling{{From: start, Level: 2}}},
		{ID: "old", Kind: KindSAML, Window: eid.Window{From: start, Until: end}, MayAssert: []eid.Level{1}, GrantsAtMost: []eid.Ceiling{{From: start, Level: 1}}},
		{
			ID: "declining", Kind: KindLDAP, Window: eid.Window{From: start}, MayAssert: []eid.Level{1, 2},
			GrantsAtMost: []eid.Ceiling{{From: start, Level: 2}, {From: end, Level: 1}},
		},
	}
	parties := []eid.RelyingParty{
		{ID: "one", Category: eid.OtherCategory, Sources: []string{"national", "old"}, Levels: eid.LevelPolicy{Minimum: 1}},
		{ID: "two", Category: eid.OtherCategory, Sources: []string{"declining"}, Levels: eid.LevelPolicy{Minimum: 2}},
		{ID: "strict", Category: eid.Administrative, Sources: []string{"national", "old"}, Levels: eid.LevelPolicy{Minimum: 1}},
		{
			ID: "late", Category: eid.Administrative, Sources: []string{"old"}, Levels: eid.LevelPolicy{Minimum: 1},
			NotReady: &eid.NotReady{Decision: "1/QĐ", SignIn: true, Until: end.AddDate(0, 0, -1)},
		},
	}
	link := func(source string, level eid.Level, expires time.Time) eid.Link {
		return eid.Link{ID: source, Source: source, Cap: level, Expires: expires}
	}
	holders := []struct {
		account eid.Account
		links   []eid.Link
	}{
		{eid.Account{Level: 2, Factors: []eid.Factor{eid.Password, eid.OneTimeCode}}, nil},
		{eid.Account{Level: 1, Factors: []eid.Factor{eid.Password}}, []eid.Link{link("old", 1, time.Time{})}},
		{eid.Account{Level: 1}, []eid.Link{link("old", 1, time.Time{})}}, // loses every way
		{eid.Account{Level: 1}, []eid.Link{link("old", 1, time.Time{})}}, // alike
		{eid.Account{Level: 2}, []eid.Link{link("declining", 2, time.Time{})}},
		{eid.Account{Level: 2}, []eid.Link{link("declining", 1, time.Time{})}},                                                 // never reached 2
		{eid.Account{Level: 2, Factors: []eid.Factor{eid.Password}}, []eid.Link{link("declining", 2, today.AddDate(0, 0, 1))}}, // its link expires
	}
	plan := func(at time.Time) Plan {
		p := NewPlanner(parties, sources, today, at)
		for _, h := range holders {
			p.Add(&h.account, h.links)
		}
		return p.Plan()
	}
	party := func(p Plan, id string) PlannedParty {
		for _, party := range p.Parties {
			if party.Client == id {
				return party
			}
		}
		t.Fatalf("the plan has no portal %s", id)
		return PlannedParty{}
	}

	after := plan(end)
	for _, want := range []PlannedParty{
		{"one", 2, 1, 5, 2}, {"two", 1, 0, 2, 2}, {"strict", 1, 1, 3, 0}, {"late", 1, 0, 3, 3},
	} {
		if got := party(after, want.Client); got != want {
			t.Errorf("at the end: %+v, want %+v", got, want)
		}
	}
	if want := (PlannedPeople{All: 7, Able: 6, LoseSome: 5, LoseAll: 3, NeverCould: 1}); after.People != want {
		t.Errorf("people = %+v, want %+v", after.People, want)
	}
	wantSources := []PlannedSource{{"national", 2, 2, 3, 0}, {"old", 2, 0, 3, 3}, {"declining", 1, 0, 2, 2}}
	for i, want := range wantSources {
		if after.Sources[i] != want {
			t.Errorf("source = %+v, want %+v", after.Sources[i], want)
		}
	}
	why := map[string]Reason{}
	for _, w := range after.Ways {
		why[w.Client+" "+w.Source] = w.Why
		if w.After != eid.LevelNone {
			t.Errorf("%s through %s keeps level %v, want none", w.Client, w.Source, w.After)
		}
	}
	for way, want := range map[string]Reason{"one old": ReasonEnded, "two declining": ReasonLevelTooLow, "late old": ReasonEnded} {
		if why[way] != want {
			t.Errorf("%s stops because of %q, want %q", way, why[way], want)
		}
	}

	// The end is outside the window: a second before it only what ended earlier is
	// gone.
	before := plan(end.Add(-time.Second))
	for id, stopped := range map[string]int{"one": 0, "two": 1, "strict": 0, "late": 3} {
		if got := party(before, id); got.Stopped != stopped {
			t.Errorf("a second before the end %d people lose %s, want %d", got.Stopped, id, stopped)
		}
	}
	if same := plan(today.Add(time.Second)); len(same.Ways) != 0 || same.People.LoseSome != 0 {
		t.Errorf("a second from now: %+v, want nothing lost", same)
	}
}

// TestPlanOfOldAccounts: what was not verified stops from its date on, second by
// second; what was verified is counted by its links, and a portal without imports has
// its row all the same.
func TestPlanOfOldAccounts(t *testing.T) {
	by := time.Date(2027, 1, 1, 0, 0, 0, 0, time.FixedZone("+07", 7*3600))
	portal := func(id string, verifyBy time.Time) eid.Source {
		return eid.Source{
			ID: id, Kind: "portal", Window: eid.Window{From: by.AddDate(-1, 0, 0)}, MayAssert: []eid.Level{1},
			GrantsAtMost: []eid.Ceiling{{From: by.AddDate(-1, 0, 0), Level: 1}}, Portal: &eid.Portal{Client: "c-" + id, VerifyBy: verifyBy},
		}
	}
	sources := []eid.Source{portal("a", by), portal("b", by.AddDate(0, 0, -10)), portal("empty", by)}
	month := by.AddDate(0, -1, 0)
	tests := []struct {
		name     string
		from, at time.Time
		want     [3]PlannedOld // stopped and overdue alone
		total    int
	}{
		{"a second before the first date", month, by.AddDate(0, 0, -10).Add(-time.Second), [3]PlannedOld{}, 0},
		{"on the first date", month, by.AddDate(0, 0, -10), [3]PlannedOld{1: {Stopped: 20}}, 20},
		{"a second before the last", month, by.Add(-time.Second), [3]PlannedOld{1: {Stopped: 20}}, 20},
		{"on the last", month, by, [3]PlannedOld{{Stopped: 13}, {Stopped: 20}, {}}, 33},
		{"from the first date on", by.AddDate(0, 0, -10), by, [3]PlannedOld{{Stopped: 13}, {Overdue: 20}, {}}, 13},
		{"afterwards", by, by.AddDate(1, 0, 0), [3]PlannedOld{{Overdue: 13}, {Overdue: 20}, {}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPlanner(nil, sources, tt.from, tt.at)
			p.AddOld("a", eid.ImportedWaiting, 10)
			p.AddOld("a", eid.ImportedContested, 3)
			p.AddOld("a", eid.ImportedVerified, 100)
			p.AddOld("a", eid.ImportedRejected, 7)
			p.AddOld("b", eid.ImportedWaiting, 20)
			p.AddOld("gone", eid.ImportedWaiting, 50) // its registration was removed
			plan := p.Plan()
			if len(plan.Old) != 3 || plan.Old[0].Waiting != 10 || plan.Old[0].Contested != 3 || plan.Old[0].Client != "c-a" {
				t.Fatalf("old accounts = %+v, want three portals, the first with 10 and 3", plan.Old)
			}
			for i, want := range tt.want {
				if got := plan.Old[i]; got.Stopped != want.Stopped || got.Overdue != want.Overdue {
					t.Errorf("%s: %d stop, %d overdue; want %d, %d", got.Source, got.Stopped, got.Overdue, want.Stopped, want.Overdue)
				}
			}
			if plan.People != (PlannedPeople{OldStopped: tt.total}) {
				t.Errorf("people = %+v, want %d old accounts that stop and nobody else", plan.People, tt.total)
			}
		})
	}
}
