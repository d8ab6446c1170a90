package eid_test

import (
	"testing"
	"time"

	"eidgate/eid"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// TestRow1AgeFromTheBirthDate: from 14 years a person registers, by the full date and the
// day in Viet Nam; the bands are the rule set's.
func TestRow1AgeFromTheBirthDate(t *testing.T) {
	set := eid.RuleSet{Ages: []eid.AgeBand{
		{From: 14, Access: eid.AccessOwn}, {From: 6, Below: 14, Access: eid.AccessOnRequest}, {From: 0, Below: 6, Access: eid.AccessGuardian},
	}}
	for _, tt := range []struct {
		birth, at string
		want      eid.Access
		review    bool
	}{
		{"2012-11-22", "2026-11-22T00:00:00+07:00", eid.AccessOwn, false},
		{"2012-11-22", "2026-11-21T23:59:59+07:00", eid.AccessOnRequest, false},
		{"2012-11-22", "2026-11-21T17:00:00Z", eid.AccessOwn, false}, // it is the 22nd at Hà Nội
		{"2012-11-22", "2026-11-21T16:59:59Z", eid.AccessOnRequest, false},
		{"2012-02-29", "2026-02-28T12:00:00+07:00", eid.AccessOnRequest, false},
		{"2012-02-29", "2026-03-01T00:00:00+07:00", eid.AccessOwn, false},
		{"2020-02-29", "2028-02-29T00:00:00+07:00", eid.AccessOnRequest, false},
		{"2020-11-22", "2026-11-22T00:00:00+07:00", eid.AccessOnRequest, false},
		{"2020-11-23", "2026-11-22T00:00:00+07:00", eid.AccessGuardian, false},
		{"2026-11-22", "2026-11-22T00:00:00+07:00", eid.AccessGuardian, false},
		{"1900-01-01", "2026-11-22T00:00:00+07:00", eid.AccessOwn, false},
		{"2026-11-23", "2026-11-22T00:00:00+07:00", "", false}, // lies ahead
		{"1950", "2026-11-22T00:00:00+07:00", "", true},
		{"2012", "2026-11-22T00:00:00+07:00", "", true},
		{"2012-02-30", "2026-11-22T00:00:00+07:00", "", false},
		{"", "2026-11-22T00:00:00+07:00", "", false},
		{"22/11/2012", "2026-11-22T00:00:00+07:00", "", false},
	} {
		got, review := set.AccessBorn(tt.birth, day(t, tt.at))
		if got != tt.want || review != tt.review {
			t.Errorf("AccessBorn(%s, %s) = %q, %v, want %q, %v", tt.birth, tt.at, got, review, tt.want, tt.review)
		}
	}
	if got := (&eid.RuleSet{}).Access(30); got != "" {
		t.Errorf("the zero rule set gives %q, want no access", got)
	}
}

func TestDue(t *testing.T) {
	set := eid.RuleSet{Calendar: eid.Calendar{
		Holidays: []string{"2026-04-27", "2026-04-30", "2026-05-01", "2026-08-31"},
		Worked:   []string{"2026-08-22"},
	}}
	for _, tt := range []struct {
		from string
		days int
		want string
	}{
		{"2026-11-23T09:00:00+07:00", 2, "2026-11-25T23:59:59+07:00"}, // Monday
		{"2026-11-23T00:00:00+07:00", 2, "2026-11-25T23:59:59+07:00"},
		{"2026-11-23T23:59:59+07:00", 2, "2026-11-25T23:59:59+07:00"},
		{"2026-11-23T17:00:00Z", 2, "2026-11-26T23:59:59+07:00"}, // Tuesday at Hà Nội
		{"2026-11-27T09:00:00+07:00", 1, "2026-11-30T23:59:59+07:00"},
		{"2026-11-28T09:00:00+07:00", 1, "2026-11-30T23:59:59+07:00"}, // Saturday
		{"2026-04-24T09:00:00+07:00", 2, "2026-04-29T23:59:59+07:00"}, // over Hung Kings' day
		{"2026-04-29T09:00:00+07:00", 1, "2026-05-04T23:59:59+07:00"}, // and the days after it
		{"2026-08-21T09:00:00+07:00", 1, "2026-08-22T23:59:59+07:00"}, // a Saturday that is worked
		{"2026-08-28T09:00:00+07:00", 1, "2026-09-01T23:59:59+07:00"},
		{"2026-11-23T09:00:00+07:00", 0, "2026-11-23T09:00:00+07:00"},
		{"2026-11-23T09:00:00+07:00", -1, "2026-11-23T09:00:00+07:00"},
	} {
		if got := set.Due(day(t, tt.from), tt.days); !got.Equal(day(t, tt.want)) {
			t.Errorf("Due(%s, %d) = %s, want %s", tt.from, tt.days, got, tt.want)
		}
	}
}
