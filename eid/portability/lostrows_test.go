package portability_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/portability"
)

// TestQuoteNotClosed: a quote that is not closed swallows rows until the next one. Each
// of them stands in the file of faults, with what it holds, and none is lost.
func TestQuoteNotClosed(t *testing.T) {
	w := newWorld(t)
	got := w.imports(t, "login,name,email\n"+
		"an,\"Lê An,an@example.test\n"+
		"binh,Lê Bình,binh@example.test\n"+
		"chi,Lê Chi,chi@example.test\n"+
		"dung,\"Lê Dung\",dung@example.test\n"+
		"em,Lê Em,em@example.test\n")
	if c := got.Import.Counts; c.New != 1 || c.Faults != 4 || got.Import.Rows != 5 {
		t.Errorf("Run() = %+v of %d rows, want 1 new, 4 faults, 5 rows", c, got.Import.Rows)
	}
	raw, err := os.ReadFile(got.Faults)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"an", "binh", "chi", "dung"} {
		if !strings.Contains(string(raw), ","+login+",") {
			t.Errorf("file of faults lacks %s: %q", login, raw)
		}
	}
	// As it is, only the row with the quote is wrong again.
	again := w.imports(t, string(raw))
	if c := again.Import.Counts; c.New != 3 || c.Faults != 1 {
		t.Errorf("the file of faults uncorrected = %+v, want 3 new and the fault again", c)
	}
	if i := w.stored(t, "dung"); i.Old.Name != "Lê Dung" {
		t.Errorf("name = %q, want Lê Dung", i.Old.Name)
	}
}

// TestFaultsUncorrected: a row that has too many fields, or too few, is wrong again in
// the file of faults until somebody mends it.
func TestFaultsUncorrected(t *testing.T) {
	w := newWorld(t)
	got := w.imports(t, "login,email,name\nan,,Lê,An\nbinh\n")
	raw, err := os.ReadFile(got.Faults)
	if err != nil {
		t.Fatal(err)
	}
	again := w.imports(t, string(raw))
	if c := again.Import.Counts; c.New != 0 || c.Faults != 2 || !strings.Contains(string(raw), "Lê,An") {
		t.Errorf("the file of faults %q uncorrected = %+v, want both faults again", raw, c)
	}
}

// TestFileReplaced: a file that became another one while it was read is not put on
// record as imported.
func TestFileReplaced(t *testing.T) {
	w := newWorld(t)
	const first, second = "login,name\nan,Lê An\n", "login,name\nan,Lê Bình\n"
	opened := 0
	file := w.file(t, first)
	file.Open = func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return io.NopCloser(strings.NewReader(second)), nil
		}
		return io.NopCloser(strings.NewReader(first)), nil
	}
	if _, err := portability.Run(t.Context(), w.importer(), file, w.options()); !errors.Is(err, portability.ErrFile) {
		t.Errorf("Run() = %v, want ErrFile: another file was imported than its digest says", err)
	}
	list, err := w.db.Imports(t.Context(), source)
	if err != nil || len(list) != 1 || !list[0].FinishedAt.IsZero() {
		t.Errorf("Imports() = %+v, %v, want one that is not finished", list, err)
	}
	// The first file is read from its beginning.
	if got := w.imports(t, first); got.Resumed != 0 || w.stored(t, "an").Old.Name != "Lê An" {
		t.Errorf("Run() = %+v, want all of the file as it is", got)
	}
}

// TestLinkedBeforeTakesSubject: who was linked before the file came has its old subject
// from then on, as one who comes later has.
func TestLinkedBeforeTakesSubject(t *testing.T) {
	w := newWorld(t)
	id := w.account(t, "001190000001", "Nguyễn Văn An", "1990-02-01")
	link := eid.Link{Account: id, Source: source, Cap: eid.Level1}
	if _, err := accounts.New(w.db, time.Now).Link(t.Context(), link, "an", "papers", "operator:test"); err != nil {
		t.Fatal(err)
	}
	w.imports(t, "login,subject\nan,old-an\nbinh,old-binh\n")
	counts, err := w.db.OldSubjects(t.Context())
	if err != nil || len(counts) != 1 || counts[0].Subjects != 2 || counts[0].Taken != 1 {
		t.Errorf("OldSubjects() = %+v, %v, want 2 of which 1 is taken", counts, err)
	}
}

// TestFullPace: without others nothing makes batches smaller than they may be.
func TestFullPace(t *testing.T) {
	w := newWorld(t)
	var text strings.Builder
	text.WriteString(header)
	synthetic(&text, 0, 3000)
	o, batches := w.options(), 0
	o.Report = func(portability.Progress) { batches++ }
	w.importsAs(t, text.String(), o)
	if batches > 3 {
		t.Errorf("%d batches, want 3 of the most that is written together", batches)
	}
}
