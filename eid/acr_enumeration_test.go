package eid_test

import (
	"slices"
	"testing"

	"eidgate/eid"
)

// These tests compare the rule with its independent statement on every request
// of a bounded world. One list of the three (claims acr, acr_values,
// default_acr_values) runs through all 400 ordered lists of up to three values
// of the alphabet while the other two run through the telling ones; each with
// every kind of claim, every registered minimum, both registrations of
// acr_values, and every achieved and attainable level.

var aliases = map[string]eid.Level{"LoA1": eid.Level1, "LoA2": eid.Level2}

// telling are lists that differ in what the rule sees: nothing, each level in
// each dialect, each order, and unknown values alone and beside known ones.
func telling() [][]string {
	return [][]string{
		{},
		{canonical1},
		{"LoA2"},
		{canonical2, "LoA1"},
		{"LoA1", canonical2},
		{"1 2"},
		{"URN:VN:EID:LEVEL:2", canonical1},
	}
}

// listsUpTo gives every ordered list of at most n values of the alphabet.
func listsUpTo(n int) [][]string {
	all := [][]string{{}}
	for longest := all; n > 0; n-- {
		var longer [][]string
		for _, list := range longest {
			for _, v := range alphabet {
				longer = append(longer, append(slices.Clone(list), v))
			}
		}
		all, longest = append(all, longer...), longer
	}
	return all
}

// everyRequest calls yield with each request that the three sets of lists make
// and returns how many there were.
func everyRequest(inClaim, inValues, inDefault [][]string, yield func(request)) int {
	count := 0
	for _, kind := range []claim{noClaim, voluntaryClaim, essentialClaim} {
		claimed := inClaim
		if kind == noClaim {
			claimed = [][]string{nil}
		}
		for _, c := range claimed {
			for _, v := range inValues {
				for _, d := range inDefault {
					for _, minimum := range []int{0, 1, 2} {
						for _, voluntary := range []bool{false, true} {
							yield(request{minimum, voluntary, kind, c, v, d})
							count++
						}
					}
				}
			}
		}
	}
	return count
}

// requirementOf puts a request to the code under test.
func requirementOf(q request) eid.Requirement {
	policy := eid.LevelPolicy{
		Minimum:   eid.Level(q.minimum),
		Defaults:  q.inDefault,
		Voluntary: q.voluntary,
		Aliases:   aliases,
	}
	asking := eid.Asking{Values: q.inValues}
	if q.claim != noClaim {
		asking.Claim = &eid.ACRClaim{Essential: q.claim == essentialClaim, Values: q.inClaim}
	}
	return eid.NewRequirement(policy, eid.StandardVocabulary(), asking)
}

func TestRequirementFollowsTheRule(t *testing.T) {
	few, all := telling(), listsUpTo(3)
	// kinds × lists × minima × registrations, the absent claim having one list.
	tests := []struct {
		name                         string
		inClaim, inValues, inDefault [][]string
		want                         int
	}{
		{"claims acr", all, few, few, (1 + 2*400) * 7 * 7 * 6},
		{"acr_values", few, all, few, (1 + 2*7) * 400 * 7 * 6},
		{"default_acr_values", few, few, all, (1 + 2*7) * 7 * 400 * 6},
		{"all three short", listsUpTo(1), listsUpTo(1), listsUpTo(1), (1 + 2*8) * 8 * 8 * 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := everyRequest(tt.inClaim, tt.inValues, tt.inDefault, func(q request) { checkRequest(t, q) })
			if got != tt.want {
				t.Errorf("compared %d requests, want %d", got, tt.want)
			}
		})
	}
}

// checkRequest compares one request's requirement, verdicts and answers.
func checkRequest(t *testing.T, q request) {
	t.Helper()
	rule, req := ruleOn(q), requirementOf(q)

	if req.Unmet != rule.unmet {
		t.Fatalf("%+v: Unmet = %v, want %v", q, req.Unmet, rule.unmet)
	}
	if int(req.Minimum) != q.minimum {
		t.Fatalf("%+v: Minimum = %v, want %v", q, req.Minimum, q.minimum)
	}
	if !rule.unmet {
		if int(req.Floor) != rule.floor || int(req.Target) != rule.target {
			t.Fatalf("%+v: Floor, Target = %v, %v, want %v, %v", q, req.Floor, req.Target, rule.floor, rule.target)
		}
		same := slices.EqualFunc(req.Asked, rule.asked, func(a eid.ACRValue, want string) bool {
			return a.Name == want && int(a.Level) == meaning[want]
		})
		if !same {
			t.Fatalf("%+v: Asked = %v, want %v", q, req.Asked, rule.asked)
		}
	}

	verdicts := map[eid.Verdict]string{
		eid.Refuse: "refuse", eid.StepUp: "step up", eid.OfferStepUp: "offer", eid.Proceed: "proceed",
	}
	for achieved := range 3 {
		for attainable := range 3 {
			got := verdicts[req.Decide(eid.Level(achieved), eid.Level(attainable))]
			if want := rule.verdict(achieved, attainable); got != want {
				t.Fatalf("%+v: Decide(%d, %d) = %s, want %s", q, achieved, attainable, got, want)
			}
		}
		if got, want := req.MetBy(eid.Level(achieved)), rule.satisfied(achieved); got != want {
			t.Fatalf("%+v: MetBy(%d) = %v, want %v", q, achieved, got, want)
		}
		checkAnswer(t, q, req, achieved, rule.answers(achieved))
	}
}

// checkAnswer compares the acr at one achieved level: want holds the only
// answer allowed, or none.
func checkAnswer(t *testing.T, q request, req eid.Requirement, achieved int, want []string) {
	t.Helper()
	if len(want) > 1 {
		t.Fatalf("%+v: at %d the rule allows %v, want one answer at most", q, achieved, want)
	}
	got, ok := req.ACR(eid.StandardVocabulary(), eid.Level(achieved))
	switch {
	case ok != (len(want) == 1):
		t.Fatalf("%+v: ACR(%d) = %v, %v, want %v", q, achieved, got, ok, want)
	case ok && (got.Name != want[0] || int(got.Level) != meaning[want[0]]):
		t.Fatalf("%+v: ACR(%d) = %v, want %v", q, achieved, got, want[0])
	case !ok && got != eid.ACRValue{}:
		t.Fatalf("%+v: ACR(%d) = %v with ok false, want the zero value", q, achieved, got)
	}
}

// everyTerms gives all 729 combinations of the six terms.
func everyTerms() []eid.Terms {
	var all []eid.Terms
	for n := range 729 {
		digit := func(place int) eid.Level { return eid.Level(n / place % 3) }
		all = append(all, eid.Terms{
			Account: digit(1), Method: digit(3), Source: digit(9),
			Link: digit(27), Freshness: digit(81), Mandate: digit(243),
		})
	}
	return all
}

func ruledAchieved(t eid.Terms) int {
	return achievedBy(int(t.Account), int(t.Method), int(t.Source), int(t.Link), int(t.Freshness), int(t.Mandate))
}

func TestTermsAchievedFollowsTheRule(t *testing.T) {
	for _, terms := range everyTerms() {
		if got, want := int(terms.Achieved()), ruledAchieved(terms); got != want {
			t.Errorf("%+v.Achieved() = %d, want %d", terms, got, want)
		}
	}
}

// TestGrantSoundFollowsTheRule offers every name of the alphabet at every level
// as the acr of a grant: Sound must accept the one that the rule gives, no other.
func TestGrantSoundFollowsTheRule(t *testing.T) {
	few := telling()
	check := func(t *testing.T, q request, rule ruling, req eid.Requirement, terms eid.Terms) {
		t.Helper()
		want := rule.answers(ruledAchieved(terms))
		for _, name := range append([]string{""}, alphabet...) {
			for _, level := range levels {
				g := eid.Grant{Requirement: req, Terms: terms, ACR: eid.ACRValue{Name: name, Level: eid.Level(level)}}
				allowed := slices.Contains(want, name) && meaning[name] == level
				if got := g.Sound(eid.StandardVocabulary()); got != allowed {
					t.Fatalf("%+v with %+v and acr %v: Sound() = %v, want %v", q, terms, g.ACR, got, allowed)
				}
			}
		}
	}
	t.Run("every telling request", func(t *testing.T) {
		t.Parallel()
		everyRequest(few, few, few, func(q request) {
			rule, req := ruleOn(q), requirementOf(q)
			for l := range eid.Level(3) {
				check(t, q, rule, req, eid.Terms{Account: l, Method: 2, Source: 2, Link: 2, Freshness: 2, Mandate: 2})
			}
		})
	})
	t.Run("every combination of terms", func(t *testing.T) {
		t.Parallel()
		all := everyTerms()
		everyRequest([][]string{{canonical1}, {"LoA2", "LoA1"}}, few, [][]string{{}}, func(q request) {
			rule, req := ruleOn(q), requirementOf(q)
			for _, terms := range all {
				check(t, q, rule, req, terms)
			}
		})
	})
}
