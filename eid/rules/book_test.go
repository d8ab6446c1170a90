package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"eidgate/eid/rules"
)

func open(t *testing.T, directory string) *rules.Book {
	t.Helper()
	b, err := rules.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestAt(t *testing.T) {
	b := open(t, "")
	for _, tt := range []struct{ at, want string }{
		{"2021-11-08T23:59:59+07:00", ""},
		{"2021-11-09T00:00:00+07:00", "decision-34-2021"},
		{"2022-10-19T16:59:59Z", "decision-34-2021"},
		{"2022-10-19T17:00:00Z", "decree-59-2022"}, // midnight at Hà Nội
		{"2024-06-30T23:59:59+07:00", "decree-59-2022"},
		{"2024-07-01T00:00:00+07:00", "decree-69-2024"},
		{"2031-01-01T00:00:00+07:00", "decree-69-2024"},
	} {
		got, err := b.At(at(t, tt.at))
		if got.ID != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("At(%s) = %q, %v, want %q", tt.at, got.ID, err, tt.want)
		}
		if tt.want == "" && !errors.Is(err, rules.ErrNone) {
			t.Errorf("At(%s) = %v, want ErrNone", tt.at, err)
		}
	}
	ends := open(t, folder(t, map[string][]string{"decree-99-2027.json": later(`"ages": [`, `"until": "2028-01-01T00:00:00+07:00", "ages": [`)}))
	if set, err := ends.At(at(t, "2028-01-01T00:00:00+07:00")); !errors.Is(err, rules.ErrNone) || !strings.Contains(err.Error(), "ended on 2028-01-01") {
		t.Errorf("At() after the last set = %s, %v, want ErrNone that says when it ended", set.ID, err)
	}
}
