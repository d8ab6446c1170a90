package eid

import (
	"testing"
	"time"
)

func TestDocumentValid(t *testing.T) {
	evening := time.Date(2026, 11, 22, 16, 59, 59, 0, time.UTC) // 23:59:59 in Viet Nam
	tests := []struct {
		expires string
		at      time.Time
		want    bool
	}{
		{"", evening, true},
		{"2026-11-22", evening, true},
		{"2026-11-22", evening.Add(time.Second), false},
		{"2026-11-21", evening, false},
		{"22/11/2036", evening, false},
		{"2036-13-01", evening, false},
	}
	for _, tt := range tests {
		if got := (Document{ExpiresOn: tt.expires}).Valid(tt.at); got != tt.want {
			t.Errorf("Valid() of one until %q at %v = %t, want %t", tt.expires, tt.at, got, tt.want)
		}
	}
}

func TestConsentAnswers(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	c := ConsentGiven{Claims: []string{"a"}, Declined: []string{"b"}, GivenAt: now, Until: now.Add(time.Hour)}
	tests := []struct {
		claims          []string
		at              time.Time
		answers, covers bool
	}{
		{[]string{"a"}, now, true, true},
		{[]string{"a", "b"}, now, true, false},
		{[]string{"c"}, now, false, false},
		{[]string{"a"}, now.Add(time.Hour), false, false},
		{nil, now.Add(-time.Minute), false, false},
	}
	for _, tt := range tests {
		if got := c.Answers(tt.claims, tt.at); got != tt.answers {
			t.Errorf("Answers(%q) at %v = %t, want %t", tt.claims, tt.at, got, tt.answers)
		}
		if got := c.Covers(tt.claims, tt.at); got != tt.covers {
			t.Errorf("Covers(%q) at %v = %t, want %t", tt.claims, tt.at, got, tt.covers)
		}
	}
}
