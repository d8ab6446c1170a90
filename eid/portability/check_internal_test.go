package portability

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// now is the time of these tests.
func now() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

func checkHash(hash string) error {
	if !strings.HasPrefix(hash, "$2") {
		return errors.New("unknown")
	}
	return nil
}

// TestRow holds single rows against what is wrong with them: number, names, dates and
// the rest as spreadsheets, keyboards, fonts of before and strangers give them.
func TestRow(t *testing.T) {
	for _, tt := range []struct {
		name, column, value string
		fault               string // empty: the row is right
		want                string // what is read then; empty: the value
	}{
		{"number", "number", "001190000001", "", ""},
		{"spaced number", "number", "001 190 000 001", "", "001190000001"},
		{"dotted number", "number", "001.190.000.001", "", "001190000001"},
		{"protected number", "number", "'001190000001", "", "001190000001"},
		{"lost zero", "number", "1190000001", "10 or 11 digits", ""},
		{"one lost zero", "number", "11900000011", "10 or 11 digits", ""},
		{"scientific", "number", "1.23E+11", "shortened by a spreadsheet", ""},
		{"scientific with comma", "number", "1,23E+11", "shortened by a spreadsheet", ""},
		{"decimals", "number", "001190000001.0", "decimals", ""},
		{"decimals with comma", "number", "79190000001,00", "decimals", ""},
		{"full-width digits", "number", "００１１９００００００１", "another script", ""},
		{"Arabic digits", "number", "٠٠١١٩٠٠٠٠٠٠١", "another script", ""},
		{"card of before", "number", "012345678", "9 digits", ""},
		{"13 digits", "number", "0011900000012", "12 digits", ""},
		{"impossible century", "number", "001990000001", "century", ""},
		{"placeholder", "number", "000000000000", "placeholder", ""},
		{"letters in number", "number", "OO1190000001", "not digits", ""},
		{"NUL in number", "number", "001190000001\x00", "control characters", ""},

		{"name", "name", "Nguyễn Thị Thử", "", ""},
		{"one word", "name", "Y", "", ""},
		{"NFD name", "name", norm.NFD.String("Nguyễn Thị Thử"), "", "Nguyễn Thị Thử"},
		{"spaces within", "name", " Nguyễn   Thị\u00a0Thử ", "", "Nguyễn Thị Thử"},
		{"Icelandic Đ", "name", "Ðặng Văn Ðức", "", "Đặng Văn Đức"},
		{"Ewe Đ", "name", "Ɖặng Văn ɖức", "", "Đặng Văn đức"},
		{"apostrophe", "name", "H'Hen Niê", "", ""},
		{"Ede letters", "name", "Y Blăm Niê Kđăm", "", ""},
		{"Cyrillic а", "name", "Nguyễn Vаn An", "another alphabet", ""},
		{"Greek Ο", "name", "Οanh", "another alphabet", ""},
		{"TCVN3", "name", "NguyÔn V¨n C\u00adêng", "TCVN3", ""},
		{"TCVN3 by case", "name", "TrÇn ThÞ", "TCVN3", ""},
		{"VNI", "name", "Nguyeãn Vaên", "VNI", ""},
		{"VNI tones", "name", "Leâ Thò Haøo", "VNI", ""},
		{"Windows-1252", "name", "Nguyá»…n VÄƒn", "read as Windows-1252", ""},
		{"lost letters", "name", "Nguy?n V?n An", "question marks", ""},
		{"replacement", "name", "Nguy\ufffdn", "letters that were lost", ""},
		{"not UTF-8", "name", "Nguy\xean", "not UTF-8", ""},
		{"formula", "name", "=HYPERLINK(0)", "no name has", ""},
		{"CRLF", "name", "An\r\nBinh", "control characters", ""},
		{"right to left", "name", "An\u202eB", "control characters", ""},
		{"zero width", "name", "An\u200bB", "control characters", ""},
		{"digits", "name", "An 2", "no name has", ""},
		{"too long", "name", strings.Repeat("ễ", 100), "too long", ""},

		{"date", "birth_date", "01/02/1990", "", "1990-02-01"},
		{"date of programs", "birth_date", "1990-02-01", "", ""},
		{"year", "birth_date", "1990", "", ""},
		{"days of a spreadsheet", "birth_date", "32905", "count of days", ""},
		{"short date", "birth_date", "1/2/1990", "no date", ""},
		{"no such day", "birth_date", "30/02/1990", "no date", ""},
		{"ahead", "birth_date", "23/11/2026", "lies ahead", ""},
		{"year ahead", "birth_date", "2027", "lies ahead", ""},
		{"long ago", "birth_date", "1899", "before 1900", ""},

		{"phone", "phone", "0901234567", "", ""},
		{"international phone", "phone", "+84 90-123.4567", "", "0901234567"},
		{"84", "phone", "84901234567", "", "0901234567"},
		{"old mobile", "phone", "01234567890", "", ""},
		{"lost zero of phone", "phone", "901234567", "zero in front", ""},
		{"shortened phone", "phone", "9.01E+08", "shortened by a spreadsheet", ""},
		{"two phones", "phone", "0901234567/0901234568", "not digits", ""},
		{"foreign phone", "phone", "+856201234567", "not digits", ""},

		{"email", "email", "an.nguyen@example.test", "", ""},
		{"header injection", "email", "a@example.test\nBcc: b@example.test", "control characters", ""},
		{"named address", "email", "An <an@example.test>", "no address", ""},
		{"no domain", "email", "an@localhost", "no address", ""},
		{"two at", "email", "a@b@example.test", "no address", ""},
		{"accents in address", "email", "ân@example.test", "no address", ""},

		{"hash", "password_hash", "$2y$10$abc", "", ""},
		{"clear password", "password_hash", "hunter2", "can be verified", ""},
		{"long hash", "password_hash", "$2" + strings.Repeat("a", 511), "can be verified", ""},

		{"subject", "subject", "u-1f", "", ""},
		{"number as subject", "subject", "001190000001", "cannot be kept", ""},
		{"dotted number as subject", "subject", "001.190.000.001", "cannot be kept", ""},
		{"spaced number as subject", "subject", "001 190 000 001", "cannot be kept", ""},
		{"full-width number as subject", "subject", "００１１９００００００１", "cannot be kept", ""},
		{"card of before as subject", "subject", "012345678", "cannot be kept", ""},
		{"passport as subject", "subject", "B1234567", "cannot be kept", ""},

		{"login", "login", "nguyen.an@portal", "", ""},
		{"number as login", "login", "001190000001", "", ""},
		{"NFD login", "login", norm.NFD.String("thử"), "", "thử"},
		{"formula as login", "login", "'=1+1", "", "=1+1"},
		{"no login", "login", " ", "login is missing", ""},
		{"long login", "login", strings.Repeat("a", 201), "too long", ""},
		{"soft hyphen in login", "login", "a\u00adn", "control characters", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := checker{columns: []column{colLogin, columnNames[folded(tt.column)]}, now: now(), checkHash: checkHash}
			fields := []string{"an", tt.value}
			if tt.column == "login" {
				c.columns, fields = c.columns[1:], fields[1:]
			}
			got, faults := c.row(fields)
			if tt.fault != "" {
				if !strings.Contains(faults.String(), tt.fault) {
					t.Errorf("faults = %q, want one with %q", faults, tt.fault)
				}
				if len(tt.value) > 4 && strings.Contains(faults.String(), tt.value) {
					t.Errorf("faults = %q repeat the value", faults)
				}
				return
			}
			values := map[string]string{"login": got.Login, "number": got.Number.Reveal(), "name": got.Name, "birth_date": got.BirthDate,
				"phone": got.Phone, "email": got.Email, "password_hash": got.Password.Reveal(), "subject": got.Subject}
			want := tt.want
			if want == "" {
				want = tt.value
			}
			if len(faults) > 0 || values[tt.column] != want {
				t.Errorf("row = %q, faults %q, want %q", values[tt.column], faults, want)
			}
		})
	}
}

// TestNumberAndBirth: what a number says of a birth is held against the date, and
// nothing is taken from it.
func TestNumberAndBirth(t *testing.T) {
	for _, tt := range []struct {
		number, born string
		right        bool
	}{
		{"001190000001", "1990", true}, {"001190000001", "01/02/1990", true}, {"001190000001", "1991", false},
		{"001290000001", "2090", false}, {"001290000001", "1990", false}, {"001205000001", "2005", true},
		{"001105000001", "2005", false}, {"001190000001", "", true}, {"", "1990", true},
	} {
		c := checker{columns: []column{colLogin, colNumber, colBirthDate}, now: now()}
		got, faults := c.row([]string{"an", tt.number, tt.born})
		if right := len(faults) == 0; right != tt.right {
			t.Errorf("row(%s, %s) faults = %q, want right: %v", tt.number, tt.born, faults, tt.right)
		}
		if tt.born == "" && got.BirthDate != "" {
			t.Errorf("row(%s) has a birth date %s that nobody stated", tt.number, got.BirthDate)
		}
	}
}

// TestEncodings reads one file in each encoding, and says of others what they are.
func TestEncodings(t *testing.T) {
	const text = "login;họ tên;ghi chú\r\nan;\"Nguyễn \"\"Thị\"\" Thử\";x\r\n"
	wide := func(order func(byte, byte) []byte) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			b = append(b, order(byte(u>>8), byte(u))...)
		}
		return b
	}
	little := wide(func(high, low byte) []byte { return []byte{low, high} })
	big := wide(func(high, low byte) []byte { return []byte{high, low} })
	windows, err := charmap.Windows1258.NewEncoder().String(strings.NewReplacer("ễ", "ê\u0303", "ị", "i\u0323", "ử", "ư\u0309", "ọ", "o\u0323").Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, raw, encoding string
		fault               string
	}{
		{"UTF-8", text, "", ""},
		{"UTF-8 named", text, "utf-8", ""},
		{"BOM", "\xef\xbb\xbf" + text, "", ""},
		{"NFD", norm.NFD.String(text), "", ""},
		{"UTF-16LE with mark", "\xff\xfe" + string(little), "", ""},
		{"UTF-16BE with mark", "\xfe\xff" + string(big), "", ""},
		{"UTF-16LE named", string(little), "utf-16le", ""},
		{"UTF-16BE named", string(big), "utf-16be", ""},
		{"UTF-16 without mark", string(little), "", "--encoding utf-16le"},
		{"mark and another name", "\xff\xfe" + string(little), "windows-1258", "its byte order mark says utf-16le"},
		{"Windows-1258 named", windows, "windows-1258", ""},
		{"Windows-1258", windows, "", "--encoding windows-1258"},
		{"unknown name", text, "tcvn3", "is one of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := newReader(strings.NewReader(tt.raw), tt.encoding, 0, 0)
			var rec record
			if err == nil {
				rec, err = r.next()
			}
			if tt.fault != "" {
				if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error = %v, want ErrEncoding with %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := norm.NFC.String(rec.fields[1]); got != `Nguyễn "Thị" Thử` || r.columns[1] != colName || r.ignored()[0] == "" {
				t.Errorf("name = %q in %v, want it as written", got, r.columns)
			}
		})
	}
}

// TestFileRefused: files of which no row can be told are refused as a whole.
func TestFileRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "names no columns"},
		"blank":          {"\n\n", "names no columns"},
		"no header":      {"an,001190000001,An\n", "no column login"},
		"old Mac":        {"login,name\ran,An\r", "old Macs"},
		"UTF-32":         {"\xff\xfe\x00\x00l\x00\x00\x00o\x00\x00\x00\n\x00\x00\x00", "NUL"},
		"twice":          {"login,cccd,number\na,,\n", "two columns"},
		"open quote":     {"login,name\na,\"An\n" + strings.Repeat("b,Binh\n", 20_000), "quote before it may not be closed"},
		"endless field":  {"login,name\na," + strings.Repeat("x", 1<<20), "longer than"},
		"endless header": {"login," + strings.Repeat("x,", 200), "columns"},
	} {
		_, err := surveyed(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(tt.text)), nil }, "")
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: surveyed() = %v, want ErrFile with %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "001190000001") {
			t.Errorf("%s: the error repeats what the file holds: %v", name, err)
		}
	}
}

// TestRows: odd rows are faults of their own, and those beside them are read.
func TestRows(t *testing.T) {
	const text = "login\tname\tnumber\nan\tAn\t\n\nb\"inh\tBinh\t\nshort\tx\n\t\t\nlong\tx\ty\tz\n\"quoted\r\nname\"\tLe\t\nlast\tLe\t"
	r, err := newReader(strings.NewReader(text), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := checker{columns: r.columns, now: now(), checkHash: checkHash}
	var got []string
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		fault := rec.fault
		if fault == "" {
			_, faults := c.row(rec.fields)
			fault = faults.String()
		}
		got = append(got, fault)
	}
	want := []string{"", "a quote stands where none may", "another number of columns", "another number of columns", "control characters", ""}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if want[i] == "" && got[i] != "" || !strings.Contains(got[i], want[i]) {
			t.Errorf("row %d: fault %q, want %q", i, got[i], want[i])
		}
	}
}

// TestProtected: what a spreadsheet would run is not run, and comes back as it was.
func TestProtected(t *testing.T) {
	for _, value := range []string{"=1+1", "+84", "-1", "@SUM(1)", "'=1", "''", "'", "", "an", "'an", "'1", "\tx", "''=1"} {
		wrote := protected(value)
		if got, want := unprotected(wrote), unprotected(value); got != want {
			t.Errorf("%q was written as %q and read as %q, want %q", value, wrote, got, want)
		}
		if wrote != "" && strings.ContainsRune(dangerous, rune(wrote[0])) {
			t.Errorf("%q was written as %q, which is run", value, wrote)
		}
	}
}

// FuzzFile: whatever a file holds, reading it ends, faults tell what they are, and the
// rows of a file of faults are read as the rows that they were.
func FuzzFile(f *testing.F) {
	f.Add([]byte("login,number,name\nan,001190000001,An\n"), "")
	f.Add([]byte("\xff\xfel\x00o\x00g\x00i\x00n\x00\n\x00"), "")
	f.Add([]byte("login;sub;row;fault\n'=1;u\"1;2;x\n\"a;\n"), "windows-1258")
	f.Add([]byte("\xef\xbb\xbflogin\tngày sinh\nа\t32905\n"), "utf-8")
	f.Fuzz(func(t *testing.T, raw []byte, encoding string) {
		file := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		s, err := surveyed(file, encoding)
		if err != nil {
			return
		}
		r, err := newReader(bytes.NewReader(raw), encoding, 0, 0)
		if err != nil {
			t.Fatalf("a file that was looked through does not open: %v", err)
		}
		c := checker{columns: r.columns, now: now(), checkHash: checkHash}
		out := newFaultsFile("", r)
		last := 0
		for {
			rec, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("a file that was looked through is not read: %v", err)
			}
			if last = rec.row - 1; rec.fault != "" {
				continue
			}
			old, faults := c.row(rec.fields)
			if len(faults) == 0 && (old.Login == "" || !utf8.ValidString(old.Login+old.Name+old.Email+old.Subject)) {
				t.Errorf("row %d is right, with %q", rec.row, old.Login)
			}
			if len(rec.fields) != len(c.columns) || unreadable(strings.Join(rec.fields, "")) != "" {
				continue
			}
			if again := reread(t, out, rec.fields); len(faults) == 0 && again != contentText(c.columns, rec.fields) {
				t.Errorf("row %d comes back from the file of faults as %q, want %q", rec.row, again, contentText(c.columns, rec.fields))
			}
		}
		if last != s.rows && s.rows > last {
			t.Errorf("%d rows were read, %d counted", last, s.rows)
		}
	})
}

// reread writes a row to a file of faults and reads what is imported of it.
func reread(t *testing.T, out *faultsFile, fields []string) string {
	t.Helper()
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Comma = out.comma
	for _, line := range [][]string{out.line("row", "fault", out.header), out.line("2", "a fault", fields)} {
		if err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	r, err := newReader(&text, "", 0, 0)
	if err != nil {
		return "" // a header of formulas is protected too
	}
	rec, err := r.next()
	if err != nil {
		return ""
	}
	return contentText(r.columns, rec.fields)
}

// contentText is all that is read of a row, in the order of columns.
func contentText(cols []column, fields []string) string {
	var list [columns]string
	for i, c := range cols {
		if c != colIgnored && c < colRow {
			list[c] = norm.NFC.String(unprotected(strings.TrimSpace(fields[i])))
		}
	}
	return strings.Join(list[:], "\x00")
}
