package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"eidgate/eid/audit"
)

// TestSyslog: nothing in a row ends a line, a parameter or the structured data.
func TestSyslog(t *testing.T) {
	r := audit.Row{
		ID: 7, At: 1_700_000_000_123_456, Actor: `a"] \`, Action: "grant. issued\n", Account: "x\u0085y", Client: "c\x00", Ref: "\u2028",
		Detail: "{\"a\":\"\r\n<13>1 forged\"}",
	}
	got := r.Syslog("host name")
	want := `<110>1 2023-11-14T22:13:20.123456Z hostname eidgate - grant.issued [audit@32473 id="7" actor="a\"\] \\" action="grant. issued " account="x y" client="c " ref=" "] ` +
		"\ufeff" + `{"a":"  <13>1 forged"}`
	if got != want {
		t.Errorf("Syslog() = %q, want %q", got, want)
	}
	if head := (audit.Row{}).Syslog(""); !strings.HasPrefix(head, "<110>1 1970-01-01T00:00:00.000000Z - eidgate - - [") {
		t.Errorf("Syslog() of nothing = %q", head)
	}
}

// TestRowFile: a row comes back from a file as it was, so that its hash does.
func TestRowFile(t *testing.T) {
	for _, detail := range []string{"{}", "", "x", `{"a": 1}`, `{"a":"<b>&é\u003c"}`, "[1,2]", "\"\u2028\"", "null"} {
		r := audit.Row{ID: -3, At: -1, Actor: "a<b>", Action: "x", Detail: detail, Odd: "at is text"}
		raw, err := json.Marshal(r)
		must(t, err)
		var back audit.Row
		if err := json.Unmarshal(raw, &back); err != nil || back != r || back.Hash() != r.Hash() {
			t.Errorf("%s came back as %+v, %v, want %+v", raw, back, err, r)
		}
	}
}
