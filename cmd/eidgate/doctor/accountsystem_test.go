package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/cmd/eidgate/doctor"
	"eidgate/eid"
)

// wants checks one finding: its status, a word of it, and that what is not well has a mend.
func wants(t *testing.T, name string, f doctor.Finding, status doctor.Status, word string) {
	t.Helper()
	if f.Status != status || !strings.Contains(f.Found, word) || (f.Mend == "") != (status == doctor.OK) {
		t.Errorf("%s: %+v, want %s with %q", name, f, status, word)
	}
}

func TestRuleSets(t *testing.T) {
	at := func(day string) time.Time {
		now, err := time.ParseInLocation(time.DateOnly, day, eid.LawTime())
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	got := doctor.RuleSets("", at("2025-06-01"))
	if len(got) != 2 {
		t.Fatalf("RuleSets() = %+v, want two findings", got)
	}
	wants(t, "in the midst of holidays that are listed", got[0], doctor.OK, "decree-69-2024")
	wants(t, "nor do they end soon", got[1], doctor.OK, "its holidays are listed to")
	got = doctor.RuleSets("", at("2040-01-01"))
	if len(got) != 2 {
		t.Fatalf("RuleSets() = %+v, want two findings", got)
	}
	wants(t, "after the last of them", got[1], doctor.Warning, "every later one")
	wants(t, "before the law", doctor.RuleSets("", at("2020-01-01"))[0], doctor.Fault, "no rules are in force")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "half.json"), []byte(`{"id":"half"`), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, "a file that is half written", doctor.RuleSets(dir, at("2025-06-01"))[0], doctor.Fault, "half.json")
}

func TestReach(t *testing.T) {
	for _, tt := range []struct {
		sms, email bool
		want       doctor.Status
		word       string
	}{
		{false, false, doctor.Warning, "nobody new reaches an account"},
		{true, false, doctor.OK, "by SMS alone"},
		{false, true, doctor.OK, "by e-mail alone"},
		{true, true, doctor.OK, "by SMS and by e-mail"},
	} {
		got := doctor.Reach(tt.sms, tt.email)
		if len(got) != 1 {
			t.Fatalf("Reach(%v, %v) = %+v, want one finding", tt.sms, tt.email, got)
		}
		wants(t, "channels", got[0], tt.want, tt.word)
	}
}

func TestPasskeysOfIssuers(t *testing.T) {
	for _, tt := range []struct {
		issuer  string
		carries eid.Level
		want    doctor.Status
		word    string
	}{
		{"https://dangnhap.example.vn", eid.Level2, doctor.OK, "dangnhap.example.vn"},
		{"http://localhost:8400", eid.Level2, doctor.OK, "localhost"},
		{"https://203.0.113.7", eid.Level2, doctor.Warning, "IP address"},
		{"http://127.0.0.1:8400", eid.Level1, doctor.Warning, "IP address"},
		{"https://203.0.113.7", eid.LevelNone, doctor.OK, "switched off"},
	} {
		wants(t, tt.issuer, doctor.Passkeys(tt.issuer, tt.carries)[0], tt.want, tt.word)
	}
}

func TestRegistry(t *testing.T) {
	status := http.StatusMethodNotAllowed
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead || r.Header.Get("Authorization") != "Bearer token-of-a-test" {
			t.Errorf("asked with %s and %d headers, want HEAD and the token", r.Method, len(r.Header))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	r := doctor.Registry{Key: "registries.citizen_card", URL: server.URL, Token: eid.NewSecret("token-of-a-test"), HTTP: server.Client()}
	for code, want := range map[int]doctor.Status{
		http.StatusMethodNotAllowed: doctor.OK, http.StatusNotFound: doctor.OK, http.StatusUnauthorized: doctor.Fault, http.StatusForbidden: doctor.Fault, http.StatusBadGateway: doctor.Warning,
	} {
		status = code
		wants(t, http.StatusText(code), r.Look(t.Context())[0], want, "answers")
	}
	server.Close()
	wants(t, "away", r.Look(t.Context())[0], doctor.Fault, "cannot be reached")
	wants(t, "none", doctor.Registry{Without: "nobody registers"}.Look(t.Context())[0], doctor.OK, "none is named: nobody registers")
	wants(t, "invented", doctor.Registry{Invented: true}.Look(t.Context())[0], doctor.OK, "invented")
	wants(t, "invented, for all", doctor.Registry{Invented: true, Public: true}.Look(t.Context())[0], doctor.Warning, "invented")
}
