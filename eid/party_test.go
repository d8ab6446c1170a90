package eid_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
)

// The transition of Decision 34/2021 ended before 01/01/2023, law time.
var transitionEnd = time.Date(2023, 1, 1, 0, 0, 0, 0, time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60))

func TestWindowOpen(t *testing.T) {
	start, end := time.Date(2021, 11, 9, 0, 0, 0, 0, transitionEnd.Location()), transitionEnd
	legal := eid.Window{From: start, Until: end}
	endless := eid.Window{From: start}
	tests := []struct {
		name   string
		window eid.Window
		at     time.Time
		want   bool
	}{
		{"1 s before it opens", legal, start.Add(-time.Second), false},
		{"1 ns before it opens", legal, start.Add(-1), false},
		{"as it opens", legal, start, true},
		{"within", legal, start.AddDate(0, 6, 0), true},
		{"1 s before it closes", legal, end.Add(-time.Second), true},
		{"1 ns before it closes", legal, end.Add(-1), true},
		{"as it closes", legal, end, false},
		{"1 s after it closed", legal, end.Add(time.Second), false},
		{"as it closes, told in UTC", legal, time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC), false},
		{"before it closes, told in UTC", legal, time.Date(2022, 12, 31, 16, 59, 59, 0, time.UTC), true},
		{"no end, before", endless, start.Add(-time.Second), false},
		{"no end, much later", endless, end.AddDate(500, 0, 0), true},
		{"zero", eid.Window{}, end, false},
		{"zero, at the zero time", eid.Window{}, time.Time{}, false},
		{"without a beginning", eid.Window{Until: end}, end.Add(-time.Second), false},
		{"empty", eid.Window{From: end, Until: end}, end, false},
		{"ends before it begins", eid.Window{From: end, Until: start}, start.AddDate(0, 6, 0), false},
		{"at the zero time", legal, time.Time{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.window.Open(tt.at); got != tt.want {
				t.Errorf("Open(%v) = %v, want %v", tt.at, got, tt.want)
			}
			text, err := json.Marshal(tt.window)
			if err != nil {
				t.Fatalf("Marshal() error = %v", err)
			}
			var stored eid.Window
			if err := json.Unmarshal(text, &stored); err != nil {
				t.Fatalf("Unmarshal(%s) error = %v", text, err)
			}
			if got := stored.Open(tt.at); got != tt.want {
				t.Errorf("after JSON %s Open(%v) = %v, want %v", text, tt.at, got, tt.want)
			}
		})
	}
}

func TestSourceCeiling(t *testing.T) {
	day := func(y int) time.Time { return time.Date(y, 7, 1, 0, 0, 0, 0, time.UTC) }
	dated := []eid.Ceiling{{day(2022), eid.Level2}, {day(2024), eid.Level1}, {day(2026), eid.LevelNone}}
	tests := []struct {
		name     string
		ceilings []eid.Ceiling
		at       time.Time
		want     eid.Level
	}{
		{"before the first", dated, day(2022).Add(-1), eid.LevelNone},
		{"as the first begins", dated, day(2022), eid.Level2},
		{"before it declines", dated, day(2024).Add(-1), eid.Level2},
		{"as it declines", dated, day(2024), eid.Level1},
		{"before it ends", dated, day(2026).Add(-1), eid.Level1},
		{"as it ends", dated, day(2026), eid.LevelNone},
		{"long after", dated, day(2400), eid.LevelNone},
		{"none registered", nil, day(2024), eid.LevelNone},
		{"undated holds always", []eid.Ceiling{{Level: eid.Level1}}, day(2024), eid.Level1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := eid.Source{GrantsAtMost: tt.ceilings}
			if got := s.Ceiling(tt.at); got != tt.want {
				t.Errorf("Ceiling(%v) = %v, want %v", tt.at, got, tt.want)
			}
		})
	}
}

func TestSourceTrusts(t *testing.T) {
	tests := []struct {
		mayAssert []eid.Level
		level     eid.Level
		want      bool
	}{
		{[]eid.Level{1, 2}, 1, true},
		{[]eid.Level{1, 2}, 2, true},
		{[]eid.Level{1}, 1, true},
		{[]eid.Level{1}, 2, false},
		{[]eid.Level{2}, 1, false},
		{nil, 1, false},
		{[]eid.Level{1, 2}, eid.LevelNone, false},
		{[]eid.Level{0, 1, 2, 3, -1}, eid.LevelNone, false},
		{[]eid.Level{0, 1, 2, 3, -1}, 3, false},
		{[]eid.Level{0, 1, 2, 3, -1}, -1, false},
	}
	for _, tt := range tests {
		s := eid.Source{MayAssert: tt.mayAssert}
		if got := s.Trusts(tt.level); got != tt.want {
			t.Errorf("source that may assert %v: Trusts(%v) = %v, want %v", tt.mayAssert, tt.level, got, tt.want)
		}
	}
	if (&eid.Source{}).Trusts(eid.Level1) {
		t.Error("zero Source.Trusts(1) = true, want false")
	}
}

func TestSourceReach(t *testing.T) {
	at := transitionEnd.Add(-time.Second)
	open := eid.Window{From: at.AddDate(-1, 0, 0), Until: transitionEnd}
	ceiling := func(l eid.Level) []eid.Ceiling { return []eid.Ceiling{{From: open.From, Level: l}} }
	both := []eid.Level{eid.Level1, eid.Level2}
	tests := []struct {
		name   string
		source eid.Source
		at     time.Time
		want   eid.Level
	}{
		{"both levels", eid.Source{Window: open, MayAssert: both, GrantsAtMost: ceiling(2)}, at, 2},
		{"in any order", eid.Source{Window: open, MayAssert: []eid.Level{2, 1}, GrantsAtMost: ceiling(2)}, at, 2},
		{"level 1 only", eid.Source{Window: open, MayAssert: []eid.Level{1}, GrantsAtMost: ceiling(2)}, at, 1},
		{"lowered by its ceiling", eid.Source{Window: open, MayAssert: both, GrantsAtMost: ceiling(1)}, at, 1},
		{"asserts 2 alone, lowered to 1", eid.Source{Window: open, MayAssert: []eid.Level{2}, GrantsAtMost: ceiling(1)}, at, 1},
		{"ceiling none", eid.Source{Window: open, MayAssert: both, GrantsAtMost: ceiling(0)}, at, 0},
		{"no ceiling", eid.Source{Window: open, MayAssert: both}, at, 0},
		{"trusted with nothing", eid.Source{Window: open, GrantsAtMost: ceiling(2)}, at, 0},
		{"as the window closes", eid.Source{Window: open, MayAssert: both, GrantsAtMost: ceiling(2)}, transitionEnd, 0},
		{"no window", eid.Source{MayAssert: both, GrantsAtMost: ceiling(2)}, at, 0},
		{"trusted with levels that do not exist", eid.Source{Window: open, MayAssert: []eid.Level{0, 3}, GrantsAtMost: ceiling(2)}, at, 0},
		{"level 1 and one that does not exist", eid.Source{Window: open, MayAssert: []eid.Level{1, 3}, GrantsAtMost: ceiling(2)}, at, 1},
		{"zero", eid.Source{}, at, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.source.Reach(tt.at); got != tt.want {
				t.Errorf("Reach() = %v, want %v", got, tt.want)
			}
		})
	}
}

// What a source is said to reach is what some assertion of it could give.
func TestReachIsWhatAnAssertionCanGive(t *testing.T) {
	from := time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		s := eid.Source{
			Window:       eid.Window{From: from},
			MayAssert:    rapid.SliceOfN(realLevel(), 0, 3).Draw(t, "may_assert"),
			GrantsAtMost: []eid.Ceiling{{From: from, Level: rapid.SampledFrom([]eid.Level{0, 1, 2}).Draw(t, "ceiling")}},
		}
		at := from.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "seconds")) * time.Second)
		want := eid.LevelNone
		for _, l := range []eid.Level{eid.Level1, eid.Level2} {
			if s.Window.Open(at) && s.Trusts(l) && s.Ceiling(at).Valid() {
				want = max(want, min(l, s.Ceiling(at)))
			}
		}
		if got := s.Reach(at); got != want {
			t.Fatalf("Reach() = %v, want %v", got, want)
		}
	})
}

func TestRelyingPartyAllowsSource(t *testing.T) {
	p := eid.RelyingParty{Sources: []string{"account", "vneid"}}
	for id, want := range map[string]bool{"account": true, "vneid": true, "VNeID": false, "": false, "cas": false} {
		if got := p.AllowsSource(id); got != want {
			t.Errorf("AllowsSource(%q) = %v, want %v", id, got, want)
		}
	}
	if (&eid.RelyingParty{}).AllowsSource("account") {
		t.Error("zero RelyingParty.AllowsSource() = true, want false")
	}
}
