package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/cmd/eidgate/doctor"
)

func finding(s doctor.Status) []doctor.Finding {
	return []doctor.Finding{{Status: s, Found: "found", Mend: "mend"}}
}

// TestRun: checks run beside each other, the last ones after them; one that hangs or
// panics is a fault and holds up nobody.
func TestRun(t *testing.T) {
	meet := make(chan struct{})
	sawBoth := false
	both := 0
	checks := []doctor.Check{
		{Name: "late", Last: true, Look: func(context.Context) []doctor.Finding { sawBoth = both == 3; return finding(doctor.OK) }},
		{Name: "one", Look: func(context.Context) []doctor.Finding { meet <- struct{}{}; return finding(doctor.OK) }},
		{Name: "two", Look: func(context.Context) []doctor.Finding { <-meet; return finding(doctor.Warning) }},
		{Name: "hangs", Look: func(context.Context) []doctor.Finding { select {} }},
		{Name: "panics", Look: func(context.Context) []doctor.Finding { panic("secret") }},
		{Name: "waits", Look: func(ctx context.Context) []doctor.Finding { <-ctx.Done(); return finding(doctor.OK) }},
	}
	got := doctor.Run(t.Context(), checks, 300*time.Millisecond, func(n int) { both = min(n, 3) })
	var names []string
	for _, f := range got {
		names = append(names, f.Check+" "+string(f.Status))
		if strings.Contains(f.Found, "secret") {
			t.Errorf("finding %q repeats what a check panicked with", f.Found)
		}
	}
	want := []string{"late ok", "one ok", "two warning", "hangs fault", "panics fault", "waits ok"}
	if !slices.Equal(names, want) {
		t.Errorf("Run() = %q, want %q", names, want)
	}
	if !sawBoth {
		t.Error("the last check did not wait for the others")
	}
}

func TestWorst(t *testing.T) {
	for _, tt := range []struct {
		name string
		list []doctor.Status
		want doctor.Status
	}{
		{"nothing was looked at", nil, doctor.Fault},
		{"fine", []doctor.Status{doctor.OK, doctor.OK}, doctor.OK},
		{"a warning first", []doctor.Status{doctor.Warning, doctor.OK}, doctor.Warning},
		{"a warning last", []doctor.Status{doctor.OK, doctor.Warning}, doctor.Warning},
		{"a fault between", []doctor.Status{doctor.OK, doctor.Fault, doctor.Warning}, doctor.Fault},
		{"no status", []doctor.Status{doctor.OK, ""}, doctor.Fault},
	} {
		var list []doctor.Finding
		for _, s := range tt.list {
			list = append(list, finding(s)...)
		}
		if got := doctor.Worst(list); got != tt.want {
			t.Errorf("%s: Worst() = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestReport: both forms hold each finding with its mend, and what a server said
// cannot steer the terminal.
func TestReport(t *testing.T) {
	r := doctor.NewReport([]doctor.Finding{
		{Check: "one", Status: doctor.OK, Found: "all is well"},
		{Check: "two", Status: doctor.Fault, Found: "evil \x1b[2J\u009b" + strings.Repeat("long ", 60), Mend: "do this"},
	}, time.Unix(0, 0))
	var text, doc bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.JSON(&doc); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ok ", "fault ", "mend: do this", "1 fault, 0 warnings, 1 fine"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("text has no %q:\n%s", want, &text)
		}
	}
	if strings.ContainsAny(text.String(), "\x1b\u009b") {
		t.Errorf("text holds control characters: %q", &text)
	}
	for line := range strings.Lines(text.String()) {
		if n := len([]rune(line)); n > 112 {
			t.Errorf("a line of %d characters", n)
		}
	}
	var back struct {
		Status   string
		At       time.Time
		Findings []map[string]string
	}
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Status != "fault" || len(back.Findings) != 2 || back.Findings[1]["mend"] != "do this" || back.Findings[0]["check"] != "one" {
		t.Errorf("JSON = %s", &doc)
	}
}
