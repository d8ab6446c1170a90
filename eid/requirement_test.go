package eid_test

import (
	"testing"

	"eidgate/eid"
)

// The examples that the rule and the list of attacks name, in the words of a
// portal and of its visitor.
func TestACRExamples(t *testing.T) {
	essential := func(values ...string) *eid.ACRClaim { return &eid.ACRClaim{Essential: true, Values: values} }
	voluntary := func(values ...string) *eid.ACRClaim { return &eid.ACRClaim{Values: values} }
	tests := []struct {
		name     string
		policy   eid.LevelPolicy
		asking   eid.Asking
		achieved eid.Level
		verdict  eid.Verdict // with Level2 attainable
		want     string      // empty: no token
	}{
		{
			name:   "acr_values edited from 2 to 1, holder at 1: the minimum stands",
			policy: eid.LevelPolicy{Minimum: 2}, asking: eid.Asking{Values: []string{canonical1}},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:   "acr_values edited from 2 to 1, holder at 2: acr states what happened",
			policy: eid.LevelPolicy{Minimum: 2}, asking: eid.Asking{Values: []string{canonical1}},
			achieved: 2, verdict: eid.Proceed, want: canonical2,
		}, {
			name:   "acr_values edited from 2 to 1, minimum 1: acr says 1, which the portal must compare",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical1}},
			achieved: 2, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "essential 2, holder at 1",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: essential(canonical2)},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:   "essential 1 where the minimum is 2",
			policy: eid.LevelPolicy{Minimum: 2}, asking: eid.Asking{Claim: essential(canonical1)},
			achieved: 2, verdict: eid.Refuse,
		}, {
			name:   "essential unknown, a known acr_values beside it",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: essential("gold"), Values: []string{canonical1}},
			achieved: 2, verdict: eid.Refuse,
		}, {
			name:   "essential without values",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: essential()},
			achieved: 2, verdict: eid.Refuse,
		}, {
			name:   "essential 2 at a party registered voluntary",
			policy: eid.LevelPolicy{Minimum: 1, Voluntary: true}, asking: eid.Asking{Claim: essential(canonical2)},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:   "essential 2 or 1, holder at 1",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: essential(canonical2, canonical1)},
			achieved: 1, verdict: eid.OfferStepUp, want: canonical1,
		}, {
			name:   "voluntary claim 2 at a binding party, holder at 1",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: voluntary(canonical2)},
			achieved: 1, verdict: eid.OfferStepUp, want: canonical1,
		}, {
			name:   "voluntary claim outranks acr_values",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: voluntary(canonical1), Values: []string{canonical2}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "voluntary claim unknown: acr_values bind",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Claim: voluntary("gold"), Values: []string{canonical2}},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:   "claim null, acr_values unknown: the defaults bind",
			policy: eid.LevelPolicy{Minimum: 1, Defaults: []string{canonical2}}, asking: eid.Asking{Claim: voluntary(), Values: []string{"gold"}},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:     "defaults of a party registered voluntary",
			policy:   eid.LevelPolicy{Minimum: 1, Defaults: []string{canonical2}, Voluntary: true},
			achieved: 1, verdict: eid.OfferStepUp, want: canonical1,
		}, {
			name:   "unknown value alone: nothing was asked",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{"urn:vn:eid:level:3"}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "capitalised value: unknown, and not 2",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{"URN:VN:EID:LEVEL:2"}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "value with a blank around it: unknown",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical2 + " ", "\t" + canonical2, ""}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "1 2, holder at 2: 1 is preferred",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical1, canonical2}},
			achieved: 2, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "1 2, holder at 1: nothing is offered",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical1, canonical2}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "2 1, holder at 2",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical2, canonical1}},
			achieved: 2, verdict: eid.Proceed, want: canonical2,
		}, {
			name:   "2 1, holder at 1: 2 is offered, 1 will do",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical2, canonical1}},
			achieved: 1, verdict: eid.OfferStepUp, want: canonical1,
		}, {
			name:   "1 2 where the minimum is 2: 1 is passed over",
			policy: eid.LevelPolicy{Minimum: 2}, asking: eid.Asking{Values: []string{canonical1, canonical2}},
			achieved: 2, verdict: eid.Proceed, want: canonical2,
		}, {
			name:   "session at 2 asked for 1 answers 1",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{canonical1}},
			achieved: 2, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "answered in the dialect asked",
			policy: eid.LevelPolicy{Minimum: 1, Aliases: aliases}, asking: eid.Asking{Values: []string{"LoA2"}},
			achieved: 2, verdict: eid.Proceed, want: "LoA2",
		}, {
			name:   "another party's alias: unknown",
			policy: eid.LevelPolicy{Minimum: 1}, asking: eid.Asking{Values: []string{"LoA2"}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name: "an alias cannot rename a canonical value",
			policy: eid.LevelPolicy{
				Minimum: 1, Aliases: map[string]eid.Level{canonical2: eid.Level1, canonical1: eid.Level2},
			},
			asking:   eid.Asking{Values: []string{canonical2}},
			achieved: 1, verdict: eid.StepUp,
		}, {
			name:   "an alias of a level that does not exist: unknown",
			policy: eid.LevelPolicy{Minimum: 1, Aliases: map[string]eid.Level{"LoA0": 0, "LoA3": 3}}, asking: eid.Asking{Values: []string{"LoA3", "LoA0"}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "an alias without a name: unknown",
			policy: eid.LevelPolicy{Minimum: 1, Aliases: map[string]eid.Level{"": 2}}, asking: eid.Asking{Values: []string{""}},
			achieved: 1, verdict: eid.Proceed, want: canonical1,
		}, {
			name:   "no minimum registered: nothing will do",
			policy: eid.LevelPolicy{Defaults: []string{canonical1}}, asking: eid.Asking{Values: []string{canonical1}},
			achieved: 2, verdict: eid.Refuse,
		}, {
			name:   "a minimum that does not exist: nothing will do",
			policy: eid.LevelPolicy{Minimum: 3}, asking: eid.Asking{Values: []string{canonical2}},
			achieved: 2, verdict: eid.Refuse,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := eid.NewRequirement(tt.policy, eid.StandardVocabulary(), tt.asking)
			if got := req.Decide(tt.achieved, eid.Level2); got != tt.verdict {
				t.Errorf("Decide(%v, 2) = %v, want %v", tt.achieved, got, tt.verdict)
			}
			got, ok := req.ACR(eid.StandardVocabulary(), tt.achieved)
			if ok != (tt.want != "") || got.Name != tt.want {
				t.Errorf("ACR(%v) = %q, %v, want %q", tt.achieved, got.Name, ok, tt.want)
			}
		})
	}
}

// A holder who is not able to go higher is refused below the floor and let
// through above it, without an offer that leads nowhere.
func TestDecideOffersOnlyWhatCanBeReached(t *testing.T) {
	tests := []struct {
		asked                []string
		achieved, attainable eid.Level
		want                 eid.Verdict
	}{
		{[]string{canonical2}, 1, 1, eid.Refuse},
		{[]string{canonical2}, 1, 0, eid.Refuse},
		{[]string{canonical2}, 1, 2, eid.StepUp},
		{[]string{canonical2, canonical1}, 1, 1, eid.Proceed},
		{[]string{canonical2, canonical1}, 1, 2, eid.OfferStepUp},
		{[]string{canonical2, canonical1}, 0, 1, eid.StepUp},
		{[]string{canonical1}, 2, 0, eid.Proceed},
		{nil, 0, 0, eid.Refuse},
	}
	for _, tt := range tests {
		req := eid.NewRequirement(eid.LevelPolicy{Minimum: 1}, eid.StandardVocabulary(), eid.Asking{Values: tt.asked})
		if got := req.Decide(tt.achieved, tt.attainable); got != tt.want {
			t.Errorf("asked %v: Decide(%v, %v) = %v, want %v", tt.asked, tt.achieved, tt.attainable, got, tt.want)
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	var zero eid.Requirement
	for l := eid.Level(-1); l <= 3; l++ {
		if zero.MetBy(l) {
			t.Errorf("zero Requirement.MetBy(%v) = true, want false", l)
		}
		if got, ok := zero.ACR(eid.StandardVocabulary(), l); ok {
			t.Errorf("zero Requirement.ACR(%v) = %v, true, want no answer", l, got)
		}
		if got := zero.Decide(l, l); got != eid.Refuse {
			t.Errorf("zero Requirement.Decide(%v, %v) = %v, want Refuse", l, l, got)
		}
	}
	if got := (eid.Terms{}).Achieved(); got != eid.LevelNone {
		t.Errorf("zero Terms.Achieved() = %v, want LevelNone", got)
	}
	for _, v := range []eid.Vocabulary{{}, eid.StandardVocabulary()} {
		if (eid.Grant{}).Sound(v) {
			t.Errorf("zero Grant.Sound(%v) = true, want false", v)
		}
	}
	var verdict eid.Verdict
	if verdict != eid.Refuse {
		t.Errorf("zero Verdict = %v, want Refuse", verdict)
	}
	req := eid.NewRequirement(eid.LevelPolicy{Minimum: 1}, eid.StandardVocabulary(), eid.Asking{})
	if req.MetBy(eid.LevelNone) || req.MetBy(-1) || req.MetBy(3) {
		t.Error("a requirement of Level1 is met by a level that does not exist")
	}
}

// A vocabulary that was never set names nothing: it must not turn an empty
// parameter into a level, nor mint a nameless acr.
func TestZeroVocabularyAnswersNothing(t *testing.T) {
	var none eid.Vocabulary
	if got := none.Level(""); got != eid.LevelNone {
		t.Errorf("Level(\"\") = %v, want LevelNone", got)
	}
	req := eid.NewRequirement(eid.LevelPolicy{Minimum: 1}, none, eid.Asking{Values: []string{""}})
	if len(req.Asked) != 0 {
		t.Errorf("Asked = %v, want none", req.Asked)
	}
	if got, ok := req.ACR(none, eid.Level2); ok {
		t.Errorf("ACR(2) = %v, true, want no answer: it would be an acr without a name", got)
	}
}

func TestVocabulary(t *testing.T) {
	v := eid.StandardVocabulary()
	for _, tt := range []struct {
		name string
		want eid.Level
	}{
		{canonical1, 1}, {canonical2, 2}, {"", 0}, {"1", 0}, {"LoA2", 0}, {"URN:VN:EID:LEVEL:2", 0}, {canonical2 + " ", 0},
	} {
		if got := v.Level(tt.name); got != tt.want {
			t.Errorf("Level(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
	for l, want := range map[eid.Level]string{-1: "", 0: "", 1: canonical1, 2: canonical2, 3: ""} {
		if got := v.Name(l); got != want {
			t.Errorf("Name(%v) = %q, want %q", l, got, want)
		}
	}
	if got := v.Values(); len(got) != 2 || got[0] != canonical1 || got[1] != canonical2 {
		t.Errorf("Values() = %v, want both, lowest first", got)
	}
}
