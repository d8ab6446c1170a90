package eid_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"eidgate/eid"
)

func TestFreshness(t *testing.T) {
	const limit = 30 * time.Minute
	now := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	hanoi := time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)
	tests := []struct {
		name  string
		at    time.Time
		limit time.Duration
		want  eid.Level
	}{
		{"now", now, limit, eid.Level2},
		{"in another time zone", now.In(hanoi), limit, eid.Level2},
		{"exactly the limit", now.Add(-limit), limit, eid.Level2},
		{"the limit and 1 ns", now.Add(-limit - 1), limit, eid.Level1},
		{"years ago", now.AddDate(-20, 0, 0), limit, eid.Level1},
		{"centuries ago", now.AddDate(-900, 0, 0), limit, eid.Level1},
		{"ahead by a replica's skew", now.Add(5 * time.Second), limit, eid.Level2},
		{"ahead by the skew and 1 ns", now.Add(5*time.Second + 1), limit, eid.LevelNone},
		{"tomorrow", now.AddDate(0, 0, 1), limit, eid.LevelNone},
		{"centuries ahead", now.AddDate(900, 0, 0), limit, eid.LevelNone},
		{"never proved", time.Time{}, limit, eid.LevelNone},
		{"never proved, no limit to speak of", time.Time{}, math.MaxInt64, eid.LevelNone},
		{"limit zero, now", now, 0, eid.Level2},
		{"limit zero, 1 ns ago", now.Add(-1), 0, eid.Level1},
		{"limit negative", now, -1, eid.Level1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := eid.Freshness(tt.at, now, tt.limit); got != tt.want {
				t.Errorf("Freshness() = %v, want %v", got, tt.want)
			}
		})
	}
}

// full are terms that bound nothing.
var full = eid.Terms{Account: 2, Method: 2, Source: 2, Link: 2, Freshness: 2, Mandate: 2}

// A grant is read back from a row that may have been edited or damaged. None of
// these follows from its own terms.
func TestSoundRefusesDamage(t *testing.T) {
	asked := func(values ...eid.ACRValue) eid.Requirement {
		return eid.Requirement{Minimum: 1, Asked: values, Floor: 1, Target: 1}
	}
	at := func(l eid.Level) eid.Terms { terms := full; terms.Method = l; return terms }
	tests := []struct {
		name  string
		grant eid.Grant
	}{
		{"a canonical name of another level, upwards", eid.Grant{
			Requirement: asked(eid.ACRValue{Name: canonical2, Level: 1}), Terms: at(1), ACR: eid.ACRValue{Name: canonical2, Level: 1},
		}},
		{"a canonical name of another level, downwards", eid.Grant{
			Requirement: asked(eid.ACRValue{Name: canonical1, Level: 2}), Terms: full, ACR: eid.ACRValue{Name: canonical1, Level: 2},
		}},
		{"an acr without a name", eid.Grant{
			Requirement: asked(eid.ACRValue{Level: 1}), Terms: at(1), ACR: eid.ACRValue{Level: 1},
		}},
		{"above achieved", eid.Grant{
			Requirement: asked(), Terms: at(1), ACR: eid.ACRValue{Name: canonical2, Level: 2},
		}},
		{"level and name above achieved, as asked", eid.Grant{
			Requirement: asked(eid.ACRValue{Name: "LoA2", Level: 2}), Terms: at(1), ACR: eid.ACRValue{Name: "LoA2", Level: 2},
		}},
		{"no term at all", eid.Grant{
			Requirement: asked(), ACR: eid.ACRValue{Name: canonical1, Level: 1},
		}},
		{"terms that do not exist", eid.Grant{
			Requirement: asked(),
			Terms:       eid.Terms{Account: 3, Method: 3, Source: 3, Link: 3, Freshness: 3, Mandate: 3},
			ACR:         eid.ACRValue{Name: "", Level: 3},
		}},
		{"no minimum", eid.Grant{
			Requirement: eid.Requirement{Floor: 1, Target: 1}, Terms: full, ACR: eid.ACRValue{Name: canonical2, Level: 2},
		}},
		{"floor below the minimum", eid.Grant{
			Requirement: eid.Requirement{Minimum: 2, Floor: 1, Target: 2}, Terms: at(1), ACR: eid.ACRValue{Name: canonical1, Level: 1},
		}},
		{"floor below the minimum, achieved", eid.Grant{
			Requirement: eid.Requirement{Minimum: 2, Target: 2}, Terms: full, ACR: eid.ACRValue{Name: canonical2, Level: 2},
		}},
		{"unmet", eid.Grant{
			Requirement: eid.Requirement{Minimum: 1, Floor: 1, Target: 1, Unmet: true}, Terms: full, ACR: eid.ACRValue{Name: canonical2, Level: 2},
		}},
		{"below the floor", eid.Grant{
			Requirement: eid.Requirement{Minimum: 1, Floor: 2, Target: 2}, Terms: at(1), ACR: eid.ACRValue{Name: canonical1, Level: 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.grant.Sound(eid.StandardVocabulary()) {
				t.Errorf("Sound() = true with %+v, %+v, acr %v", tt.grant.Requirement, tt.grant.Terms, tt.grant.ACR)
			}
		})
	}
}

// A term that the writer of a row did not know is LevelNone for its reader.
func TestSoundRefusesAMissingTerm(t *testing.T) {
	grant := eid.Grant{
		Requirement: eid.Requirement{Minimum: 1, Floor: 1, Target: 1},
		Terms:       full,
		ACR:         eid.ACRValue{Name: canonical2, Level: 2},
	}
	if !grant.Sound(eid.StandardVocabulary()) {
		t.Fatal("Sound() = false for the whole grant, want true")
	}
	for _, missing := range []string{"account", "method", "source", "link", "freshness", "mandate"} {
		t.Run(missing, func(t *testing.T) {
			terms := map[string]int{"account": 2, "method": 2, "source": 2, "link": 2, "freshness": 2, "mandate": 2}
			delete(terms, missing)
			text, err := json.Marshal(map[string]any{
				"requirement": grant.Requirement, "terms": terms, "acr": grant.ACR,
			})
			if err != nil {
				t.Fatalf("Marshal() error = %v", err)
			}
			var got eid.Grant
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("Unmarshal(%s) error = %v", text, err)
			}
			if got.Terms.Achieved() != eid.LevelNone || got.Sound(eid.StandardVocabulary()) {
				t.Errorf("Achieved() = %v, Sound() = %v, want 0 and false", got.Terms.Achieved(), got.Sound(eid.StandardVocabulary()))
			}
		})
	}
}
