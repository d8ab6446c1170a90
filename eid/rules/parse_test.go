package rules_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/eid/rules"
)

// folder makes a directory with rule sets: copies of the one in force, changed.
func folder(t *testing.T, files map[string][]string) string {
	t.Helper()
	text, err := os.ReadFile("sets/decree-69-2024.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, changes := range files {
		changed := strings.NewReplacer(changes...).Replace(string(text))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// later is a decree that follows the ones that come with the program.
func later(changes ...string) []string {
	return append(changes, `"decree-69-2024"`, `"decree-99-2027"`, `"2024-07-01T00:00:00+07:00"`, `"2027-03-01T00:00:00+07:00"`, `69/2024`, `99/2027`)
}

// TestANewDecreeIsANewFile: it ends the one before it, and says other things from its
// first second on.
func TestANewDecreeIsANewFile(t *testing.T) {
	b := open(t, folder(t, map[string][]string{"decree-99-2027.json": later(`"from": 14, "access": "own"`, `"from": 12, "access": "own"`, `"from": 6, "below": 14`, `"from": 6, "below": 12`)}))
	for _, tt := range []struct {
		at, id string
		at12   eid.Access
	}{
		{"2027-02-28T23:59:59+07:00", "decree-69-2024", eid.AccessOnRequest},
		{"2027-03-01T00:00:00+07:00", "decree-99-2027", eid.AccessOwn},
	} {
		set, err := b.At(at(t, tt.at))
		if err != nil || set.ID != tt.id || set.Access(12) != tt.at12 {
			t.Errorf("At(%s) = %s with %q at 12, %v, want %s with %q", tt.at, set.ID, set.Access(12), err, tt.id, tt.at12)
		}
	}
	if got := len(b.All()); got != 4 {
		t.Errorf("All() has %d sets, want 4", got)
	}
}

// TestOwnFileStandsInPlace: what is assumed can be said otherwise, by the same id.
func TestOwnFileStandsInPlace(t *testing.T) {
	b := open(t, folder(t, map[string][]string{"decree-69-2024.json": {`"activation_hours": 24`, `"activation_hours": 48`}}))
	set, err := b.At(at(t, "2026-11-22T12:00:00+07:00"))
	if err != nil || set.Times.ActivationHours != 48 || len(b.All()) != 3 {
		t.Errorf("At() = %d hours of %d sets, %v, want 48 of 3", set.Times.ActivationHours, len(b.All()), err)
	}
	replaced := open(t, "")
	replaced.Replace(b)
	if set, err := replaced.At(at(t, "2026-11-22T12:00:00+07:00")); err != nil || set.Times.ActivationHours != 48 {
		t.Errorf("after Replace() = %d hours, %v, want 48", set.Times.ActivationHours, err)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	const name = "decree-99-2027.json"
	for _, tt := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"no JSON", []string{`"id"`, `id`}, "not JSON"},
		{"unknown member", later(`"retention": {`, `"retentions": {}, "retention": {`), `unknown field "retentions"`},
		{"unknown member below", later(`"usage_years": 5`, `"usage_years": 5, "usage_months": 1`), `unknown field "usage_months"`},
		{"another case", later(`"second_officer": true`, `"Second_Officer": true`), "Second_Officer"},
		{"twice", later(`"second_officer": true`, `"second_officer": true, "second_officer": false`), "levels.second_officer: a member twice"},
		{"two documents", later("\"title\"", "\"title\"", "under the account of a guardian\" }\n  }\n}", "x\" }\n  }\n} {}"), "more than one JSON document"},
		{"another name", nil, "id \"decree-69-2024\" is not the name of the file"},
		{"no beginning of a day", later(`"2024-07-01T00:00:00+07:00"`, `"2027-03-01T00:00:00Z"`), "from: want the beginning of a day"},
		{"ages with a gap", later(`"from": 6, "below": 14`, `"from": 7, "below": 14`), "the age of 6 is in 0 spans"},
		{"ages that overlap", later(`"below": 6`, `"below": 7`), "the age of 6 is in 2 spans"},
		{"unknown access", later(`"on_request"`, `"free"`), `access "free"`},
		{"a foreigner without nationality", later(`"nationality"`, `"phone"`), "a nationality is required"},
		{"a level in the app by a biometric", later(`["in_person"]`, `["app", "in_person"]`), "compared in person"},
		{"a level without evidence", later(`"biometric": ["portrait", "fingerprint"],`, ``), "levels.2.biometric is missing"},
		{"a level twice", later(`"level": 2`, `"level": 1`), "want each of 1 and 2 once"},
		{"no term", later(`"tries_per_day": 3`, `"tries_per_day": 0`), "times.tries_per_day: want 1"},
		{"too long a term", later(`"draft_days": 7`, `"draft_days": 7000`), "times.draft_days: want 1"},
		{"a death that is undone", later(`"reason": "death", "set_by": ["registry", "authority"], "undone_by": []`, `"reason": "death", "set_by": ["registry", "authority"], "undone_by": ["authority"]`), "locks.death.undone_by: want []"},
		{"nobody says who undoes", later(`"undone_by": ["operator"],`, ``), "locks.terms.undone_by is missing"},
		{"a holder undoes an authority's", later(`"undone_by": ["authority", "service_user"]`, `"undone_by": ["holder"]`), "locks.authority.undone_by"},
		{"without a document", later("      \"document\": true,\n", ""), "the document is on record"},
		{"anybody undoes a service user's", later("      \"own_requester\": true,\n", ""), "nobody else undoes it"},
		{"a correction without document", later(`"undone_by": [], "document": true, "undo_document": true`, `"undone_by": [], "document": true`), "a correction names its document"},
		{"an authority locks in the holder's place", later(`"set_by": ["holder"], "undone_by": ["holder"]`, `"set_by": ["holder", "authority"], "undone_by": ["holder"]`), "locks.self: set and undone by the holder alone"},
		{"a holder who cannot undo the own lock", later(`"set_by": ["holder"], "undone_by": ["holder"]`, `"set_by": ["holder"], "undone_by": [], "undo_document": true`), "locks.self: set and undone by the holder alone"},
		{"unknown reason", later(`"reason": "self"`, `"reason": "whim"`), "locks.whim"},
		{"no holiday", later(`"2026-01-01"`, `"2026-13-01"`), "calendar.holidays"},
		{"a worked weekday", later(`"2026-01-10"`, `"2026-01-09"`), "2026-01-09 is no weekend day"},
		{"from nowhere", later(`"retention": { "seen": false, "note": "as in Decree 59/2022, Art. 21" },`, ``), "nothing says where retention.usage_years is from"},
		{"a basis of nothing", later(`"retention": { "seen"`, `"retentions": { "seen": true }, "retention": { "seen"`), `there is no value at "retentions"`},
		{"begins with another", later(`"2024-07-01T00:00:00+07:00"`, `"2024-07-01T00:00:00+07:00"`, `69/2024`, `69/2024`), "begin at the same time"},
		{"ends before another begins", later(`"from": "2024-07-01T00:00:00+07:00"`, `"from": "2021-10-01T00:00:00+07:00", "until": "2021-11-01T00:00:00+07:00"`), "nothing is in force"},
		{"overlaps", later(`"from": "2024-07-01T00:00:00+07:00"`, `"from": "2021-10-01T00:00:00+07:00", "until": "2021-12-01T00:00:00+07:00"`), "overlap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string][]string{name: tt.changes})
			_, err := rules.Open(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Open() = %v, want a fault that says %q", err, tt.want)
			}
			if !strings.Contains(err.Error(), filepath.Join(dir, name)) {
				t.Errorf("Open() = %v, want the path of the file", err)
			}
		})
	}
	if _, err := rules.Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("Open() of a directory that is not there: no error")
	}
	large := t.TempDir()
	if err := os.WriteFile(filepath.Join(large, name), make([]byte, 300<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Open(large); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Open() of a large file = %v, want a fault", err)
	}
}

// TestValuesSayWhereTheyAreFrom: nothing that a source was not seen to say passes for it.
func TestValuesSayWhereTheyAreFrom(t *testing.T) {
	seen := map[string]map[string]bool{}
	for _, set := range open(t, "").All() {
		seen[set.ID] = map[string]bool{}
		for _, v := range rules.Values(&set) {
			seen[set.ID][v.Place] = v.Basis.Seen
		}
	}
	for _, tt := range []struct {
		set, place string
		want       bool
	}{
		{"decision-34-2021", "locks.self.undone_by", true},
		{"decision-34-2021", "locks.death.undone_by", false},
		{"decision-34-2021", "levels.2.biometric", true},
		{"decision-34-2021", "levels.2.second_officer", false},
		{"decision-34-2021", "retention.usage_years", false},
		{"decree-59-2022", "locks.authority.working_days", true},
		{"decree-59-2022", "retention.usage_years", true},
		{"decree-59-2022", "from", true},
		{"decree-59-2022", "until", true},
		{"decree-69-2024", "ages.14", true},
		{"decree-69-2024", "ages.0", false},
		{"decree-69-2024", "locks.authority.working_days", false},
	} {
		got, ok := seen[tt.set][tt.place]
		if !ok || got != tt.want {
			t.Errorf("%s of %s: seen %v, there %v, want %v", tt.place, tt.set, got, ok, tt.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	text, err := os.ReadFile("sets/decree-69-2024.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"id":"x","levels":[{"level":9}],"ages":[{"from":-1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "decree-69-2024.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := rules.Open(dir)
		if err != nil {
			return
		}
		for _, set := range b.All() { // whatever is taken keeps the rules of all rules
			for _, reason := range eid.LockReasons() {
				rule := set.Lock(reason)
				if reason.Terminal() && !rule.Terminal() || rule.MaySet(eid.ByServiceUser) && !rule.OwnRequester || rule.MayUndo(eid.ByHolder) != (reason == eid.LockSelf) {
					t.Errorf("%s: %+v was taken", reason, rule)
				}
			}
			if set.Level(eid.Level2).Biometric == nil {
				t.Error("Level 2 without a biometric was taken")
			}
		}
	})
}

// TestASetIsAFile: what is shown as a file is taken as one, and says the same.
func TestASetIsAFile(t *testing.T) {
	dir := t.TempDir()
	all := open(t, "").All()
	for _, set := range all {
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, set.ID+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir).All()
	if len(again) != len(all) {
		t.Fatalf("All() has %d sets, want %d", len(again), len(all))
	}
	for i := range all {
		if got, want := rules.Values(&again[i]), rules.Values(&all[i]); !slices.Equal(got, want) {
			t.Errorf("%s = %v, want %v", all[i].ID, got, want)
		}
	}
}
