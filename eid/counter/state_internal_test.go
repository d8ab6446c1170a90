package counter

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// rulesOfTest are rules in which level 2 needs another officer, or does not.
func rulesOfTest(second bool) eid.RuleSet {
	compared := map[eid.SubjectType][]eid.Database{eid.Citizen: {eid.Population}, eid.Foreigner: {eid.Immigration}}
	return eid.RuleSet{
		ID: "test", Ages: []eid.AgeBand{{From: 14, Access: eid.AccessOwn}},
		Levels: []eid.LevelRule{
			{Level: eid.Level1, Channels: []eid.Channel{eid.ChannelInPerson}, Compared: compared},
			{Level: eid.Level2, Channels: []eid.Channel{eid.ChannelInPerson}, Compared: compared, Biometric: []eid.BiometricMethod{eid.Portrait, eid.Fingerprint}, SecondOfficer: second},
		},
	}
}

// TestNoPathToLevel2WithoutEvidence plays any acts of any officers in any order, with
// registries that say anything, and holds what is approved against its history.
func TestNoPathToLevel2WithoutEvidence(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	acts := []Act{ActAmend, ActMatch, ActReadBack, ActConfirm, ActWithdraw, ActApprove, ActReturn, ActReject, "", "other"}
	both := []eid.Task{eid.TaskIntake, eid.TaskApprove}
	approved, unlocked := 0, 0
	play := func(t *rapid.T) {
		rules := rulesOfTest(rapid.Bool().Draw(t, "second"))
		a := Application{
			Status: StatusSubmitted, Level: eid.Level2, Office: "office", OpenedBy: "o1", Officers: []eid.AccountID{"o1"}, Revision: 1,
			Intake: Intake{Person: eid.Person{Type: rapid.SampledFrom([]eid.SubjectType{eid.Citizen, eid.Foreigner}).Draw(t, "type"), BirthDate: "1990-02-28"}},
		}
		a.Findings = draw(t, now)
		var history []Act // that went through, each a minute after the one before
		took := []eid.AccountID{"o1"}
		for range rapid.IntRange(4, 20).Draw(t, "acts") {
			act := likely(&a)
			if rapid.IntRange(0, 3).Draw(t, "other act") == 3 {
				act = rapid.SampledFrom(acts).Draw(t, "act")
			}
			by := eid.Officer{
				Account: rapid.SampledFrom([]eid.AccountID{"o2", "o3", "o1", "o4", ""}).Draw(t, "officer"),
				Office:  rapid.SampledFrom([]string{"office", "office", "office", "office", "office", "office", "another", ""}).Draw(t, "office"),
				Tasks:   rapid.SampledFrom([][]eid.Task{both, both, both, {eid.TaskIntake}, {eid.TaskApprove}, nil}).Draw(t, "tasks"),
			}
			own := rapid.IntRange(0, 9).Draw(t, "own") == 5
			before := a
			edited := a
			switch act {
			case ActMatch:
				edited.Matches = append(slices.Clone(a.Matches), Match{OK: rapid.IntRange(0, 4).Draw(t, "matches") < 4, Evidence: eid.Evidence{
					Kind: eid.EvidenceBiometric, Reference: "m", At: now.Add(time.Duration(len(history)) * time.Minute), Officer: by.Account,
					Method:   rapid.SampledFrom([]eid.BiometricMethod{eid.Portrait, eid.Fingerprint, eid.Portrait, eid.Fingerprint, "", "iris"}).Draw(t, "method"),
					Database: rapid.SampledFrom([]eid.Database{eid.Population, eid.Immigration, eid.Population, eid.Immigration, eid.CitizenCard, ""}).Draw(t, "database"),
				}})
			case ActAmend:
				edited.Matches, edited.Findings = nil, draw(t, now)
				edited.Intake.CardIssue = rapid.SampledFrom([]string{"", "HS-1"}).Draw(t, "issue")
			case ActApprove:
				edited.Findings = draw(t, now)
			case ActReadBack, ActConfirm, ActWithdraw, ActReturn, ActReject:
			}
			after, err := move(edited, act, by, own, &rules, now)
			if err != nil {
				continue
			}
			history = append(history, act)
			if !slices.Contains([]Act{ActApprove, ActReturn}, act) && before.Status != StatusConfirmed && act != "" {
				took = append(took, by.Account)
			}
			if own || by.Office != "office" || by.Account == "" || !before.Status.Open() || after.Revision != before.Revision+1 {
				t.Fatalf("%s by %q of %q went through from %s", act, by.Account, by.Office, before.Status)
			}
			a = after
			if a.Status == StatusApproved {
				approved++
				if !a.Findings.OwnLock.IsZero() {
					unlocked++
				}
				hold(t, a, by, took, history, &rules)
			}
		}
	}
	for range 20 {
		rapid.Check(t, play)
	}
	if approved == 0 || unlocked == 0 {
		t.Errorf("%d approved, %d of them with a lock that ends: the property was not tested", approved, unlocked)
	}
}

// likely is the act that leads on.
func likely(a *Application) Act {
	switch {
	case a.Status == StatusConfirmed:
		return ActApprove
	case !slices.ContainsFunc(a.Matches, func(m Match) bool { return m.OK }):
		return ActMatch
	case a.Shown != a.Revision:
		return ActReadBack
	}
	return ActConfirm
}

// hold says of an approved application what has to be true of it, from its history.
func hold(t *rapid.T, a Application, by eid.Officer, took []eid.AccountID, history []Act, rules *eid.RuleSet) {
	n := len(history)
	if n < 3 || history[n-1] != ActApprove || history[n-2] != ActConfirm || history[n-3] != ActReadBack {
		t.Fatalf("approved after %v: want it read back, confirmed, and nothing in between", history)
	}
	last := max(0, lastOf(history, ActAmend))
	if !slices.Contains(history[last:], ActMatch) || !slices.ContainsFunc(a.Matches, func(m Match) bool {
		right := map[eid.SubjectType]eid.Database{eid.Citizen: eid.Population, eid.Foreigner: eid.Immigration}[a.Intake.Person.Type]
		return m.OK && m.At.After(a.Findings.OwnLock) && (m.Method == eid.Portrait || m.Method == eid.Fingerprint) && m.Database == right
	}) {
		t.Fatalf("approved after %v with matches %v: want a biometric that matched", history, a.Matches)
	}
	if rules.Level(eid.Level2).SecondOfficer && slices.Contains(took, by.Account) {
		t.Fatalf("approved by %s, who took it in: %v", by.Account, took)
	}
	if !slices.Contains(by.Tasks, eid.TaskApprove) {
		t.Fatalf("approved with tasks %v", by.Tasks)
	}
	f := a.Findings
	if f.Person.Verdict != civil.Match && !f.Person.YearOnly || f.Person.Contradicts || f.Stands != StandsFree || !f.Reached {
		t.Fatalf("approved with %+v", f)
	}
	if f.Person.YearOnly && slices.Contains(took, by.Account) {
		t.Fatalf("a doubt was decided by %s, who took it in", by.Account)
	}
	if a.Intake.Person.Type == eid.Citizen && f.Card != civil.CardValid && (f.Card != civil.CardBeingIssued || a.Intake.CardIssue == "") {
		t.Fatalf("approved with a card that is %q", f.Card)
	}
}

func lastOf(history []Act, act Act) int {
	for i := len(history) - 1; i >= 0; i-- {
		if history[i] == act {
			return i
		}
	}
	return -1
}

// draw gives findings that are right more often than not. The holder may have locked the
// account at any time since the application was opened.
func draw(t *rapid.T, opened time.Time) Findings {
	f := Findings{Person: civil.Finding{Verdict: civil.Match}, Card: civil.CardValid, Reached: true}
	switch rapid.IntRange(0, 16).Draw(t, "finding") {
	case 9:
		f.Person = civil.Finding{Differs: []eid.Field{eid.FieldName}}
	case 10:
		f.Person = civil.Finding{Verdict: civil.Review, Contradicts: true}
	case 11:
		f.Person = civil.Finding{Verdict: civil.Review, YearOnly: true, Differs: []eid.Field{eid.FieldBirthDate}}
	case 12:
		f.Person = civil.Finding{Verdict: civil.Review, Differs: []eid.Field{eid.FieldName}}
	case 13:
		f.Stands = StandsLocked
	case 14:
		f.Card = civil.CardLost
	case 15:
		f.Card = civil.CardBeingIssued
	case 16:
		f.Reached = false
	case 7, 8:
		f.OwnLock = opened.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "locked")) * time.Minute)
	}
	return f
}

// The zero rule set opens nothing, whatever else is right.
func TestRulesThatSayNothing(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	a := Application{
		Status: StatusProcessing, Level: eid.Level2, Office: "office", Shown: 1, Revision: 1,
		Intake:   Intake{Person: eid.Person{Type: eid.Citizen, BirthDate: "1990-02-28"}},
		Findings: Findings{Person: civil.Finding{Verdict: civil.Match}, Card: civil.CardValid, Reached: true},
		Matches:  []Match{{OK: true, Evidence: eid.Evidence{Method: eid.Portrait, Database: eid.Population, Reference: "m", At: now}}},
	}
	by := eid.Officer{Account: "o", Office: "office", Tasks: []eid.Task{eid.TaskIntake}}
	full := rulesOfTest(true)
	if _, err := move(a, ActConfirm, by, false, &full, now); err != nil {
		t.Fatalf("move() under rules: %v", err)
	}
	if _, err := move(a, ActConfirm, by, false, &eid.RuleSet{}, now); err == nil {
		t.Error("move() under no rules: no error")
	}
	for _, level := range []eid.Level{eid.LevelNone, 3} {
		a.Level = level
		if _, err := move(a, ActConfirm, by, false, &full, now); err == nil {
			t.Errorf("move() for level %v: no error", level)
		}
	}
}

// An approval rests on the person's word about this very content: no state that acts lead
// to has another one, and one that was written past them opens nothing.
func TestAnApprovalWantsTheWordOnThisContent(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	rules := rulesOfTest(true)
	by := eid.Officer{Account: "o2", Office: "office", Tasks: []eid.Task{eid.TaskApprove}}
	for _, tt := range []struct {
		name                       string
		shown, confirmed, revision int
		at                         time.Time
		want                       error
	}{
		{"as it was read back", 4, 4, 5, now, nil},
		{"never confirmed", 4, 4, 5, time.Time{}, ErrNotShown},
		{"another revision confirmed", 4, 3, 5, now, ErrNotShown},
		{"changed since", 4, 4, 6, now, ErrNotShown},
		{"never read back", 0, 0, 5, now, ErrNotShown},
	} {
		a := Application{
			Status: StatusConfirmed, Level: eid.Level2, Office: "office", Officers: []eid.AccountID{"o1"}, Shown: tt.shown, Revision: tt.revision,
			Confirmed: Confirmation{At: tt.at, Officer: "o1", Revision: tt.confirmed},
			Intake:    Intake{Person: eid.Person{Type: eid.Citizen, BirthDate: "1990-02-28"}},
			Findings:  Findings{Person: civil.Finding{Verdict: civil.Match}, Card: civil.CardValid, Reached: true},
			Matches:   []Match{{OK: true, Evidence: eid.Evidence{Method: eid.Portrait, Database: eid.Population, Reference: "m", At: now}}},
		}
		if _, err := move(a, ActApprove, by, false, &rules, now); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: move() = %v, want %v", tt.name, err, tt.want)
		}
	}
}
