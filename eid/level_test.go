package eid_test

import (
	"testing"

	"eidgate/eid"
)

func TestParseLevel(t *testing.T) {
	tests := []struct {
		text string
		want eid.Level
	}{
		{"1", eid.Level1}, {"2", eid.Level2},
		{"", 0}, {"0", 0}, {"3", 0}, {"-1", 0}, {"01", 0}, {"+2", 0}, {" 2", 0}, {"2\n", 0}, {"1 2", 0},
		{"２", 0}, {"٢", 0}, {"2.0", 0}, {"LoA2", 0}, {canonical2, 0},
	}
	for _, tt := range tests {
		got, err := eid.ParseLevel(tt.text)
		if got != tt.want || (err == nil) != tt.want.Valid() {
			t.Errorf("ParseLevel(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
}

func TestLevelValid(t *testing.T) {
	for l, want := range map[eid.Level]bool{-1: false, 0: false, 1: true, 2: true, 3: false} {
		if got := l.Valid(); got != want {
			t.Errorf("Level(%d).Valid() = %v, want %v", int(l), got, want)
		}
	}
	var zero eid.Level
	if zero != eid.LevelNone || zero.Valid() {
		t.Errorf("zero Level = %v, want LevelNone, not valid", zero)
	}
	if got := eid.Level2.String(); got != "2" {
		t.Errorf("Level2.String() = %q, want 2", got)
	}
}
