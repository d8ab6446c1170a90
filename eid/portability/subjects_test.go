package portability_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/portability"
)

// shelf is a store of old subjects in memory.
type shelf struct {
	rows    map[string]string // subject → person
	entries []eid.AuditEntry
}

func (s *shelf) AddOldSubjects(_ context.Context, _, _ string, rows []eid.OldSubject, dry bool) ([]eid.OldSubjectFate, error) {
	fates := make([]eid.OldSubjectFate, len(rows))
	for i, r := range rows {
		switch person, ok := s.rows[r.Subject]; {
		case r.Subject == "issued":
			fates[i] = eid.OldSubjectIssued
		case ok && person == r.Person:
			fates[i] = eid.OldSubjectThere
		case ok:
			fates[i] = eid.OldSubjectOthers
		default:
			fates[i] = eid.OldSubjectAdded
			if !dry {
				s.rows[r.Subject] = r.Person
			}
		}
	}
	return fates, nil
}

func (s *shelf) TakeOldSubjects(context.Context, string, string, int) (int, string, error) {
	return 0, "", nil
}

func (s *shelf) Record(_ context.Context, entries ...eid.AuditEntry) error {
	s.entries = append(s.entries, entries...)
	return nil
}

func importSubjects(t *testing.T, s *shelf, text string, dry bool) (portability.SubjectResult, string) {
	t.Helper()
	file := portability.File{
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Faults: filepath.Join(t.TempDir(), "faults.csv"),
	}
	ahead := time.Duration(0)
	got, err := portability.ImportSubjects(t.Context(), s, file, portability.SubjectOptions{
		Sector: "portal", Source: "old", Logins: true, Actor: "operator:test", DryRun: dry,
		Now: func() time.Time { ahead += time.Minute; return time.Unix(0, 0).Add(ahead) },
	})
	if err != nil {
		t.Fatalf("ImportSubjects(): %v", err)
	}
	if got.FaultsFile == "" {
		return got, ""
	}
	raw, err := os.ReadFile(got.FaultsFile)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(raw)
}

// Numbers are synthetic.
const subjectsFile = "\xef\xbb\xbfsource_subject;subject;note\r\n" +
	"an.nguyen;a-1;x\r\n" +
	"binh;b-1;x\r\n" +
	"an.nguyen;a-1;x\r\n" + // the same twice
	"chi;c-1;x\r\ndung;c-1;x\r\n" + // nobody knows whose
	"em;001088000001;x\r\n" + // a number
	"e\u0301m;001088000001;x\r\n" +
	";f-1;x\r\n" +
	"giang;issued;x\r\n" +
	"h\u00e2n;h-\uff11;x\r\n" + // a digit of full width
	"kh\u200boa;k-1;x\r\n" + // not seen
	"lan;'-l-1;x\r\n" + // protected from spreadsheets
	"minh;m-1\r\n"

func TestImportSubjects(t *testing.T) {
	s := &shelf{rows: map[string]string{}}
	dry, _ := importSubjects(t, s, subjectsFile, true)
	if len(s.rows) != 0 || len(s.entries) != 0 {
		t.Errorf("a dry run wrote %v and %v", s.rows, s.entries)
	}
	got, faults := importSubjects(t, s, subjectsFile, false)
	want := portability.SubjectCounts{Rows: 13, Added: 3, There: 1, Faults: 9}
	if got.SubjectCounts != want {
		t.Errorf("counts = %+v, want %+v", got.SubjectCounts, want)
	}
	if dry.Faults != want.Faults || dry.Rows != want.Rows {
		t.Errorf("foretold %+v, was %+v", dry.SubjectCounts, want)
	}
	if len(s.rows) != 3 || s.rows["a-1"] != "an.nguyen" || s.rows["-l-1"] != "lan" {
		t.Errorf("rows = %v", s.rows)
	}
	for _, fault := range []string{"for other people", "shaped like a personal", "source_subject is missing", "carry", "ASCII", "not seen", "another number of columns"} {
		if !strings.Contains(faults, fault) {
			t.Errorf("no fault says %q:\n%s", fault, faults)
		}
	}
	if strings.Contains(faults, "an.nguyen") {
		t.Error("a right row is among the faults")
	}
	if len(s.entries) != 2 || !strings.Contains(string(s.entries[1].Detail), `"added":3`) || strings.Contains(string(s.entries[1].Detail), "a-1") {
		t.Errorf("audit = %s", s.entries)
	}
	again, _ := importSubjects(t, s, subjectsFile, false)
	if again.Added != 0 || again.There != 4 {
		t.Errorf("the same again: %+v", again.SubjectCounts)
	}
	// What was corrected is fed back as it is.
	fixed, _ := importSubjects(t, s, strings.Replace(faults, "001088000001", "e-1", 1), false)
	if fixed.Added != 1 || s.rows["e-1"] == "" {
		t.Errorf("corrected: %+v", fixed.SubjectCounts)
	}
}

func TestImportSubjectsRefusesFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no rows": "source_subject,subject\n", "of accounts": "login,name\na,b\n", "without a header": "a,b\nc,d\n",
		"twice the same column": "source_subject,login,subject\na,b,c\n", "UTF-16 without a mark": "s\x00o\x00",
	} {
		s := &shelf{rows: map[string]string{}}
		file := portability.File{Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }, Faults: filepath.Join(t.TempDir(), "f.csv")}
		_, err := portability.ImportSubjects(t.Context(), s, file, portability.SubjectOptions{Sector: "s", Source: "o", Actor: "a", Now: time.Now})
		if err == nil || len(s.rows) != 0 || len(s.entries) != 0 {
			t.Errorf("%s: error %v, %d rows, %d entries; want a refusal of the whole", name, err, len(s.rows), len(s.entries))
		}
	}
}
