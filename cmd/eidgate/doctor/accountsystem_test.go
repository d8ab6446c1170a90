package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
