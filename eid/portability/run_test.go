package portability_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/portability"
)

// imports imports a text and gives how it ended.
func (w *world) imports(t *testing.T, text string) portability.Result {
	t.Helper()
	return w.importsAs(t, text, w.options())
}

func (w *world) importsAs(t *testing.T, text string, o portability.Options) portability.Result {
	t.Helper()
	got, err := portability.Run(t.Context(), w.importer(), w.file(t, text), o)
	if err != nil {
		t.Fatalf("Run(): %v", err)
	}
	return got
}

func (w *world) stored(t *testing.T, login string) accounts.Imported {
	t.Helper()
	got, err := w.db.Imported(t.Context(), source, login)
	if err != nil {
		t.Fatalf("Imported(%s): %v", login, err)
	}
	return got
}

// counts are those of an import, without what only the file of faults is about.
func counts(r portability.Result) accounts.ImportCounts {
	c := r.Import.Counts
	c.FaultsSize = 0
	return c
}

// audited counts the rows of the audit of an action.
func (w *world) audited(t *testing.T) int {
	t.Helper()
	imports, err := w.db.Imports(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return len(imports)
}

func TestImportMatches(t *testing.T) {
	w := newWorld(t)
	w.account(t, "001190000001", "Nguyễn Văn An", "1990-02-01")
	got := w.imports(t, "login,number,name,birth_date,subject\n"+
		"same,001190000001,NGUYỄN VĂN AN,01/02/1990,s-1\n"+
		"none,,Lê Một,,\n"+
		"new,001190000003,Lê Hai,1990,s-3\n")
	want := accounts.ImportCounts{New: 3, Agrees: 1, Unknown: 1, NoNumber: 1}
	if counts(got) != want || got.Faults != "" {
		t.Errorf("Run() = %+v, faults in %q, want %+v", counts(got), got.Faults, want)
	}
	i := w.stored(t, "same")
	if i.State != eid.ImportedWaiting || i.Match != eid.MatchAgrees || i.Account != "" || i.Old.Name != "NGUYỄN VĂN AN" || i.Old.Subject != "s-1" {
		t.Errorf("Imported() = %v %v %q %q, want one that waits, links nobody and says what the portal said", i.State, i.Match, i.Account, i.Old.Name)
	}
	for _, tt := range []struct{ name, born, accent string }{
		{"Nguyễn Văn Bình", "01/02/1990", "another name"}, {"Nguyên Văn An", "01/02/1990", "accents"},
		{"Nguyễn Văn An", "02/02/1990", "another day"}, {"Nguyễn Văn An", "1990", "a year alone"},
	} {
		w := newWorld(t)
		w.account(t, "001190000001", "Nguyễn Văn An", "1990-02-01")
		w.imports(t, "login,number,name,birth_date\na,001190000001,"+tt.name+","+tt.born+"\n")
		if got := w.stored(t, "a").Match; got != eid.MatchDiffers {
			t.Errorf("match of %s = %s, want %s", tt.accent, got, eid.MatchDiffers)
		}
	}
	w.imports(t, "login,number\nnumber-alone,001190000001\n")
	if got := w.stored(t, "number-alone").Match; got != eid.MatchAgrees {
		t.Errorf("match of a number alone = %s, want %s: nothing gainsays it", got, eid.MatchAgrees)
	}
}

// TestSameFileAgain: nothing changes, a corrected row changes what waits, a missing one
// removes nothing, and a column that is not there says nothing.
func TestSameFileAgain(t *testing.T) {
	w := newWorld(t)
	const head = "login,name,email,password_hash,subject\n"
	const first = head + "a,Lê Một,a@example.test,$2a,s-a\nb,Lê Hai,b@example.test,$2b,s-b\n"
	w.imports(t, first)
	before := w.stored(t, "a")
	if got, want := counts(w.imports(t, first)), (accounts.ImportCounts{Unchanged: 2}); got != want {
		t.Errorf("the same again = %+v, want %+v", got, want)
	}
	if again := w.stored(t, "a"); again.UpdatedAt != before.UpdatedAt {
		t.Errorf("the same again changed the row at %v", again.UpdatedAt)
	}
	if got, want := counts(w.imports(t, head+"a,Lê Mốt,a@example.test,$2a,s-a2\n")), (accounts.ImportCounts{Changed: 1, NoNumber: 1}); got != want {
		t.Errorf("a corrected row = %+v, want %+v", got, want)
	}
	if got := w.stored(t, "a").Old; got.Name != "Lê Mốt" || got.Subject != "s-a2" {
		t.Errorf("corrected = %q %q, want the new name and subject", got.Name, got.Subject)
	}
	if got := w.stored(t, "b").Old.Name; got != "Lê Hai" {
		t.Errorf("the row that is not in the file = %q, want it as it was", got)
	}
	if got, want := counts(w.imports(t, "login,name\na,Lê Ba\nb,Lê Hai\n")), (accounts.ImportCounts{Changed: 1, Unchanged: 1, NoNumber: 1}); got != want {
		t.Errorf("a file of fewer columns = %+v, want %+v", got, want)
	}
	if got := w.stored(t, "a").Old; got.Name != "Lê Ba" || got.Email != "a@example.test" || got.Password.Reveal() != "$2a" || got.Subject != "s-a2" {
		t.Errorf("after a file of fewer columns = %q %q %q, want all else kept", got.Name, got.Email, got.Subject)
	}
	// The subject that was given up is free for another.
	if got := w.imports(t, head+"c,Lê Tư,,,s-a\n"); got.Import.Counts.New != 1 {
		t.Errorf("another with the subject that was given up = %+v, want it imported", counts(got))
	}
	if got := w.imports(t, head+"d,Lê Năm,,,s-b\ne,Lê Sáu,,,s-e\nf,Lê Bảy,,,s-e\n"); got.Import.Counts.New != 1 || got.Import.Counts.Faults != 2 {
		t.Errorf("subjects of others = %+v, want one new and two faults", counts(got))
	}
}

// TestReplacedPassword: a hash of ours that took the place of the portal's stays when
// the file comes again, and gives way to a newer one of the portal.
func TestReplacedPassword(t *testing.T) {
	w := newWorld(t)
	const head = "login,name,password_hash\n"
	w.imports(t, head+"a,Lê Một,$2old\n")
	if err := w.db.ReplaceImportedPassword(t.Context(), source, "a", "$2wrong", "never"); err != nil {
		t.Fatal(err)
	}
	if err := w.db.ReplaceImportedPassword(t.Context(), source, "a", "$2old", "$argon2id$ours"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, want string }{
		{head + "a,Lê Một,$2old\n", "$argon2id$ours"},
		{head + "a,Lê Mốt,$2old\n", "$argon2id$ours"},
		{"login,name\na,Lê Hai\n", "$argon2id$ours"},
		{head + "a,Lê Hai,$2old\n", "$argon2id$ours"},
		{head + "a,Lê Hai,$2new\n", "$2new"},
	} {
		w.imports(t, tt.text)
		if got := w.stored(t, "a").Old.Password.Reveal(); got != tt.want {
			t.Errorf("hash after %q = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestContradictions: of rows that contradict each other none is taken for the right one.
func TestContradictions(t *testing.T) {
	w := newWorld(t)
	const head = "login,number,name\n"
	got := w.imports(t, head+"dup,,Lê Một\nsame,,Lê Ba\ndup,,Lê Hai\nsame,,Lê Ba\n x,001190000001,Lê Tư\ny,001190000001,Lê Tư\n")
	want := accounts.ImportCounts{New: 3, Duplicates: 1, Faults: 2, Contested: 2, NoNumber: 1, Unknown: 2}
	if counts(got) != want {
		t.Errorf("Run() = %+v, want %+v", counts(got), want)
	}
	if _, err := w.db.Imported(t.Context(), source, "dup"); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Imported() of a login name that two rows state = %v, want none", err)
	}
	for _, login := range []string{"x", "y"} {
		if got := w.stored(t, login).State; got != eid.ImportedContested {
			t.Errorf("state of %s = %s, want %s: two accounts state one number", login, got, eid.ImportedContested)
		}
	}
	// What an officer looks at is not changed by a file, and one more joins it.
	got = w.imports(t, head+"x,001190000002,Lê Tư\nz,001190000001,Lê Tư\n")
	if c := got.Import.Counts; c.Faults != 1 || c.New != 1 || c.Contested != 1 {
		t.Errorf("a file about contested accounts = %+v, want a fault and one more contested", c)
	}
	// The other portal's accounts are others.
	o := w.options()
	o.Place.Source = "elsewhere"
	if got := w.importsAs(t, head+"q,001190000001,Lê Tư\n", o); got.Import.Counts.Contested != 0 {
		t.Errorf("contested at another source = %+v, want none", counts(got))
	}
}

// TestLinkedBefore: whom an operator linked before the file came is verified.
func TestLinkedBefore(t *testing.T) {
	w := newWorld(t)
	id := w.account(t, "001190000001", "Nguyễn Văn An", "1990-02-01")
	link := eid.Link{Account: id, Source: source, Cap: eid.Level1}
	if _, err := accounts.New(w.db, time.Now).Link(t.Context(), link, "an", "papers", "operator:test"); err != nil {
		t.Fatal(err)
	}
	w.imports(t, "login,name\nan,Nguyễn Văn An\nbinh,Lê Một\n")
	if i := w.stored(t, "an"); i.State != eid.ImportedVerified || i.Account != id || i.VerifiedAt.IsZero() {
		t.Errorf("Imported() = %s for %q, want %s for %q", i.State, i.Account, eid.ImportedVerified, id)
	}
	got := w.imports(t, "login,name\nan,Nguyễn Văn Bình\nbinh,Lê Hai\n")
	if c := got.Import.Counts; c.Faults != 1 || c.Changed != 1 || w.stored(t, "an").Old.Name != "Nguyễn Văn An" {
		t.Errorf("a row about a verified account = %+v, want a fault, and nothing changed", c)
	}
}

// TestFaultsComeBack: a file of faults is private, is corrected, and imported as it is.
func TestFaultsComeBack(t *testing.T) {
	w := newWorld(t)
	got := w.imports(t, "note;login;cccd;họ tên\n=1+1;an;1190000001;Nguyễn Văn An\n;binh;;Lê Hai\n")
	if got.Import.Counts.Faults != 1 || len(got.Ignored) != 1 || got.Ignored[0] != "note" {
		t.Fatalf("Run() = %+v, ignored %q, want a fault and a column that is ignored", counts(got), got.Ignored)
	}
	info, err := os.Stat(got.Faults)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("file of faults %v, %v, want mode 0600", info, err)
	}
	raw, err := os.ReadFile(got.Faults)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(raw), "\xef\xbb\xbf")))
	r.Comma = ';'
	lines, err := r.ReadAll()
	if err != nil || len(lines) != 2 || lines[1][0] != "2" || !strings.Contains(lines[1][1], "zeros in front") || lines[1][2] != "'=1+1" {
		t.Fatalf("file of faults = %q, %v, want row 2 with its mend, and no formula", lines, err)
	}
	again := w.imports(t, strings.Replace(string(raw), "1190000001", "001190000001", 1))
	if c := again.Import.Counts; c.New != 1 || c.Faults != 0 || w.stored(t, "an").Old.Number.Reveal() != "001190000001" {
		t.Errorf("the corrected file = %+v, want it imported", c)
	}
	// What its owner may be correcting is never written over.
	if err := os.WriteFile(got.Faults, []byte("being corrected"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := w.imports(t, "login,cccd\nx,1\n")
	kept, err := os.ReadFile(got.Faults)
	if err != nil || string(kept) != "being corrected" || second.Faults == got.Faults || second.Faults == "" {
		t.Errorf("file of faults %q holds %q, %v, the new one is %q", got.Faults, kept, err, second.Faults)
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.DryRun = true
	const text = "login,number\nan,001190000001\nbinh,12\n"
	got := w.importsAs(t, text, o)
	if c := got.Import.Counts; c.New != 1 || c.Faults != 1 || c.Unknown != 1 || got.Faults == "" {
		t.Errorf("Run() = %+v, faults in %q, want one new and one fault", c, got.Faults)
	}
	if _, err := w.db.Imported(t.Context(), source, "an"); !errors.Is(err, eid.ErrNotFound) || w.audited(t) != 0 {
		t.Errorf("a dry run wrote: %v, %d imports", err, w.audited(t))
	}
	if done := w.imports(t, text); counts(done) != counts(got) || done.Faults != got.Faults {
		t.Errorf("Run() = %+v, faults in %s, want what the dry run said: %+v", counts(done), done.Faults, counts(got))
	}
}

// TestResume breaks an import off after each of its batches: the next run goes on, and
// in the end it is as if nothing had happened, the file of faults included.
func TestResume(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	synthetic(&text, 0, 400)
	text.WriteString("wrong,12,,,,,,\n")
	synthetic(&text, 400, 400)
	text.WriteString("wrong too,12,,,,,,\n")
	synthetic(&text, 0, 100) // duplicates
	whole := newWorld(t)
	want := whole.imports(t, text.String())
	wantFaults, err := os.ReadFile(want.Faults)
	if err != nil || want.Import.Counts.Faults < 2 {
		t.Fatalf("file of faults: %v, %+v", err, counts(want))
	}
	for _, loses := range []bool{false, true} {
		w, runs := newWorld(t), 0
		file := w.file(t, text.String())
		var got portability.Result
		for ; ; runs++ {
			ctx, stop := context.WithCancel(t.Context())
			o, batches := w.options(), 0
			o.Full = false // small batches
			o.Report = func(portability.Progress) {
				if batches++; batches == 2 {
					stop()
				}
			}
			got, err = portability.Run(ctx, w.importer(), file, o)
			stop()
			if err == nil || runs > 20 {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("Run() = %v, want it broken off", err)
			}
			// What the file of faults holds beyond what was noted is cut off.
			part, err := os.OpenFile(file.Faults+".part", os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, _ = part.WriteString("half a li")
				_ = part.Close()
			}
			if loses && runs == 1 {
				_ = os.Remove(file.Faults + ".part")
			}
		}
		if err != nil || runs < 2 {
			t.Fatalf("Run() = %v after %d runs, want it to end", err, runs)
		}
		gotFaults, err := os.ReadFile(got.Faults)
		if err != nil || string(gotFaults) != string(wantFaults) {
			t.Errorf("file of faults after %d runs = %v, %q\nwant %q", runs, err, gotFaults, wantFaults)
		}
		c := counts(got)
		if loses { // all was read again
			c.New, c.Unknown, c.Unchanged = c.New+c.Unchanged, c.Unknown+c.Unchanged, 0
		}
		if c != counts(want) || got.Import.Rows != want.Import.Rows {
			t.Errorf("Run() = %+v of %d rows, want %+v of %d", c, got.Import.Rows, counts(want), want.Import.Rows)
		}
	}
}

// TestTwoAtOnce: of two processes that import one file one goes on.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	var text strings.Builder
	text.WriteString(header)
	synthetic(&text, 0, 500)
	file := w.file(t, text.String())
	other := accounts.Import{}
	o := w.options()
	o.Full = false // small batches
	o.Report = func(portability.Progress) {
		if other.ID != "" {
			return
		}
		digestOf, err := w.db.Imports(t.Context(), source)
		if err != nil || len(digestOf) != 1 {
			t.Errorf("Imports() = %d, %v", len(digestOf), err)
			return
		}
		if other, err = w.importer().Begin(t.Context(), digestOf[0], source, digestOf[0].Digest, false, "operator:other"); err != nil {
			t.Errorf("Begin(): %v", err)
		}
	}
	if _, err := portability.Run(t.Context(), w.importer(), file, o); !errors.Is(err, accounts.ErrImportElsewhere) {
		t.Errorf("Run() = %v, want ErrImportElsewhere", err)
	}
}

// TestStale: a row that somebody else writes meanwhile is looked at again.
func TestStale(t *testing.T) {
	w := newWorld(t)
	at := accounts.Place{Source: source, Sector: sector}
	p := w.importer()
	i, err := p.Begin(t.Context(), accounts.Import{}, source, [32]byte{1}, false, "operator:test")
	if err != nil {
		t.Fatal(err)
	}
	row := func(name string) []accounts.OldAccount {
		return []accounts.OldAccount{{Login: "a", Name: name, Subject: "s"}}
	}
	one, err := p.Stage(t.Context(), at, row("Lê Một"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.imports(t, "login,name,subject\na,Lê Hai,s\n")
	after := i
	after.Rows = 1
	if _, err := p.Write(t.Context(), at, i, &after, one); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("Write() of a row that is there meanwhile = %v, want ErrStale", err)
	}
	two, err := p.Stage(t.Context(), at, row("Lê Ba"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.db.ReplaceImportedPassword(t.Context(), source, "a", "", "new"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(t.Context(), at, i, &after, two); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("Write() of a row whose password changed meanwhile = %v, want ErrStale", err)
	}
	if got := w.stored(t, "a").Old; got.Name != "Lê Hai" || got.Password.Reveal() != "new" {
		t.Errorf("Imported() = %q, want what was written meanwhile", got.Name)
	}
}

// TestSealedAtRest: nothing that a portal says lies in the files in the clear.
func TestSealedAtRest(t *testing.T) {
	w := newWorld(t)
	secrets := []string{"dang-nhap-an", "001190000001", "Nguyễn Văn An", "0901234567", "an@example.test", "$2hash"}
	w.imports(t, "login,number,name,phone,email,password_hash\n"+strings.Join(secrets, ",")+"\n")
	if got := w.stored(t, secrets[0]).Old; got.Phone != secrets[3] || fmt.Sprintf("%v %+v %#v %d", got, got, &got, got) != strings.TrimSpace(strings.Repeat("[old account] ", 4)) {
		t.Errorf("Imported() prints as %v %d", got, got)
	}
	for _, file := range []string{w.path, w.path + "-wal"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %q in the clear", filepath.Base(file), secret)
			}
		}
	}
}
