package eid_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
)

// anyLevel draws real levels mostly, and now and then what a damaged row or a
// hostile configuration could hold.
func anyLevel() *rapid.Generator[eid.Level] {
	return rapid.SampledFrom([]eid.Level{0, 1, 2, 1, 2, -1, 3, math.MaxInt, math.MinInt})
}

func realLevel() *rapid.Generator[eid.Level] {
	return rapid.SampledFrom([]eid.Level{eid.Level1, eid.Level2})
}

// anyName draws a value of acr: of the alphabet or any text at all.
func anyName() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(alphabet), rapid.Just(""), rapid.String())
}

func anyNames() *rapid.Generator[[]string] { return rapid.SliceOfN(anyName(), 0, 6) }

// anyPolicy draws a registration. Its aliases may clash with canonical values
// and name levels that do not exist.
func anyPolicy() *rapid.Generator[eid.LevelPolicy] {
	return rapid.Custom(func(t *rapid.T) eid.LevelPolicy {
		return eid.LevelPolicy{
			Minimum:   anyLevel().Draw(t, "minimum"),
			Defaults:  anyNames().Draw(t, "defaults"),
			Voluntary: rapid.Bool().Draw(t, "voluntary"),
			Aliases:   rapid.MapOfN(anyName(), anyLevel(), 0, 5).Draw(t, "aliases"),
		}
	})
}

func anyAsking() *rapid.Generator[eid.Asking] {
	return rapid.Custom(func(t *rapid.T) eid.Asking {
		a := eid.Asking{Values: anyNames().Draw(t, "acr_values")}
		if rapid.Bool().Draw(t, "has claim") {
			a.Claim = &eid.ACRClaim{
				Essential: rapid.Bool().Draw(t, "essential"),
				Values:    anyNames().Draw(t, "claim values"),
			}
		}
		return a
	})
}

// anyTerms draws full terms of which up to two were set to something else.
func anyTerms() *rapid.Generator[eid.Terms] {
	return rapid.Custom(func(t *rapid.T) eid.Terms {
		terms := eid.Terms{Account: 2, Method: 2, Source: 2, Link: 2, Freshness: 2, Mandate: 2}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			*term(&terms, rapid.IntRange(0, 5).Draw(t, "term")) = anyLevel().Draw(t, "level")
		}
		return terms
	})
}

// term gives the n-th of the six terms.
func term(t *eid.Terms, n int) *eid.Level {
	return []*eid.Level{&t.Account, &t.Method, &t.Source, &t.Link, &t.Freshness, &t.Mandate}[n]
}

// soundGrant draws a grant made by the rule; draws that allow none are dropped.
func soundGrant() *rapid.Generator[eid.Grant] {
	return rapid.Custom(func(t *rapid.T) eid.Grant {
		policy := anyPolicy().Draw(t, "policy")
		policy.Minimum = realLevel().Draw(t, "real minimum")
		at := time.Unix(rapid.Int64Range(1, 4_000_000_000).Draw(t, "auth time"), 0).UTC()
		g := eid.Grant{
			ID: "grant", Account: "account", Client: "portal", Source: "account",
			Requirement: eid.NewRequirement(policy, eid.StandardVocabulary(), anyAsking().Draw(t, "asking")),
			Terms:       anyTerms().Draw(t, "terms"),
			AMR:         []string{"pwd", "otp"},
			AuthTime:    at,
			IssuedAt:    at.Add(time.Second),
			Rules:       "1", Config: "1",
		}
		g.ACR, _ = g.Requirement.ACR(eid.StandardVocabulary(), g.Terms.Achieved())
		return g
	}).Filter(func(g eid.Grant) bool { return g.ACR.Level.Valid() })
}

// levelOf is what a name means to one party; canonical values cannot be renamed,
// and no name is no value.
func levelOf(p eid.LevelPolicy, name string) eid.Level {
	if name == "" {
		return eid.LevelNone
	}
	if l := eid.StandardVocabulary().Level(name); l != eid.LevelNone {
		return l
	}
	if l := p.Aliases[name]; l == eid.Level1 || l == eid.Level2 {
		return l
	}
	return eid.LevelNone
}

func TestACRStaysBetweenMinimumAndAchieved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, asking := anyPolicy().Draw(t, "policy"), anyAsking().Draw(t, "asking")
		achieved := anyLevel().Draw(t, "achieved")
		got, ok := eid.NewRequirement(policy, eid.StandardVocabulary(), asking).ACR(eid.StandardVocabulary(), achieved)
		if !ok {
			if got != (eid.ACRValue{}) {
				t.Fatalf("ACR(%v) = %v with ok false, want the zero value", achieved, got)
			}
			return
		}
		if !policy.Minimum.Valid() || !achieved.Valid() {
			t.Fatalf("ACR(%v) = %v under minimum %v, want a refusal", achieved, got, policy.Minimum)
		}
		if got.Level > achieved || got.Level < policy.Minimum {
			t.Fatalf("ACR(%v) = %v, want a level from %v to %v", achieved, got, policy.Minimum, achieved)
		}
		if means := levelOf(policy, got.Name); means != got.Level {
			t.Fatalf("ACR(%v) = %v, but that name means %v to the party", achieved, got, means)
		}
	})
}

func TestFloorAndTargetNeverFallBelowTheMinimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, asking := anyPolicy().Draw(t, "policy"), anyAsking().Draw(t, "asking")
		req := eid.NewRequirement(policy, eid.StandardVocabulary(), asking)
		silent := policy
		silent.Defaults = nil
		unasked := eid.NewRequirement(silent, eid.StandardVocabulary(), eid.Asking{})
		if !req.Unmet && (req.Floor < policy.Minimum || req.Target < req.Floor || req.Target > eid.Level2) {
			t.Fatalf("Floor, Target = %v, %v under minimum %v", req.Floor, req.Target, policy.Minimum)
		}
		for l := eid.LevelNone; l <= eid.Level2+1; l++ {
			if req.MetBy(l) && !unasked.MetBy(l) {
				t.Fatalf("%+v meets the request but not the registration: asking lowered the minimum", l)
			}
		}
	})
}

func TestBindingNeverAllowsWhatAWishRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		binding, asking := anyPolicy().Draw(t, "policy"), anyAsking().Draw(t, "asking")
		binding.Voluntary = false
		wish := binding
		wish.Voluntary = true
		bound := eid.NewRequirement(binding, eid.StandardVocabulary(), asking)
		free := eid.NewRequirement(wish, eid.StandardVocabulary(), asking)
		for l := eid.LevelNone; l <= eid.Level2; l++ {
			if bound.MetBy(l) && !free.MetBy(l) {
				t.Fatalf("level %v: MetBy() = true when binding, false when voluntary", l)
			}
		}
		if asking.Claim != nil && asking.Claim.Essential && !reflect.DeepEqual(bound, free) {
			t.Fatalf("essential acr: binding %+v, voluntary %+v, want them equal", bound, free)
		}
	})
}

func TestUnknownValuesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, asking := anyPolicy().Draw(t, "policy"), anyAsking().Draw(t, "asking")
		unknown := rapid.Custom(func(t *rapid.T) string {
			return anyName().Filter(func(s string) bool { return levelOf(policy, s) == eid.LevelNone }).Draw(t, "name")
		})
		insert := func(label string, list []string) []string {
			at := rapid.IntRange(0, len(list)).Draw(t, label+" at")
			return slices.Insert(slices.Clone(list), at, unknown.Draw(t, label))
		}
		noisyPolicy, noisy := policy, eid.Asking{Values: insert("acr_values", asking.Values)}
		noisyPolicy.Defaults = insert("defaults", policy.Defaults)
		if asking.Claim != nil {
			noisy.Claim = &eid.ACRClaim{
				Essential: asking.Claim.Essential,
				Values:    insert("claim", asking.Claim.Values),
			}
		}
		want := eid.NewRequirement(policy, eid.StandardVocabulary(), asking)
		got := eid.NewRequirement(noisyPolicy, eid.StandardVocabulary(), noisy)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("with unknown values NewRequirement() = %+v, want %+v", got, want)
		}
	})
}

func TestMoreAchievedNeverGivesLess(t *testing.T) {
	verdictRank := map[eid.Verdict]int{eid.Refuse: 0, eid.StepUp: 0, eid.OfferStepUp: 1, eid.Proceed: 1}
	rapid.Check(t, func(t *rapid.T) {
		req := eid.NewRequirement(anyPolicy().Draw(t, "policy"), eid.StandardVocabulary(), anyAsking().Draw(t, "asking"))
		attainable := realLevel().Draw(t, "attainable")
		low, lowOK := req.ACR(eid.StandardVocabulary(), eid.Level1)
		high, highOK := req.ACR(eid.StandardVocabulary(), eid.Level2)
		if lowOK && (!highOK || high.Level < low.Level) {
			t.Fatalf("ACR(2) = %v, %v, below ACR(1) = %v", high, highOK, low)
		}
		if verdictRank[req.Decide(eid.Level1, attainable)] > verdictRank[req.Decide(eid.Level2, attainable)] {
			t.Fatalf("Decide(1, %v) grants, Decide(2, %v) does not", attainable, attainable)
		}
	})
}

func TestDecideGrantsExactlyWhatACRAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		req := eid.NewRequirement(anyPolicy().Draw(t, "policy"), eid.StandardVocabulary(), anyAsking().Draw(t, "asking"))
		achieved, attainable := anyLevel().Draw(t, "achieved"), anyLevel().Draw(t, "attainable")
		verdict := req.Decide(achieved, attainable)
		_, ok := req.ACR(eid.StandardVocabulary(), achieved)
		if granted := verdict == eid.Proceed || verdict == eid.OfferStepUp; granted != ok {
			t.Fatalf("Decide(%v, %v) = %v, but ACR says ok = %v", achieved, attainable, verdict, ok)
		}
	})
}

func TestSoundSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := soundGrant().Draw(t, "grant")
		text, err := json.Marshal(g)
		if err != nil {
			t.Fatalf("Marshal() error = %v", err)
		}
		var got eid.Grant
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("Unmarshal(%s) error = %v", text, err)
		}
		if !reflect.DeepEqual(got.Terms, g.Terms) {
			t.Fatalf("Terms = %+v, want %+v", got.Terms, g.Terms)
		}
		if !g.Sound(eid.StandardVocabulary()) || !got.Sound(eid.StandardVocabulary()) {
			t.Fatalf("Sound() = %v, after JSON %v, want true: %s",
				g.Sound(eid.StandardVocabulary()), got.Sound(eid.StandardVocabulary()), text)
		}
	})
}

func TestSoundNoticesALoweredTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := soundGrant().Draw(t, "grant")
		before := g.Terms.Achieved()
		lowered := term(&g.Terms, rapid.IntRange(0, 5).Draw(t, "term"))
		*lowered = rapid.SampledFrom([]eid.Level{-1, 0, 1}).Filter(func(l eid.Level) bool { return l < *lowered }).Draw(t, "to")

		sound := g.Sound(eid.StandardVocabulary())
		switch {
		case *lowered >= before && !sound:
			t.Fatal("Sound() = false, want true: the term was not the least and still is not below it")
		case *lowered < g.ACR.Level && sound:
			t.Fatalf("Sound() = true with acr %v and a term at %v", g.ACR, *lowered)
		case *lowered < g.Requirement.Floor && sound:
			t.Fatalf("Sound() = true with floor %v and a term at %v", g.Requirement.Floor, *lowered)
		}
	})
}

func TestSoundNoticesAnotherACR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := soundGrant().Draw(t, "grant")
		granted := g.ACR
		g.ACR = eid.ACRValue{Name: anyName().Draw(t, "name"), Level: anyLevel().Draw(t, "level")}
		if got, want := g.Sound(eid.StandardVocabulary()), g.ACR == granted; got != want {
			t.Fatalf("Sound() = %v with acr %v instead of %v, want %v", got, g.ACR, granted, want)
		}
	})
}

// TestSoundNoticesADamagedRecord draws the requirement from nowhere, as a
// damaged or edited row would hold it: what passes must still state no more
// than was achieved.
func TestSoundNoticesADamagedRecord(t *testing.T) {
	vocabulary := eid.StandardVocabulary()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Custom(func(t *rapid.T) eid.ACRValue {
			name := rapid.SampledFrom(append([]string{""}, alphabet...))
			return eid.ACRValue{Name: name.Draw(t, "name"), Level: anyLevel().Draw(t, "level")}
		})
		g := eid.Grant{
			Requirement: eid.Requirement{
				Minimum: realLevel().Draw(t, "minimum"),
				Asked:   rapid.SliceOfN(value, 0, 2).Draw(t, "asked"),
				Floor:   rapid.SampledFrom([]eid.Level{1, 1, 2, 2, 0, -1}).Draw(t, "floor"),
				Target:  anyLevel().Draw(t, "target"),
			},
			Terms: anyTerms().Draw(t, "terms"),
		}
		acr, ok := g.Requirement.ACR(vocabulary, g.Terms.Achieved())
		if !ok {
			return
		}
		g.ACR = acr
		if !g.Sound(vocabulary) {
			return
		}
		achieved := g.Terms.Achieved()
		if g.ACR.Level > achieved || g.ACR.Level < g.Requirement.Minimum || !g.ACR.Level.Valid() {
			t.Fatalf("Sound() = true with acr %v, minimum %v, achieved %v", g.ACR, g.Requirement.Minimum, achieved)
		}
		if names := vocabulary.Level(g.ACR.Name); names != eid.LevelNone && names != g.ACR.Level {
			t.Fatalf("Sound() = true with acr %v, whose canonical name means %v", g.ACR, names)
		}
		if g.ACR.Name == "" {
			t.Fatalf("Sound() = true with a nameless acr %v", g.ACR)
		}
	})
}
