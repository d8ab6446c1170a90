package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAccountsLink(t *testing.T) {
	c := prepareConformance(t)
	if exit, out := c.run(t, "", "accounts", "add", "--file", filepath.Join(c.dir, "person.json")); exit != 0 {
		t.Fatalf("accounts add: exit %d\n%s", exit, out)
	}
	const link = `{"personal_number": "001188000950", "source": "national", "subject": "b7d1-thu", "level": 1, "evidence": "synthetic person of a test"}`
	for _, tt := range []struct {
		name, old, new string
		exit           int
		want           string
	}{
		{"source that is not registered", `"national"`, `"buu-dien"`, 1, "source: the configuration has none with this id"},
		{"nobody's number", `001188000950`, `001188000951`, 1, "no account has this number"},
		{"eleven digits", `001188000950`, `00118800095`, 1, "not a personal number"},
		{"number as a JSON number", `"001188000950"`, `1188000950`, 1, "not the JSON of a link"},
		{"unknown member", `"subject"`, `"sub"`, 1, "not the JSON of a link"},
		{"no subject", `"b7d1-thu"`, `""`, 1, "subject is missing"},
		{"level 3", `"level": 1`, `"level": 3`, 1, "cap is neither 1 nor 2"},
		{"no evidence", `"synthetic person of a test"`, `""`, 1, "evidence"},
		{"nobody", `"personal_number": "001188000950",`, ``, 1, "want personal_number, or passport_number"},
		{"two documents", `}`, `}{}`, 1, "more than one JSON document"},
		{"a link", ``, ``, 0, "950 at national, level 1 at most"},
		{"the same subject again", ``, ``, 1, "linked already"},
	} {
		exit, out := c.run(t, strings.Replace(link, tt.old, tt.new, 1), "accounts", "link", "--file", "-")
		if exit != tt.exit || !strings.Contains(out, tt.want) || strings.Contains(out, "00118800095") || strings.Contains(out, "b7d1") {
			t.Errorf("%s: exit %d, %q, want %d, %q and neither number nor subject", tt.name, exit, out, tt.exit, tt.want)
		}
	}
	if exit, out := c.run(t, "", "accounts", "link"); exit != 2 || !strings.Contains(out, "--file") {
		t.Errorf("accounts link without a file: exit %d, %q, want 2 and what is missing", exit, out)
	}
}
